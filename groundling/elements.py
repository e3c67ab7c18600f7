"""What a page holds at one moment: immutable elements, no browser.

`RawElement` and `ElementSnapshot` carry the names of the design guide; the fields beyond it are
what a chooser needs to tell one element from another without seeing the page.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

Checked = Literal["true", "false", "mixed"]


@dataclass(frozen=True, slots=True)
class BBox:
    """A box in CSS pixels, relative to the top left corner of the main frame's viewport."""

    x: float
    y: float
    width: float
    height: float

    def __getitem__(self, key: str) -> float:
        """Read a side by name, as the design guide's dict does: `bbox["width"]`."""
        if key not in self.__slots__:
            raise KeyError(key)
        value: float = getattr(self, key)
        return value

    @property
    def center(self) -> tuple[float, float]:
        """Middle of the box."""
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a select or list box."""

    text: str
    value: str = ""
    selected: bool = False
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class ListPlace:
    """Where an element's item stands in the list, table or card grid that holds it."""

    list_id: int
    """The same for all elements of one list; unique within the snapshot."""
    index: int
    """Place of the item, from 1."""
    size: int
    """Items in the list."""
    name: str = ""
    """Heading, caption or label of the list, if it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawElement:
    """One element of a page that a person could act on."""

    id: int
    """Unique within the snapshot, and kept by the node for as long as its document lives."""
    tag: str = ""
    """Lower-case tag name."""
    role: str | None = None
    """ARIA role; `clickable` for an element without a role that reacts to clicks."""
    text: str = ""
    """Accessible name, white space collapsed; `~trash` is a hint taken from an icon or id."""
    bbox: BBox = BBox(0.0, 0.0, 0.0, 0.0)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """HTML attributes worth keeping: id, name, class, type, title, alt, data-testid, ..."""

    is_visible: bool = True
    """Rendered, with an area, not `visibility: hidden`; may lie outside the viewport."""
    is_clickable: bool = True
    is_primary: bool = False
    """Looks like the main action of its form, dialog or page."""
    in_viewport: bool = True
    occluded: bool = False
    """A hit test at three points of its box met another element each time."""

    importance_score: float = 0.0
    """The SDK's `importance` or `importance_score`; ignored where it is the same everywhere."""
    background_color: str | None = None
    text_color: str | None = None

    description: str = ""
    """Accessible description, e.g. from `aria-describedby` or an unused `title`."""
    value: str | None = None
    """Current value; a password is masked with bullets."""
    checked: Checked | None = None
    selected: bool | None = None
    pressed: Checked | None = None
    expanded: bool | None = None
    disabled: bool = False
    required: bool = False
    readonly: bool = False
    invalid: bool = False
    current: str | None = None
    """`aria-current`, e.g. `page`."""
    focused: bool = False
    input_type: str | None = None
    """Type of an `<input>`, or `contenteditable`."""
    placeholder: str = ""
    options: tuple[Option, ...] = ()
    href: str = ""
    """As written in the page, at most 200 characters."""

    label: str = ""
    """Visible text that labels a nameless field: the text before it, its table header, ..."""
    landmark: str = ""
    """Nearest landmark, with its name where it has one: `navigation "Main"`."""
    heading: str = ""
    """Nearest heading above the element, in its section."""
    heading_path: tuple[str, ...] = ()
    """Headings that contain it, outermost first, the nearest included."""
    dialog: str = ""
    """Name of the open dialog that holds it, `dialog` if it has none."""
    form: str = ""
    """Name, heading, id or action of the form that holds it."""
    fieldset: str = ""
    """Legend of the fieldset, or name of the group, that holds it."""
    context: str = ""
    """Text of the row, list item or card that holds it, its own name taken out."""
    before: str = ""
    """Visible text just before it, outside other elements."""
    after: str = ""
    """Visible text just after it."""
    row_header: str = ""
    column_header: str = ""
    places: tuple[ListPlace, ...] = ()
    """The lists that hold it, innermost first, at most three."""
    icons: tuple[str, ...] = ()
    """Words from icon classes, `use` ids, test ids and alike, for nameless controls."""

    kind: str = ""
    """Evidence that it can be acted on: native, role, editable, tabindex, listener,
    pointer, draggable, item (of a list that listens for its items)."""
    frame: int = 0
    """0 for the main frame, else the index of the frame in `ElementSnapshot.frames`."""
    node: int = 0
    """Id of the node within its frame's document; what a browser adapter resolves."""

    @property
    def name(self) -> str:
        """Accessible name; the design guide calls it `text`."""
        return self.text


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """A frame of the page, and whether it could be read."""

    index: int
    url: str
    name: str = ""
    error: str = ""
    """Why the frame's elements are missing; empty when it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementSnapshot:
    """A page at one moment."""

    url: str
    viewport: Mapping[str, int]
    """`width` and `height` in CSS pixels."""
    elements: tuple[RawElement, ...]
    """In document order, frame by frame."""
    timestamp: float = 0.0
    """Seconds since the epoch."""
    title: str = ""
    scroll: tuple[float, float] = (0.0, 0.0)
    document_height: float = 0.0
    frames: tuple[FrameInfo, ...] = ()
    texts: tuple[str, ...] = ()
    """Visible text blocks in document order, where asked for."""
    truncated: str = ""
    """Which limit cut the reading short and what is missing; empty when nothing is."""
    n_nodes: int = 0
    """DOM nodes walked."""
    read_ms: float = 0.0
    """Wall time of the reading, in milliseconds."""

    def __iter__(self) -> Iterator[RawElement]:
        return iter(self.elements)

    def __len__(self) -> int:
        return len(self.elements)

    def get(self, element_id: int) -> RawElement | None:
        """Return the element with this id, or None."""
        return next((e for e in self.elements if e.id == element_id), None)

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts and lists, fields that hold their default left out."""
        return {
            "url": self.url,
            "viewport": dict(self.viewport),
            "timestamp": self.timestamp,
            "title": self.title,
            "scroll": list(self.scroll),
            "document_height": self.document_height,
            "frames": [asdict(f) for f in self.frames],
            "texts": list(self.texts),
            "truncated": self.truncated,
            "n_nodes": self.n_nodes,
            "read_ms": self.read_ms,
            "elements": [_element_to_json(e) for e in self.elements],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ElementSnapshot":
        """Rebuild a snapshot written by `to_json`."""
        simple = {
            k: data[k]
            for k in (
                "url",
                "timestamp",
                "title",
                "document_height",
                "truncated",
                "n_nodes",
                "read_ms",
            )
            if k in data
        }
        return cls(
            **simple,
            viewport=dict(data.get("viewport", {})),
            scroll=tuple(data.get("scroll", (0.0, 0.0))),
            texts=tuple(data.get("texts", ())),
            frames=tuple(FrameInfo(**f) for f in data.get("frames", ())),
            elements=tuple(_element_from_json(e) for e in data.get("elements", ())),
        )


_FIELDS = {f.name: f for f in fields(RawElement)}
_NO_DEFAULTS = RawElement(id=0)


def _element_to_json(element: RawElement) -> dict[str, Any]:
    out: dict[str, Any] = {"id": element.id}
    for name in _FIELDS:
        value = getattr(element, name)
        if name == "id" or value == getattr(_NO_DEFAULTS, name):
            continue
        if name == "bbox":
            out[name] = [value.x, value.y, value.width, value.height]
        elif name in ("options", "places"):
            out[name] = [asdict(v) for v in value]
        elif isinstance(value, tuple):
            out[name] = list(value)
        else:
            out[name] = dict(value) if isinstance(value, Mapping) else value
    return out


def _element_from_json(data: Mapping[str, Any]) -> RawElement:
    out = dict(data)
    if "bbox" in out:
        out["bbox"] = BBox(*out["bbox"])
    if "options" in out:
        out["options"] = tuple(Option(**o) for o in out["options"])
    if "places" in out:
        out["places"] = tuple(ListPlace(**p) for p in out["places"])
    for name in ("icons", "heading_path"):
        if name in out:
            out[name] = tuple(out[name])
    return RawElement(**out)
