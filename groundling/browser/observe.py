"""Watch a page around one action: what was there before, what happened, what is there now.

It only collects; whether an action had its effect is judged in `groundling.verify`.
"""

import hashlib
import inspect
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from groundling.browser.limits import limited
from groundling.browser.sliders import number_script
from groundling.driver import PageCall, Steps

log = logging.getLogger(__name__)

_ANSWER_LIMIT_S = 5.0
_POLL_MS = (30, 50, 80, 120, 160)
_LEAST_TURNS = 12
_CALM_TURNS = 3
_TWICE_S = 1.0
_WATCHED = ("document", "xhr", "fetch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long to look for the effect of an action."""

    effect_s: float = 3.0
    """Without any sign of an effect, look this long."""
    quiet_s: float = 0.15
    """An effect counts when the document has been still for this long."""
    busy_s: float = 10.0
    """The longest wait, while requests that the action caused are under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogAnswer:
    """How JavaScript dialogs are answered during an action."""

    confirm: Literal["accept", "dismiss"] = "dismiss"
    prompt: str | None = None
    """Text for a prompt; None dismisses it."""
    leave: bool = True
    """Whether to leave a page that asks to stay (beforeunload)."""


@dataclass(frozen=True, slots=True)
class Dialog:
    """A dialog that opened, and how it was answered."""

    kind: str
    message: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer to a request that began during the action."""

    method: str
    url: str
    status: int
    """0 when the request failed."""
    kind: str
    """document, xhr or fetch."""
    same: int = 1
    """How often the same was sent, address and body, within a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything noticed since the action began."""

    before: Mapping[str, Any]
    """The watched document before: state of the element, focus, address, ..."""
    after: Mapping[str, Any] | None
    """The same document now, with what changed; None when it is gone."""
    outer: Mapping[str, Any] | None = None
    """What changed in the main document, when the element is in a frame."""
    url_before: str = ""
    url_after: str = ""
    title: str = ""
    new_document: bool = False
    """Whether the main frame loaded another document."""
    arrival: Mapping[str, Any] | None = None
    """What the new document says: title, headings, alerts, whether it asks for a password."""
    page_closed: bool = False
    crashed: bool = False
    dialogs: tuple[Dialog, ...] = ()
    downloads: tuple[str, ...] = ()
    n_new_pages: int = 0
    answers: tuple[Answer, ...] = ()
    n_in_flight: int = 0
    n_unanswered: int = 0
    """Requests in flight that change something on a server, such as a POST."""
    page_errors: tuple[str, ...] = ()
    elapsed_ms: float = 0.0


@dataclass(slots=True)
class _Events:
    dialogs: list[Dialog] = field(default_factory=list)
    downloads: list[str] = field(default_factory=list)
    pages: list[Any] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    in_flight: dict[Any, None] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    crashed: bool = False
    navigated: bool = False
    sent: list[tuple[float, str]] = field(default_factory=list)
    """When, and a digest of address and body, of each request that changes something."""


class Watch:
    """Watches one page from `start` to `stop`; `act` says that the action begins."""

    def __init__(self, page: Any, dialogs: DialogAnswer | None) -> None:  # noqa: ANN401
        self.page = page
        self.dialogs = dialogs
        self.events = _Events()
        self._acting = False
        self._inner: Any = None
        self._outer: Any = None
        self._before: Mapping[str, Any] = {}
        self._url = page.url
        self._started = 0.0
        self._listeners: list[tuple[str, Callable[..., Any]]] = []

    @property
    def new_pages(self) -> list[Any]:
        """Pages that opened during the action."""
        return self.events.pages

    def start(self, handle: Any | None) -> Steps[None]:  # noqa: ANN401
        """Begin to watch the element's document, the main document and the page's events."""
        self._listen()
        main = self.page.main_frame
        if handle is None:
            self._inner = yield PageCall(lambda: main.evaluate_handle(f"() => {_script()}(null)"))
        else:
            frame = yield PageCall(handle.owner_frame)
            code = f"e => {_script()}(e)"
            self._inner = yield PageCall(lambda: handle.evaluate_handle(code))
            if frame is not None and frame is not main:
                outer = f"() => {_script()}(null)"
                self._outer = yield PageCall(lambda: main.evaluate_handle(outer))
        self._before = json.loads((yield _ask(self._inner, "w => JSON.stringify(w.start)")))

    def act(self) -> Steps[None]:
        """Say that the action begins now."""
        for watch in (self._inner, self._outer):
            if watch is not None:
                yield _ask(watch, "w => w.act()")
        self._acting, self._started = True, time.perf_counter()

    def settle(self, decided: Callable[[Seen], bool], waits: Waits) -> Steps[Seen]:
        """Look until `decided` finds a reason to stop and the page is quiet, or time is up."""
        for turn in range(10_000):
            seen = yield from self.look()
            if self._is_settled(seen, decided, waits, turn):
                break
            pause_ms = _POLL_MS[min(turn, len(_POLL_MS) - 1)]
            try:
                yield PageCall(lambda ms=pause_ms: self.page.wait_for_timeout(ms))  # type: ignore[misc]
            except Exception as error:  # noqa: BLE001 - only a page that is gone cannot wait
                log.debug("the page went away while we waited: %s", error)
        return seen

    def _is_settled(
        self, seen: Seen, decided: Callable[[Seen], bool], waits: Waits, turn: int
    ) -> bool:
        elapsed_s = seen.elapsed_ms / 1000
        if seen.page_closed or elapsed_s >= waits.busy_s:
            return True
        busy = bool(seen.n_in_flight) or is_busy(seen)
        if decided(seen):
            quiet = seen.after is None or seen.after["quiet_ms"] >= waits.quiet_s * 1000
            # Several looks, because a starved page's own timers come late.
            quiet = quiet and (seen.after is None or turn >= _CALM_TURNS)
            # A page that polls its server is never without a request: it gets the usual wait.
            return quiet and (not busy or elapsed_s >= waits.effect_s)
        # On a machine under load the page may have had no time to do anything.
        return elapsed_s >= waits.effect_s and turn >= _LEAST_TURNS and not busy

    def look(self) -> Steps[Seen]:
        """Return what has been noticed so far."""
        after = yield from self._read(self._inner)
        outer = (yield from self._read(self._outer)) if self._outer is not None else None
        closed = self.page.is_closed()
        gone = not closed and (after if self._outer is None else outer) is None
        arrival = (yield from self._arrival()) if gone else None
        e = self.events
        if after is not None:
            # What the mouse did on its way to the element is not the action's effect.
            self._before = after["before"]
        return Seen(
            before=self._before,
            after=after,
            outer=outer,
            url_before=self._url,
            url_after=self.page.url,
            title=str((arrival or outer or after or {}).get("title", "")),
            new_document=gone and e.navigated,
            arrival=arrival,
            page_closed=closed,
            crashed=e.crashed,
            dialogs=tuple(e.dialogs),
            downloads=tuple(e.downloads),
            n_new_pages=len(e.pages),
            answers=tuple(e.answers),
            n_in_flight=len(e.in_flight),
            n_unanswered=sum(r.method != "GET" for r in e.in_flight),
            page_errors=tuple(e.errors),
            elapsed_ms=1000 * (time.perf_counter() - self._started),
        )

    def _read(self, watch: Any) -> Steps[Mapping[str, Any] | None]:  # noqa: ANN401
        if self.page.is_closed():
            return None
        try:
            # One text: Playwright takes 2 ms to unpack it as objects.
            return dict(json.loads((yield _ask(watch, "w => JSON.stringify(w.read())"))))
        except Exception as error:  # noqa: BLE001 - the document is gone, which is what we report
            log.debug("the watched document does not answer: %s", error)
            return None

    def _arrival(self) -> Steps[Mapping[str, Any] | None]:
        wait, limit_ms = self.page.wait_for_load_state, _ANSWER_LIMIT_S * 1000
        try:
            yield PageCall(lambda: wait("domcontentloaded", timeout=limit_ms))
            frame = self.page.main_frame
            found = yield limited(
                frame, "evaluate", f"() => {_arrived()}()", None, timeout_s=_ANSWER_LIMIT_S
            )
        except Exception as error:  # noqa: BLE001 - still loading: the next look asks again
            log.debug("the new document does not answer yet: %s", error)
            return None
        return dict(json.loads(found))

    def unlisten(self) -> None:
        """Take the page's listeners off; all that can be done once nobody answers requests."""
        for name, listener in self._listeners:
            self.page.remove_listener(name, listener)
        self._listeners = []

    def stop(self) -> Steps[None]:
        """Take every listener off again."""
        self.unlisten()
        for watch in (self._inner, self._outer):
            if watch is not None and not self.page.is_closed():
                try:
                    yield _ask(watch, "w => w.stop()")
                    yield PageCall(watch.dispose)
                except Exception as error:  # noqa: BLE001 - the document took the watch with it
                    log.debug("nothing left to stop: %s", error)

    def _listen(self) -> None:
        on: list[tuple[str, Callable[..., Any]]] = [
            ("download", lambda d: self.events.downloads.append(d.suggested_filename)),
            ("popup", lambda p: self.events.pages.append(p)),
            ("request", self._on_request),
            ("response", self._on_response),
            ("requestfinished", lambda r: self.events.in_flight.pop(r, None)),
            ("requestfailed", self._on_failed_request),
            ("pageerror", lambda e: self.events.errors.append(str(e)[:200])),
            ("crash", self._on_crash),
            ("framenavigated", self._on_navigated),
        ]
        if self.dialogs is not None:
            on.append(("dialog", self._on_dialog))
        for name, listener in on:
            self.page.on(name, listener)
        self._listeners = on

    def _on_navigated(self, frame: Any) -> None:  # noqa: ANN401
        if frame == self.page.main_frame:
            self.events.navigated = True

    def _on_crash(self, *_: object) -> None:
        self.events.crashed = True

    def _on_request(self, request: Any) -> None:  # noqa: ANN401
        if self._acting and request.resource_type in _WATCHED:
            self.events.in_flight[request] = None
            if request.method != "GET":
                self.events.sent.append((time.perf_counter(), _digest(request)))

    def _on_response(self, response: Any) -> None:  # noqa: ANN401
        request = response.request
        if request in self.events.in_flight:
            self._note(request, response.status)

    def _on_failed_request(self, request: Any) -> None:  # noqa: ANN401
        if self.events.in_flight.pop(request, "not ours") is None and "ABORTED" not in str(
            request.failure
        ):
            self._note(request, 0)

    def _note(self, request: Any, status: int) -> None:  # noqa: ANN401
        kind = request.resource_type
        same = 1 if request.method == "GET" else self._n_same(request)
        self.events.answers.append(Answer(request.method, request.url[:300], status, kind, same))

    def _n_same(self, request: Any) -> int:  # noqa: ANN401
        digest = _digest(request)
        times = sorted(t for t, sent in self.events.sent if sent == digest)
        return sum(t - times[0] < _TWICE_S for t in times) or 1

    def _on_dialog(self, dialog: Any) -> Any:  # noqa: ANN401
        answers = self.dialogs or DialogAnswer()
        accept = {
            "alert": True,
            "confirm": answers.confirm == "accept",
            "prompt": answers.prompt is not None,
            "beforeunload": answers.leave,
        }.get(dialog.type, False)
        self.events.dialogs.append(Dialog(dialog.type, dialog.message[:300], accept))
        text = [answers.prompt] if dialog.type == "prompt" and accept else []
        try:
            result = dialog.accept(*text) if accept else dialog.dismiss()
        except Exception as error:  # noqa: BLE001 - the caller's own listener was faster
            log.debug("the dialog was answered by another listener: %s", error)
            return None
        return _quietly(result) if inspect.isawaitable(result) else None


def is_busy(seen: Seen) -> bool:
    """Return whether the page says that something is under way, which it did not say before."""
    return any(page["busy"] for page in (seen.after, seen.outer) if page is not None)


def _digest(request: Any) -> str:  # noqa: ANN401
    body = request.post_data_buffer or b""
    return hashlib.blake2b(request.url.encode() + b" " + body, digest_size=12).hexdigest()


async def _quietly(answer: Any) -> None:  # noqa: ANN401
    try:
        await answer
    except Exception as error:  # noqa: BLE001 - the caller's own listener was faster
        log.debug("the dialog was answered by another listener: %s", error)


def _ask(watch: Any, code: str) -> PageCall:  # noqa: ANN401
    return limited(watch, "evaluate", code, None, timeout_s=_ANSWER_LIMIT_S)


@cache
def _source() -> str:
    watch = (files(__package__) / "js" / "watch.js").read_text(encoding="utf-8")
    return f"{number_script()}\n{watch}"


def _script() -> str:
    return f"(function () {{\n'use strict';\n{_source()}\nreturn watch;\n}})()"


def _arrived() -> str:
    look = (
        "() => { const all = roots(); return JSON.stringify({ title: document.title, "
        "alerts: alertsOf(all), password: asksPassword(), lines: pageLines(all).slice(0, 400), "
        "headings: [...document.querySelectorAll('h1')].map(textOf).slice(0, 5) }); }"
    )
    return f"(function () {{\n'use strict';\n{_source()}\nreturn {look};\n}})()"
