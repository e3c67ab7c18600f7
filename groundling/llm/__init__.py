"""Language models: `load_llm("embedded")`, `load_llm("hf:Qwen/Qwen2.5-3B-Instruct")`, ..."""

from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from groundling.errors import UnknownModelError
from groundling.llm.base import BaseLLM

__all__ = ["backends", "load_llm"]

_GROUP = "groundling.models"
_OURS = {
    "anthropic": "cloud:load_anthropic",
    "compatible": "cloud:load_compatible",
    "embedded": "embedded:load",
    "gguf": "llamacpp:load",
    "hf": "transformers:load",
    "ollama": "cloud:load_ollama",
    "openai": "cloud:load_openai",
    "scripted": "scripted:load",
    "smollm2": "smollm2:load",
    "tuned": "tuned:load",
    "vllm": "cloud:load_vllm",
}


def load_llm(spec: str, **options: Any) -> BaseLLM:  # noqa: ANN401
    """Return the model that `spec` names.

    Args:
        spec: A backend and what it should load: `embedded`, `hf:Qwen/Qwen2.5-3B-Instruct`,
            `gguf:/path/model.gguf`, `openai:gpt-4o-mini`, `ollama:qwen2.5:3b`, ...
        **options: Passed to the backend.

    Raises:
        UnknownModelError: If no backend has that name.
        MissingExtraError: If the backend needs a package that is not installed.
        ModelFilesError: If the weights are missing or out of reach.
    """
    name, _, rest = spec.strip().partition(":")
    known = backends()
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        if "/" in name:
            hint = f"; for a Hugging Face model write {'hf:' + spec!r}"
        raise UnknownModelError(
            f"no backend is named {name!r}: known are {', '.join(sorted(known))}{hint}"
        )
    llm: BaseLLM = known[name]()(rest, **options)
    return llm


def backends() -> dict[str, Callable[[], Callable[..., BaseLLM]]]:
    """Return all backends by name; calling one imports it."""
    found: dict[str, Callable[[], Callable[..., BaseLLM]]] = {
        name: _importer(home) for name, home in _OURS.items()
    }
    for point in entry_points(group=_GROUP):
        # Ours register like anyone's; a later package cannot take one of our names unseen.
        if point.name not in _OURS:
            found[point.name] = _loader(point)
    return found


def _importer(home: str) -> Callable[[], Callable[..., BaseLLM]]:
    module, function = home.split(":")
    return lambda: getattr(import_module(f"groundling.llm.{module}"), function)


def _loader(point: EntryPoint) -> Callable[[], Callable[..., BaseLLM]]:
    return lambda: point.load()
