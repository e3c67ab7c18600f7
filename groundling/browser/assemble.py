"""From the readings of a page's frames to one snapshot. No browser here."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from groundling.browser.base import SnapshotOptions
from groundling.browser.parse import FrameReading, build_elements
from groundling.browser.state import PageState
from groundling.elements import ElementSnapshot, FrameInfo, RawElement

NOT_VISIBLE = "not visible"
_LIMITS = {
    "maxNodes": "max_nodes",
    "budgetMs": "budget_ms",
    "limit": "limit",
    "depth": "the depth limit",
}


@dataclass(frozen=True, slots=True)
class PlacedFrame:
    """A frame, what it answered, and where its viewport lies in the main frame's."""

    frame: Any
    info: FrameInfo
    reading: FrameReading | None = None
    """None if it could not be read."""
    offset: tuple[float, float] = (0.0, 0.0)


def arguments(options: SnapshotOptions) -> dict[str, Any]:
    """Return the options as the script takes them."""
    return {
        "near": options.near_viewport_px,
        "limit": options.limit,
        "maxNodes": options.max_nodes,
        "budgetMs": options.budget_ms,
        "texts": options.texts,
        "hitTest": options.hit_test,
    }


def assemble(state: PageState, frames: Sequence[PlacedFrame], started: float) -> ElementSnapshot:
    """Join the frames, the main one first.

    Args:
        state: Gives the ids; remembers the frames.
        frames: All frames of the page, also those that could not be read.
        started: `time.perf_counter()` when the reading began.
    """
    main = frames[0].reading
    assert main is not None
    state.enter(main.key)
    state.frames = [f.frame for f in frames]
    elements: list[RawElement] = []
    data = main.data
    size = (data["width"], data["height"])
    for index, placed in enumerate(frames):
        if placed.reading is not None:
            ids = state.id_for(placed.frame, placed.reading.key)
            view = size if index else None
            elements += build_elements(placed.reading.data, index, placed.offset, ids, view)
    state.note_twins(elements)
    read = [f.reading.data for f in frames if f.reading is not None]
    return ElementSnapshot(
        url=data["url"],
        viewport={"width": size[0], "height": size[1]},
        elements=tuple(elements),
        timestamp=time.time(),
        title=data["title"],
        scroll=(data["scroll"][0], data["scroll"][1]),
        document_height=data["tall"],
        frames=tuple(f.info for f in frames),
        texts=tuple(t for d in read for t in d["texts"]),
        truncated=_missing(read, [f.info for f in frames]),
        n_nodes=sum(d["visited"] for d in read),
        read_ms=(time.perf_counter() - started) * 1000,
    )


def _missing(read: list[dict[str, Any]], infos: list[FrameInfo]) -> str:
    """Say which limit cut the reading short, and which frames are not in it."""
    parts = [
        f"{_LIMITS.get(d['cut'], d['cut'])} reached after {d['visited']} nodes and "
        f"{len(d['elements'])} elements of {d['url'][:80]}: the rest is missing"
        for d in read
        if d["cut"]
    ]
    parts += [
        f"frame {i.index} ({i.url[:80]}) is missing: {i.error}"
        for i in infos
        if i.error and i.error != NOT_VISIBLE
    ]
    return "; ".join(parts)
