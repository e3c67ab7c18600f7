"""Fetch weights from the Hugging Face hub, and find those that are here already.

Everything is named before it is fetched (files, size, licence), downloads resume where they
stopped, and each weight file is checked against the hash that the hub publishes. Any server that
speaks the hub's protocol will do: `HF_ENDPOINT` names it.
"""

import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundling.errors import MissingExtraError, ModelFilesError, UnknownModelError

_HUB = "https://huggingface.co"
_TIMEOUT_S = 10.0
# What transformers reads beside the weights; other formats of the same weights stay on the hub.
_BESIDE = (".json", ".txt", ".model", ".jinja", ".tiktoken", ".py")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository."""

    name: str
    size_bytes: int
    sha256: str | None
    """Published for large files only."""


@dataclass(frozen=True, slots=True)
class Repository:
    """What the hub says about a model."""

    name: str
    licence: str
    files: tuple[RemoteFile, ...]

    def size_of(self, files: Sequence[RemoteFile]) -> int:
        """Return the bytes of some of its files."""
        return sum(f.size_bytes for f in files)


def list_files(repository: str) -> Repository:
    """Ask the hub what a repository holds.

    Raises:
        MissingExtraError: If huggingface_hub is not installed.
        UnknownModelError: If the hub has no such model.
        ModelFilesError: If it is gated, or the hub is out of reach.
    """
    require_client()
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    try:
        info = HfApi(endpoint=endpoint()).model_info(
            repository, files_metadata=True, timeout=_TIMEOUT_S
        )
    except GatedRepoError as error:
        raise _gated(repository) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise UnknownModelError(
            f"{endpoint()} has no model {repository!r}: check the spelling, `groundling models` "
            "lists what is known"
        ) from error
    except Exception as error:  # the client's HTTP library changes between releases
        raise out_of_reach(repository, error) from error
    if getattr(info, "gated", False) and not _may_read(repository):
        raise _gated(repository)
    files = tuple(
        RemoteFile(s.rfilename, s.size or 0, s.lfs.sha256 if s.lfs else None)
        for s in info.siblings or ()
    )
    card: Any = info.card_data or {}
    licence = card.get("license_name") or card.get("license") or "not named"
    return Repository(repository, str(licence), files)


def weights_of(repository: Repository) -> tuple[RemoteFile, ...]:
    """Return the files that transformers needs: one format of the weights, and what is beside them.

    Raises:
        ModelFilesError: If there are no weights that it reads.
    """
    top = [f for f in repository.files if "/" not in f.name]
    for ending in (".safetensors", ".bin"):
        weights = [f for f in top if f.name.endswith(ending) and "consolidated" not in f.name]
        if weights:
            return (*weights, *(f for f in top if f.name.endswith(_BESIDE)))
    ggufs = [f.name for f in repository.files if f.name.endswith(".gguf")]
    remedy = f"write gguf:{repository.name}/{ggufs[0]}" if ggufs else "choose another repository"
    raise ModelFilesError(f"{repository.name} holds no weights for transformers: {remedy}")


def gguf_of(repository: Repository, file: str) -> tuple[RemoteFile, ...]:
    """Return the one file wanted.

    Raises:
        ModelFilesError: If the repository has no such file; the message names those it has.
    """
    found = tuple(f for f in repository.files if f.name == file)
    if not found:
        ggufs = [f.name for f in repository.files if f.name.endswith(".gguf")]
        has = f"it has {', '.join(ggufs[:8])}" if ggufs else "it has no GGUF files"
        raise ModelFilesError(f"{repository.name} has no file {file or '(none given)'}: {has}")
    return found


def split_gguf(name: str) -> tuple[str, str]:
    """Return repository and file of `owner/name/file.gguf`; the file is empty where none is named.

    Raises:
        UnknownModelError: If `name` has fewer than two parts.
    """
    owner, _, rest = name.partition("/")
    repository, _, file = rest.partition("/")
    if not owner or not repository:
        raise UnknownModelError(f"write gguf:OWNER/NAME/FILE.gguf, not gguf:{name}")
    return f"{owner}/{repository}", file


def download(repository: Repository, files: Sequence[RemoteFile]) -> Path:
    """Fetch files into the hub's cache and check them; a progress bar goes to stderr.

    Returns:
        The folder that holds them.

    Raises:
        ModelFilesError: If the disk is too small, the hub breaks off, or a hash does not match.
    """
    from huggingface_hub import hf_hub_download

    _check_disk(repository, files)
    folder = cache_folder()
    for file in files:
        try:
            path = Path(
                hf_hub_download(
                    repository.name,
                    file.name,
                    endpoint=endpoint(),
                    cache_dir=cache_folder(),
                )
            )
        except Exception as error:  # the client's HTTP library changes between releases
            raise _broken_off(repository.name, error) from error
        _check_hash(path, file)
        folder = path.parents[file.name.count("/")]
    return folder


def cached_gguf(name: str) -> Path | None:
    """Return where `owner/name/file.gguf` lies in the hub's cache, None if it does not."""
    if importlib.util.find_spec("huggingface_hub") is None or name.count("/") < 2:
        return None
    repository, file = split_gguf(name)
    return _in_cache(repository, file)


def cached_weights(repository: str) -> Path | None:
    """Return the folder of a model whose weights are all in the hub's cache, else None."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    config = _in_cache(repository, "config.json")
    if config is None:
        return None
    folder = config.parent
    if any((folder / f).exists() for f in ("model.safetensors", "pytorch_model.bin")):
        return folder
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return None
    shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    return folder if all((folder / shard).exists() for shard in shards) else None


def cache_folder() -> Path:
    """Return where the hub's client keeps files, by its own rules."""
    if path := os.environ.get("HF_HUB_CACHE"):
        return Path(path)
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("HF_HOME") or Path(cache) / "huggingface") / "hub"


def endpoint() -> str:
    """Return the address of the hub."""
    return (os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")


def require_client() -> None:
    """Check that huggingface_hub is there.

    Raises:
        MissingExtraError: If not.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise MissingExtraError("downloads need huggingface_hub: pip install huggingface_hub")


def out_of_reach(repository: str, error: Exception) -> ModelFilesError:
    """Return the one line for a machine without a network."""
    folder = repository.partition("/")[2]
    why = "HF_HUB_OFFLINE is set" if os.environ.get("HF_HUB_OFFLINE") else _first_line(error)
    return ModelFilesError(
        f"{endpoint()} is out of reach ({why}): where there is a network run `hf download "
        f"{repository} --local-dir {folder}`, copy the folder here, and name it: hf:/path/{folder}"
    )


def _in_cache(repository: str, file: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, file, cache_dir=cache_folder())
    return Path(found) if isinstance(found, str) else None


def _may_read(repository: str) -> bool:
    """Whether the caller's token opens a gated repository; its card can be read without one."""
    from huggingface_hub import HfApi

    try:
        HfApi(endpoint=endpoint()).auth_check(repository)
    except Exception:  # noqa: BLE001 - whatever the reason, the download would fail alike
        return False
    return True


def _gated(repository: str) -> ModelFilesError:
    return ModelFilesError(
        f"{repository} is gated: accept its licence at {endpoint()}/{repository} and run "
        "`hf auth login`"
    )


def _broken_off(repository: str, error: Exception) -> ModelFilesError:
    return ModelFilesError(
        f"the download of {repository} broke off ({_first_line(error)}): run the command again, it "
        "goes on where it stopped"
    )


def _check_disk(repository: Repository, files: Sequence[RemoteFile]) -> None:
    folder = cache_folder()
    here = next(p for p in (folder, *folder.parents) if p.exists())
    free, wanted = shutil.disk_usage(here).free, repository.size_of(files)
    if wanted > free:
        raise ModelFilesError(
            f"{repository.name} takes {wanted / 1e9:.1f} GB and {here} has {free / 1e9:.1f} GB "
            "free: set HF_HOME to a larger disk"
        )


def _check_hash(path: Path, file: RemoteFile) -> None:
    if file.sha256 is None:
        return
    if file_hash(path) != file.sha256:
        raise ModelFilesError(
            f"{file.name} is damaged, its hash is not the hub's: delete {path.resolve()} and run "
            "the command again"
        )


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _first_line(error: Exception) -> str:
    text = str(error).strip().split("\n", maxsplit=1)[0][:120]
    return text or type(error).__name__
