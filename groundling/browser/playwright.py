"""Playwright pages, sync and async: snapshots, and handles that still show what was read."""

import asyncio
import logging
import time
from typing import Any

from groundling.browser import script
from groundling.browser.assemble import NOT_VISIBLE, PlacedFrame, arguments, assemble
from groundling.browser.base import PageAdapter, SnapshotOptions
from groundling.browser.devtools import open_tools
from groundling.browser.limits import limited, limited_all
from groundling.browser.parse import FrameReading, parse_frame
from groundling.browser.state import PageState, state_of
from groundling.driver import PageCall, Steps
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
_RESOLVE_LIMIT_S = 10.0
_CRASHED = "the page crashed: open a new one"


class PlaywrightAdapter(PageAdapter):
    """A page of `playwright.sync_api` or `playwright.async_api`."""

    library = "playwright"

    def __init__(self, page: Any, *, is_async: bool) -> None:  # noqa: ANN401
        self.page = page
        self.is_async = is_async

    def install(self) -> Steps[None]:
        """Let the reader into every document the page loads from now on.

        Without it, listeners added by scripts are found through Chromium's developer tools only,
        and closed shadow roots not at all.
        """
        if not getattr(self.page, "_groundling_installed", False):
            try:
                yield PageCall(lambda: self.page.add_init_script(script.init_script()))
            except Exception as error:
                raise self._named(error, _RESOLVE_LIMIT_S) from error
            self.page._groundling_installed = True
            # A crashed page may never answer; else only the time limit would end the reading.
            state = state_of(self.page)
            self.page.on("crash", lambda _: state.note_crash())

    def snapshot(self, options: SnapshotOptions) -> Steps[ElementSnapshot]:
        """Read the page; see `PageAdapter.snapshot`."""
        started = time.perf_counter()
        self._check_open()
        state = state_of(self.page)
        main = yield from self._read_main(state, options)
        frames = [f for f in self.page.frames if f is not self.page.main_frame and f.url]
        readings = yield from self._read_others(frames, options)
        placed = yield from self._place(state, main, frames, readings)
        return assemble(state, placed, started)

    def _check_open(self) -> None:
        if self.page.is_closed():
            raise PageClosedError("the page is closed: open a new one")
        if state_of(self.page).crashed:
            raise PageClosedError(_CRASHED)

    def _read_main(self, state: PageState, options: SnapshotOptions) -> Steps[FrameReading]:
        for attempt in (1, 2, 3):
            try:
                return (yield from self._read(state, options))
            except Exception as error:
                failure = self._named(error, options.timeout_s)
                if not isinstance(failure, NavigationError) or attempt == 3:
                    raise failure from error
                log.debug("the page navigated while it was read, attempt %d: %s", attempt, error)
            yield from self._wait_for_document(options.timeout_s)
        raise AssertionError("unreachable")

    def _wait_for_document(self, timeout_s: float) -> Steps[None]:
        wait, limit_ms = self.page.wait_for_load_state, timeout_s * 1000
        try:
            yield PageCall(lambda: wait("domcontentloaded", timeout=limit_ms))
        except Exception as error:
            raise self._named(error, timeout_s) from error

    def _named(self, error: Exception, timeout_s: float) -> Exception:
        text = str(error)
        if isinstance(error, SnapshotError):
            return error
        if "crashed" in text or state_of(self.page).crashed:
            return PageClosedError(_CRASHED)
        if self.page.is_closed() or "has been closed" in text:
            return PageClosedError("the page was closed while it was read: open a new one")
        if isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError":
            return PageTimeoutError(
                f"the page did not answer within {timeout_s:g} s: its scripts are busy or a dialog "
                "is open; wait, handle the dialog, or raise `timeout_s`"
            )
        if any(mark in text for mark in _NAVIGATED):
            return NavigationError(f"the page navigated while it was read: {_first(text)}")
        return SnapshotError(f"the page could not be read: {_first(text)}")

    def _read(self, state: PageState, options: SnapshotOptions) -> Steps[FrameReading]:
        try:
            reading = yield from self._read_page_world(state, options)
        except Exception as error:
            if not isinstance(self._named(error, options.timeout_s), SnapshotError):
                raise
            text = yield from self._read_own_world(state, options)
            if text is None:
                raise
            log.info("the page broke built-ins of its scripts: read from a world of our own")
            reading = parse_frame(text)
            state.own_world, state.hooked = True, False
            return reading
        state.own_world, state.hooked = False, bool(reading.data["hooked"])
        return reading

    def _read_page_world(self, state: PageState, options: SnapshotOptions) -> Steps[FrameReading]:
        frame, limit = self.page.main_frame, options.timeout_s
        if state.hooked is False:
            yield from self._scan_listeners(state, options)
        text = yield limited(
            frame, "evaluate", script.call("json"), arguments(options), timeout_s=limit
        )
        if text is None:
            if state.hooked is None:
                yield from self._scan_listeners(state, options)
            code = script.install_and_call("json")
            text = yield limited(frame, "evaluate", code, arguments(options), timeout_s=limit)
        return parse_frame(text)

    def _scan_listeners(self, state: PageState, options: SnapshotOptions) -> Steps[None]:
        if options.developer_tools and (yield from self._open_tools(state)) and state.tools:
            yield from state.tools.scan_listeners(options.max_nodes, options.timeout_s)

    def _read_own_world(self, state: PageState, options: SnapshotOptions) -> Steps[str | None]:
        if not (yield from self._open_tools(state)) or state.tools is None:
            return None
        try:
            return (yield from state.tools.read(arguments(options), options.timeout_s))
        except Exception as error:  # noqa: BLE001 - the first failure is the one to report
            log.debug("the developer tools could not read the page either: %s", error)
            return None

    def _open_tools(self, state: PageState) -> Steps[bool]:
        if not state.tools_asked:
            state.tools_asked = True
            state.tools = yield from open_tools(self.page)
        return state.tools is not None

    def _read_others(self, frames: list[Any], options: SnapshotOptions) -> Steps[list[Any]]:
        """Return each frame's reading, or the error that it ended in."""
        texts = yield from self._ask(frames, script.call("json"), options)
        missing = [f for f, text in zip(frames, texts, strict=True) if text is None]
        code = script.install_and_call("json")
        installed = dict(zip(missing, (yield from self._ask(missing, code, options)), strict=True))
        answers = [installed.get(f, t) for f, t in zip(frames, texts, strict=True)]
        return [_reading_or_error(answer) for answer in answers]

    def _ask(self, frames: list[Any], code: str, options: SnapshotOptions) -> Steps[list[Any]]:
        if not frames:
            return []
        limit, asked = options.frame_timeout_s, arguments(options)
        answers: list[Any] = yield limited_all(frames, "evaluate", code, asked, timeout_s=limit)
        return answers

    def _place(
        self, state: PageState, main: FrameReading, frames: list[Any], readings: list[Any]
    ) -> Steps[list[PlacedFrame]]:
        """Find where each frame lies; parents come before their children."""
        top = self.page.main_frame
        state.enter(main.key)
        placed = [PlacedFrame(top, FrameInfo(0, main.data["url"], top.name), main)]
        known = {top: placed[0]}
        for index, (frame, reading) in enumerate(zip(frames, readings, strict=True), start=1):
            error = "" if isinstance(reading, FrameReading) else _frame_error(reading)
            offset = None
            if not error:
                offset = yield from self._offset(state, frame, known.get(frame.parent_frame))
                error = "" if offset else NOT_VISIBLE
            info = FrameInfo(index, frame.url, frame.name, error)
            known[frame] = PlacedFrame(
                frame, info, None if error else reading, offset or (0.0, 0.0)
            )
            placed.append(known[frame])
        return placed

    def _offset(
        self,
        state: PageState,
        frame: Any,  # noqa: ANN401
        parent: PlacedFrame | None,
    ) -> Steps[tuple[float, float] | None]:
        if parent is None or parent.reading is None:
            return None
        owner = (frame, parent.reading.key)
        try:
            if owner not in state.owners:
                handle = yield PageCall(frame.frame_element)
                number = yield PageCall(lambda: handle.evaluate(script.call("number")))
                state.owners[owner] = number
        except Exception as error:  # noqa: BLE001 - the frame went away meanwhile
            log.debug("frame %s has no element any more: %s", frame.url, error)
            return None
        node = state.owners[owner]
        for place in parent.reading.data["frames"]:
            if place["node"] == node and place["width"] > 1 and place["height"] > 1:
                return parent.offset[0] + place["x"], parent.offset[1] + place["y"]
        return None

    def resolve(self, element: RawElement) -> Steps[Any]:
        """Return a handle that still shows `element`; see `PageAdapter.resolve`."""
        self._check_open()
        state = state_of(self.page)
        frame = self._frame_of(element, state)
        want = _wanted(element, state)
        try:
            handle = yield from self._handle(frame, want, state)
        except Exception as error:
            named = self._named(error, _RESOLVE_LIMIT_S)
            if isinstance(named, PageClosedError | PageTimeoutError):
                raise named from error
            raise StaleElementError(f"{_said(element)}: {named}") from error
        if isinstance(handle, str):
            why = f"{_said(element)} cannot be found again: {handle}; read the page anew"
            raise StaleElementError(why)
        return handle

    def _handle(self, frame: Any, want: dict[str, Any], state: PageState) -> Steps[Any]:  # noqa: ANN401
        """Return an element handle, or the reason why there is none."""
        if state.own_world and state.tools is not None and frame is self.page.main_frame:
            return (yield from self._handle_own_world(want, state))
        # Proves that the page answers: `evaluate_handle` has no limit in the sync library.
        yield limited(frame, "evaluate", "() => 1", None, timeout_s=_RESOLVE_LIMIT_S)
        code = script.install_and_call("resolve")
        handle = yield PageCall(lambda: frame.evaluate_handle(code, want))
        element = handle.as_element()
        if element is not None:
            return element
        return (yield PageCall(handle.json_value))

    def _handle_own_world(self, want: dict[str, Any], state: PageState) -> Steps[Any]:
        tools = state.tools
        assert tools is not None
        selector, why = yield from tools.mark(want)
        if not selector:
            return why
        try:
            handle = yield PageCall(lambda: self.page.query_selector(selector))
        finally:
            yield from tools.unmark()
        return handle if handle is not None else "it is gone"

    def _frame_of(self, element: RawElement, state: PageState) -> Any:  # noqa: ANN401
        home = state.homes.get(element.id)
        frame = home[0] if home else None
        if frame is None and element.frame < len(state.frames):
            frame = state.frames[element.frame]
        if frame is None and element.frame == 0:
            frame = self.page.main_frame
        if frame is None or frame not in self.page.frames:
            raise StaleElementError(f"{_said(element)}: its frame is gone; read the page anew")
        return frame


def _wanted(element: RawElement, state: PageState) -> dict[str, Any]:
    _, document, node = state.homes.get(element.id, (None, "", 0))
    return {
        "key": document,
        "node": node,
        "role": element.role,
        "name": element.text,
        "context": element.context,
        "row": element.row_header,
        "heading": element.heading,
        "listed": bool(element.places),
        "twins": (element.frame, element.role, element.text) in state.twins,
    }


def _reading_or_error(answer: Any) -> FrameReading | Exception:  # noqa: ANN401
    try:
        return answer if isinstance(answer, Exception) else parse_frame(answer)
    except SnapshotError as error:
        return error


def _frame_error(reading: Any) -> str:  # noqa: ANN401
    if isinstance(reading, TimeoutError | asyncio.TimeoutError):
        return "did not answer in time"
    if type(reading).__name__ == "TimeoutError":
        return "did not answer in time"
    return _first(str(reading)) or type(reading).__name__


def _first(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:200]


def _said(element: RawElement) -> str:
    return f"{element.role or element.tag} {element.text[:60]!r}"
