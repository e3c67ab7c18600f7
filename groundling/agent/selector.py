"""Elements by CSS selector: the caller's fallback, or one made of an instruction's words."""

from groundling.browser import script
from groundling.browser.base import PageAdapter
from groundling.driver import PageCall, Steps
from groundling.elements import ElementSnapshot, RawElement
from groundling.errors import ActionError
from groundling.ranking.query import ROLE_WORDS, parse_query
from groundling.ranking.words import stem

_TAGS = {
    "find_input": "input:not([type=hidden]), textarea, select, [role=textbox], [role=combobox]",
    "find_button": "button, input[type=submit], input[type=button], [role=button]",
    "find_link": "a[href], [role=link]",
}
_ANY = "button, a[href], input:not([type=hidden]), textarea, select, [role], [tabindex]"
_ATTRIBUTES = ("aria-label", "placeholder", "name", "id", "title", "alt", "value", "data-testid")
_MOST_WORDS = 4
_KINDS = {stem(word) for group in ROLE_WORDS.values() for word in group} - {"search"}
"""Words for kinds of elements, which no attribute holds."""


def by_selector(
    adapter: PageAdapter, snapshot: ElementSnapshot, selector: str
) -> Steps[RawElement]:
    """Return the one element of `snapshot` that a selector matches.

    Raises:
        ActionError: If the selector is none, or matches no element or more than one.
    """
    frame = adapter.page.main_frame
    said = repr(selector if len(selector) < 80 else f"{selector[:77]}...")
    try:
        handles = yield PageCall(lambda: frame.query_selector_all(selector))
    except Exception as error:
        first = str(error).strip().splitlines()[0]
        raise ActionError(f"selector {said} cannot be used: {first}") from error
    found: dict[int, RawElement] = {}
    for handle in handles[:20]:
        number = yield PageCall(lambda h=handle: h.evaluate(script.call("number")))  # type: ignore[misc]
        for e in snapshot.elements:
            if e.frame == 0 and e.node == number and e.is_visible:
                found[e.id] = e
    if len(found) != 1:
        raise ActionError(
            f"selector {said} matches {len(found)} visible elements of {len(handles)} in "
            "all: it must match one"
        )
    return next(iter(found.values()))


def generated_selector(instruction: str, task_type: str) -> str:
    """Return a selector that asks for every word of the instruction in some attribute.

    Empty when the instruction has no word that says anything.
    """
    query = parse_query(instruction)
    words = [w for w in dict.fromkeys(query.head) if w.isalnum() and w not in _KINDS]
    words = words[:_MOST_WORDS]
    if not words or query.ordinal is not None:
        return ""
    each = (":is(" + ", ".join(f'[{a}*="{w}" i]' for a in _ATTRIBUTES) + ")" for w in words)
    return f":is({_TAGS.get(task_type, _ANY)}){''.join(each)}"
