"""Serve the demonstration's search engine on 127.0.0.1, from package data alone.

with serve() as url:
    page.goto(url)
"""

import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from urllib.parse import parse_qs, urlsplit

from groundling.demo.pages import Answer, Query, render
from groundling.demo.search import suggest

_LOG = logging.getLogger(__name__)
_STATIC = {"style.css": "text/css", "site.js": "text/javascript", "icon.svg": "image/svg+xml"}
# As strict as real sites are, so that the demonstration also shows that reading a page does not
# depend on what the page allows its own scripts.
_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


@contextmanager
def serve(port: int = 0) -> Iterator[str]:
    """Serve the site until the block is left; yield its address.

    Args:
        port: 0 lets the system pick a free one.
    """
    server = _Server(("127.0.0.1", port), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """Logs a failed request; the base class prints it, also when a browser just hangs up."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exc_info()[1]
        level = logging.DEBUG if isinstance(error, ConnectionError) else logging.ERROR
        _LOG.log(level, "request of %s failed", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One request: static files, completions, or a page."""

    server_version = "fernwick"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        answer = respond(self.path)
        body = answer.body
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        if answer.location:
            self.send_header("Location", answer.location)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        _LOG.debug(format, *args)


def respond(target: str) -> Answer:
    """Answer a request target such as `/search?q=visiting+japan`."""
    try:
        parts = urlsplit(target)
    except ValueError:  # e.g. `//[`, half an IPv6 address
        return Answer(b"the address cannot be read", "text/plain; charset=utf-8", status=400)
    values = {k: v[0] for k, v in parse_qs(parts.query, errors="replace").items()}
    name = parts.path.removeprefix("/static/")
    if parts.path.startswith("/static/") and name in _STATIC:
        return Answer(_static(name), f"{_STATIC[name]}; charset=utf-8")
    if parts.path == "/suggest":
        found = json.dumps(suggest(values.get("q", ""))).encode()
        return Answer(found, "application/json")
    return render(Query(parts.path, values))


@cache
def _static(name: str) -> bytes:
    return files("groundling.demo").joinpath("site", "static", name).read_bytes()
