"""`groundling find`: which element of a page an instruction means."""

from pathlib import Path
from typing import Any

import click
import orjson

from groundling.decision import Decision, DecisionConfig, decide_now
from groundling.prompts import TASK_TYPES

_SHARE = click.FloatRange(0, 1)
_LONG = ("attempts", "dropped")
"""What `--json` leaves out unless `--explain` asks for it."""


@click.command("find")
@click.argument("source", metavar="URL|FILE")
@click.argument("instruction")
@click.option("--task-type", type=click.Choice(TASK_TYPES), default="find_any", show_default=True)
@click.option("--model", default="embedded", show_default=True, metavar="SPEC", help="Who chooses.")
@click.option(
    "--profile", type=click.Path(path_type=Path), help="Calibration by `groundling calibrate`."
)
@click.option("--min-confidence", type=_SHARE, default=0.0, help="Below it, nothing is selected.")
@click.option("--target-precision", type=_SHARE, help="The same, read from the calibration.")
@click.option("--max-elements", type=click.IntRange(min=1), default=15, show_default=True)
@click.option("--no-rules", is_flag=True, help="Ask the model in certain cases, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
@click.option("--explain", is_flag=True, help="Print what led to it: candidates, odds, times.")
@click.option("--headed", is_flag=True, help="Show the browser.")
def command(source: str, instruction: str, **options: Any) -> None:  # noqa: ANN401
    """Print the element of a page that INSTRUCTION means, e.g. "the search box".

    URL needs its scheme, e.g. https://example.org; FILE is an HTML file, or a snapshot written by
    `groundling snapshot --json`. Exit status 1 when nothing is found.
    """
    from groundling.cli._source import snapshot_of

    if not instruction.strip():
        raise click.BadParameter("it is empty: say what to find", param_hint="INSTRUCTION")
    config = DecisionConfig(
        max_elements=options["max_elements"],
        min_confidence=options["min_confidence"],
        target_precision=options["target_precision"] or None,
        rules=not options["no_rules"],
    )
    llm = model_of(options["model"], options["profile"])
    snapshot = snapshot_of(source, headed=options["headed"])
    decision = decide_now(snapshot, instruction, options["task_type"], llm, config)
    _print(decision, as_json=options["as_json"], explain=options["explain"])
    if not decision:
        raise SystemExit(1)


def model_of(spec: str, profile: Path | None) -> Any:  # noqa: ANN401
    """Load a model, with a calibration around it where one is given.

    Raises:
        ModelError: If it cannot be loaded.
        DataError: If `profile` is no profile.
    """
    from groundling.llm import load_llm
    from groundling.llm.calibrated import CalibratedLLM

    llm = load_llm(spec)
    return llm if profile is None else CalibratedLLM(llm, profile)


def _print(decision: Decision, *, as_json: bool, explain: bool) -> None:
    chosen = decision.selection
    if as_json:
        told = decision.to_json()
        kept = told if explain else {k: v for k, v in told.items() if k not in _LONG}
        click.echo(orjson.dumps(kept, option=orjson.OPT_INDENT_2))
    elif explain:
        click.echo(decision.explain())
    elif chosen:
        click.echo(f"{chosen.id}\t{chosen}\tby {chosen.method}")
    if not chosen:
        click.echo(f"Nothing found: {chosen.reason}", err=True)
