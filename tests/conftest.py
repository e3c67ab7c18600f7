"""Fixtures that browser tests share: one browser for the session, a fresh page, a small server."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from groundling.browser.launch import launch_async, launch_sync
from groundling.errors import BrowserNotFoundError

Pages = Mapping[str, "str | bytes | tuple[str | bytes, Mapping[str, str]]"]
"""Path -> body, or (body, headers)."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium, sync Playwright; skips where there is none."""
    try:
        with launch_sync() as browser:
            yield browser
    except BrowserNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A fresh page, 1280 x 800, in a context of its own."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Pages | Path | str], str]]:
    """Serve a dict of path -> HTML, one HTML text, or a folder on 127.0.0.1; returns the URL.

    `serve("<p>hi")` serves the text at `/`; the URL has no slash at its end.
    """
    servers: list[ThreadingHTTPServer] = []

    def start(what: Pages | Path | str) -> str:
        if isinstance(what, Path):
            handler: Any = partial(_Quiet, directory=str(what))
        else:
            handler = _handler({"/": what} if isinstance(what, str) else what)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def _handler(pages: Pages) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = pages.get(self.path.split("?")[0])
            body, headers = found if isinstance(found, tuple) else (found, {})
            self.send_response(404 if body is None else 200)
            for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode() if isinstance(body, str) else body or b"")

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@pytest.fixture(scope="session")
def in_thread() -> Callable[..., Any]:
    """Run a function that starts Playwright itself in a thread of its own, for `limit_s` at most.

    Playwright's sync library allows one instance a thread, and the session's browser has this one.
    """

    def run(body: Callable[[], Any], limit_s: float = 120) -> Any:
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(body).result(limit_s)

    return run


@pytest.fixture
def with_async_page(
    in_thread: Callable[..., Any],
) -> Callable[[Callable[[Any], Awaitable[Any]]], Any]:
    """Run a coroutine function with a page of the async library, in a thread of its own.

    The session's sync browser keeps an event loop running in the main thread, where
    `asyncio.run` would refuse to start another one.

        def test_something(with_async_page):
            async def body(page): ...
            with_async_page(body)
    """

    async def opened(body: Callable[[Any], Awaitable[Any]]) -> Any:
        async with launch_async() as browser:
            context = await browser.new_context(viewport={"width": 1280, "height": 800})
            context.set_default_timeout(10_000)
            return await body(await context.new_page())

    return lambda body: in_thread(lambda: asyncio.run(opened(body)))
