"""JSON over HTTP to the llama.cpp server inside this process."""

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from groundling.errors import ServerError

_TIMEOUT_S = 60.0


class Loopback:
    """Talks to one server on 127.0.0.1."""

    def __init__(self, address: str, key: str) -> None:
        """Remember where the server listens, and its key."""
        self._address, self._key = address, key
        # A proxy from the environment must not see requests to ourselves.
        self._open = build_opener(ProxyHandler({})).open

    def get(self, path: str) -> dict[str, Any]:
        """Return the answer to a GET request."""
        return self._ask(Request(self._address + path))

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a POST request.

        Raises:
            ServerError: If the server refuses, or does not answer because the model was closed.
        """
        return self._ask(Request(self._address + path, data=json.dumps(body).encode()))

    def _ask(self, request: Request) -> dict[str, Any]:
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", f"Bearer {self._key}")
        try:
            with self._open(request, timeout=_TIMEOUT_S) as answer:
                parsed: dict[str, Any] = json.load(answer)
        except HTTPError as error:
            raise ServerError(
                f"llama.cpp: {error.read().decode(errors='replace')[:300]}"
            ) from error
        except (URLError, OSError, ValueError) as error:
            raise ServerError(
                f"llama.cpp does not answer, the model is closed: load it again ({error})"
            ) from error
        return parsed
