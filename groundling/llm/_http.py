"""JSON over HTTP to a server without a client package of its own, with bounded retries."""

import json
import random
import time
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 8.0
_ERROR_BYTES = 2000


class HttpError(Exception):
    """The server answered with an error status."""

    def __init__(self, status_code: int, text: str, wait_s: float = 0.0) -> None:
        super().__init__(text)
        self.status_code = status_code
        self.wait_s = wait_s
        """How long the server wants to be left alone, 0 where it does not say."""


class JsonHttp:
    """Talks to one server."""

    def __init__(
        self, address: str, *, key: str = "", timeout_s: float = 60.0, max_retries: int = 2
    ) -> None:
        """Remember where the server is; nothing is sent yet."""
        self._address, self._key = address.rstrip("/"), key
        self._timeout_s, self._max_retries = timeout_s, max_retries
        # A proxy from the environment has no business on the loopback interface.
        handlers = [ProxyHandler({})] if is_loopback(address) else []
        self._open = build_opener(*handlers).open

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer, asking again on 429, 5xx and lost connections.

        Raises:
            HttpError: If the server answers with an error status.
            ConnectionError: If it is out of reach.
            TimeoutError: If it does not answer in time.
            ValueError: If the answer is no JSON object.
        """
        attempt = 0
        while True:
            try:
                with self._send(path, body) as answer:
                    return _object(answer.read())
            except (HttpError, ConnectionError) as error:
                status = getattr(error, "status_code", 503)
                if attempt >= self._max_retries or not (status == 429 or status >= 500):
                    raise
                wait_s = getattr(error, "wait_s", 0.0)
            # Several clients must not come back at once.
            pause = _FIRST_PAUSE_S * 2**attempt * random.uniform(0.5, 1.0)
            time.sleep(min(_LONGEST_PAUSE_S, max(pause, wait_s)))
            attempt += 1

    def lines(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the objects of an answer that comes line by line; raises as `post`."""
        with self._send(path, body) as answer:
            for line in answer:
                if line.strip():
                    yield _object(line)

    def _send(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401
        request = Request(self._address + path, data=json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        if self._key:
            request.add_header("Authorization", f"Bearer {self._key}")
        try:
            return self._open(request, timeout=self._timeout_s)
        except HTTPError as error:
            with error:
                text = error.read(_ERROR_BYTES).decode(errors="replace")
            wait = error.headers.get("Retry-After", "")
            wait_s = float(wait) if wait.isdigit() else 0.0
            raise HttpError(error.code, _message(text), wait_s) from error
        except URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise TimeoutError("timed out") from error
            raise ConnectionError(str(error.reason)) from error


def is_loopback(address: str) -> bool:
    """Whether an address is this machine."""
    host = urlsplit(address).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _object(data: bytes) -> dict[str, Any]:
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError(f"no JSON object: {data[:80]!r}")
    return found


def _message(text: str) -> str:
    try:
        said = json.loads(text)["error"]
    except (ValueError, KeyError, TypeError):
        return text
    return str(said.get("message", said) if isinstance(said, dict) else said)
