"""`groundling doctor`: will the main job run here, and what else can be used?"""

from collections.abc import Iterator
from functools import partial

import click
import orjson

from groundling.cli import _checks
from groundling.cli._checks import Check

_SIGNS = {"ok": "ok", "note": "-", "warn": "!", "fail": "FAIL"}


@click.command("doctor")
@click.option(
    "--model", default="embedded", show_default=True, metavar="SPEC", help="Try this one."
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(model: str, as_json: bool) -> None:
    """Check Python, browser, model, packages, devices, network and servers.

    Starts the browser, reads a page, loads the model and asks it five easy questions. Exit status 1
    when the main job cannot run; `!` and `-` mark what it can do without.
    """
    found = []
    for check in _run(model):
        found.append(check)
        if not as_json:
            _print(check)
    failed = [check.name for check in found if check.state == "fail"]
    if as_json:
        told = {
            "ok": not failed,
            "failed": failed,
            "checks": [
                {"name": c.name, "state": c.state, "detail": c.detail, "remedy": c.remedy, **c.data}
                for c in found
            ],
        }
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        click.echo(_verdict(failed, model))
    if failed:
        raise SystemExit(1)


def _run(model: str) -> Iterator[Check]:
    for look in (
        _checks.python,
        _checks.packages,
        _checks.browser,
        partial(_checks.model, model),
        _checks.hardware,
        _checks.extras,
        _checks.network,
        _checks.weights,
        _checks.servers,
        _checks.keys,
    ):
        yield from look()


def _print(check: Check) -> None:
    click.echo(f"{_SIGNS[check.state]:>4}  {check.name:<20} {check.detail}")
    if check.remedy:
        click.echo(f"{'':>26} -> {check.remedy}")


def _verdict(failed: list[str], model: str) -> str:
    if failed:
        return f"The main job cannot run: {', '.join(failed)}."
    return f"The main job runs here with {model}: try `groundling demo`."
