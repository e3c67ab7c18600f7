"""`groundling bench miniwob`: goals of many steps on the MiniWoB++ pages."""

import platform
import sys
import time
from pathlib import Path
from typing import Any

import click
import orjson

from groundling.errors import DataError


@click.command("miniwob")
@click.option("--tasks", "names", default="", metavar="A,B", help="Only these tasks.")
@click.option("--split", type=click.Choice(["train", "test"]), help="Only this side of the list.")
@click.option("--seeds", "n_seeds", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--first-seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--model", default="embedded", show_default=True, metavar="SPEC", help="Who chooses.")
@click.option("--max-steps", type=click.IntRange(min=1), default=10, show_default=True)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds for one episode.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep one row for each episode here, as JSON lines.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(*, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Measure how many MiniWoB++ tasks are solved: 125 small pages, a goal for each.

    Prints two shares that are never to be mixed: episodes with a reward above 0, which counts
    partial credit, and with a reward of 1; by class, with steps, milliseconds and tokens.
    docs/miniwob.md says what is in each class and how the figures are made.
    """
    if options["resume"] and not options["out"]:
        raise click.UsageError("--resume needs --out: it goes on with the run in that file")
    result = _run(options)
    if as_json:
        click.echo(orjson.dumps(result, option=orjson.OPT_INDENT_2))
        return
    from groundling.bench.miniwob_summary import lines

    click.echo("\n".join(lines(result)))


def _run(options: dict[str, Any]) -> dict[str, Any]:
    from groundling.bench.miniwob import chosen_tasks
    from groundling.bench.miniwob_run import EpisodeRow, MiniwobRun, run_miniwob
    from groundling.bench.miniwob_summary import summarise
    from groundling.cli.find import model_of

    names = tuple(n.strip() for n in options["names"].split(",") if n.strip())
    run = MiniwobRun(
        tasks=chosen_tasks(names, options["split"] or ""),
        spec=options["model"],
        n_seeds=options["n_seeds"],
        first_seed=options["first_seed"],
        max_steps=options["max_steps"],
        timeout_s=options["timeout_s"],
    )
    started = time.perf_counter()
    n = len(run.tasks) * run.n_seeds
    with click.progressbar(length=n, label=f"Asking {run.spec}", file=sys.stderr) as bar:

        def done(_: EpisodeRow) -> None:
            bar.update(1)

        rows = run_miniwob(
            run,
            model_of(run.spec, None),
            out=options["out"],
            resume=options["resume"],
            on_row=done,
        )
    if not rows:
        raise DataError("there was no episode: nothing was measured")
    return {
        **summarise(rows),
        "run": run.header(),
        "wall_s": round(time.perf_counter() - started, 1),
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
    }
