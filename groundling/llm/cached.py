"""Answers kept on disk: the same question to the same model is answered once.

The key is everything that can change the answer: the model's identity, the prompt, the options,
and for models that read elements rather than text the elements themselves. Entries are plain JSON
in SQLite (diskcache); nothing is unpickled, so a file put there by someone else cannot run code.
"""

import hashlib
import logging
import os
import sqlite3
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import diskcache
import orjson

from groundling.errors import DataError
from groundling.llm import backends, load_llm
from groundling.llm._wrapped import WrappedLLM
from groundling.llm.base import BaseLLM, Choice, LLMResponse
from groundling.prompts import ChoicePrompt

log = logging.getLogger(__name__)
T = TypeVar("T")

_MAX_BYTES = 256 * 2**20
_LOCKED_S = 5.0
_READ_FIELDS = attrgetter(
    "tag", "role", "text", "label", "placeholder", "description", "value", "options", "checked",
    "selected", "pressed", "expanded", "disabled", "required", "readonly", "invalid", "current",
    "input_type", "href", "landmark", "heading", "dialog", "form", "fieldset", "context", "before",
    "after", "row_header", "column_header", "places", "icons", "attributes",
)  # fmt: skip
"""What a model may read of an element: all but ids, boxes and nodes, which differ at each visit."""


class CachedLLM(WrappedLLM):
    """Any model, its answers kept on disk; safe to share among threads and processes.

    The least recently used answers make room once the folder has reached its size. Answers that
    were sampled (`temperature` above 0) are kept, too: asking again returns the same text.
    """

    def __init__(
        self,
        llm: BaseLLM | str | None = None,
        *args: Any,  # noqa: ANN401
        folder: Path | str | None = None,
        max_bytes: int = _MAX_BYTES,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Open or create the cache.

        Args:
            llm: A model, or what `load_llm` takes. A name without a backend is a Hugging Face
                model, as in the design guide's `CachedLocalLLM(model_name="Qwen/...")`; without
                any it is the guide's own choice.
            args: For the model's constructor, if it is named.
            folder: Where answers are kept; by default `groundling/answers` in the user's cache.
            max_bytes: Size of the folder, at least 1 MiB; a single answer may exceed it shortly.
            options: For the model's constructor, if it is named.

        Raises:
            DataError: If the folder cannot be used.
            ModelError: If the model is named and cannot be loaded.
        """
        super().__init__(_loaded(llm, args, options))
        if max_bytes < 2**20:
            raise ValueError(f"`max_bytes` is {max_bytes}: SQLite needs at least {2**20}")
        self.folder = Path(folder) if folder is not None else default_folder()
        self._answers = _opened(self.folder, max_bytes)
        self._lock = threading.Lock()
        self.hits = 0
        """Answers found since this object was made."""
        self.misses = 0
        """Answers that the model had to give."""

    def generate(self, prompt: str, system_prompt: str = "", **kwargs: Any) -> LLMResponse:  # noqa: ANN401
        """Answer `prompt` with text, from the cache where the same was asked before."""
        started = time.perf_counter()
        key = _key(self.llm.identity, "generate", prompt, system_prompt, kwargs)
        if key is None:
            log.info("not cached: the options %s are no plain data", sorted(kwargs))
            return self.llm.generate(prompt, system_prompt, **kwargs)
        kept = self._find(key, lambda found: LLMResponse(**found))
        if kept is not None:
            return replace(kept, latency_ms=_ms_since(started))
        answer = self.llm.generate(prompt, system_prompt, **kwargs)
        self._keep(key, asdict(answer))
        return answer

    def choose(self, prompt: ChoicePrompt, labels: Sequence[str] | None = None) -> Choice:
        """Pick one label, from the cache where the same was asked before."""
        started = time.perf_counter()
        key = self._choice_key(prompt, labels)
        kept = self._find(key, _choice)
        if kept is not None:
            return replace(kept, latency_ms=_ms_since(started))
        choice = self.llm.choose(prompt, labels)
        self._keep(key, asdict(choice))
        return choice

    def choose_many(self, prompts: Sequence[ChoicePrompt]) -> list[Choice]:
        """Pick one label for each prompt; the model is asked for the unknown ones in one batch."""
        keys = [self._choice_key(p, None) for p in prompts]
        found = [self._find(key, _choice) for key in keys]
        missing = [i for i, kept in enumerate(found) if kept is None]
        asked = self.llm.choose_many([prompts[i] for i in missing]) if missing else []
        for i, choice in zip(missing, asked, strict=True):
            self._keep(keys[i], asdict(choice))
            found[i] = choice
        return [c for c in found if c is not None]

    def clear(self) -> None:
        """Forget all answers, of all models in this folder."""
        self._answers.clear()

    def close(self) -> None:
        """Close the file and free what the model holds."""
        self._answers.close()
        super().close()

    def _choice_key(self, prompt: ChoicePrompt, labels: Sequence[str] | None) -> bytes:
        asked = (prompt.system, prompt.text, tuple(labels or prompt.labels), prompt.none_label)
        task = (prompt.instruction, prompt.task_type)
        elements = _elements_read(prompt) if self.reads_elements else b""
        # Not JSON: page text may hold halves of characters, which JSON refuses.
        text = repr((self.llm.identity, "choose", asked, task, elements))
        return _digest(text.encode("utf-8", "surrogatepass"))

    def _find(self, key: bytes, read: Callable[[dict[str, Any]], T]) -> T | None:
        try:
            found = self._answers.get(key)
            answer = None if found is None else read(orjson.loads(found))
        except (diskcache.Timeout, sqlite3.Error, OSError) as error:
            log.warning("%s cannot be read (%s): asking the model", self.folder, error)
            answer = None
        except (ValueError, TypeError, KeyError) as error:
            log.warning("an answer in %s is unreadable (%s): asking anew", self.folder, error)
            answer = None
        with self._lock:
            self.hits += answer is not None
            self.misses += answer is None
        return answer

    def _keep(self, key: bytes, answer: dict[str, Any]) -> None:
        try:
            self._answers.set(key, orjson.dumps(answer))
        except (diskcache.Timeout, sqlite3.Error, OSError) as error:
            # The answer itself is good; only the next call will be slower.
            log.warning("an answer could not be kept in %s: %s", self.folder, error)


CachedLocalLLM = CachedLLM
"""The design guide's name."""


def default_folder() -> Path:
    """Return where answers are kept unless told otherwise."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "groundling" / "answers"


class _Plain(diskcache.Disk):  # type: ignore[misc]
    """Reads bytes and nothing else."""

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:  # noqa: ANN401
        if mode not in (diskcache.core.MODE_RAW, diskcache.core.MODE_BINARY):
            raise ValueError("it was not written by groundling")
        return super().fetch(mode, filename, value, read)


def _opened(folder: Path, max_bytes: int) -> Any:  # noqa: ANN401
    try:
        return diskcache.Cache(
            str(folder),
            timeout=_LOCKED_S,
            disk=_Plain,
            size_limit=max_bytes,
            eviction_policy="least-recently-used",
        )
    except (sqlite3.Error, diskcache.Timeout, OSError, ValueError) as error:
        raise DataError(
            f"answers cannot be kept in {folder} ({error}): delete it or give another `folder`"
        ) from error


def _loaded(llm: BaseLLM | str | None, args: tuple[Any, ...], options: dict[str, Any]) -> BaseLLM:
    named = options.pop("model_name", None)
    if isinstance(llm, BaseLLM):
        if args or options or named is not None:
            raise TypeError("a model that is loaded takes no further options")
        return llm
    spec = llm or named
    if spec and spec.partition(":")[0] in backends():
        return load_llm(spec, *args, **options)
    from groundling.llm.transformers import LocalLLM

    return LocalLLM(spec, *args, **options) if spec else LocalLLM(*args, **options)


def _key(*parts: Any) -> bytes | None:  # noqa: ANN401
    """Return a digest of `parts`, or None if they are no plain data."""
    try:
        text = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return None
    return _digest(text)


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=20).digest()


def _elements_read(prompt: ChoicePrompt) -> bytes:
    digest = hashlib.blake2b(digest_size=20)
    for candidate in prompt.candidates:
        digest.update(repr(_READ_FIELDS(candidate.element)).encode("utf-8", "surrogatepass"))
        numbers = (candidate.score, *candidate.features)
        digest.update(struct.pack(f"<{len(numbers)}f", *numbers))
    return digest.digest()


def _choice(found: dict[str, Any]) -> Choice:
    p = found["probabilities"]
    return Choice(
        **{
            **found,
            "labels": tuple(found["labels"]),
            "probabilities": None if p is None else tuple(p),
            "method": "cache",
            # Nothing was read or written this time.
            "prompt_tokens": 0,
            "completion_tokens": 0,
        }
    )


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
