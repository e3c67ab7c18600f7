"""`groundling calibrate`: make a model's confidence mean something on pages like yours."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from groundling.errors import DataError

if TYPE_CHECKING:
    from groundling.bench.calibrating import Calibrated
    from groundling.bench.labelled import LabelledPage


@click.command("calibrate")
@click.option("--model", required=True, metavar="SPEC", help="e.g. hf:Qwen/Qwen2.5-3B-Instruct")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="Labelled folder, or the JSON lines that `python -m groundling.bench.labelled` wrote.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Profile."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was measured as JSON.")
def command(model: str, data: Path, out: Path, as_json: bool) -> None:
    """Fit a model's label prior, temperature, "none" bias and thresholds to labelled pages.

    The profile goes to `groundling find --profile`, to `load_llm(..., profile=...)`, or around any
    model with `CalibratedLLM`. Figures printed are for sites that the profile was not fitted to.
    """
    from groundling.bench.calibrating import calibrate_model
    from groundling.llm import load_llm

    llm = load_llm(model)
    with click.progressbar(length=100, label=f"Asking {llm.name}", file=sys.stderr) as bar:
        found = calibrate_model(
            llm,
            _pages(data),
            on_answer=lambda done, total: bar.update(100 * done // total - bar.pos),
        )
    try:
        found.profile.save(out)
    except OSError as error:
        raise DataError(f"cannot write {out} ({error}): choose another file") from error
    click.echo(_json(found, model) if as_json else _table(found, out))


def _pages(data: Path) -> "Iterable[LabelledPage]":
    from groundling.bench.labelled import read_labelled, read_lines

    return read_labelled(data) if data.is_dir() else read_lines(data)


def _json(found: "Calibrated", model: str) -> str:
    return json.dumps(
        {
            "model": model,
            "n": found.n,
            "n_sites": found.n_sites,
            "accuracy": round(found.accuracy, 4),
            "ece_before": round(found.ece_before, 4),
            "ece": round(found.ece, 4),
            "temperature": round(found.profile.temperature, 4),
            "none_bias": round(found.profile.none_bias, 4),
            "thresholds": {k: round(v, 4) for k, v in found.profile.thresholds.items()},
            "at_precision": {
                k: {"precision": round(p, 4), "answered": round(share, 4)}
                for k, (p, share) in found.at_precision.items()
            },
        }
    )


def _table(found: "Calibrated", out: Path) -> str:
    lines = [
        f"{found.n} questions on {found.n_sites} sites, {found.accuracy:.1%} right",
        f"calibration error {found.ece_before:.3f} before, {found.ece:.3f} after",
        f"temperature {found.profile.temperature:.2f}, none bias {found.profile.none_bias:+.2f}",
    ]
    for key, least in sorted(found.profile.thresholds.items()):
        line = f"precision {key}: from confidence {least:.3f}"
        if key in found.at_precision:
            precision, share = found.at_precision[key]
            line += f"; on sites left out {precision:.1%} right, {share:.1%} answered"
        lines.append(line)
    return "\n".join([*lines, f"wrote {out}"])
