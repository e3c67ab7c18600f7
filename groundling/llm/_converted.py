"""Copies of GGUF models that load at once: only the layers in use, unpacked, in the user's cache.

transformers reads a GGUF file three times and unpacks all its layers: some 20 seconds for
SmolLM2-135M, of which half the layers are then thrown away. A copy holds what was kept, in float32
as it was unpacked, so answers are the same to the last digit. It is named by the SHA-256 of the
GGUF file, the number of layers and the versions of whatever unpacked it, and it lists the SHA-256
of its own files: another source makes another copy, and a copy that was changed is made anew.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from groundling.llm.cached import default_folder
from groundling.llm.hub import file_hash

_log = logging.getLogger(__name__)

Load = Callable[[], tuple[Any, Any]]
_FORMAT = 1
# Four-bit weights unpack to eight times their size, and about half the layers are kept:
# SmolLM2's 98 MB become 340.
_GROWTH = 4
_CARD, _WEIGHTS = "copy.json", "model.safetensors"
_UNFINISHED = ".unfinished-"
_DAY_S = 86_400
# Copies of packages that were updated since, and what a killed process left.
_KEPT_S, _UNFINISHED_S = 30 * _DAY_S, _DAY_S


@dataclass(frozen=True, slots=True)
class Source:
    """What a copy is made from."""

    file: Path
    """The GGUF file."""
    layers: int
    """How many of its layers the copy holds, from the first; 0 for all."""

    def card(self) -> dict[str, Any]:
        """Return all that decides what a copy holds.

        Raises:
            OSError: If the file cannot be read.
        """
        return {
            "format": _FORMAT,
            "sha256": file_hash(self.file),
            "layers": self.layers,
            "made by": {name: _version(name) for name in ("transformers", "gguf")},
        }


def models_folder() -> Path:
    """Return where copies are kept, beside the answers of `CachedLLM`.

    Raises:
        OSError: If the user has no home folder.
    """
    try:
        return default_folder().with_name("models")
    except RuntimeError as error:
        raise OSError(str(error)) from error


def converted(source: Source, load: Load) -> Path | None:
    """Return the folder of a copy that is whole, made now if there is none.

    Args:
        source: File and layers.
        load: Returns the model, in float32 on the CPU and with these layers only, and its fast
            tokenizer; called when a copy is to be made.

    Returns:
        A folder in the format of transformers; None, with a line in the log, where none can be
        kept: the disk is full or read-only.

    Raises:
        ModelError: If `load` does.
    """
    try:
        folder = models_folder()
        card = source.card()
        name = hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()[:24]
        copy = folder / f"{source.file.stem}-{name}"
        if copy.exists():
            if not (fault := _fault(copy, card)):
                with suppress(OSError):  # a read-only copy serves as well
                    os.utime(copy)
                    _sweep(folder, keep=copy)
                return copy
            _log.warning("%s is damaged (%s): it is made anew", copy, fault)
        _make(copy, source.file, card, load)
    except OSError as error:
        _log.warning(
            "no unpacked copy of %s can be kept (%s): it is unpacked again on each start",
            source.file.name,
            _first_line(error),
        )
        return None
    return copy


def _fault(copy: Path, card: dict[str, Any]) -> str:
    """Return in what a copy differs from what was written, "" if in nothing."""
    try:
        told = json.loads((copy / _CARD).read_text(encoding="utf-8"))
        if told["card"] != card:
            return "made from something else"
        return _changed(copy, told["files"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"{_CARD}: {_first_line(error)}"


def _changed(copy: Path, files: dict[str, str]) -> str:
    found = {p.name for p in copy.iterdir()} - {_CARD}
    # transformers would take up an adapter or a second set of weights that someone puts there.
    if odd := sorted(found ^ files.keys()):
        return f"missing or added: {', '.join(odd)}"
    changed = (name for name in sorted(found) if file_hash(copy / name) != files[name])
    return next((f"{name} was changed" for name in changed), "")


def _make(copy: Path, file: Path, card: dict[str, Any], load: Load) -> None:
    """Write a copy beside its place and move it there in one step.

    Raises:
        OSError: If it cannot be written.
        ModelError: If the model cannot be loaded.
    """
    copy.parent.mkdir(parents=True, exist_ok=True)
    # Both before the work begins: who cannot keep a copy must not unpack the file twice.
    _check_room(copy.parent, file)
    new = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=copy.parent))
    try:
        _log.info("unpacking %s once into %s: later starts are faster", file.name, copy)
        started = time.perf_counter()
        _write(new, card, load)
        _move(new, copy, card)
        _log.info("unpacked %s in %.1f s", file.name, time.perf_counter() - started)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _write(folder: Path, card: dict[str, Any], load: Load) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    model, tokenizer = load()
    weights: dict[int, tuple[str, Any]] = {}
    for name, tensor in model.state_dict().items():
        weights.setdefault(tensor.data_ptr(), (name, tensor.contiguous()))  # tied ones once
    with suppress(AttributeError):
        del model.config.quantization_config  # nothing is packed any more
    try:
        save_file(dict(weights.values()), folder / _WEIGHTS, metadata={"format": "pt"})
        for part in (model.config, model.generation_config, tokenizer):
            part.save_pretrained(folder)
    except (SafetensorError, RuntimeError, ValueError, TypeError) as error:
        raise OSError(_first_line(error)) from error
    files = {p.name: file_hash(p) for p in sorted(folder.iterdir())}
    told = {"card": card, "files": files}
    (folder / _CARD).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _check_room(folder: Path, file: Path) -> None:
    wanted, free = _GROWTH * file.stat().st_size, shutil.disk_usage(folder).free
    if free < wanted:
        raise OSError(f"{wanted / 1e9:.1f} GB wanted, {free / 1e9:.1f} GB free in {folder}")


def _move(new: Path, copy: Path, card: dict[str, Any]) -> None:
    """Put a finished copy in its place, unless another process was faster."""
    try:
        new.rename(copy)
    except OSError:
        if not copy.exists():
            raise
        if not _fault(copy, card):
            return
        old = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=copy.parent))
        try:
            copy.rename(old / copy.name)
            new.rename(copy)
        finally:
            shutil.rmtree(old, ignore_errors=True)


def _sweep(folder: Path, keep: Path) -> None:
    """Delete copies that nobody has used for a month, and unfinished ones from yesterday."""
    now = time.time()
    for each in folder.iterdir():
        with suppress(OSError):
            age = now - each.stat().st_mtime
            unfinished = each.name.startswith(_UNFINISHED)
            ours = unfinished or (each / _CARD).exists()
            if ours and each != keep and age > (_UNFINISHED_S if unfinished else _KEPT_S):
                _log.info("deleting %s: not used for %d days", each, age // _DAY_S)
                shutil.rmtree(each)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0][:200] or type(error).__name__
