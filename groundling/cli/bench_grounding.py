"""`groundling bench grounding`: how often the right element of a page is found."""

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from groundling.errors import DataError

_FILE = click.Path(path_type=Path, dir_okay=False)
_SHARE = click.FloatRange(0, 1)


@click.command("grounding")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    metavar="DIR|FILE",
    help="Labelled folder, or the JSON lines that `python -m groundling.bench.labelled` wrote. "
    "Without it, the 529 tasks that ship with the package.",
)
@click.option("--model", default="embedded", show_default=True, metavar="SPEC", help="Who chooses.")
@click.option("--profile", type=_FILE, help="Calibration by `groundling calibrate`.")
@click.option("--max-elements", type=click.IntRange(min=1), default=15, show_default=True)
@click.option("--min-confidence", type=_SHARE, default=0.0, help="Below it, nothing is selected.")
@click.option("--no-rules", is_flag=True, help="Ask the model in certain cases, too.")
@click.option("--kind", "kinds", multiple=True, help="Only tasks of this kind; may be repeated.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many tasks, spread evenly.")
@click.option("--out", type=_FILE, help="Keep one row for each task here, as JSON lines.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option(
    "--compare",
    "compared",
    nargs=2,
    type=_FILE,
    metavar="A B",
    help="Run nothing; compare two files that --out wrote, task by task.",
)
def command(compared: tuple[Path, Path] | None, *, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Measure how often a model, with all that stands before it, finds the element meant.

    Prints accuracy with intervals, where it is lost, calibration, times, and what chance, word
    overlap, the ranking alone and a model without errors would reach. docs/bench.md explains each
    figure and the data format.
    """
    from groundling.bench.table import lines

    if compared:
        _refuse_run_options()
        click.echo(_compare(compared, as_json=as_json))
        return
    if options["resume"] and not options["out"]:
        raise click.UsageError("--resume needs --out: it goes on with the run in that file")
    result = _run(options)
    click.echo(_dumped(result) if as_json else "\n".join(lines(result)))


def _refuse_run_options() -> None:
    context = click.get_current_context()
    given = [
        p.opts[0]
        for p in context.command.params
        if p.name
        and p.name not in ("compared", "as_json")
        and context.get_parameter_source(p.name) == click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"--compare runs nothing: leave out {', '.join(given)}")


def _run(options: dict[str, Any]) -> dict[str, Any]:
    from groundling.bench.grounding import Run, run_grounding
    from groundling.bench.sources import open_source
    from groundling.cli.find import model_of
    from groundling.decision import DecisionConfig

    run = Run(
        spec=options["model"],
        config=DecisionConfig(
            max_elements=options["max_elements"],
            min_confidence=options["min_confidence"],
            rules=not options["no_rules"],
        ),
        kinds=options["kinds"],
        limit=options["limit"],
    )
    llm = model_of(run.spec, options["profile"])
    with (
        open_source(options["data"]) as source,
        click.progressbar(length=1, label=f"Asking {llm.name}", file=sys.stderr) as bar,
    ):

        def moved(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        return run_grounding(
            run, source, llm, out=options["out"], resume=options["resume"], on_task=moved
        )


def _compare(paths: tuple[Path, Path], *, as_json: bool) -> str:
    from groundling.bench.results import read_results
    from groundling.bench.summary import compare
    from groundling.bench.table import compared

    a, b = (read_results(p) for p in paths)
    if a.header.get("data_digest") != b.header.get("data_digest"):
        raise DataError(
            f"{paths[0]} is of {a.header.get('data')!r} and {paths[1]} of {b.header.get('data')!r} "
            "with other tasks: compare runs on the same data"
        )
    result = compare(a.rows, b.rows)
    if not result["n"]:
        raise DataError(f"{paths[0]} and {paths[1]} share no task: nothing can be compared")
    if as_json:
        return _dumped({**result, "runs": [a.header, b.header]})
    settings = sorted(k for k in a.header if a.header[k] != b.header.get(k))
    told = [f"{k}: A {a.header[k]!r}, B {b.header.get(k)!r}" for k in settings]
    return "\n".join([*compared(result, [str(p) for p in paths]), *told])


def _dumped(result: dict[str, Any]) -> str:
    return orjson.dumps(result, option=orjson.OPT_INDENT_2).decode()
