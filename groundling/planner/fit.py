"""Fit a clause to the page: which action it is, on which element or described how."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from groundling.actions import (
    Action,
    Back,
    Check,
    Clear,
    Click,
    Done,
    Drag,
    Fill,
    Goto,
    Hover,
    Press,
    Scroll,
    SelectOption,
    SelectText,
    Uncheck,
    Upload,
    WaitFor,
)
from groundling.agent.goal import PlanStep, RunView
from groundling.elements import RawElement
from groundling.planner.clause import VERBS, Clause, quoted_in
from groundling.planner.copied import copied, of_label
from groundling.planner.dates import as_field_takes, calendar_step
from groundling.planner.extremes import extreme
from groundling.planner.skills import skilled
from groundling.ranking import parse_query, rank, role_group

_BOXES = ("checkbox", "radio", "switch", "menuitemcheckbox", "menuitemradio")
_CROSSES = frozenset(("x", "×", "✕", "✖"))
"""What people call a close button whose name they do not see."""
_EVERY_FIELD = re.compile(
    r"^(?:both|all|each|every)\b(?: of)?(?: the)?(?: \w+)? (?:field|box|input|textbox)(?:e?s)?$",
    re.IGNORECASE,
)
_EACH_VALUE = re.compile(
    r"\bvalues?\b.*\b(?:correspond|belong|match|go|fit)\w*\b.*\b(?:each|every|all)\b", re.IGNORECASE
)
_SENDING = frozenset(
    ("login", "log in", "sign in", "signin", "submit", "submit button", "send", "go", "search")
)
"""What people call the button that sends a form, whatever is written on it."""
_TAKING = re.compile(rf"(?:{'|'.join(w for w, v in VERBS.items() if v == 'ask')})\b", re.IGNORECASE)
_ALL = re.compile(r"^(?:all|every|each)\b(?!.*\")", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a clause asks for."""

    key: str
    target: str

    @property
    def quoted(self) -> bool:
        """Whether the goal gives a name in quotation marks."""
        return self.target.count('"') >= 2

    @property
    def name(self) -> str:
        """The quoted name, or the target as it stands."""
        return quoted_in(self.target) or self.target


def plain(text: str) -> str:
    """Return a text as it is compared."""
    return " ".join(text.casefold().split()).strip(" .:*")


def shows(elements: Iterable[RawElement], name: str) -> bool:
    """Whether an element of the page bears the name, in whole or in part."""
    wanted = plain(name)
    return any(wanted in plain(own) for e in elements if e.is_visible for own in _own(e))


def _own(e: RawElement) -> list[str]:
    return [e.text, e.label, e.placeholder, e.value or "", *(o.text for o in e.options)]


def fitted(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    """Return the step for the first of the parts that are left, or why there is none."""
    if step := skilled(clause, parts[0].target, parts[0].key, view):
        return step
    if clause.verb in ("fill", "choose"):
        where = clause.within or parts[0].target if clause.verb == "choose" else parts[0].target
        text = clause.value if clause.verb == "fill" else parts[0].name
        field = likeliest(view, where, "find_input") if where else None
        if step := calendar_step(field, text, parts[0].key, view):
            return step
    return _FITS[clause.verb](clause, parts, view)


def _plain_step(action: Action) -> "Fit":
    return lambda c, parts, view: _on(action, c, parts[0])


Fit = Callable[[Clause, Sequence[Part], RunView], PlanStep | Done]


def _said(clause: Clause, part: Part) -> str:
    """Return what to look for, in words."""
    target = part.target
    if part.quoted and target == f'"{part.name}"':
        target = part.name
    return f"{target} in {clause.within}" if clause.within and target else target or clause.within


def _on(action: Action, clause: Clause, part: Part, task_type: str = "find_any") -> PlanStep:
    said = _said(clause, part)
    if action.needs_element and not said:
        said = "the main control of this page"
    return PlanStep(action=action, instruction=said, task_type=task_type, covers=(part.key,))


def _click(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    part = parts[0]
    step = _on(Click(clause.button, clause.count), clause, part, _type_of(part))
    usable = [e for e in view.snapshot.elements if e.is_visible and not e.disabled]
    if _TAKING.match(part.target) and (beyond := extreme(usable, part.target)):
        return replace(step, element=beyond)
    kind, name = _kind_and_name(part)
    bearers = [e for e in usable if plain(name) in map(plain, (e.text, e.label))]
    if plain(name) in _CROSSES and not bearers:
        return replace(step, instruction="close button", task_type="find_button")
    if plain(name) in _SENDING and not shows(usable, name):
        buttons = [e for e in usable if role_group(e) == "button"]
        return replace(step, element=buttons[0]) if len(buttons) == 1 else step
    if kind:
        bearers = [e for e in bearers if role_group(e) == kind]
    sure = (part.quoted or kind) and not clause.within and len(bearers) == 1
    return replace(step, element=bearers[0]) if sure else step


def _type_of(part: Part) -> str:
    """Return the task type that the words name: "the second result" is a link."""
    if part.quoted:
        return "find_any"
    query = parse_query(part.target)
    counted = query.ordinal is not None and query.roles == {"link"}
    return "find_link" if counted else "find_any"


def _kind_and_name(part: Part) -> tuple[str, str]:
    """Take "button Save" and "Save button" apart; without such a word the kind is empty."""
    for pattern in (r"(?P<kind>button|link) (?P<name>.+)", r"(?P<name>.+) (?P<kind>button|link)"):
        if not part.quoted and (found := re.fullmatch(pattern, part.target, re.IGNORECASE)):
            return found.group("kind").lower(), found.group("name")
    return "", part.name


def _choose(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    """Options of a list, boxes, radio buttons, a field's text, or something to click."""
    part = parts[0]
    usable = [e for e in view.snapshot.elements if e.is_visible and not e.disabled]
    listed = _lists_with(usable, part, clause.within)
    if listed is not None:
        many = "multiple" in listed.attributes or listed.role == "listbox"
        held = [p for p in (parts if many else parts[:1]) if _offers(listed, p.name)]
        return PlanStep(
            action=SelectOption(tuple(p.name for p in held)),
            instruction=listed.text or listed.label or clause.within or "list",
            element=listed,
            covers=tuple(p.key for p in held),
        )
    bearers = [e for e in usable if plain(part.name) in map(plain, (e.text, e.label))]
    boxes = [e for e in bearers if e.role in _BOXES]
    if boxes:
        element = boxes[0] if len(boxes) == 1 else None
        return PlanStep(
            action=Check(), instruction=_said(clause, part), element=element, covers=(part.key,)
        )
    if bearers:
        return _on(Click(), clause, part)
    if clause.within and (filled := _holder(clause, part, view)):
        return filled
    n_boxes = sum(e.role in _BOXES for e in usable)
    if n_boxes > 1 and not shows(usable, part.name):
        return _on(Check(), clause, part)
    return _on(Click(), clause, part)


def _lists_with(usable: Sequence[RawElement], part: Part, within: str) -> RawElement | None:
    """Return the list that offers an option; by its name where several do."""
    found = [e for e in usable if _offers(e, part.name)]
    if len(found) > 1 and within:
        ids = [c.element.id for c in rank(found, within, "select_from_list")]
        found.sort(key=lambda e: ids.index(e.id))
    return found[0] if len(found) == 1 or (found and within) else None


def _offers(e: RawElement, name: str) -> bool:
    return any(plain(name) in (plain(o.text), plain(o.value)) for o in e.options)


def _holder(clause: Clause, part: Part, view: RunView) -> PlanStep | None:
    """Return a step on the field or list that the clause names, where it is one."""
    best = likeliest(view, clause.within, "find_input")
    if best is None or role_group(best) not in ("field", "select", "slider"):
        return None
    action = setting(best, part.name)
    return PlanStep(
        action=action, instruction=clause.within, task_type="find_input", covers=(part.key,)
    )


def likeliest(view: RunView, instruction: str, task_type: str) -> RawElement | None:
    """Return the element that fits best by words: a guess at its kind, not a decision."""
    usable = [e for e in view.snapshot.elements if e.is_visible]
    found = rank(usable, instruction, task_type)
    return found[0].element if found else None


def setting(e: RawElement, text: str, secret: str = "") -> Action:
    """Return the action that gives an element of this kind a value."""
    if role_group(e) == "slider" and _number(text) is not None:
        return Drag(value=_number(text))
    custom = e.role in ("combobox", "listbox") and e.tag not in ("input", "textarea")
    if e.tag == "select" or (custom and e.input_type is None):
        return SelectOption((text,))
    return Fill(text if secret else as_field_takes(text, e.input_type), secret)


def _number(text: str) -> float | None:
    try:
        return float(text.strip().rstrip("%"))
    except ValueError:
        return None


def _fill(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    if _EACH_VALUE.search(clause.value):
        return _each(parts[0], view, None)
    text, secret, why = _text(clause, parts[0], view)
    if why:
        return Done(success=False, answer=why)
    if _EVERY_FIELD.match(parts[0].target) and not secret:
        return _each(parts[0], view, text)
    named = clause.name or not (clause.value or clause.source)
    value = (clause.name or parts[0].target) if named and not secret else ""
    return replace(_filled(clause, parts[0], view, text, secret), value=value)


def _each(part: Part, view: RunView, text: str | None) -> PlanStep | Done:
    """Fill the next field with `text`, or with what the page shows behind the field's own name."""
    done = {
        p.planned.element.id
        for p in view.history
        if p.planned.element is not None and any(c.startswith(part.key) for c in p.planned.covers)
    }
    fields = [e for e in view.snapshot.elements if _takes_text(e) and e.id not in done]
    if not fields:
        return Done(success=False, answer=f"no field is left to fill: {part.target!r}")
    field, name = fields[0], fields[0].label or fields[0].text
    told = of_label(view, name) if text is None else text
    if not told:
        return Done(success=False, answer=f"the page shows no value for {name!r}")
    covers = (part.key if len(fields) == 1 else f"{part.key}.{field.id}",)
    return PlanStep(action=setting(field, told), instruction=name, element=field, covers=covers)


def _filled(clause: Clause, part: Part, view: RunView, text: str, secret: str) -> PlanStep:
    said = _said(clause, part)
    fields = [e for e in view.snapshot.elements if _takes_text(e)]
    if not said:
        element = fields[0] if len(fields) == 1 else None
        focused = [e for e in fields if e.focused]
        element = element or (focused[0] if len(focused) == 1 else None)
        return PlanStep(
            action=Fill(text, secret),
            instruction="the main text field",
            task_type="find_input",
            element=element,
            covers=(part.key,),
        )
    best = likeliest(view, said, "find_input")
    action = Fill(text, secret) if best is None or secret else setting(best, text)
    # "The text field" means the only one there is.
    vague = bool(
        re.fullmatch(r"(?:the )?(?:text|input|entry)?\s*(?:field|box|input|textbox|area)", said)
    )
    telling = _TELLING & set(said.lower().split())
    if len(fields) == 1 and not secret and fields[0].input_type in telling:
        vague, action = True, setting(fields[0], text)
    element = fields[0] if vague and len(fields) == 1 and isinstance(action, Fill) else None
    return PlanStep(
        action=action,
        instruction=said,
        task_type="find_input",
        element=element,
        covers=(part.key,),
    )


_TELLING = {"date", "time", "email", "password", "number", "search", "month", "week", "tel", "url"}
"""Types that say what a field without a name is for."""


def _takes_text(e: RawElement) -> bool:
    known = e.role in ("textbox", "searchbox", "combobox", "spinbutton")
    return known and e.tag != "select" and e.is_visible and not (e.disabled or e.readonly)


def _text(clause: Clause, part: Part, view: RunView) -> tuple[str, str, str]:
    """Return the text to type, or the name of a secret, or why there is neither."""
    if clause.source:
        text = copied(view, clause.source)
        why = "" if text else f"the page shows nothing to copy that fits {clause.source!r}"
        return text, "", why
    if clause.name or not clause.value:
        name = clause.name or part.target
        text, secret = _given(name, view)
        if not text and not secret:
            known = ", ".join(repr(k) for k in (*view.values, *view.secrets)) or "none"
            return "", "", f"no value for {name!r}: give it in `values` (given: {known})"
        return text, secret, ""
    return clause.value, "", ""


def _given(name: str, view: RunView) -> tuple[str, str]:
    wanted = _key(name)
    for given, text in view.values.items():
        if _key(given) == wanted or _key(given) == _key(re.sub(_TAIL, "", name)):
            return text, ""
    for secret in sorted(view.secrets):
        if _key(secret) in (wanted, _key(re.sub(_TAIL, "", name))):
            return "", secret
    return "", ""


_TAIL = re.compile(r"\s+(?:field|box|input|textbox)$", re.IGNORECASE)


def _key(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _box(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    part = parts[0]
    on = clause.verb == "check"
    action = Check() if on else Uncheck()
    boxes = [e for e in view.snapshot.elements if e.is_visible and e.role in _BOXES]
    if _ALL.match(part.target):
        wrong = [e for e in boxes if not e.disabled and (e.checked == "true") != on]
        wrong = [e for e in wrong if e.role not in ("radio", "menuitemradio")]
        if not wrong:
            return Done(success=False, answer=f"no box is left to {clause.verb}: {part.target!r}")
        covers = (part.key,) if len(wrong) == 1 else (f"{part.key}.{wrong[0].id}",)
        return PlanStep(action=action, instruction=wrong[0].text, element=wrong[0], covers=covers)
    listed = _lists_with(view.snapshot.elements, part, clause.within)
    if on and not boxes and listed is not None:
        return _choose(clause, parts, view)
    vague = re.fullmatch(r"(?:check|tick)?\s?box|option|switch|radio button", part.target)
    element = boxes[0] if vague and len(boxes) == 1 else None
    step = _on(action, clause, part)
    if element is None and not boxes:
        return _on(Click(), clause, part)
    said = f"{step.instruction} checkbox" if part.quoted and step.instruction == part.name else ""
    return PlanStep(
        action=action,
        instruction=said or step.instruction,
        element=element,
        covers=step.covers,
    )


def _press(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    return _on(
        Press(clause.value), clause, parts[0], "find_input" if parts[0].target else "find_any"
    )


def _scroll(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    action = Scroll(clause.value, until=clause.source.strip('"'))  # type: ignore[arg-type]
    return _on(action, clause, parts[0])


def _drag(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    part = parts[0]
    if clause.value:
        action: Action = Drag(value=float(clause.value))
        return _on(action, clause, part)
    to = clause.within.strip('"') if clause.within.count('"') == 2 else clause.within
    action = Drag(to=to, place=clause.place)
    said = part.name if part.target == f'"{part.name}"' else part.target
    return PlanStep(action=action, instruction=said, covers=(part.key,))


def _back(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    return PlanStep(action=Back(), covers=(parts[0].key,))


def _goto(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    url = clause.value if "://" in clause.value else f"https://{clause.value}"
    return PlanStep(action=Goto(url), covers=(parts[0].key,))


def _wait(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    return PlanStep(action=WaitFor(clause.value, gone=not clause.count), covers=(parts[0].key,))


def _select_text(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    return _on(SelectText(clause.value), clause, parts[0])


def _upload(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    path, _, why = _text(clause, parts[0], view)
    if why:
        return Done(success=False, answer=why)
    return _on(Upload((path,)), clause, parts[0])


def _style(clause: Clause, parts: Sequence[Part], view: RunView) -> PlanStep | Done:
    """Without an editor on the page, the words are those of a control."""
    whole = replace(parts[0], target=f"{parts[0].target} {clause.value}")
    return _click(clause, [whole], view)


_FITS: Mapping[str, Fit] = {
    "click": _click,
    "fill": _fill,
    "choose": _choose,
    "check": _box,
    "uncheck": _box,
    "press": _press,
    "scroll": _scroll,
    "drag": _drag,
    "move": lambda c, parts, view: _drag(replace(c, value=""), parts, view),
    "sort": lambda c, parts, view: _click(replace(c, verb="click"), parts, view),
    "style": _style,
    "hover": _plain_step(Hover()),
    "clear": _plain_step(Clear()),
    "back": _back,
    "goto": _goto,
    "wait": _wait,
    "select_text": _select_text,
    "upload": _upload,
}
