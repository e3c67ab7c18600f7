"""Rich text: select words in an editor, then click what gives them a style or a colour."""

import re
from collections.abc import Mapping, Sequence

from groundling.actions import Click, Done, SelectText
from groundling.agent.goal import PlanStep, RunView
from groundling.elements import RawElement
from groundling.planner.clause import QUOTED, Clause, quoted_in
from groundling.planner.colours import NAMES, swatch
from groundling.ranking import rank, role_group

_STYLES: Mapping[str, tuple[str, str]] = {
    "bold": (r"bold(?:face)?|strong", "b"),
    "italic": (r"itali\w*|emphasi\w*", "i"),
    "underline": (r"underline[d]?", "u"),
    "strike": (r"strike(?: ?-?(?:through|out))?|struck(?:[ -]through)?|crossed out", "s"),
}
"""Words for a style, in goals and in names of buttons, and the letter on such a button."""
_STYLE = "|".join(words for words, _ in _STYLES.values())
_WHAT = r"(?:the\s+(?:text|words?|phrase|sentence)\s+)?(?P<what>.+?)"
_READ = (
    re.compile(
        rf"{_WHAT}\s+(?:(?:in|to\s+have|have)\s+)?(?:the|a|an)\s+(?:style|formatting|font\s+style|"
        rf"(?:text\s+|font\s+)?colou?r)\s+(?:of\s+)?(?P<how>{_STYLE}|{NAMES}|{QUOTED})$",
        re.IGNORECASE,
    ),
    re.compile(
        rf"{_WHAT}\s+(?:(?:a|an|the)\s+)?(?P<how>{_STYLE}|{NAMES})"
        r"(?:\s+(?:style|font|face|colou?r))?$",
        re.IGNORECASE,
    ),
)
_ALL = re.compile(
    r"^(?:everything|it|it all|all|all (?:of )?(?:the |its )?(?:text|words)|"
    r"(?:the )?(?:whole|entire|complete) text|(?:the )?text)$",
    re.IGNORECASE,
)


def read_style(rest: str) -> Clause | None:
    """Read "the text X the style bold", "everything the colour red", "X italic", else None."""
    for pattern in _READ:
        if found := pattern.match(rest.strip()):
            return Clause(verb="style", targets=(found["what"],), value=found["how"])
    return None


_TAKEN_AWAY = re.compile(r"drawn otherwise: (?:weight [1-4]00|slant normal|lines none)")
"""Evidence of a click that switched a style off, as the text had it before."""


def has_style(clause: Clause, target: str, key: str, view: RunView) -> bool | None:
    """Return whether the selected text has the style, by the editor's button or the last click.

    None where nothing tells it, and once a later part of the goal is begun.
    """
    last = view.history[-1] if view.history else None
    if clause.verb != "style" or last is None or (kind := _kind(clause)) == "":
        return None
    if key in last.planned.covers:
        return False if any(map(_TAKEN_AWAY.search, last.result.outcome.evidence)) else None
    if f"{key}.text" not in last.planned.covers or not last.result:
        return None
    tool = _tool([e for e in view.snapshot.elements if e.is_visible], kind)
    on = tool is not None and (tool.pressed == "true" or bool(_ON.search(_says(tool))))
    return True if on else None


_ON = re.compile(r"\b(?:active|is active|pressed|selected|on)\b")


def _kind(clause: Clause) -> str:
    """Return the style by its name here; empty for a colour."""
    how = clause.value.strip().lower()
    return next((k for k, (said, _) in _STYLES.items() if re.fullmatch(said, how)), "")


def style_step(clause: Clause, target: str, key: str, view: RunView) -> PlanStep | Done | None:
    """Return the next step: select, open the colours where they are closed, click; or None."""
    if clause.verb != "style":
        return None
    editor = _editor(clause, view)
    if editor is None:
        return None
    text = _text(target)
    if text and text not in (editor.value or ""):
        return Done(success=False, answer=f"the editor does not hold the text {text!r}")
    if f"{key}.text" not in view.met:
        return PlanStep(
            action=SelectText(text),
            instruction="the text editor",
            element=editor,
            covers=(f"{key}.text",),
        )
    kind = _kind(clause)
    tools = [e for e in view.snapshot.elements if e.is_visible and e.id != editor.id]
    if not kind:
        return _colour_step(tools, clause.value.strip().lower(), key, view)
    return PlanStep(
        action=Click(),
        instruction=f"{kind} button",
        task_type="find_button",
        element=_tool(tools, kind),
        covers=(key,),
    )


def _colour_step(
    tools: Sequence[RawElement], colour: str, key: str, view: RunView
) -> PlanStep | None:
    """Open the palette, unless the colours show already; then click the nearest one."""
    opened = next((p for p in view.history if f"{key}.palette" in p.planned.covers), None)
    before = {e.id for e in opened.snapshot.elements} if opened and opened.snapshot else None
    fresh = [e for e in tools if before is not None and e.id not in before]
    if opened is None or not fresh:
        return PlanStep(
            action=Click(),
            instruction="text colour button",
            task_type="find_button",
            element=_palette(tools),
            covers=(f"{key}.palette",),
        )
    return PlanStep(
        action=Click(), instruction=f"{colour} colour", element=swatch(fresh, colour), covers=(key,)
    )


def _editor(clause: Clause, view: RunView) -> RawElement | None:
    """Return the only rich text editor, or the one that the goal's words fit best."""
    found = [
        e for e in view.snapshot.elements if e.is_visible and e.input_type == "contenteditable"
    ]
    if len(found) > 1 and clause.within:
        return rank(found, clause.within, "find_input")[0].element
    return found[0] if len(found) == 1 else None


def _text(target: str) -> str:
    """Return the words to select; none for all of them."""
    quoted, bare = quoted_in(target), target.strip()
    return quoted or ("" if _ALL.match(bare) else bare)


def _says(e: RawElement) -> str:
    """Return what a tool's name and markup say, as words."""
    kept = (e.attributes.get(k, "") for k in ("class", "id", "name", "title", "data-testid"))
    said = " ".join((e.text, e.label, e.description, *e.icons, *map(str, kept)))
    return re.sub(r"[^a-z0-9]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", said).lower())


def _tool(tools: Sequence[RawElement], kind: str) -> RawElement | None:
    words, letter = _STYLES[kind]
    usable = [e for e in tools if role_group(e) not in ("field", "select", "link")]
    found = [e for e in usable if e.text.strip().lower() == letter]
    found += [e for e in usable if re.search(rf"\b(?:{words})\b", _says(e))]
    return found[0] if found else None


def _palette(tools: Sequence[RawElement]) -> RawElement | None:
    """Return what opens the text colours; a picker without a name, if there is but one."""
    named = [e for e in tools if re.search(r"\bcolou?r\b", _says(e))]
    named = [e for e in named if not re.search(r"\b(?:background|highlight)\b", _says(e))]
    pickers = [e for e in tools if re.search(r"\bpicker\b", _says(e))]
    found = named or (pickers if len(pickers) == 1 else [])
    return found[0] if found else None
