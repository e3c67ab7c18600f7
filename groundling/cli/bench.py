"""`groundling bench`: how good a model is, with intervals and baselines."""

import importlib
from pathlib import Path
from typing import Any

import click

from groundling.errors import MissingExtraError

_PREFIX = "bench_"


class _Benches(click.Group):
    """Finds `bench_NAME.py` beside this file, and imports it on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        modules = sorted(p.stem for p in Path(__file__).parent.glob(f"{_PREFIX}*.py"))
        return [m.removeprefix(_PREFIX).replace("_", "-") for m in modules]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        name = f"groundling.cli.{_PREFIX}{cmd_name.replace('-', '_')}"
        try:
            module: Any = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("groundling"):
                raise
            raise MissingExtraError(
                f'`bench {cmd_name}` needs {error.name}: pip install "groundling[bench]"'
            ) from error
        command: click.Command = module.command
        return command


@click.group("bench", cls=_Benches)
def command() -> None:
    """Measure models on pages whose answers are known."""
