"""`groundling run`: do a goal of many steps on a page."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from groundling.errors import DataError

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("run")
@click.argument("goal")
@click.option("--url", "source", required=True, metavar="URL|FILE", help="Page to start on.")
@click.option("--model", default="embedded", show_default=True, metavar="SPEC", help="Who chooses.")
@click.option(
    "--planner",
    type=click.Choice(("rules", "llm")),
    default="rules",
    show_default=True,
    help="Who splits the goal: rules, or the model, which must be one that generates.",
)
@click.option("--finish-forms", is_flag=True, help="Send off what was filled, unsaid (rules).")
@click.option("--value", "values", multiple=True, metavar="NAME=TEXT", help="A text to type.")
@click.option("--max-steps", type=click.IntRange(min=1), default=30, show_default=True)
@click.option("--timeout-s", type=click.FloatRange(min=0, min_open=True), default=300.0)
@click.option("--trace", type=_FILE, help="JSON lines file that each step is appended to.")
@click.option("--save", type=_FILE, help="Script for `groundling replay`, written on success.")
@click.option("--report", type=_FILE, help="HTML file that shows what was seen and chosen.")
@click.option("--headed", is_flag=True, help="Show the browser.")
def command(goal: str, source: str, **options: Any) -> None:  # noqa: ANN401
    """Do GOAL, e.g. 'Enter "ann" as the user name and press Log in', and prove each step.

    Values typed come from the goal, from --value, or are copied from the page where the goal says
    so. Exit status 1 when the goal is not proved to be met, 130 after Ctrl-C; the trace keeps the
    steps done either way.
    """
    from groundling.agent import LocalLLMWebAgent
    from groundling.cli._source import opened, url_of
    from groundling.llm import load_llm
    from groundling.planner import LLMPlanner, RulesPlanner

    if not goal.strip():
        raise click.BadParameter("it is empty: say what to do", param_hint="GOAL")
    values, url = values_of(options["values"]), url_of(source)
    llm = load_llm(options["model"])
    agent = LocalLLMWebAgent(llm, trace=options["trace"], screenshots=options["report"] is not None)
    done: list[Any] = []
    with told(done, goal, llm.name, options), opened(url, headed=options["headed"]) as page:
        result = agent.run(
            page,
            goal,
            values=values,
            planner=LLMPlanner(llm)
            if options["planner"] == "llm"
            else RulesPlanner(finish_forms=options["finish_forms"]),
            max_steps=options["max_steps"],
            timeout_s=options["timeout_s"],
            on_step=lambda past: show(done, past),
        )
    click.echo(str(result))
    if not result:
        raise SystemExit(1)
    if options["save"] is not None:
        save(result, options["save"])


def values_of(given: Sequence[str]) -> dict[str, str]:
    """Return `NAME=TEXT` options as a dict.

    Raises:
        BadParameter: If one has no name.
    """
    values = {}
    for option in given:
        name, sign, text = option.partition("=")
        if not sign or not name.strip():
            raise click.BadParameter("write it as NAME=TEXT", param_hint="--value")
        values[name.strip()] = text
    return values


def show(done: list[Any], past: Any) -> None:  # noqa: ANN401
    """Print a step as it is done and keep it for the report."""
    done.append(past.result)
    click.echo(f"{len(done)}. {past.result}", err=True)


@contextmanager
def told(done: list[Any], goal: str, model: str, options: Any) -> Iterator[None]:  # noqa: ANN401
    """Write the report at the end, also of a run that was broken off."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"Interrupted after {len(done)} steps.", err=True)
        raise SystemExit(130) from None
    finally:
        if options["report"] is not None and done:
            from groundling.planner.script import without_secrets
            from groundling.report import report_of, write_report

            title = without_secrets(goal, done)
            write_report(report_of(done, title=title, model=model), options["report"])
            click.echo(f"Report: {options['report']}", err=True)


def save(result: Any, path: Path) -> None:  # noqa: ANN401
    """Write a run as a script.

    Raises:
        DataError: If it cannot be written.
    """
    from groundling.planner import Script

    if not path.parent.is_dir():
        raise DataError(f"there is no folder {str(path.parent)!r}: make it first")
    Script.of(result).save(path)
    click.echo(f"Script: {path}; replay it with: groundling replay {path}", err=True)
