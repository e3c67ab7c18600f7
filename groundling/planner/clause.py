"""The words of a goal: what a clause is, its verbs, and what its readers share.

Quotations are masked while a goal is read: one character of Unicode's private area stands for each.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

Verb = Literal[
    "click", "fill", "choose", "check", "uncheck", "press", "scroll", "drag", "hover", "back",
    "goto", "wait", "clear", "select_text", "upload", "ask", "send", "move", "sort", "style",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One thing to do, as the goal says it."""

    verb: Verb
    targets: tuple[str, ...] = ()
    """What it is done to, in the goal's words, quotation marks kept."""
    value: str = ""
    """Text to type, key, direction, address, number."""
    name: str = ""
    """Name of the value that the caller gives; empty where the goal holds it."""
    case: Literal["", "lower", "upper"] = ""
    """How the value is written, where the goal asks for another case."""
    source: str = ""
    """What on the page the value is copied from, in the goal's words."""
    within: str = ""
    """List, field or section that holds the targets; where something is dragged to."""
    place: Literal["onto", "before", "after"] = "onto"
    count: int = 1
    """Clicks in a row: 2 is a double click, or how often the click is done anew."""
    again: int = 1
    ending: str = ""
    """How a suggestion ends of which `value` is the beginning."""
    if_form: bool = False
    """Done only where the page has a form that the clause fills; else the next one says it all."""
    button: Literal["left", "right"] = "left"

    def __str__(self) -> str:
        what = ", ".join(self.targets) or self.within or "what has the focus"
        return f"{self.verb} {what}"


VERBS: dict[str, Verb] = {
    **dict.fromkeys(
        "click press hit tap push open expand collapse close follow activate visit dismiss submit "
        "find toggle switch go navigate search locate log sign return double-click right-click "
        "confirm finish add remove delete".split(),
        "click",
    ),
    **dict.fromkeys("enter type input fill write put set insert paste change key".split(), "fill"),
    **dict.fromkeys("select choose pick highlight".split(), "choose"),
    **dict.fromkeys("check tick mark enable".split(), "check"),
    **dict.fromkeys("uncheck untick unmark deselect unselect disable".split(), "uncheck"),
    **dict.fromkeys("hover".split(), "hover"),
    **dict.fromkeys("drag move".split(), "drag"),
    **dict.fromkeys("sort".split(), "sort"),
    **dict.fromkeys("give make".split(), "style"),
    **dict.fromkeys("scroll".split(), "scroll"),
    **dict.fromkeys("wait".split(), "wait"),
    **dict.fromkeys("clear empty erase".split(), "clear"),
    **dict.fromkeys("upload attach".split(), "upload"),
    **dict.fromkeys("copy use".split(), "click"),
    **dict.fromkeys("book buy order reserve purchase rent".split(), "ask"),
}
GERUNDS = {
    "clicking": "click", "pressing": "press", "hitting": "hit", "tapping": "tap",
    "opening": "open", "selecting": "select", "choosing": "choose", "picking": "pick",
    "checking": "check", "ticking": "tick", "unchecking": "uncheck", "entering": "enter",
    "typing": "type", "filling": "fill", "submitting": "submit", "scrolling": "scroll",
    "dragging": "drag", "going": "go", "setting": "set", "closing": "close", "pushing": "push",
}  # fmt: skip
VERB = "|".join(sorted({*VERBS, "double click", "right click"}, key=len, reverse=True))
FIRST = 0xE000
QUOTED = "[\ue000-\uf8ff]"
VALUE = rf"(?:{QUOTED}|\{{[\w .-]+\}})"
FIELD_WORDS = "field|box|input|textbox|text box|text field|textarea|text area|area|blank|form"
LONE_TEXT = (
    r"(?:the\s+)?(?:text|words?|code|number|letters|characters|phrase)\s+(?:above|below|here)"
)
"""Says only that the page shows something to copy."""
NOTHING = re.compile(r"^(?:nothing|none(?: of (?:them|these))?|no \w+)$", re.IGNORECASE)


def quoted_in(text: str) -> str:
    """Return the first text in quotation marks, or an empty text."""
    found = re.search(r'"([^"]+)"', text)
    return found.group(1) if found else ""


def without_article(text: str) -> str:
    """Return a noun without "the", "a", "on the", ..."""
    return re.sub(r"^(?:on\s+|at\s+)?(?:(?:the|a|an|your)\s+)?", "", text.strip(), flags=re.I)


def field_of(said: str | None) -> tuple[str, ...]:
    """Return the targets of a clause that may name one field."""
    return (without_article(said),) if said else ()


def valued(clause: Clause, said: str) -> Clause:
    """Return the clause with a value as the goal gives it: quoted, named in braces, or bare."""
    said = said.strip()
    if said.startswith("{") and said.endswith("}"):
        return replace(clause, name=said[1:-1].strip())
    return replace(clause, value=said)


def items(text: str, *, plural: bool) -> tuple[str, ...]:
    """Return the things of a list: "A, B and C"; what they have in common is said of each.

    Args:
        text: The list.
        plural: Whether a plain "and" between unquoted words parts two things, too.
    """
    if NOTHING.match(text):
        return ()
    pieces = [p for p in re.split(r"\s*(?:,\s*(?:and|&)?|\s&\s|\band\b)\s*", text) if p]
    quoted = [bool(re.search(QUOTED, p)) for p in pieces]
    if len(pieces) < 2 or not (all(quoted) or (plural and "," in text) or _is_list(text, plural)):
        return (noun(text),) if text else ()
    first = pieces[0]
    # "Words similar to A, B": what is said before the first is meant for all.
    lead = re.match(r"(.+\b(?:to|like|named|called|labell?ed|titled|for|of)\s+)(.+)$", first)
    head = lead.group(1) if lead else ""
    return (noun(first), *(noun(head + without_article(p)) for p in pieces[1:]))


def _is_list(text: str, plural: bool) -> bool:
    """Whether "and" joins things: after a plural, or between short names."""
    if re.match(r"(?:\w+\s+)?(?:buttons|links|boxes|checkboxes|options|items|tabs|words|fields|"
                r"values|labels|both)\b", text, re.I):  # fmt: skip
        return True
    return plural and len(text.split()) <= 3


def noun(text: str) -> str:
    """Drop words that say no more than that something is meant."""
    text = without_article(text)
    kind = r"(?:options?|items?|values?|links?|boxes|checkbox(?:es)?|buttons?|tabs?|entry|entries)"
    found = re.match(
        rf"(?:following\s+)?{kind}\s*:?\s+(?:(?:named|called|labell?ed|for)\s+)?({QUOTED})$", text
    )
    return (
        found.group(1)
        if found
        else re.sub(rf"^(?:following\s+)?{kind}\s*:\s*", "", text, flags=re.I)
    )
