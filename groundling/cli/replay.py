"""`groundling replay`: do the steps of a saved run again, without a model."""

from pathlib import Path
from typing import Any

import click

from groundling.errors import DataError

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("replay")
@click.argument("script", type=_FILE, metavar="FILE")
@click.option("--url", "source", metavar="URL|FILE", help="Start here and not where it was saved.")
@click.option("--value", "values", multiple=True, metavar="NAME=TEXT", help="A text to type.")
@click.option("--model", default="embedded", show_default=True, metavar="SPEC", help="Who heals.")
@click.option("--no-heal", is_flag=True, help="Fail where an element is not surely the same.")
@click.option("--update", is_flag=True, help="Write healed steps back to FILE.")
@click.option("--export", type=_FILE, help="Write a plain Playwright test and replay nothing.")
@click.option("--trace", type=_FILE, help="JSON lines file that each step is appended to.")
@click.option("--report", type=_FILE, help="HTML file that shows what was seen and done.")
@click.option("--headed", is_flag=True, help="Show the browser.")
def command(script: Path, source: str | None, **options: Any) -> None:  # noqa: ANN401
    """Replay FILE, written by `groundling run --save`; its elements are found without a model.

    A step whose element is not surely the remembered one is healed: the model looks for it by its
    words. Exit status 1 when a step fails.
    """
    from groundling.planner import Script, exported

    read = Script.load(script)
    if options["export"] is not None:
        _write(options["export"], exported(read))
        click.echo(f"Test: {options['export']}", err=True)
        return
    replayed = _replayed(read, source, options)
    click.echo(str(replayed))
    if replayed.healed:
        click.echo(f"Healed: {', '.join(f'step {n}' for n in replayed.healed)}.", err=True)
        if options["update"] and replayed:
            replayed.script.save(script)
    if not replayed:
        raise SystemExit(1)


def _replayed(script: Any, source: str | None, options: Any) -> Any:  # noqa: ANN401
    from groundling.agent import LocalLLMWebAgent
    from groundling.cli._source import opened, url_of
    from groundling.cli.run import show, told, values_of
    from groundling.llm import load_llm
    from groundling.llm.scripted import ScriptedLLM
    from groundling.planner import replay
    from groundling.policy import Policy

    heal = not options["no_heal"]
    # Without healing nobody is asked, so nothing needs to be loaded.
    llm = load_llm(options["model"]) if heal else ScriptedLLM()
    values = values_of(options["values"])
    agent = LocalLLMWebAgent(
        llm,
        trace=options["trace"],
        screenshots=options["report"] is not None,
        # Passwords are named in scripts, like secrets.
        policy=Policy(secrets=values),
    )
    done: list[Any] = []
    url = url_of(source or script.url)
    with opened(url, headed=options["headed"]) as page, told(done, script.goal, llm.name, options):
        return replay(
            agent, page, script, values=values, heal=heal, on_step=lambda past: show(done, past)
        )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot write {path} ({error}): choose another") from error
