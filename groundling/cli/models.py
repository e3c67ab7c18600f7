"""`groundling models`: which models are known, and which can be used here."""

from collections.abc import Sequence
from typing import Any

import click
import orjson

from groundling.llm.available import Availability, available, served_by_ollama
from groundling.llm.catalog import MODELS, N_CTX, CatalogModel
from groundling.llm.machine import Machine, this_machine

_HEADINGS = {
    "package": "Without a model hub",
    "ultra-light": "1 to 4 billion parameters",
    "light": "7 to 9 billion parameters",
    "successor": "Newer, of these sizes",
}
_SIGNS = {"ready": "ready", "pull": "pull", "extra": "extra", "server": "server", "memory": "big"}


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--ready", is_flag=True, help="Only what can be loaded right now.")
def command(as_json: bool, ready: bool) -> None:
    """List the models known, what they need, and which of them can be used on this machine.

    `ready`: loads now; `pull`: run `groundling pull SPEC`; `extra`: a package is missing; `server`:
    no Ollama here; `big`: too large for this machine. Any other model works the same way.
    """
    machine = this_machine()
    served = served_by_ollama()
    found = {model.name: available(model, machine, served) for model in MODELS}
    shown = [m for m in MODELS if not ready or any(a.state == "ready" for a in found[m.name])]
    if as_json:
        told = [_to_json(m, found[m.name]) for m in shown]
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        return
    for line in _table(shown, found, ready=ready):
        click.echo(line)
    click.echo(_footer(machine), err=True)


def _to_json(model: CatalogModel, found: Sequence[Availability]) -> dict[str, Any]:
    return {
        "name": model.name,
        "group": model.group,
        "parameters": model.n_parameters,
        "context_window": model.context_window,
        "licence": model.licence,
        "gated": model.gated,
        "memory_bytes": {p: model.memory_bytes(p) for p in model.precisions},
        "notes": model.notes,
        "specs": [
            {"spec": a.spec, "state": a.state, "why": a.why, "remedy": a.remedy} for a in found
        ],
    }


def _table(
    models: Sequence[CatalogModel], found: dict[str, list[Availability]], *, ready: bool
) -> list[str]:
    lines = []
    for group, heading in _HEADINGS.items():
        members = [m for m in models if m.group == group]
        if members:
            lines += [f"{heading:<26}{'params':>7}{'window':>8}  {'16/8/4 bit, GB':<20}licence"]
        for model in members:
            lines.append(_row(model))
            kept = (a for a in found[model.name] if not ready or a.state == "ready")
            lines += [f"    {_SIGNS[a.state]:<7}{a.spec}" for a in kept]
    return lines


def _row(model: CatalogModel) -> str:
    gb = {p: f"{model.memory_bytes(p) / 1e9:.1f}" for p in model.precisions}
    sizes = " / ".join(gb.get(p, "-") for p in ("bf16", "int8", "int4"))
    count = model.n_parameters / 1e9
    size = f"{count:.1f}B" if count >= 1 else f"{count * 1000:.0f}M"
    licence = model.licence + (", gated" if model.gated else "")
    return f"  {model.name:<24}{size:>7}{_window(model.context_window):>8}  {sizes:<20}{licence}"


def _window(n_tokens: int) -> str:
    return f"{n_tokens // 1024}K"


def _footer(machine: Machine) -> str:
    if machine.model_bytes is None:
        return f"Memory is for {N_CTX} tokens; that of this machine is unknown."
    free = machine.model_bytes / 1e9
    return f"Memory is for {N_CTX} tokens; this machine has {free:.1f} GB for a model."
