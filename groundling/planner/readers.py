"""Read one clause: one reader for each kind of verb.

Each gets the verb, the rest and the whole piece, quotations masked.
"""

import re
from collections.abc import Iterator
from typing import Literal

from groundling.planner.clause import (
    FIELD_WORDS,
    NOTHING,
    QUOTED,
    VALUE,
    VERBS,
    Clause,
    Verb,
    field_of,
    items,
    valued,
    without_article,
)
from groundling.planner.editing import read_style
from groundling.planner.keys import key_of
from groundling.planner.moves import read_move, read_sort
from groundling.planner.typed import fill

_TIMES = {"once": 1, "twice": 2, "thrice": 3, "two": 2, "three": 3, "four": 4, "five": 5}


def _click(verb: str, rest: str, part: str) -> Iterator[Clause]:
    if key := key_of(rest) if verb in ("press", "hit", "push", "tap", "type") else None:
        yield Clause(verb="press", value=key[0], targets=key[1])
        return
    if verb in ("go", "navigate", "return") or (verb == "open" and _address(rest)):
        yield from _go(rest, part)
        return
    if verb == "search" or (verb == "find" and re.match(r"for\b", rest)):
        yield from _search(rest)
        return
    if verb in ("log", "sign"):
        yield from _log_in(verb, rest, part)
        return
    if verb == "submit":
        what = without_article(rest)
        named = re.search(QUOTED, what)
        yield Clause(verb="click", targets=(what if named else "submit button",))
        return
    if verb == "switch":
        rest = re.sub(r"^to\s+", "", rest)
    known = verb in "click press hit tap push open follow activate visit find locate switch".split()
    # What other verbs say is often on the button: "Delete the first message".
    what = without_article(rest if known or re.search(QUOTED, rest) else part)
    what, again = _times(what)
    for target in items(what, plural=True) or ("",):
        yield Clause(verb="click", targets=(target,), again=again)


def _times(text: str) -> tuple[str, int]:
    found = re.search(r"\s+(?:(once|twice|thrice)|(\d+|two|three|four|five)\s+times)$", text, re.I)
    if not found:
        return text, 1
    said = (found.group(1) or found.group(2)).lower()
    return text[: found.start()], int(said) if said.isdigit() else _TIMES[said]


def _address(text: str) -> str:
    found = re.match(
        r"^(?:the\s+(?:page|url|address|site|website)\s+)?(\S+?://\S+|www\.\S+)$", text
    )
    return found.group(1) if found else ""


def _go(rest: str, part: str) -> Iterator[Clause]:
    low = rest.lower()
    if re.match(r"back\b", low) or re.match(r"to the previous page$", low):
        yield Clause(verb="back")
        return
    if re.match(r"through\b", low):
        # Says how to look; what to look for follows in a clause of its own.
        return
    what = re.sub(r"^to\s+", "", rest, flags=re.IGNORECASE)
    if address := _address(what):
        yield Clause(verb="goto", value=address)
        return
    yield Clause(verb="click", targets=(without_article(what),))


def _search(rest: str) -> Iterator[Clause]:
    found = re.match(r"(?:for\s+)?(.+?)(?:\s+(?:in|on|using|with)\s+(?:the\s+)?(.+))?$", rest)
    what, where = (found.group(1), found.group(2) or "") if found else (rest, "")
    field = where if re.search(rf"\b(?:{FIELD_WORDS}|bar)\b", where, re.I) else "search box"
    what = re.sub(r"^for\s+", "", what)
    if re.search(VALUE, what) or field != "search box":
        yield valued(Clause(verb="fill", targets=(field,)), what)
        yield Clause(verb="press", value="Enter", targets=(field,))
        return
    whole = re.sub(r"^for\s+", "", rest)
    yield Clause(verb="ask", targets=(field,), value=whole)
    yield Clause(verb="send", targets=(field,))


def _take(verb: str, rest: str, part: str) -> Iterator[Clause]:
    """Read "book a flight from A to B": a form where the page has one, then what it offers."""
    if re.search(QUOTED, rest):
        yield from _click(verb, rest, part)
        return
    yield Clause(verb="ask", value=without_article(rest), if_form=True)
    yield Clause(verb="send", if_form=True)
    yield Clause(verb="click", targets=(part,))


def _log_in(verb: str, rest: str, part: str) -> Iterator[Clause]:
    found = re.match(r"(in|on|up|out)\b\s*(?:(?:with|using|as)\s+)?(.*)$", rest, re.IGNORECASE)
    word, given = (found.group(1), found.group(2)) if found else ("", "")
    if given and re.search(VALUE, given):
        # "Log in as Q with the password Q".
        if re.match(VALUE, given):
            given = f"the user name {given}"
        yield from fill("enter", re.sub(r"\bwith\b|\busing\b", "and", given), part)
        yield Clause(verb="click", targets=(f"{verb} {word} button",))
        return
    yield Clause(verb="click", targets=(without_article(part),))


_FROM = re.compile(
    r"^(.+?)\s+(?:from|in|out of|on|under|using|with|among|within)\s+((?:the\s+|a\s+|this\s+)?.+)$",
    re.IGNORECASE,
)
_AS = re.compile(r"^(.+?)\s+(?:as|for)\s+((?:the|your|a|my)\s+.+)$", re.IGNORECASE)


def _choose(verb: str, rest: str, part: str) -> Iterator[Clause]:
    rest = re.sub(r"^(?:on\s+)?(?:only\s+)?", "", rest)
    if re.match(r"(?:all\s+)?(?:the\s+)?(?:text|word|sentence|paragraph)\b", rest, re.I) and (
        verb == "highlight" or re.match(r"(?:all\s+)?(?:the\s+)?text\b", rest, re.I)
    ):
        where = re.search(r"\b(?:in|of)\s+(?:the\s+)?(.+)$", rest)
        quoted = re.search(QUOTED, rest)
        target = where.group(1) if where else without_article(rest)
        yield Clause(verb="select_text", targets=(target,), value=quoted.group() if quoted else "")
        return
    within = ""
    for pattern in (_AS, _FROM):
        if found := pattern.match(rest):
            rest, within = found.group(1), without_article(found.group(2))
            break
    targets = items(without_article(rest), plural=True)
    if targets or not NOTHING.match(rest):
        yield Clause(verb="choose", targets=targets, within=within)


def _check(verb: str, rest: str, part: str) -> Iterator[Clause]:
    kind: Verb = "uncheck" if VERBS[verb] == "uncheck" else "check"
    rest = re.sub(r"^(?:off|on)\s+", "", rest)
    targets = items(without_article(rest), plural=True)
    if targets:
        yield Clause(verb=kind, targets=targets)


def _hover(verb: str, rest: str, part: str) -> Iterator[Clause]:
    what = re.sub(r"^(?:the mouse\s+)?(?:over|on|above)\s+", "", rest)
    yield Clause(verb="hover", targets=(without_article(what),))


def _drag(verb: str, rest: str, part: str) -> Iterator[Clause]:
    slider = re.match(
        r"(.*\b(?:slider|knob|handle)\b.*?)\s+to\s+(-?\d+(?:\.\d+)?)\s*%?$", rest, re.I
    )
    if slider:
        knob = without_article(slider.group(1))
        yield Clause(verb="drag", targets=(knob,), value=slider.group(2))
        return
    rest = re.sub(r"\s+so that (?:it|they) (?:is|are|lies?|fits?)(?: \w+ly)?(?=\s)", "", rest)
    if move := read_move(rest):
        yield move
        return
    found = re.match(
        r"(.+?)\s+(onto|on top of|into|inside|to|on|over|before|above|after|below|in)\s+(.+)$",
        rest,
        re.IGNORECASE,
    )
    if not found:
        yield Clause(verb="click", targets=(without_article(part),))
        return
    how = found.group(2).lower()
    place: Literal["onto", "before", "after"] = (
        "before" if how in ("before", "above") else "after" if how in ("after", "below") else "onto"
    )
    yield Clause(
        verb="drag",
        targets=(without_article(found.group(1)),),
        within=without_article(found.group(3)),
        place=place,
    )


def _sort(verb: str, rest: str, part: str) -> Iterator[Clause]:
    clause = read_sort(part)
    yield from (clause,) if clause else _click(verb, rest, part)


def _style(verb: str, rest: str, part: str) -> Iterator[Clause]:
    clause = read_style(rest)
    yield from (clause,) if clause else _click(verb, rest, part)


def _scroll(verb: str, rest: str, part: str) -> Iterator[Clause]:
    until = re.search(r"\buntil\s+(?:you\s+(?:see|find|reach)\s+)?(?:the\s+)?(.+?)"
                      r"(?:\s+(?:is|shows|appears|becomes)\b.*)?$", rest, re.I)  # fmt: skip
    low = rest.lower()
    where = next(
        (d for d in ("bottom", "top", "up", "left", "right", "end") if d in low.split()), "down"
    )
    where = "bottom" if where == "end" else where
    page = r"(?:the\s+)?(?:page|window)\b"
    inside = re.search(rf"\b(?:in|of)\s+(?:the\s+)?(?!{page})(.+)$", rest, re.I)
    if re.match(r"(?:down\s+)?to\s+(?!(?:the\s+)?(?:top|bottom|end)\b)", low) and not until:
        target = re.sub(r"^(?:down\s+)?to\s+(?:the\s+)?", "", rest, flags=re.I)
        yield Clause(verb="scroll", targets=(target,), value="into_view")
        return
    yield Clause(
        verb="scroll",
        targets=(inside.group(1),) if inside and not until else (),
        value=where,
        source=until.group(1) if until else "",
    )


def _wait(verb: str, rest: str, part: str) -> Iterator[Clause]:
    what = re.sub(r"^(?:for|until)\s+(?:the\s+)?", "", rest)
    gone = re.search(r"\s+(?:is gone|to go|disappears?|vanishes|to disappear)$", what)
    what = re.sub(
        r"\s+(?:is gone|to go|disappears?|vanishes|to \w+|appears?|shows?(?: up)?|is \w+)$",
        "",
        what,
    )
    quoted = re.search(QUOTED, what)
    yield Clause(verb="wait", value=quoted.group() if quoted else what, count=0 if gone else 1)


def _clear(verb: str, rest: str, part: str) -> Iterator[Clause]:
    yield Clause(verb="clear", targets=(without_article(rest),))


def _upload(verb: str, rest: str, part: str) -> Iterator[Clause]:
    found = re.match(
        rf"(?:the\s+)?(?:files?\s+)?({VALUE}|\S+)(?:\s+(?:to|in|into|as)\s+(.+))?$", rest, re.I
    )
    if not found:
        yield Clause(verb="click", targets=(without_article(part),))
        return
    yield valued(
        Clause(verb="upload", targets=field_of(found.group(2)) or ("file field",)), found.group(1)
    )


READERS = {
    "click": _click, "fill": fill, "choose": _choose, "check": _check, "uncheck": _check,
    "hover": _hover, "drag": _drag, "scroll": _scroll, "wait": _wait, "clear": _clear,
    "upload": _upload, "ask": _take, "sort": _sort, "style": _style,
}  # fmt: skip
