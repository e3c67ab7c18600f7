"""`groundling train`: make models better on your own pages."""

import importlib
from typing import Any

import click

from groundling.errors import MissingExtraError

_HOMES = {"collect": "collect", "embedded": "adapt", "lora": "lora"}
"""Module of each command. The recipe of the shipped model is `groundling.train.embedded`."""


class _Trainers(click.Group):
    """Imports a trainer on first use: they need packages that the base install lacks."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _HOMES:
            return None
        name = f"groundling.train.{_HOMES[cmd_name]}"
        try:
            module: Any = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("groundling"):
                raise
            raise MissingExtraError(
                f'`train {cmd_name}` needs {error.name}: pip install "groundling[train]"'
            ) from error
        command: click.Command = module.command
        return command


@click.group("train", cls=_Trainers)
def command() -> None:
    """Collect examples from traces, and train models on them."""
