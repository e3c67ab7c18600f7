"""Commands whose module is imported on first use, because it needs what the base install lacks."""

import importlib
from typing import Any

import click

from groundling.errors import MissingExtraError


def imported(module: str, said: str, extra: str) -> click.Command:
    """Return the `command` of a module.

    Args:
        module: Its dotted name.
        said: What the user typed, e.g. `train lora`.
        extra: The extra that brings what it needs.

    Raises:
        MissingExtraError: If a package that it imports is not installed.
    """
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("groundling"):
            raise
        raise MissingExtraError(
            f'`{said}` needs {error.name}: pip install "groundling[{extra}]"'
        ) from error
    command: click.Command = found.command
    return command
