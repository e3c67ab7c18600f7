"""Is the remembered element still on the page, and which one is it?

Record linkage after Fellegi and Sunter ("A Theory for Record Linkage", 1969): each signal is
compared on its own and gives a weight, the logarithm of how much likelier that comparison is
between an element and itself after a change of the page than between it and another element. The
sum decides, together with four rules that no sum can overrule:

- An element that the page already had beside the remembered one is another element.
- If the remembered one had twins (same role and name), a candidate must be surrounded by the words
  that set it apart from them.
- An element whose name does not hold all words of the remembered one, or the other way round, must
  share its label, or an id, test id, form name or link that no other element had.
- Twins whose surroundings are the same go by an id or link of their own, else by their order while
  their number is the same.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from groundling.cache.fingerprint import (
    Fingerprint,
    Items,
    Known,
    alike,
    anchor,
    checksum,
    frame_of,
    items_of,
    numbers,
    plain,
    role_of,
    signs_of,
    surroundings,
    test_id_of,
)
from groundling.cache.intent import href_shape
from groundling.cache.weights import ACCEPT, MARGIN, WEIGHTS
from groundling.elements import ElementSnapshot, RawElement
from groundling.filtering import ElementFilter
from groundling.ranking import role_group
from groundling.ranking.words import words

_MARKS_KEPT = 0.5
"""Share of the words that set a twin apart which must still be around it."""

Levels = dict[str, str]
"""Signal -> `same`, `like`, `differs` or `lost` (names also `only`).

Signals that neither side has are left out.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The element found again, or none and why; truthy when there is one."""

    element: RawElement | None
    confidence: float = 0.0
    """Probability that it is the one, in [0, 1], as far as the weights hold."""
    score: float = 0.0
    """Sum of the weights, in nats."""
    margin: float = 0.0
    """Distance to the second best, in nats."""
    changed: tuple[str, ...] = ()
    """What is not as remembered, e.g. `name 'Save' is now 'Save all'`; empty if all is."""
    reason: str = ""
    """Why none was found."""

    def __bool__(self) -> bool:
        return self.element is not None


def find_again(
    saved: Fingerprint,
    page: Known,
    snapshot: ElementSnapshot,
    weights: Mapping[str, float] = WEIGHTS,
    *,
    accept: float = ACCEPT,
    least_margin: float = MARGIN,
) -> Match:
    """Return the element of `snapshot` that `saved` describes, if it is surely there.

    Args:
        saved: The element.
        page: The page that it was on.
        snapshot: The page now.
        weights: `signal:level` -> weight in nats.
        accept: Least sum of weights.
        least_margin: Least distance to the second best.
    """
    scored = [
        (score(levels, weights), -n, e)
        for n, (e, levels) in enumerate(candidates(saved, page, snapshot))
    ]
    scored.sort(key=lambda s: s[:2], reverse=True)
    if not scored:
        return Match(element=None, reason="it is gone: nothing on the page could be it")
    best, _, element = scored[0]
    margin = min(99.0, best - scored[1][0]) if len(scored) > 1 else 99.0
    said = f"{role_of(element)} {(element.text or element.label)[:60]!r}"
    reason = ""
    if best < accept:
        reason = f"it is gone: the likeliest is {said} with {best:.1f}, below {accept:.1f}"
    elif margin < least_margin:
        reason = f"two elements could be it: {said} leads by {margin:.1f}, below {least_margin:.1f}"
    if reason:
        return Match(element=None, score=best, margin=margin, reason=reason)
    # "It is gone" takes part as one more candidate, whose score is the least that is accepted.
    odds = [math.exp(min(0.0, s - best)) for s in (*(s for s, _, _ in scored), accept)]
    return Match(
        element=element,
        confidence=min(0.999, 1 / sum(odds)),
        score=best,
        margin=margin,
        changed=tuple(changes(saved, element)),
    )


def score(levels: Levels, weights: Mapping[str, float]) -> float:
    """Return the sum of the weights of a comparison."""
    return sum(weights.get(f"{signal}:{level}", 0.0) for signal, level in levels.items())


def candidates(
    saved: Fingerprint, page: Known, snapshot: ElementSnapshot
) -> list[tuple[RawElement, Levels]]:
    """Return the elements that no rule excludes, in document order, each compared."""
    fitting = fitting_elements(saved, snapshot)
    left = [e for e in fitting if not _known(saved, page, e)]
    twins = [e for e in fitting if _is_twin(saved, e)]
    if saved.n_twins > 1 and saved.marks:
        items = items_of(snapshot)
        left = [e for e in left if _set_apart(saved, e, items)]
    elif saved.n_twins > 1:
        apart = _by_anchor(saved, left) or _by_order(saved, twins)
        left = [e for e in left if e.id in apart]
    only = is_only(saved, fitting)
    left = [e for e in left if (only and _is_twin(saved, e)) or _named_or_anchored(saved, e)]
    return [(e, compared(saved, e, only=only)) for e in left]


def fitting_elements(saved: Fingerprint, snapshot: ElementSnapshot) -> list[RawElement]:
    """Return the elements of a like role in the same frame, in document order."""
    offered, _ = ElementFilter.offer(snapshot.elements)
    return [e for e in offered if _fits(saved, e) and frame_of(e, snapshot) == saved.frame]


def is_only(saved: Fingerprint, fitting: Sequence[RawElement]) -> bool:
    """Whether the name had no twin and has none now."""
    return saved.n_twins == 1 and sum(_is_twin(saved, e) for e in fitting) == 1


def _fits(saved: Fingerprint, e: RawElement) -> bool:
    if role_of(e) == saved.role:
        return True
    if e.tag == saved.tag and e.tag not in ("div", "span", "input", "td", "li"):
        return True
    return role_group(e) == role_group(RawElement(id=0, tag=saved.tag, role=saved.role))


def _is_twin(saved: Fingerprint, e: RawElement) -> bool:
    return role_of(e) == saved.role and plain(e.text) == plain(saved.name)


def _known(saved: Fingerprint, page: Known, e: RawElement) -> bool:
    """Whether the page had this element beside the remembered one."""
    name, item, section = signs_of(e)
    own_name, own_item, own_section = saved.signs
    names, items, sections = page.others
    if name != own_name:
        return name in names and bool(e.text or e.label or e.placeholder)
    if item == own_item and own_item not in items:
        return False
    if item != own_item and item in items:
        return True
    return section != own_section and section in sections


def _set_apart(saved: Fingerprint, e: RawElement, items: Items) -> bool:
    around = surroundings(e, items)
    kept = sum(1 for word in saved.marks if word in around)
    return kept >= _MARKS_KEPT * len(saved.marks)


def _by_anchor(saved: Fingerprint, elements: Sequence[RawElement]) -> set[int]:
    return {e.id for e in elements if any(_anchored(saved, e, what) for what in saved.anchors)}


def _by_order(saved: Fingerprint, twins: Sequence[RawElement]) -> set[int]:
    return {twins[saved.twin - 1].id} if len(twins) == saved.n_twins else set()


def _named_or_anchored(saved: Fingerprint, e: RawElement) -> bool:
    """Whether something that names it is left: its name, a label, the icon or an anchor."""
    if saved.name or e.text:
        if _one_in_the_other(saved.name, e.text):
            return True
    elif saved.icons and saved.icons == e.icons:
        return True
    label = plain(saved.label or saved.placeholder)
    if label and label == plain(e.label or e.placeholder):
        return True
    return any(_anchored(saved, e, what) for what in saved.anchors)


def _one_in_the_other(saved: str, now: str) -> bool:
    """Whether one name holds all words of the other: "Save" and "Save now", no two products."""
    if plain(saved) == plain(now):
        return True
    x, y = set(words(saved)), set(words(now))
    return bool(x and y) and (x <= y or y <= x)


def _anchored(saved: Fingerprint, e: RawElement, what: str) -> bool:
    if what == "href":
        return bool(e.href) and checksum(e.href) == saved.href_mark
    own: str = getattr(saved, what)
    return bool(own) and anchor(e, what) == own


def compared(saved: Fingerprint, e: RawElement, *, only: bool = False) -> Levels:
    """Return how each signal of `e` compares with what was remembered.

    Args:
        saved: What was remembered.
        e: An element.
        only: Whether the name had no twin then and has none now; such a name weighs more.
    """
    attributes = e.attributes
    own_id = str(attributes.get("id", ""))
    test_id = test_id_of(e)
    name = name_level(saved.name, e.text)
    levels: dict[str, str | None] = {
        "role": "same" if role_of(e) == saved.role else "differs",
        "tag": "same" if e.tag == saved.tag else "differs",
        "type": _equal(saved.input_type, e.input_type or ""),
        "name": "only" if only and name == "same" and role_of(e) == saved.role else name,
        "label": name_level(saved.label or saved.placeholder, e.label or e.placeholder),
        # Without one here, a made-up id there says nothing.
        "id": _equal(saved.id, own_id) if saved.id else None,
        "test_id": _equal(saved.test_id, test_id),
        "attr_name": _equal(saved.attr_name, str(attributes.get("name", ""))),
        "classes": _share(saved.classes, str(attributes.get("class", "")).split()[:12], 0.6, 0.25),
        "href": _href(saved, e),
        "icons": _share(saved.icons, e.icons, 0.99, 0.3),
        "landmark": name_level(saved.landmark, e.landmark),
        "heading": name_level(saved.heading, e.heading),
        "dialog": _equal(plain(saved.dialog), plain(e.dialog)),
        "form": name_level(saved.form, f"{e.form} {e.fieldset}".strip()),
        "row": name_level(saved.row, f"{e.row_header} {e.column_header}".strip()),
        "list": name_level(saved.list_name, e.places[0].name if e.places else ""),
        "place": _place(saved.place, (e.places[0].index, e.places[0].size) if e.places else (0, 0)),
        "context": _share(saved.context, numbers(e.context), 0.8, 0.4),
        "neighbours": _share(saved.neighbours, numbers(f"{e.before} {e.after}"), 0.8, 0.3),
    }
    return {signal: level for signal, level in levels.items() if level is not None}


def name_level(saved: str, now: str) -> str | None:
    """Compare two names: `like` shares half of its words, or all words of the shorter one."""
    a, b = plain(saved), plain(now)
    if not a and not b:
        return None
    if a == b:
        return "same"
    if not a or not b:
        return "lost"
    x, y = set(words(a)), set(words(b))
    shared = len(x & y)
    if shared and (2 * shared / (len(x) + len(y)) >= 0.5 or shared == min(len(x), len(y))):
        return "like"
    return "differs"


def _equal(saved: str, now: str) -> str | None:
    if not saved and not now:
        return None
    if saved == now:
        return "same"
    return "differs" if saved and now else "lost"


def _share(saved: object, now: object, same: float, like: float) -> str | None:
    a, b = frozenset(saved), frozenset(now)  # type: ignore[call-overload]
    if not a and not b:
        return None
    if not a or not b:
        return "lost"
    share = alike(a, b)
    return "same" if share >= same else "like" if share >= like else "differs"


def _href(saved: Fingerprint, e: RawElement) -> str | None:
    if not saved.href_mark and not e.href:
        return None
    if not saved.href_mark or not e.href:
        return "lost"
    if checksum(e.href) == saved.href_mark:
        return "same"
    return "like" if href_shape(e.href) == saved.href else "differs"


def _place(saved: tuple[int, int], now: tuple[int, int]) -> str | None:
    if saved == now:
        return "same" if saved != (0, 0) else None
    if (0, 0) in (saved, now):
        return "lost"
    from_end = saved[1] - saved[0], now[1] - now[0]
    return "like" if saved[0] == now[0] or from_end[0] == from_end[1] else "differs"


def changes(saved: Fingerprint, e: RawElement) -> list[str]:
    """Return what people would call a change: name, role, label, place on the page."""
    pairs = (
        ("role", saved.role, role_of(e)),
        ("name", saved.name, e.text),
        ("label", saved.label, e.label),
        ("id", saved.id, str(e.attributes.get("id", "")) if saved.id else ""),
        ("heading", saved.heading, e.heading),
        ("landmark", saved.landmark, e.landmark),
        ("form", saved.form, f"{e.form} {e.fieldset}".strip()),
    )
    return [
        f"{what} {was[:60]!r} is now {now[:60]!r}"
        for what, was, now in pairs
        if plain(was) != plain(now)
    ]
