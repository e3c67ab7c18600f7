"""Save so that what was there before stays until the new file is whole."""

import pickle
from pathlib import Path
from typing import Any

import torch

from groundling.errors import DataError


def save_checkpoint(told: dict[str, Any], path: Path) -> None:
    """Write a checkpoint.

    Raises:
        DataError: If it cannot be written, e.g. because the disk is full; the one before stays.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(told, part)
        part.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        part.unlink(missing_ok=True)
        first = str(error).split("\n", maxsplit=1)[0][:120]
        raise DataError(
            f"cannot save {path} ({first}): free some space and run again, it goes on from the "
            "checkpoint before"
        ) from error


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return a checkpoint, or None if there is none.

    Raises:
        DataError: If the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        told: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError) as error:
        raise DataError(f"{path} is damaged: remove it to start anew") from error
    return told
