"""Choosing by logits, shared by the runtimes that expose them."""

import time
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from groundling.errors import PromptTooLongError
from groundling.llm._chat import ChatFormat
from groundling.llm._labels import Branches, LabelTokens, Tokens, branches, log_probabilities
from groundling.llm.base import BaseLLM, Choice
from groundling.llm.calibration import Profile, Rebuild, average_rotations, rotations
from groundling.prompts import ChoicePrompt

Scores = dict[Tokens, dict[int, float]]
"""For each fork of the labels' tree, the logit of each way on, any constant offset."""


class ChooserOptions(TypedDict, total=False):
    """Options that every runtime with logits takes."""

    profile: Profile | Path
    """Label prior and temperature; none by default."""
    shuffles: int
    """Orders of the candidates averaged for each choice, 1 by default; needs `rebuild`."""
    rebuild: Rebuild
    """Builds a question with its candidates in another order."""


class LogitLLM(BaseLLM):
    """A model whose choice is a softmax over the logits of the labels."""

    reads_elements = False
    _format: ChatFormat
    _labels: LabelTokens
    _end: int
    """A stop token: ends a label that is the beginning of another one."""

    def _set_up_choosing(self, options: ChooserOptions) -> None:
        profile = options.get("profile", Profile())
        self.profile = Profile.load(profile) if isinstance(profile, Path) else profile
        self._shuffles, self._rebuild = options.get("shuffles", 1), options.get("rebuild")
        if self._shuffles > 1 and self._rebuild is None:
            raise ValueError(f"`shuffles` is {self._shuffles}: above 1 it needs `rebuild`")

    def choose(self, prompt: ChoicePrompt, labels: Sequence[str] | None = None) -> Choice:
        """Pick one label from the logits behind the prompt.

        Raises:
            PromptTooLongError: If the prompt does not fit the context window.
            LabelError: If the vocabulary cannot tell the labels apart.
            ModelMemoryError: If the device runs out of memory.
        """
        started = time.perf_counter()
        if self._rebuild and self._shuffles > 1 and labels is None and prompt.candidates:
            return self._choose_shuffled(prompt, self._rebuild)
        allowed = tuple(labels or prompt.labels)
        ids = self._prompt_ids(prompt)
        probabilities = self._corrected(prompt, allowed, self._score(ids, allowed))
        return self._choice(allowed, probabilities, len(ids), _ms_since(started))

    def choose_many(self, prompts: Sequence[ChoicePrompt]) -> list[Choice]:
        """Pick one label for each prompt; each answer equals that of `choose`."""
        if self._shuffles > 1:
            return [self.choose(prompt) for prompt in prompts]
        started = time.perf_counter()
        encoded = [self._prompt_ids(p) for p in prompts]
        rows = self._score_many(encoded, [p.labels for p in prompts])
        each_ms = _ms_since(started) / max(1, len(prompts))
        return [
            self._choice(p.labels, self._corrected(p, p.labels, row), len(ids), each_ms)
            for p, row, ids in zip(prompts, rows, encoded, strict=True)
        ]

    def log_scores(self, prompts: Sequence[ChoicePrompt]) -> list[tuple[float, ...]]:
        """Return for each prompt the log-probability of each of its labels, uncorrected."""
        return self._score_many([self._prompt_ids(p) for p in prompts], [p.labels for p in prompts])

    @property
    def identity(self) -> str:
        """Name, calibration and number of orders."""
        return f"{super().identity} shuffles={self._shuffles}"

    @property
    def is_local(self) -> bool:
        """Always True: nothing leaves the machine."""
        return True

    @abstractmethod
    def _encode_rendered(self, text: str) -> list[int]:
        """Return the token ids of a rendered prompt, BOS at most once."""

    @abstractmethod
    def _read_forks(self, ids: list[int], forks: Branches) -> Scores:
        """Return the logits at the forks behind one prompt."""

    @abstractmethod
    def _read_roots(
        self, encoded: Sequence[list[int]], ways: Sequence[Sequence[int]]
    ) -> list[dict[int, float]]:
        """Return the logits of `ways` right behind each prompt."""

    def _score(self, ids: list[int], labels: Sequence[str]) -> tuple[float, ...]:
        sequences = self._labels.sequences(labels)
        self._check_fits(len(ids), max(map(len, sequences)))
        scores = self._read_forks(ids, branches(sequences, self._end))
        return log_probabilities(sequences, self._end, scores)

    def _score_many(
        self, encoded: list[list[int]], labels: Sequence[Sequence[str]]
    ) -> list[tuple[float, ...]]:
        sequences = [self._labels.sequences(each) for each in labels]
        # Labels of several tokens need a second pass behind their own prompt.
        flat = [i for i, found in enumerate(sequences) if all(len(s) == 1 for s in found)]
        ways = [[s[0] for s in sequences[i]] for i in flat]
        roots = dict(zip(flat, self._read_roots([encoded[i] for i in flat], ways), strict=True))
        return [
            log_probabilities(sequences[i], self._end, {(): roots[i]})
            if i in roots
            else self._score(ids, labels[i])
            for i, ids in enumerate(encoded)
        ]

    def _choose_shuffled(self, prompt: ChoicePrompt, rebuild: Rebuild) -> Choice:
        started = time.perf_counter()
        asked = rotations(prompt, self._shuffles, rebuild)
        encoded = [self._prompt_ids(p) for p in asked]
        rows = self._score_many(encoded, [p.labels for p in asked])
        corrected = [self._corrected(p, p.labels, row) for p, row in zip(asked, rows, strict=True)]
        average = average_rotations(asked, corrected)
        return self._choice(prompt.labels, average, sum(map(len, encoded)), _ms_since(started))

    def _corrected(
        self, prompt: ChoicePrompt, labels: Sequence[str], scores: Sequence[float]
    ) -> tuple[float, ...]:
        return self.profile.probabilities(labels, scores, none_label=prompt.none_label)

    def _choice(
        self, labels: tuple[str, ...], p: tuple[float, ...], n_tokens: int, latency_ms: float
    ) -> Choice:
        return Choice(
            labels=labels,
            probabilities=p,
            best=labels[p.index(max(p))],
            method="logits",
            model=self.name,
            prompt_tokens=n_tokens,
            completion_tokens=1,
            latency_ms=latency_ms,
        )

    def _prompt_ids(self, prompt: ChoicePrompt) -> list[int]:
        rendered = self._format.render(prompt.system, prompt.text, answer_now=True)
        ids = self._encode_rendered(rendered)
        self._check_fits(len(ids), 1, len(prompt.candidates))
        return ids

    def _check_fits(self, n_prompt: int, n_answer: int, n_candidates: int | None = None) -> None:
        if n_prompt + n_answer <= self.context_window:
            return
        now = "" if n_candidates is None else f" (now {n_candidates} candidates)"
        raise PromptTooLongError(
            f"prompt is {n_prompt} tokens and the answer takes {n_answer}, context is "
            f"{self.context_window}: lower `max_elements`{now} or `max_new_tokens`"
        )


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
