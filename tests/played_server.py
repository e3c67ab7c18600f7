"""A server on 127.0.0.1 that plays answers: `with play({"/v1/models": {...}}) as server:`."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Played:
    """Where it listens, and what it was asked: (method, path, body)."""

    url: str
    requests: list[tuple[str, str, Any]] = field(default_factory=list)

    def bodies(self, path: str) -> list[Any]:
        return [body for _, asked, body in self.requests if asked == path]


@contextmanager
def play(answers: Mapping[str, Any]) -> Iterator[Played]:
    """Serve path -> answer, 404 for others.

    An answer is an object (JSON), bytes, (status, answer), (status, answer, headers), or a function
    of the request's body that returns one of these.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def do_GET(self) -> None:
            self._answer(None)

        def do_HEAD(self) -> None:
            self._answer(None)

        def _answer(self, asked: Any) -> None:
            path = self.path.split("?")[0]
            played.requests.append((self.command, path, asked))
            found = answers.get(path, (404, {"error": f"nothing at {path}"}))
            if isinstance(found, Callable):
                found = found(asked)
            status, content, headers = (found if isinstance(found, tuple) else (200, found)) + (
                ({},) if not isinstance(found, tuple) or len(found) == 2 else ()
            )
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    played = Played(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield played
    finally:
        server.shutdown()
        server.server_close()
