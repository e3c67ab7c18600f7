"""The seventh result where a page lists three: leaves are turned, and the rest is counted there."""

import re
from collections.abc import Sequence

from groundling.actions import Click
from groundling.agent.goal import Past, PlanStep, RunView
from groundling.elements import RawElement
from groundling.ranking import parse_query, role_group

_LEAF = "page {}"
_SAID_LEAF = re.compile(r"page (\d+)$")


def counted_step(target: str, key: str, view: RunView) -> PlanStep | None:
    """Return the click on the nth item of a list that goes on over several leaves.

    Args:
        target: In the goal's words, such as "7th search result".
        key: The part of the goal that it fulfils.
        view: The page and the run so far.

    Returns:
        A click that turns to the leaf with that item, or on the item itself; None where nothing is
        counted, or the leaf that shows holds it and none was turned.
    """
    query = parse_query(target)
    n = query.ordinal
    if n is None or n < 1 or "link" not in query.roles:
        return None
    items = _items(view.snapshot.elements)
    if not items:
        return None
    turned = _turned(view.history)
    per_leaf = len(_items(turned.snapshot.elements)) if turned and turned.snapshot else len(items)
    leaf, place = divmod(n - 1, per_leaf)
    if turned is None:
        to = _leaf(view.snapshot.elements, leaf + 1) if leaf else None
        if to is None:
            return None
        return PlanStep(action=Click(), instruction=_LEAF.format(leaf + 1), element=to)
    at = int(_SAID_LEAF.match(turned.planned.instruction).group(1))  # type: ignore[union-attr]
    if at != leaf + 1 or place >= len(items):
        return None
    return PlanStep(action=Click(), instruction=target, element=items[place], covers=(key,))


def _turned(history: Sequence[Past]) -> Past | None:
    """Return the step that turned to another leaf, if it was the last one."""
    last = history[-1] if history else None
    leaf = last is not None and bool(last.result) and not last.planned.covers
    return last if leaf and last and _SAID_LEAF.match(last.planned.instruction) else None


def _items(elements: Sequence[RawElement]) -> list[RawElement]:
    """Return the first link of each item in the longest list of links that is no pager."""
    lists: dict[int, dict[int, RawElement]] = {}
    for e in elements:
        if e.is_visible and e.places and role_group(e) == "link" and not _leaf_number(e):
            lists.setdefault(e.places[0].list_id, {}).setdefault(e.places[0].index, e)
    found = [
        [items[i] for i in sorted(items)] for items in lists.values()
        if not any(_is_arrow(e) for e in items.values())
    ]  # fmt: skip
    return max(found, key=len, default=[])


def _leaf(elements: Sequence[RawElement], number: int) -> RawElement | None:
    """Return the link to a leaf by its number, where the page has links to several."""
    leaves = [e for e in elements if e.is_visible and not e.disabled and _leaf_number(e)]
    found = [e for e in leaves if _leaf_number(e) == number]
    return found[0] if len(found) == 1 and len(leaves) > 1 else None


def _leaf_number(e: RawElement) -> int:
    found = re.fullmatch(r"(?:page )?(\d{1,4})", e.text.strip(), re.IGNORECASE)
    return int(found.group(1)) if found and role_group(e) in ("link", "button") else 0


def _is_arrow(e: RawElement) -> bool:
    return e.text.strip().lower() in ("<", ">", "‹", "›", "«", "»", "next", "prev", "previous")
