"""Scripted pages that keep or break what their controls promise, run through the agent.

The pages and their labels are in `behaviours.toml`. What really happened is read from the page or
the server, so that a wrong label shows.
"""

import asyncio
import os
import threading
import time
import tomllib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import sdk_browsers
from playwright.async_api import Error

from groundling.actions import Action, Back, Drag, Goto, Upload, action_from_json
from groundling.agent import LocalLLMWebAgent
from groundling.browser import adapt
from groundling.browser.launch import launch_async, launch_sync
from groundling.browser.limits import limited
from groundling.browser.observe import DialogAnswer
from groundling.driver import PageCall, Steps, run_async, run_sync
from groundling.errors import GroundlingError
from groundling.llm.scripted import ScriptedLLM

DRIVERS = {"async": 16, "sdk-async": 16, "sync": 3, "sdk-sync": 3}
"""Libraries, and the pages that each has open at a time while the machine has nothing else to do;
each page of a sync library has a browser and a thread."""
BUSY_LOAD = 2.0
"""Processes that wait for each core above which half as many pages are open.

A page costs 0.3 s of processor time, a page without an effect 3 s of waiting: on free cores the
waiting counts, on busy ones more pages only make each other late.
"""
VIEWPORT: Any = {"width": 1280, "height": 800}
TABLE = Path(__file__).with_suffix(".toml")
HEAD = """<!doctype html><meta charset=utf-8><title>{name}</title>
<style>body {{ font: 16px sans-serif; margin: 20px }}</style>
<script>
function did(text, id) {{ window.n = (window.n || 0) + 1; if (text !== undefined) say(text, id); }}
function say(text, id) {{ document.getElementById(id || 'out').textContent = text; }}
const late = (ms, f) => setTimeout(f, ms), $ = id => document.getElementById(id);
const post = (path, body) => fetch(path + '?of={name}', {{ method: 'POST', body: body || 'x' }});
</script>
<header>Shop <span id=badge>Cart (0)</span></header><main>
"""
LOGIN = "<title>Shop</title><form><input aria-label=User><input type=password></form>"
LOST = "<title>Shop</title><h1>Page not found</h1><p>It may have moved.</p>"
STATUS = {"/missing": 404, "/500": 500, "/api/500": 500, "/api/late500": 500, "/api/409": 409}
DELAY_S = {"/slow": 0.8, "/api/slow": 0.8, "/api/late500": 0.6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One page, what is done to it, and whether that has its effect; see `behaviours.toml`."""

    name: str
    works: bool
    action: Action
    target: str
    html: str
    truth: str
    visits: str
    dialogs: DialogAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What the agent said of a behaviour, and what really happened."""

    behaviour: Behaviour
    verified: bool
    truthy: bool
    said: str
    true: bool | None
    """What the page or the server knows; None when the page does not answer any more."""
    ms: float


def load() -> tuple[Behaviour, ...]:
    """Return the table's behaviours."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["behaviour"]
    return tuple(
        Behaviour(
            name=row["name"],
            works=row["works"],
            action=_action(row["do"]),
            target=row.get("on", ""),
            html=row.get("html", ""),
            truth=row.get("truth", "window.n === 1"),
            visits=row.get("visits", ""),
            dialogs=DialogAnswer(**row.get("answers", {})),
        )
        for row in rows
    )


def _action(data: dict[str, Any]) -> Action:
    action = action_from_json(data)
    if isinstance(action, Upload):
        return replace(action, paths=tuple(str(TABLE.parent / p) for p in action.paths))
    return action


ALL = load()


@dataclass(slots=True)
class Server:
    """Serves the behaviours and counts what it is asked for."""

    url: str
    asked: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@contextmanager
def served(behaviours: Sequence[Behaviour] = ALL) -> Iterator[Server]:
    """Serve the pages on 127.0.0.1."""
    pages = {b.name: HEAD.format(name=b.name) + b.html for b in behaviours}
    found = Server("")
    over = threading.Event()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(pages, found, over))
    http.daemon_threads = True
    found.url = f"http://127.0.0.1:{http.server_address[1]}"
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield found
    finally:
        over.set()
        http.shutdown()
        http.server_close()


def _handler(
    pages: dict[str, str], found: Server, over: threading.Event
) -> type[BaseHTTPRequestHandler]:
    bodies = {"/login": LOGIN, "/soft404": LOST}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            where = unquote(self.path)
            found.asked[where] += 1
            path = urlsplit(where).path
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if path.startswith("/b/"):
                self._send(200, pages.get(path[3:], ""))
            elif path == "/file":
                name = "attachment; filename=list.csv"
                self._send(200, "1,2", {"Content-Disposition": name})
            elif path in ("/never", "/api/never"):
                over.wait(60)
            elif path == "/break":
                self.close_connection = True
            elif path == "/204":
                self._send(204, "")
            else:
                time.sleep(DELAY_S.get(path, 0))
                here = "<title>Here</title><h1>Here it is</h1>"
                self._send(STATUS.get(path, 200), bodies.get(path, here))

        do_POST = do_GET  # noqa: N815

        def _send(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            sent = {"Content-Type": "text/html; charset=utf-8", **(headers or {})}
            for name, value in sent.items():
                self.send_header(name, value)
            self.end_headers()
            if status != 204:
                with suppress(BrokenPipeError, ConnectionResetError):
                    self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def n_pages_now(driver: str) -> int:
    """Return how many pages to have open at a time."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    return DRIVERS[driver] if load < BUSY_LOAD else (DRIVERS[driver] + 1) // 2


def run_in_browser(
    pick: Sequence[Behaviour] = ALL, driver: str = "async", n_pages: int | None = None
) -> list[Ran]:
    """Run the behaviours in headless browsers of their own, several pages at a time.

    Args:
        pick: Which ones.
        driver: One of `DRIVERS`; those of the SDK are browsers that the Sentience SDK starts.
        n_pages: Pages open at a time; `n_pages_now` by default.
    """
    n_pages = min(n_pages or n_pages_now(driver), len(pick))
    # The slow ones first: those without an effect, which are looked at for the longest time.
    waiting = sorted(pick, key=lambda b: not b.works)
    ran: dict[str, Ran] = {}
    with served(pick) as server:
        if driver.endswith("async"):
            asyncio.run(_run_async(driver, n_pages, lambda new: work(new, server, waiting, ran)))
        else:
            _run_sync(driver, n_pages, lambda new: work(new, server, waiting, ran))
    return [ran[b.name] for b in pick]


New = Callable[[], Any]
"""Opens one more page: returns what the agent is given for it, or a coroutine of it."""


async def _run_async(driver: str, n_pages: int, job: Callable[[New], Steps[None]]) -> None:
    async with _async_pages(driver) as new:
        await asyncio.gather(*(run_async(job(new)) for _ in range(n_pages)))


def _run_sync(driver: str, n_pages: int, job: Callable[[New], Steps[None]]) -> None:
    def one() -> None:
        with _sync_pages(driver) as new:
            run_sync(job(new))

    with ThreadPoolExecutor(n_pages) as threads:
        for done in [threads.submit(one) for _ in range(n_pages)]:
            done.result()


@asynccontextmanager
async def _async_pages(driver: str) -> AsyncIterator[New]:
    if driver == "sdk-async":
        async with sdk_browsers.started_async() as first:

            async def new() -> Any:
                return await type(first).from_page(await first.context.new_page())

            yield new
    else:
        async with launch_async() as browser:
            yield (await browser.new_context(viewport=VIEWPORT)).new_page


@contextmanager
def _sync_pages(driver: str) -> Iterator[New]:
    if driver == "sdk-sync":
        with sdk_browsers.started_sync() as first:
            yield lambda: type(first).from_page(first.context.new_page())
    else:
        with launch_sync() as browser:
            yield browser.new_context(viewport=VIEWPORT).new_page


def work(new: New, server: Server, waiting: list[Behaviour], ran: dict[str, Ran]) -> Steps[None]:
    """Run what waits, on one page for as long as it can be used again."""
    subject = None
    while True:
        try:
            behaviour = waiting.pop()
        except IndexError:  # another thread took the last one
            return
        if subject is None:
            subject = yield PageCall(new)
            yield from adapt(subject).install()
        ran[behaviour.name], clean = yield from run_one(subject, server, behaviour)
        if not clean:
            yield PageCall(adapt(subject).page.close)
            subject = None


def run_one(subject: Any, server: Server, behaviour: Behaviour) -> Steps[tuple[Ran, bool]]:
    """Run one behaviour; also return whether its page can be used again."""
    adapter = adapt(subject)
    page, target, action = adapter.page, behaviour.target, behaviour.action
    yield PageCall(lambda: page.goto(f"{server.url}/b/{behaviour.name}"))
    if isinstance(action, Goto) and action.url.startswith("/"):
        action = Goto(server.url + action.url)
    second = action.to if isinstance(action, Drag) and isinstance(action.to, str) else ""
    agent = LocalLLMWebAgent(ScriptedLLM([target, second]), dialogs=behaviour.dialogs)
    act = agent.aact if adapter.is_async else agent.act
    started = time.perf_counter()
    try:
        result = yield PageCall(lambda: act(subject, action, target))
        verified, truthy, said = result.verified, bool(result), str(result)
        opened = result.new_pages
    except GroundlingError as error:
        verified, truthy, said, opened = False, False, f"raised {error}", ()
    ms = (time.perf_counter() - started) * 1000
    true = yield from _truth(page, server, behaviour)
    for each in opened:
        yield PageCall(each.close)
    reusable = not behaviour.visits and not isinstance(action, Back | Goto)
    clean = true is not None and reusable and not page.is_closed()
    ran = Ran(behaviour=behaviour, verified=verified, truthy=truthy, said=said, true=true, ms=ms)
    return ran, clean


def _truth(page: Any, server: Server, behaviour: Behaviour) -> Steps[bool | None]:
    if behaviour.visits:
        return server.asked[behaviour.visits] == 1
    if page.is_closed():
        return None
    for _ in range(3):
        try:
            code = f"() => !!({behaviour.truth})"
            return bool((yield limited(page, "evaluate", code, None, timeout_s=3)))
        except TimeoutError:
            return None  # it waits for another page, which does not come
        except Error:
            yield PageCall(page.wait_for_load_state)  # it was between two pages
    return None
