"""Playwright pages, sync and async: snapshots, and handles that still show what was read."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from groundling.browser import script
from groundling.browser.base import PageAdapter, SnapshotOptions
from groundling.browser.parse import FrameReading, build_elements, parse_frame
from groundling.driver import Gather, PageCall, Steps
from groundling.elements import ElementSnapshot, FrameInfo, RawElement
from groundling.errors import (
    NavigationError,
    PageClosedError,
    PageTimeoutError,
    SnapshotError,
    StaleElementError,
)

log = logging.getLogger(__name__)

_NAVIGATED = ("context was destroyed", "frame was detached", "navigat", "Cannot find context")


@dataclass(slots=True)
class _PageState:
    """Ids given to the nodes of one page; forgotten with their documents."""

    ids: dict[tuple[str, int], int] = field(default_factory=dict)
    homes: dict[int, tuple[Any, str, int]] = field(default_factory=dict)
    """id -> (frame, document, node)."""
    frames: list[Any] = field(default_factory=list)
    main: str = ""
    twins: set[tuple[int, str | None, str]] = field(default_factory=set)
    """(frame, role, name) that more than one element of the last snapshot has."""


_STATES: "WeakKeyDictionary[Any, _PageState]" = WeakKeyDictionary()


class PlaywrightAdapter(PageAdapter):
    """A page of `playwright.sync_api` or `playwright.async_api`."""

    library = "playwright"

    def __init__(self, page: Any, *, is_async: bool) -> None:  # noqa: ANN401
        self.page = page
        self.is_async = is_async

    def install(self) -> Steps[None]:
        """Let the reader into every document the page loads from now on.

        Without it, listeners added by scripts are found through the developer tools only, and
        closed shadow roots not at all.
        """
        if getattr(self.page, "_groundling_installed", False):
            return
        yield PageCall(lambda: self.page.add_init_script(script.init_script()))
        self.page._groundling_installed = True

    def snapshot(self, options: SnapshotOptions) -> Steps[ElementSnapshot]:
        """Read the page; see `PageAdapter.snapshot`."""
        started = time.perf_counter()
        self._check_open()
        main = yield from self._read_main(options)
        frames = [f for f in self.page.frames if f is not self.page.main_frame and f.url]
        readings = yield from self._read_others(frames, options)
        state = _STATES.setdefault(self.page, _PageState())
        snapshot = yield from self._assemble(state, main, list(zip(frames, readings, strict=True)))
        return _timed(snapshot, started)

    def _check_open(self) -> None:
        if self.page.is_closed():
            raise PageClosedError("the page is closed: open a new one")

    def _read_main(self, options: SnapshotOptions) -> Steps[FrameReading]:
        frame = self.page.main_frame
        for attempt in (1, 2, 3):
            try:
                return (yield from self._read(frame, options, options.timeout_s))
            except Exception as error:
                failure = self._named(error, options.timeout_s)
                if not isinstance(failure, NavigationError) or attempt == 3:
                    raise failure from error
                log.debug("the page navigated while it was read, attempt %d: %s", attempt, error)
            try:
                yield PageCall(
                    lambda: self.page.wait_for_load_state(
                        "domcontentloaded", timeout=options.timeout_s * 1000
                    )
                )
            except Exception as error:
                raise self._named(error, options.timeout_s) from error
        raise AssertionError("unreachable")

    def _named(self, error: Exception, timeout_s: float) -> Exception:
        text = str(error)
        if isinstance(error, SnapshotError):
            return error
        if self.page.is_closed() or "has been closed" in text or "Target crashed" in text:
            return PageClosedError("the page was closed while it was read: open a new one")
        if isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError":
            return PageTimeoutError(
                f"the page did not answer within {timeout_s:g} s: its scripts are busy or a dialog "
                "is open; wait, handle the dialog, or raise `timeout_s`"
            )
        if any(mark in text for mark in _NAVIGATED):
            return NavigationError(f"the page navigated while it was read: {_first(text)}")
        return SnapshotError(f"the page could not be read: {_first(text)}")

    def _read(self, frame: Any, options: SnapshotOptions, timeout_s: float) -> Steps[FrameReading]:  # noqa: ANN401
        arguments = _arguments(options)
        text = yield from self.evaluate(frame, script.call("json"), arguments, timeout_s)
        if text is None:
            code = script.install_and_call("json")
            text = yield from self.evaluate(frame, code, arguments, timeout_s)
        return parse_frame(text)

    def evaluate(self, frame: Any, code: str, argument: Any, timeout_s: float) -> Steps[Any]:  # noqa: ANN401
        """Run `code` in a frame; `TimeoutError` when it does not answer in time."""
        return (yield self._call(frame, code, argument, timeout_s))

    def _call(self, frame: Any, code: str, argument: Any, timeout_s: float) -> PageCall:  # noqa: ANN401
        if self.is_async:
            return PageCall(lambda: asyncio.wait_for(frame.evaluate(code, argument), timeout_s))
        return PageCall(lambda: _evaluate_sync(frame, code, argument, timeout_s))

    def _read_others(self, frames: list[Any], options: SnapshotOptions) -> Steps[list[Any]]:
        """Return each frame's reading, or the error that it ended in."""
        texts = yield from self._ask(frames, script.call("json"), options)
        missing = [f for f, text in zip(frames, texts, strict=True) if text is None]
        code = script.install_and_call("json")
        installed = dict(zip(missing, (yield from self._ask(missing, code, options)), strict=True))
        answers = [installed.get(f, t) for f, t in zip(frames, texts, strict=True)]
        return [_reading_or_error(answer) for answer in answers]

    def _ask(self, frames: list[Any], code: str, options: SnapshotOptions) -> Steps[list[Any]]:
        limit, arguments = options.frame_timeout_s, _arguments(options)
        calls = tuple(self._call(f, code, arguments, limit) for f in frames)
        if not calls:
            return []
        answers: list[Any] = yield Gather(calls, timeout_s=limit)
        return answers

    def _assemble(
        self, state: _PageState, main: FrameReading, others: list[tuple[Any, Any]]
    ) -> Steps[ElementSnapshot]:
        if state.main != main.key:
            _STATES[self.page] = state = _PageState(main=main.key)
        data, page = main.data, self.page
        boxes = {page.main_frame: (0.0, 0.0)}
        found = {page.main_frame: main, **{f: r for f, r in others if isinstance(r, FrameReading)}}
        state.frames = [page.main_frame, *(f for f, _ in others)]
        infos = [FrameInfo(0, data["url"], page.main_frame.name)]
        elements = build_elements(data, 0, (0.0, 0.0), state_ids(state, page.main_frame, main.key))
        for index, (frame, reading) in enumerate(others, start=1):
            error = "" if isinstance(reading, FrameReading) else _frame_error(reading)
            if not error:
                place = yield from self._frame_box(frame, found, boxes)
                if place is None:
                    error = "not visible"
                else:
                    boxes[frame] = place
                    ids = state_ids(state, frame, reading.key)
                    size = (data["width"], data["height"])
                    elements += build_elements(reading.data, index, place, ids, size)
            infos.append(FrameInfo(index, frame.url, frame.name, error))
        state.twins = _twins(elements)
        return _snapshot(main, list(found.values()), elements, infos)

    def _frame_box(
        self,
        frame: Any,  # noqa: ANN401
        found: dict[Any, FrameReading],
        boxes: dict[Any, tuple[float, float]],
    ) -> Steps[tuple[float, float] | None]:
        parent = frame.parent_frame
        if parent not in found or parent not in boxes:
            return None
        try:
            handle = yield PageCall(frame.frame_element)
            node = yield PageCall(lambda: handle.evaluate(script.call("number")))
        except Exception as error:  # noqa: BLE001 - the frame went away: named in FrameInfo
            log.debug("frame %s has no element any more: %s", frame.url, error)
            return None
        for place in found[parent].data["frames"]:
            if place["node"] == node and place["width"] > 1 and place["height"] > 1:
                base = boxes[parent]
                return base[0] + place["x"], base[1] + place["y"]
        return None

    def resolve(self, element: RawElement) -> Steps[Any]:
        """Return a handle that still shows `element`; see `PageAdapter.resolve`."""
        self._check_open()
        state = _STATES.get(self.page) or _PageState()
        home = state.homes.get(element.id)
        frame = self._frame_of(element, home, state)
        want = {
            "key": home[1] if home else "",
            "node": home[2] if home else 0,
            "role": element.role,
            "name": element.text,
            "context": element.context,
            "row": element.row_header,
            "heading": element.heading,
            "listed": bool(element.places),
            "twins": (element.frame, element.role, element.text) in state.twins,
        }
        code = script.install_and_call("resolve")
        try:
            handle = yield PageCall(lambda: frame.evaluate_handle(code, want))
        except Exception as error:
            named = self._named(error, 30.0)
            if isinstance(named, PageClosedError):
                raise named from error
            raise StaleElementError(f"{_said(element)}: {named}") from error
        node = handle.as_element()
        if node is None:
            why = yield PageCall(handle.json_value)
            raise StaleElementError(
                f"{_said(element)} cannot be found again: {why}; read the page anew"
            )
        return node

    def _frame_of(self, element: RawElement, home: Any, state: _PageState) -> Any:  # noqa: ANN401
        if home is not None:
            if home[0] in self.page.frames:
                return home[0]
        elif element.frame == 0:
            return self.page.main_frame
        elif element.frame < len(state.frames) and state.frames[element.frame] in self.page.frames:
            return state.frames[element.frame]
        raise StaleElementError(f"{_said(element)}: its frame is gone; read the page anew")


def state_ids(state: _PageState, frame: Any, key: str) -> Callable[[int], int]:  # noqa: ANN401
    """Return the function from a node's number to its id, which gives new ids where needed."""
    ids, homes = state.ids, state.homes

    def id_of(node: int) -> int:
        found = ids.get((key, node))
        if found is None:
            found = ids[(key, node)] = len(ids) + 1
            homes[found] = (frame, key, node)
        return found

    return id_of


def _arguments(options: SnapshotOptions) -> dict[str, Any]:
    return {
        "near": options.near_viewport_px,
        "limit": options.limit,
        "maxNodes": options.max_nodes,
        "budgetMs": options.budget_ms,
        "texts": options.texts,
        "hitTest": options.hit_test,
    }


def _evaluate_sync(frame: Any, code: str, argument: Any, timeout_s: float) -> Any:  # noqa: ANN401
    # Playwright's sync `evaluate` takes no timeout and would hang with the page. Its public
    # alternative, `wait_for_function`, costs two round trips more (7.4 ms against 2.3 ms).
    inner = getattr(frame, "_impl_obj", None)
    if inner is None or not hasattr(frame, "_sync"):
        handle = frame.wait_for_function(code, arg=argument, timeout=timeout_s * 1000)
        return handle.json_value()
    return frame._sync(asyncio.wait_for(inner.evaluate(code, argument), timeout_s))


def _twins(elements: list[RawElement]) -> set[tuple[int, str | None, str]]:
    seen: set[tuple[int, str | None, str]] = set()
    twice: set[tuple[int, str | None, str]] = set()
    for e in elements:
        key = (e.frame, e.role, e.text)
        (twice if key in seen else seen).add(key)
    return twice


def _snapshot(
    main: FrameReading,
    readings: list[FrameReading],
    elements: list[RawElement],
    infos: list[FrameInfo],
) -> ElementSnapshot:
    data = main.data
    return ElementSnapshot(
        url=data["url"],
        viewport={"width": data["width"], "height": data["height"]},
        elements=tuple(elements),
        timestamp=time.time(),
        title=data["title"],
        scroll=(data["scroll"][0], data["scroll"][1]),
        document_height=data["tall"],
        frames=tuple(infos),
        texts=tuple(t for r in readings for t in r.data["texts"]),
        truncated=_truncated(readings, infos),
        n_nodes=sum(r.data["visited"] for r in readings),
    )


def _truncated(readings: list[FrameReading], infos: list[FrameInfo]) -> str:
    parts = []
    for reading in readings:
        data = reading.data
        if data["cut"]:
            parts.append(
                f"{data['cut']} reached after {data['visited']} nodes and "
                f"{len(data['elements'])} elements of {data['url'][:80]}: the rest is missing"
            )
    parts += [
        f"frame {i.index} ({i.url[:80]}) is missing: {i.error}"
        for i in infos
        if i.error and i.error != "not visible"
    ]
    return "; ".join(parts)


def _reading_or_error(answer: Any) -> FrameReading | Exception:  # noqa: ANN401
    try:
        return answer if isinstance(answer, Exception) else parse_frame(answer)
    except SnapshotError as error:
        return error


def _frame_error(reading: Any) -> str:  # noqa: ANN401
    if isinstance(reading, TimeoutError) or type(reading).__name__ == "TimeoutError":
        return "did not answer in time"
    return _first(str(reading)) or type(reading).__name__


def _timed(snapshot: ElementSnapshot, started: float) -> ElementSnapshot:
    object.__setattr__(snapshot, "read_ms", (time.perf_counter() - started) * 1000)
    return snapshot


def _first(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:200]


def _said(element: RawElement) -> str:
    return f"{element.role or element.tag} {element.text[:60]!r}"
