"""What is remembered of an element: several signals, none of them what a field holds.

Names, labels and headings are kept as text, so that people can read an entry. Running text around
the element is kept as numbers that stand for words (24 bits of a checksum), which is enough to see
how alike two surroundings are.
"""

import re
import unicodedata
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any
from zlib import crc32

from groundling.cache.intent import href_shape, mentions, page_of
from groundling.elements import ElementSnapshot, RawElement
from groundling.ranking.words import words

_BITS = 0xFFFFFF
_NUMERIC = 1 << 24
"""Marks what stands for a number."""
_MAX_WORDS = 60
_MAX_TEXT = 160
_MAX_KNOWN = 3000
_MADE_UP = re.compile(
    r"\d{3,}|^:|[:«»]|__|(?=.*\d)(?=.*[a-z])(?=.*[A-Z])|[0-9a-f]{6,}|-\d+$|^\d|^[a-z]{0,4}\d+$"
)
"""Ids that scripts make, such as `:r3:`, `ember1042`, `input-7`: the next visit has others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """One element as it was when a step on it was verified."""

    role: str = ""
    tag: str = ""
    input_type: str = ""
    name: str = ""
    label: str = ""
    placeholder: str = ""
    id: str = ""
    test_id: str = ""
    attr_name: str = ""
    classes: tuple[str, ...] = ()
    href: str = ""
    """Shape of the link, see `href_shape`."""
    href_mark: int = 0
    """Checksum of the whole link, 24 bits; 0 without one."""
    icons: tuple[str, ...] = ()
    landmark: str = ""
    heading: str = ""
    dialog: str = ""
    form: str = ""
    row: str = ""
    """Headers of its table row and column."""
    list_name: str = ""
    place: tuple[int, int] = (0, 0)
    """Which item of how many holds it; (0, 0) outside of lists."""
    context: tuple[int, ...] = ()
    """Words of the row, item or card that holds it, as numbers, sorted."""
    neighbours: tuple[int, ...] = ()
    """Words just before and after it, as numbers, sorted."""
    frame: str = ""
    """Host and path shape of its frame; empty in the main frame."""
    n_twins: int = 1
    """Elements of the same role and name, itself included."""
    twin: int = 1
    """Which of them it is, in document order, from 1."""
    marks: tuple[int, ...] = ()
    """Words around it that are around none of its twins, as numbers, sorted."""
    signs: tuple[int, int, int] = (0, 0, 0)
    """What `signs_of` says of it."""
    anchors: tuple[str, ...] = ()
    """Which of `id`, `test_id`, `attr_name`, `href` no other element of the page shared."""

    def to_json(self) -> dict[str, Any]:
        """Return all that is set, as plain JSON."""
        found = asdict(self)
        return {k: v for k, v in found.items() if v != _DEFAULTS[k]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Fingerprint":
        """Rebuild what `to_json` returned.

        Raises:
            TypeError: If it holds something else.
        """
        made: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**made)

    def without(self, private: Iterable[str]) -> "Fingerprint":
        """Return it with every text blanked that holds one of the private texts."""
        hidden = {
            k: ""
            for k in _TEXTS
            if getattr(self, k) and any(mentions(getattr(self, k), [p]) for p in private)
        }
        return replace(self, **hidden) if hidden else self  # type: ignore[arg-type]


_DEFAULTS = {f.name: f.default for f in fields(Fingerprint)}
_TEXTS = (
    "label", "placeholder", "id", "test_id", "attr_name", "href", "landmark", "heading", "dialog",
    "form", "row", "list_name", "frame",
)  # fmt: skip


def plain(text: str) -> str:
    """Return a text as it is compared: lower case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text[:_MAX_TEXT]).casefold().split())


def checksum(*parts: object) -> int:
    """Return 24 bits that stand for `parts`; never 0."""
    return crc32(repr(parts).encode("utf-8", "replace")) & _BITS or 1


def numbers(text: str) -> frozenset[int]:
    """Return the words of a text as numbers."""
    found = [*dict.fromkeys(words(text))][:_MAX_WORDS]
    return frozenset(crc32(w.encode()) & _BITS | (_NUMERIC if w[0].isdigit() else 0) for w in found)


Item = tuple[int, int, int]
Items = Mapping[Item, frozenset[int]]
"""List item (frame, list, place) -> words of the names of all elements in it."""
_MAX_IN_ITEM = 8
"""An item of more elements is a section of the page, whose words tell no row from another."""


def items_of(snapshot: ElementSnapshot) -> Items:
    """Return the words of each small list item of a page."""
    held: dict[Item, list[RawElement]] = {}
    for e in snapshot.elements:
        for place in e.places:
            held.setdefault((e.frame, place.list_id, place.index), []).append(e)
    return {
        at: frozenset().union(*(numbers(e.text) for e in found))
        for at, found in held.items()
        if len(found) <= _MAX_IN_ITEM
    }


def surroundings(e: RawElement, items: Items) -> frozenset[int]:
    """Return the words that tell an element from its twins: item, headings, section, link."""
    told = (
        e.context, e.row_header, e.column_header, e.heading, e.landmark, e.dialog, e.form,
        e.fieldset, e.label, e.href,
    )  # fmt: skip
    found = numbers(" ".join(told))
    for place in e.places:
        found |= items.get((e.frame, place.list_id, place.index), frozenset())
    return found


def marks_of(e: RawElement, twins: Iterable[RawElement], items: Items) -> frozenset[int]:
    """Return the words around `e` that are around none of its twins.

    Numbers change with every visit (prices, counts), so they count only where there is nothing
    else.
    """
    others = frozenset().union(*(surroundings(t, items) for t in twins if t.id != e.id))
    marks = surroundings(e, items) - others
    return frozenset(m for m in marks if not m & _NUMERIC) or marks


def role_of(e: RawElement) -> str:
    """Return the role, or the tag of an element without one."""
    return e.role or e.tag


def signs_of(e: RawElement) -> tuple[int, int, int]:
    """Return three checksums of what an element is: its name, its item, its section.

    The first is of role and name, the second adds the text of the row or card that holds it, the
    third the headings and landmarks it is under.
    """
    own = (role_of(e), plain(e.text or e.label or e.placeholder))
    item = (e.context, e.row_header, e.column_header, e.label)
    section = (e.heading, e.landmark, e.dialog, e.form, e.fieldset)
    return checksum(*own), checksum(*own, *item), checksum(*own, *section)


def frame_of(e: RawElement, snapshot: ElementSnapshot) -> str:
    """Return host and path shape of an element's frame, "" in the main frame."""
    if e.frame == 0:
        return ""
    url = next((f.url for f in snapshot.frames if f.index == e.frame), "")
    return "".join(page_of(url)) if url else str(e.frame)


def fingerprint(e: RawElement, snapshot: ElementSnapshot) -> Fingerprint:
    """Return what is remembered of an element of `snapshot`."""
    attributes = {k: str(v) for k, v in e.attributes.items()}
    key = (role_of(e), plain(e.text))
    twins = [t for t in snapshot.elements if (role_of(t), plain(t.text)) == key and t.is_visible]
    return Fingerprint(
        role=role_of(e),
        tag=e.tag,
        input_type=e.input_type or "",
        name=e.text[:_MAX_TEXT],
        label=e.label[:_MAX_TEXT],
        placeholder=e.placeholder[:_MAX_TEXT],
        id=id_of(e),
        test_id=test_id_of(e),
        attr_name=attributes.get("name", ""),
        classes=tuple(attributes.get("class", "").split()[:12]),
        href=href_shape(e.href) if e.href else "",
        href_mark=checksum(e.href) if e.href else 0,
        icons=e.icons,
        landmark=e.landmark,
        heading=e.heading,
        dialog=e.dialog,
        form=f"{e.form} {e.fieldset}".strip(),
        row=f"{e.row_header} {e.column_header}".strip(),
        list_name=e.places[0].name if e.places else "",
        place=(e.places[0].index, e.places[0].size) if e.places else (0, 0),
        context=tuple(sorted(numbers(e.context))),
        neighbours=tuple(sorted(numbers(f"{e.before} {e.after}"))),
        frame=frame_of(e, snapshot),
        n_twins=max(1, len(twins)),
        twin=next((i for i, t in enumerate(twins, 1) if t.id == e.id), 1),
        marks=tuple(sorted(marks_of(e, twins, items_of(snapshot)))) if len(twins) > 1 else (),
        signs=signs_of(e),
        anchors=_anchors(e, snapshot),
    )


def test_id_of(e: RawElement) -> str:
    """Return the id that a page gives an element for its tests."""
    return str(e.attributes.get("data-testid", "") or e.attributes.get("data-test", ""))


def id_of(e: RawElement) -> str:
    """Return the id, "" for one that a script made up."""
    own = str(e.attributes.get("id", ""))
    return "" if _MADE_UP.search(own) else own


def anchor(e: RawElement, what: str) -> str:
    """Return the value of an anchor, "" without one; the value of `href` is the whole link."""
    if what == "id":
        return id_of(e)
    if what == "test_id":
        return test_id_of(e)
    if what == "attr_name":
        return str(e.attributes.get("name", ""))
    return e.href if len(e.href) > 1 else ""


ANCHORS = ("id", "test_id", "attr_name", "href")


def _anchors(e: RawElement, snapshot: ElementSnapshot) -> tuple[str, ...]:
    return tuple(
        what
        for what in ANCHORS
        if (own := anchor(e, what))
        and not any(anchor(o, what) == own for o in snapshot.elements if o.id != e.id)
    )


@dataclass(frozen=True, slots=True)
class Known:
    """The page that an element was on: its kind of elements, and all others by name."""

    structure: frozenset[int]
    """Kinds of elements, without names: what makes two pages the same template."""
    others: tuple[frozenset[int], frozenset[int], frozenset[int]]
    """What `signs_of` says of all other elements: one found there is not the one remembered."""

    def to_bytes(self) -> bytes:
        """Return it packed: four arrays of 32 bits, each after its length."""
        packed = array("I")
        for part in (self.structure, *self.others):
            packed.append(len(part))
            packed.extend(sorted(part))
        return packed.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Known":
        """Rebuild what `to_bytes` returned.

        Raises:
            ValueError: If it is cut short.
        """
        packed, parts, at = array("I"), [], 0
        packed.frombytes(data)
        for _ in range(4):
            if at >= len(packed) or at + 1 + packed[at] > len(packed):
                raise ValueError("a part is missing")
            parts.append(frozenset(packed[at + 1 : at + 1 + packed[at]]))
            at += 1 + packed[at]
        return cls(parts[0], (parts[1], parts[2], parts[3]))


def structure(snapshot: ElementSnapshot) -> frozenset[int]:
    """Return the kinds of elements of a page: role, type, in a dialog or not; no names.

    Landmarks come and go with a redesign, so they do not count.
    """
    kinds = {(role_of(e), e.input_type or "", bool(e.dialog)) for e in snapshot.elements}
    return frozenset(checksum(*k) for k in kinds)


def known(e: RawElement, snapshot: ElementSnapshot) -> Known:
    """Return the page as an entry about `e` remembers it; at most 3,000 other elements."""
    others = [o for o in snapshot.elements if o.id != e.id][:_MAX_KNOWN]
    columns = list(zip(*(signs_of(o) for o in others), strict=True)) or [(), (), ()]
    names, items, sections = (frozenset(c) for c in columns)
    return Known(structure(snapshot), (names, items, sections))


def alike(a: Iterable[int], b: Iterable[int]) -> float:
    """Return the share that two sets have in common, in [0, 1]; 1 if both are empty."""
    x, y = frozenset(a), frozenset(b)
    return len(x & y) / len(x | y) if x or y else 1.0
