"""`groundling cache`: look into an action cache, and clear it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from groundling.errors import DataError

if TYPE_CHECKING:
    from groundling.cache import ActionCache, Entry

_FILE = click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The cache; by default the file that `cache=True` uses.",
)
_HOST = click.option("--host", default="", help="Only entries of this host, e.g. example.org:8080.")


@click.group("cache")
def command() -> None:
    """Look into an action cache: what agents remember of steps that were verified."""


@command.command("ls")
@_FILE
@_HOST
def ls(path: Path | None, host: str) -> None:
    """Print the entries, one a line: id, uses, state, page, instruction, element."""
    for e in _open(path).entries(host):
        state = "suspended" if e.failures else f"healed {e.healed}x" if e.healed else "ok"
        page, element = f"{e.key.host}{e.key.path}", f"{e.element.role} {_name(e)!r}"
        click.echo(f"{e.id}\t{e.hits}\t{state}\t{page}\t{e.key.intent}\t{element}")


@command.command("show")
@click.argument("entry_id", type=int, metavar="ID")
@_FILE
def show(entry_id: int, path: Path | None) -> None:
    """Print all that is remembered of one entry, as JSON."""
    cache = _open(path)
    entry = cache.get(entry_id)
    if entry is None:
        raise DataError(f"{cache.path} has no entry {entry_id}: see `groundling cache ls`")
    click.echo(orjson.dumps(entry.to_json(), option=orjson.OPT_INDENT_2))


@command.command("clear")
@click.argument("entry_ids", type=int, nargs=-1, metavar="[ID]...")
@_FILE
@_HOST
def clear(entry_ids: tuple[int, ...], path: Path | None, host: str) -> None:
    """Remove the entries named, those of a host, or all."""
    if entry_ids and host:
        raise click.UsageError("give ids or --host, not both")
    n = _open(path).clear(entry_ids or None, host=host)
    click.echo(f"{n} removed", err=True)


@command.command("export")
@_FILE
@_HOST
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File instead of stdout."
)
def export(path: Path | None, host: str, out: Path | None) -> None:
    """Print the entries as JSON lines."""
    lines = b"".join(orjson.dumps(e.to_json()) + b"\n" for e in _open(path).entries(host))
    if out is None:
        click.echo(lines, nl=False)
        return
    try:
        out.write_bytes(lines)
    except OSError as error:
        raise DataError(f"cannot write {out} ({error}): choose another file") from error


def _name(entry: "Entry") -> str:
    return entry.element.name or entry.element.label or entry.element.placeholder


def _open(path: Path | None) -> "ActionCache":
    from groundling.cache import ActionCache, default_path

    where = path or default_path()
    if not where.is_file():
        raise DataError(f"{where} is not there: an agent with `cache=` makes it")
    return ActionCache(where)
