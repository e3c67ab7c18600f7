"""The command group: finds commands by module name, turns errors into one line."""

import importlib
import logging
from pathlib import Path
from typing import Any

import click

from groundling.errors import GroundlingError

_NOT_COMMANDS = {"__init__", "main"}


class _LazyGroup(click.Group):
    """Imports a command's module on first use, so that `--version` stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        modules = {p.stem for p in Path(__file__).parent.glob("*.py")} - _NOT_COMMANDS
        # `bench_NAME.py` holds a command of the group `bench`.
        return sorted(m.replace("_", "-") for m in modules if not m.startswith(("_", "bench_")))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"groundling.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401
        try:
            return super().invoke(ctx)
        except GroundlingError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            raise SystemExit(130) from None


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="groundling", message="groundling %(version)s")
@click.option("-v", "--verbose", count=True, help="Log what happens to stderr; twice for more.")
def cli(verbose: int) -> None:
    """Web automation with small local language models: a page in, a checked action out."""
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    logging.basicConfig(level=level, format="%(levelname).1s %(name)s: %(message)s")
    if not verbose:
        # Ctrl-C breaks off calls to Playwright's driver: asyncio reports each of them, Playwright
        # each answer that comes after all.
        for name in ("asyncio", "playwright"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
