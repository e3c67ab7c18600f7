"""The language model in the package: a small encoder that reads an instruction and candidates.

It runs on onnxruntime alone. Texts of a page are read once and kept, so a second decision on the
same page costs only the comparison. Weights, data and results: docs/embedded.md.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from groundling.errors import (
    ModelAnswerError,
    ModelFilesError,
    PromptTooLongError,
    UnknownModelError,
)
from groundling.llm._embedded_text import (
    Encode,
    candidate_tokens,
    encode_texts,
    instruction_tokens,
)
from groundling.llm.base import BaseLLM, Choice, LLMResponse
from groundling.prompts import Candidate, ChoicePrompt
from groundling.ranking import FEATURES, rank

Floats = npt.NDArray[np.float32]

_FOLDER = Path(__file__).parent / "weights" / "embedded"
_FILES = ("encoder.onnx", "chooser.onnx", "profile.json", "tokenizer.json")
_KEPT_TEXTS = 4096
_BATCH = 64
_MAX_CANDIDATES = 64


@dataclass(frozen=True, slots=True)
class EmbeddedProfile:
    """What was measured on sites left out of the training."""

    temperature: float
    none_bias: float
    """Added to the logit of "none", so that it is said as often as it is true."""
    thresholds: Mapping[str, float]
    """Least confidence at which the precision in the key was reached, e.g. `{"0.95": 0.8}`."""


class EmbeddedLLM(BaseLLM):
    """The small model that ships with the package: no key, no download, no GPU."""

    def __init__(
        self, folder: Path | str | None = None, *, threads: int = 0, none_bias: float = 0.0
    ) -> None:
        """Prepare to load; the weights are read on first use.

        Args:
            folder: Weights trained by `python -m groundling.train.embedded`; the package's own by
                default.
            threads: Processor threads; 0 takes one for each core, at most 4.
            none_bias: Above 0 the model says "none of these" more often, below 0 less.

        Raises:
            ModelFilesError: If a file is missing.
        """
        self.folder = Path(folder) if folder else _FOLDER
        self.name = "embedded" if folder is None else f"embedded:{self.folder}"
        missing = [f for f in _FILES if not (self.folder / f).is_file()]
        if missing:
            remedy = "give a folder written by the trainer" if folder else "reinstall groundling"
            raise ModelFilesError(f"{self.folder} lacks {', '.join(missing)}: {remedy}")
        self._threads, self._none_bias = threads, none_bias

    @cached_property
    def _chooser(self) -> "Chooser":
        return Chooser(self.folder, self._threads)

    @cached_property
    def profile(self) -> EmbeddedProfile:
        """Temperature, bias and thresholds of these weights."""
        return self._chooser.profile

    @property
    def encode(self) -> Encode:
        """Maps texts to lists of token ids."""
        return self._chooser.encode

    def warm_up(self) -> None:
        """Load the weights now."""
        _ = self._chooser

    def choose(self, prompt: ChoicePrompt, labels: Sequence[str] | None = None) -> Choice:
        """Pick one label.

        Raises:
            PromptTooLongError: If there are more than 64 candidates.
            ModelFilesError: If the weights cannot be read.
            ModelAnswerError: If the answer is no probability.
        """
        started = time.perf_counter()
        allowed = tuple(labels or prompt.labels)
        if len(prompt.candidates) > _MAX_CANDIDATES:
            raise PromptTooLongError(
                f"{len(prompt.candidates)} candidates are more than the embedded model's "
                f"{_MAX_CANDIDATES}: lower `max_elements`"
            )
        logits, n_tokens = self._logits(prompt)
        if not np.isfinite(logits).all():
            raise ModelAnswerError(
                "the embedded model's answer is not finite: its files are corrupt"
            )
        at = {label: i for i, label in enumerate(prompt.labels)}
        scores = logits[[at[label] for label in allowed]]
        p = np.exp(scores - scores.max())
        probabilities = tuple(float(x) for x in p / p.sum())
        return Choice(
            labels=allowed,
            probabilities=probabilities,
            best=allowed[int(np.argmax(p))],
            method="encoder",
            model=self.name,
            prompt_tokens=n_tokens,
            completion_tokens=0,
            latency_ms=(time.perf_counter() - started) * 1000,
        )

    def _logits(self, prompt: ChoicePrompt) -> tuple[npt.NDArray[np.float64], int]:
        """Return the calibrated logits in the order of `prompt.labels`, and the tokens read."""
        chooser, profile = self._chooser, self._chooser.profile
        candidates = _with_features(prompt)
        if not candidates:
            return np.zeros(1), 0
        task, _ = instruction_tokens(prompt.instruction, prompt.task_type, chooser.encode)
        items, marks = zip(
            *(candidate_tokens(c.element, chooser.encode) for c in candidates), strict=True
        )
        features = np.array([c.features for c in candidates], np.float32)
        base = np.array([c.score for c in candidates], np.float32)
        raw = chooser.logits(task, items, marks, features, base).astype(np.float64)
        raw[-1] += profile.none_bias + self._none_bias
        return raw / profile.temperature, len(task) + sum(map(len, items))

    def generate(self, prompt: str, system_prompt: str = "", **kwargs: Any) -> LLMResponse:  # noqa: ANN401
        """Refuse: an encoder writes no text.

        Raises:
            ModelAnswerError: Always.
        """
        raise ModelAnswerError(
            "the embedded model chooses among elements and writes no text: load another model, "
            "e.g. load_llm('hf:Qwen/Qwen2.5-3B-Instruct')"
        )

    def count_tokens(self, text: str) -> int:
        """Return the number of word pieces of `text`."""
        return len(self._chooser.encode([text])[0])

    def supports_json_mode(self) -> bool:
        """Return False: it writes no text."""
        return False

    @property
    def context_window(self) -> int:
        """Tokens of a prompt with as many candidates as it reads."""
        return 16384

    @property
    def is_local(self) -> bool:
        """Always True."""
        return True


class Chooser:
    """The files of one model, loaded."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        """Load the weights.

        Raises:
            ModelFilesError: If a file is missing or corrupt.
        """
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or min(4, _n_cores())
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Idle threads must not spin: the browser needs the cores between two decisions.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._encoder, self._comparer = (
                onnxruntime.InferenceSession(
                    str(folder / file), options, providers=["CPUExecutionProvider"]
                )
                for file in _FILES[:2]
            )
            profile = json.loads((folder / "profile.json").read_text(encoding="utf-8"))
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self.profile = EmbeddedProfile(
                float(profile["temperature"]),
                float(profile["none_bias"]),
                dict(profile.get("thresholds", {})),
            )
            self._columns = _columns(profile.get("features"))
        except ModelFilesError:
            raise
        except Exception as error:
            first = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
            raise ModelFilesError(f"the weights in {folder} cannot be read: {first}") from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.encode = encode_texts(tokenizer)
        self._kept: OrderedDict[tuple[int, ...], npt.NDArray[np.float16]] = OrderedDict()
        self._lock = Lock()

    def logits(
        self,
        task: Sequence[int],
        items: Sequence[Sequence[int]],
        marks: Sequence[Sequence[int]],
        features: Floats,
        base: Floats,
    ) -> Floats:
        """Return the raw logits of one task.

        Args:
            task: Token ids of the instruction.
            items: Token ids of each candidate, K of them.
            marks: Of each token: 2 for what the candidate is called, else 1.
            features: The ranker's, (K, F).
            base: The ranker's scores, (K).

        Returns:
            Shape (K + 1), "none" last.
        """
        texts = [tuple(task), *map(tuple, items)]
        hidden = self._read(texts)
        width = max(len(i) for i in items)
        padded = np.zeros((len(items), width, hidden[0].shape[-1]), np.float32)
        on = np.zeros((len(items), width), np.float32)
        for row, (states, told) in enumerate(zip(hidden[1:], marks, strict=True)):
            padded[row, : len(states)] = states
            on[row, : len(states)] = told
        inputs = {
            "task": hidden[0][None].astype(np.float32),
            "items": padded,
            "on": on,
            "features": features[:, self._columns] if self._columns is not None else features,
            "base": base,
        }
        found: Floats = self._comparer.run(None, inputs)[0]
        return found

    def _read(self, texts: Sequence[tuple[int, ...]]) -> list[npt.NDArray[np.float16]]:
        """Return the hidden states of each text, (tokens, hidden); read texts are kept."""
        with self._lock:
            new = sorted({t for t in texts if t not in self._kept}, key=len)
            for start in range(0, len(new), _BATCH):
                batch = new[start : start + _BATCH]
                ids = np.zeros((len(batch), len(batch[-1])), np.int64)
                for row, text in enumerate(batch):
                    ids[row, : len(text)] = text
                states = self._encoder.run(None, {"ids": ids})[0].astype(np.float16)
                for row, text in enumerate(batch):
                    self._kept[text] = states[row, : len(text)]
            out = [self._kept[t] for t in texts]
            for text in texts:
                self._kept.move_to_end(text)
            while len(self._kept) > _KEPT_TEXTS:
                self._kept.popitem(last=False)
        return out


def _with_features(prompt: ChoicePrompt) -> Sequence[Candidate]:
    """Return the candidates with what the ranker knows of them, in the order of the prompt."""
    if all(len(c.features) == len(FEATURES) for c in prompt.candidates):
        return prompt.candidates
    elements = [c.element for c in prompt.candidates]
    ranked = {c.element.id: c for c in rank(elements, prompt.instruction, prompt.task_type)}
    return [ranked[e.id] for e in elements]


def _columns(named: Sequence[str] | None) -> npt.NDArray[np.int64] | None:
    """Return which of the ranker's features the weights were trained with."""
    if named is None or tuple(named) == FEATURES:
        return None
    unknown = [n for n in named if n not in FEATURES]
    if unknown:
        raise ModelFilesError(f"the weights need features {unknown}: train them anew")
    return np.array([FEATURES.index(n) for n in named])


def _n_cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load(rest: str, **options: Any) -> EmbeddedLLM:  # noqa: ANN401
    """Return the model for `embedded` or `embedded:FOLDER`."""
    known = {"folder", "threads", "none_bias"}
    if unknown := set(options) - known:
        raise UnknownModelError(
            f"the embedded model has no option {', '.join(sorted(unknown))}: "
            f"it takes {', '.join(sorted(known))}"
        )
    return EmbeddedLLM(rest or None, **options)
