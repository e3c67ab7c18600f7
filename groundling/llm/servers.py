"""Model servers on this machine: who listens on the default ports, and what they serve."""

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

_TIMEOUT_S = 1.0
_ANSWER_BYTES = 1 << 20

DEFAULTS: Mapping[str, str] = {
    "Ollama": "http://127.0.0.1:11434",
    "llama.cpp": "http://127.0.0.1:8080",
    "vLLM": "http://127.0.0.1:8000",
    "LM Studio": "http://127.0.0.1:1234",
}
"""Where each server listens unless told otherwise."""
# Who says so of itself is believed more than its port.
_OWNERS = {"vllm": "vLLM", "llamacpp": "llama.cpp", "library": "Ollama"}


@dataclass(frozen=True, slots=True)
class Server:
    """One address that was asked."""

    name: str
    address: str
    reachable: bool
    models: tuple[str, ...] = ()
    note: str = ""
    """What is wrong with it, for one that answers but cannot be used as it is."""

    @property
    def specs(self) -> tuple[str, ...]:
        """What `load_llm` takes for its models."""
        if self.name == "Ollama":
            return tuple(f"ollama:{model}" for model in self.models)
        backend = "vllm" if self.name == "vLLM" else "compatible"
        return tuple(f"{backend}:{self.address}/v1#{model}" for model in self.models)


def ollama_address() -> str:
    """Return where Ollama listens: `OLLAMA_HOST`, else its default."""
    host = os.environ.get("OLLAMA_HOST", "").strip().rstrip("/")
    if not host:
        return DEFAULTS["Ollama"]
    # What a server binds to is no address to call.
    host = host.replace("0.0.0.0", "127.0.0.1")
    if "://" in host:
        return host
    return f"http://{host}" if urlsplit(f"//{host}").port else f"http://{host}:11434"


def find_servers(addresses: Mapping[str, str] | None = None) -> tuple[Server, ...]:
    """Ask each address, all at once, for at most about a second.

    Args:
        addresses: Name to root address; by default the four servers' own ports.
    """
    asked = addresses or {**DEFAULTS, "Ollama": ollama_address()}
    with ThreadPoolExecutor(len(asked)) as threads:
        return tuple(threads.map(_ask, asked, asked.values()))


def _ask(name: str, address: str) -> Server:
    try:
        listed = _get(f"{address}/v1/models").get("data") or []
        models = tuple(str(m["id"]) for m in listed)
        owners = [str(m.get("owned_by", "")) for m in listed]
    except HTTPError as error:
        error.close()
        note = "wants a key" if error.code in (401, 403) else f"answers HTTP {error.code}"
        return Server(name, address, reachable=True, note=note)
    except (URLError, OSError):
        return Server(name, address, reachable=False)
    except (ValueError, TypeError, KeyError, AttributeError):
        return Server(name, address, reachable=True, note="is no model server")
    known = next((_OWNERS[o] for o in owners if o in _OWNERS), name)
    note = "" if models else "serves no model"
    return Server(known, address, reachable=True, models=models, note=note)


def _get(url: str) -> dict[str, Any]:
    # A proxy from the environment has no business on the loopback interface.
    with build_opener(ProxyHandler({})).open(url, timeout=_TIMEOUT_S) as answer:
        found: dict[str, Any] = json.loads(answer.read(_ANSWER_BYTES))
    return found
