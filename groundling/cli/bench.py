"""`groundling bench`: how good a model is, with intervals and baselines."""

from pathlib import Path

import click

from groundling.cli._lazy import imported

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
        return imported(name, f"bench {cmd_name}", "bench")


@click.group("bench", cls=_Benches)
def command() -> None:
    """Measure models on pages whose answers are known."""
