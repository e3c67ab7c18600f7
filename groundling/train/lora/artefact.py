"""The folder that a run leaves: adapter, head, card, profile; the old one stays until it is whole.

`load_llm("tuned:FOLDER")` reads it. Beside what that needs lie `training.json`, all settings and
measurements, and `card.md`, the same for people.
"""

import json
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from groundling.bench.cases import Row
from groundling.bench.metrics import share
from groundling.errors import DataError
from groundling.llm.calibration import Profile
from groundling.llm.tuned import ADAPTER, HEAD, PROFILE
from groundling.train.lora.loop import State
from groundling.train.lora.network import Network
from groundling.train.lora.profiling import Profiled

MERGED = "merged"


def write_model(network: Network, folder: Path, *, merge: bool = False) -> None:
    """Write weights, card and an empty profile into a fresh folder.

    With `merge` the whole model lies in `merged`, too, as any program reads it; `network` is of no
    use afterwards.

    Raises:
        DataError: If it cannot be written, or a lines head is asked to be merged.
    """
    if merge and network.head is not None:
        raise DataError(
            "a lines head is no part of the base model: `--merge` needs `--head letters`"
        )

    def write() -> None:
        from safetensors.torch import save_file

        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # Where the base lies on this machine says nothing elsewhere.
        network.peft.peft_config["default"].base_model_name_or_path = network.settings.base
        # PEFT would ask the hub whether the vocabulary grew; it does not here.
        network.peft.save_pretrained(str(folder / ADAPTER), save_embedding_layers=False)
        if network.head is not None:
            state = {k: v.detach().cpu().contiguous() for k, v in network.head.state_dict().items()}
            save_file(state, folder / HEAD)
        network.card.save(folder)
        Profile().save(folder / PROFILE)
        if merge:
            peft: Any = network.peft
            peft.merge_and_unload().save_pretrained(str(folder / MERGED))
            network.llm.tokenizer.save_pretrained(str(folder / MERGED))

    _or_nothing(write, folder)


def write_told(
    folder: Path, told: Mapping[str, Any], profiled: Profiled, rows: Sequence[Row]
) -> None:
    """Write the profile, `training.json` and `card.md`.

    Raises:
        DataError: If they cannot be written.
    """

    def write() -> None:
        profiled.profile.save(folder / PROFILE)
        text = json.dumps(told, indent=1) + "\n"
        (folder / "training.json").write_text(text, encoding="utf-8")
        (folder / "card.md").write_text(card_text(told, rows), encoding="utf-8")

    _or_nothing(write, folder)


def _or_nothing(write: Callable[[], None], folder: Path) -> None:
    """Run `write`; if the disk is full, remove what is there of the new folder."""
    from safetensors import SafetensorError

    try:
        write()
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        first = str(error).split("\n", maxsplit=1)[0][:160]
        raise DataError(
            f"the new model cannot be saved ({first}): free some space and run again with "
            "`--resume`; the old model and the checkpoint are untouched"
        ) from error


def run_record(network: Network, state: State, profiled: Profiled, data: str) -> dict[str, Any]:
    """Return what is worth knowing about a run, as plain JSON."""
    import torch

    return {
        "settings": asdict(network.settings),
        "data_sha256": data,
        "steps": state.step,
        "minutes": round(state.seconds / 60, 1),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, {network.place}",
        "dtype": str(network.llm.model.dtype),
        "n_trained_weights": sum(p.numel() for p in network.trained().values()),
        "measured": [asdict(m) for m in state.history],
        "n_left_out": len(profiled.answers),
        "accuracy": round(profiled.accuracy, 4),
        "ece": round(profiled.ece, 4),
    }


def card_text(told: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """Return the model card as Markdown."""
    s = told["settings"]
    n_sites = len({r.site for r in rows})
    lines = [
        f"# A chooser on {s['base']}, {s['head']} head",
        "",
        f"LoRA of rank {s['rank']} with `groundling train lora`: {told['steps']} steps of "
        f"{s['batch']} examples in {told['minutes']} minutes ({told['machine']}, {told['dtype']}), "
        f"{told['n_trained_weights']:,} weights trained, seed {s['seed']}. Hash of the examples: "
        f"`{told['data_sha256'][:16]}`.",
        "",
        f"On {len(rows)} tasks of {n_sites} sites left out of the training, each under a profile "
        f"fitted to the other sites; calibration error {told['ece']:.3f}. A target that the "
        "ranking left out of the list counts as wrong.",
        "",
        "| kind | n | right | 95 % interval |",
        "|---|---|---|---|",
        *_kinds(rows),
        "",
        "It knows pages like those it was trained on. The licence of the base model and of the "
        "pages applies to these weights.",
    ]
    return "\n".join(lines) + "\n"


def _kinds(rows: Sequence[Row]) -> list[str]:
    kinds: dict[str, list[bool]] = {"all": [r.hit for r in rows]}
    for row in rows:
        kinds.setdefault("none of these" if row.expect_none else row.kind or "other", []).append(
            row.hit
        )
    out = []
    for kind, hits in kinds.items():
        s = share(hits)
        out.append(
            f"| {kind} | {s.n} | {100 * s.value:.1f} % | {100 * s.low:.0f} to {100 * s.high:.0f} |"
        )
    return out
