"""`groundling train lora`: teach a causal language model to choose elements.

Low-rank adapters (LoRA, Hu et al. 2021) on a frozen base, trained on labelled pages in the prompt
that `choose` uses at run time.
"""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from groundling.train.lora.run import Finished, Job

_PATH = click.Path(path_type=Path, exists=True)


@click.command("lora")
@click.option("--model", required=True, metavar="SPEC", help="`smollm2`, hf:NAME or hf:FOLDER.")
@click.option("--data", type=_PATH, required=True, help="Labelled folder, or its JSON lines.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option(
    "--validation", type=_PATH, help="Pages of other sites; by default some are left out."
)
@click.option(
    "--head",
    type=click.Choice(["letters", "lines"]),
    default="letters",
    show_default=True,
    help="Name the letter, or score each line (below 1B parameters).",
)
@click.option("--epochs", default=3, show_default=True)
@click.option("--rank", default=16, show_default=True, help="Of the adapters.")
@click.option("--layers", default=0, help="Layers of the base that are kept (lines head); 0: all.")
@click.option("--tuned-layers", default=0, help="Of them, the last so many learn; 0: all.")
@click.option("--dropout", default=0.05, show_default=True, help="Of the adapters; 0 is faster.")
@click.option("--candidates", default=15, show_default=True, help="Elements in the prompt.")
@click.option("--batch", default=16, show_default=True, help="Examples for each step.")
@click.option("--pass-tokens", default=4096, show_default=True, help="Bounds the memory.")
@click.option("--learning-rate", default=3e-4, show_default=True)
@click.option("--evaluate-every", default=50, show_default=True, metavar="STEPS")
@click.option("--validation-tasks", default=300, show_default=True, help="Measured, at most.")
@click.option("--seed", default=1, show_default=True)
@click.option("--scores", type=_PATH, help="Out-of-fold rank scores of the ranker's trainer.")
@click.option("--load-in-4bit", is_flag=True, help="The frozen base in 4 bits (CUDA).")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--max-minutes", default=math.inf, help="Stop then; `--resume` goes on.")
@click.option("--checkpoint-minutes", default=10.0, show_default=True)
@click.option("--merge", is_flag=True, help="Write the whole model, too, into OUT/merged.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in OUT.work.")
def command(model: str, **options: Any) -> None:  # fmt: skip  # noqa: ANN401
    """Tune a language model to your labelled pages; load it with `tuned:OUT`.

    Sites are left out to stop early and to fit the profile. A model that is in OUT already is
    replaced only if the new one is not worse on them. The last line printed is JSON.
    """
    from groundling.errors import MissingExtraError

    try:
        from groundling.train.lora.run import run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("groundling"):
            raise
        raise MissingExtraError(
            f'`train lora` needs {error.name}: pip install "groundling[train]"'
        ) from error
    job = _job(model, options)
    with _Bar() as bar:
        finished = run(job, bar.show)
    _tell(job, finished)


def _job(model: str, options: dict[str, Any]) -> "Job":
    from groundling.train.lora.config import LoraSettings
    from groundling.train.lora.loop import Limits
    from groundling.train.lora.run import Job

    own = ("data", "out", "validation", "scores", "resume", "merge", "device")
    given = {name: options.pop(name) for name in own}
    limits = Limits(
        checkpoint_minutes=options.pop("checkpoint_minutes"),
        max_minutes=options.pop("max_minutes"),
    )
    try:
        settings = LoraSettings(base=model, **options)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return Job(settings=settings, limits=limits, **given)


class _Bar:
    """A progress bar on stderr with the last measurement on the sites left out."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self.bar = Progress(
            *Progress.get_default_columns(), "{task.fields[told]}", console=Console(stderr=True)
        )
        self.task = self.bar.add_task("training", total=None, told="")
        self.n_told = 0

    def __enter__(self) -> "_Bar":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def show(self, state: Any, total: int) -> None:  # noqa: ANN401
        """Draw one step."""
        told = ""
        if state.history:
            last = state.history[-1]
            told = f"left out {100 * last.accuracy:.1f} %, loss {last.loss:.3f}"
            if len(state.history) > self.n_told:
                self.n_told = len(state.history)
                self.bar.console.print(f"step {last.step}: {told}", highlight=False)
        self.bar.update(self.task, total=total, completed=state.step, told=told)


def _tell(job: "Job", finished: "Finished") -> None:
    told = finished.told
    if finished.verdict is not None:
        click.echo(str(finished.verdict), err=True)
    if not finished.is_done:
        click.echo("stopped by the time limit: `--resume` goes on", err=True)
    click.echo(
        json.dumps(
            {
                "out": str(job.out),
                "load": f"tuned:{job.out}",
                "steps": told["steps"],
                "minutes": told["minutes"],
                "n_left_out": told["n_left_out"],
                "accuracy": told["accuracy"],
                "ece": told["ece"],
                "done": finished.is_done,
            }
        )
    )
