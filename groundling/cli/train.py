"""`groundling train`: make models better on your own pages."""

import click

from groundling.cli._lazy import imported

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
        return imported(name, f"train {cmd_name}", "train")


@click.group("train", cls=_Trainers)
def command() -> None:
    """Collect examples from traces, and train models on them."""
