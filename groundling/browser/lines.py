"""Elements as lines for people: `[12] button "Sign in" (primary, below the fold)`."""

from collections.abc import Iterator

from groundling.elements import ElementSnapshot, RawElement

_LONG = 80


def line(element: RawElement, snapshot: ElementSnapshot) -> str:
    """Return the element as one line, at most a few hundred characters.

    In parentheses stand its states and where it is; then, after a dash, what tells it from others
    of the same name.
    """
    facts = [*_states(element), *_whereabouts(element, snapshot)]
    text = f"[{element.id}] {element.role or element.tag} {_quoted(element.text)}"
    if element.value and element.value != element.text:
        text += f" = {_quoted(element.value)}"
    if facts:
        text += f" ({', '.join(facts)})"
    around = _around(element)
    return f"{text} - {around}" if around else text


def _quoted(text: str) -> str:
    shown = text if len(text) <= _LONG else text[: _LONG - 1].rstrip() + "…"
    return '"' + shown.replace('"', "'") + '"'


_THREE = {"true": "{}", "false": "not {}", "mixed": "partly {}"}
_PLAIN_TYPES = {None, "text", "submit", "button", "checkbox", "radio"}


def _states(e: RawElement) -> Iterator[str]:
    if e.is_primary:
        yield "primary"
    if e.input_type not in _PLAIN_TYPES | {e.role}:
        yield str(e.input_type)
    yield from (_THREE[v].format(n) for n in ("checked", "pressed") if (v := getattr(e, n)))
    if e.expanded is not None:
        yield "expanded" if e.expanded else "collapsed"
    flags = ("selected", "disabled", "required", "readonly", "invalid", "focused")
    yield from (name for name in flags if getattr(e, name))
    yield from _details(e)


def _details(e: RawElement) -> Iterator[str]:
    if e.current:
        yield "current" if e.current == "true" else f"current {e.current}"
    if e.options:
        yield f"{e.attributes.get('option-count', len(e.options))} options"
    if e.placeholder and e.placeholder != e.text:
        yield f"placeholder {_quoted(e.placeholder)}"


def _whereabouts(e: RawElement, snapshot: ElementSnapshot) -> Iterator[str]:
    width, height = snapshot.viewport["width"], snapshot.viewport["height"]
    if e.bbox.y >= height:
        yield "below the fold"
    elif e.bbox.y + e.bbox.height <= 0:
        yield "above the view"
    elif e.bbox.x >= width or e.bbox.x + e.bbox.width <= 0:
        yield "beside the view"
    elif e.occluded:
        yield "covered"
    if e.frame:
        yield f"frame {e.frame}"


def _around(e: RawElement) -> str:
    parts = []
    if e.label:
        parts.append(f"labelled {_quoted(e.label)}")
    if e.dialog:
        parts.append(f"in dialog {_quoted(e.dialog)}")
    if e.heading:
        parts.append(f"under {_quoted(e.heading)}")
    if e.places:
        place = e.places[0]
        parts.append(f"{place.index} of {place.size}")
    if e.column_header:
        parts.append(f"column {_quoted(e.column_header)}")
    if e.context and e.places:
        parts.append(f"with {_quoted(e.context)}")
    return ", ".join(parts)
