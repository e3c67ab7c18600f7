"""`groundling demo`: the main job on a real page in a real browser."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click

from groundling.cli._source import VIEWPORT, goto

_REPORT = Path("groundling-demo") / "report.html"


@click.command("demo")
@click.option("--model", default="embedded", show_default=True, metavar="SPEC", help="Who chooses.")
@click.option("--url", help="Home page of another search engine; its own one by default.")
@click.option("--query", default="visiting japan", show_default=True, help="What to search for.")
@click.option("--headed", is_flag=True, help="Show the browser.")
@click.option(
    "--report",
    "report_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=_REPORT,
    show_default=True,
    help="HTML file that shows what was seen and chosen.",
)
def command(model: str, url: str | None, query: str, headed: bool, report_path: Path) -> None:
    """Search, pick the first result that is no advertisement, open it; verify each step.

    Serves a search engine of its own on 127.0.0.1, so it needs no internet. Exit status 1 when a
    step is not verified.
    """
    from groundling.llm import load_llm

    llm = load_llm(model)
    own = url is None
    with _home(url) as home, _page(headed) as page:
        click.echo(f"Opening {home} with the model {llm.name}.", err=True)
        goto(page, home)
        results = _run(llm, page, query, expect="/page/*" if own else None)
    _write(results, llm.name, query, report_path)
    n_verified = sum(r.outcome.status == "verified" for r in results)
    click.echo(f"{n_verified} of 4 steps verified; report: {report_path}", err=True)
    if n_verified < 4:
        raise SystemExit(1)


def _home(url: str | None) -> Any:  # noqa: ANN401
    from groundling.demo.server import serve

    return serve() if url is None else nullcontext(url)


@contextmanager
def _page(headed: bool) -> Iterator[Any]:
    from groundling.browser.launch import launch_sync

    with launch_sync(headed=headed) as browser:
        yield browser.new_page(viewport=VIEWPORT)


def _run(llm: Any, page: Any, query: str, *, expect: str | None) -> list[Any]:  # noqa: ANN401
    from groundling.agent import LocalLLMWebAgent
    from groundling.decision import DecisionConfig
    from groundling.demo.run import search_and_open

    # Every step is the model's: the demonstration shows it, not the rules for certain cases.
    agent = LocalLLMWebAgent(llm, config=DecisionConfig(rules=False), screenshots=True)
    results = []
    for number, step in enumerate(search_and_open(agent, page, query, expect=expect), start=1):
        click.echo(f"{number}. {step.said}\n   {step.result}")
        results.append(step.result)
    return results


def _write(results: list[Any], model: str, query: str, path: Path) -> None:
    from groundling.report import report_of, write_report

    write_report(report_of(results, title=f"Search for {query!r}", model=model), path)
