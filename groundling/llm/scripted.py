"""A double for tests: answers as told, records what it was asked."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from groundling.errors import ModelAnswerError
from groundling.llm.base import BaseLLM, Choice, LLMResponse
from groundling.prompts import Candidate, ChoicePrompt

Answer = str | None | Callable[[ChoicePrompt], str | None]
"""Text that the wanted element's name holds, None for "none of these", or a function to a label."""


class ScriptedLLM(BaseLLM):
    """Chooses the candidate whose name holds the scripted text; one answer a question, in order."""

    def __init__(
        self,
        answers: Iterable[Answer] = (),
        *,
        texts: Iterable[str] = (),
        confidence: float = 0.97,
        context_window: int = 8192,
    ) -> None:
        """Prepare the answers.

        Args:
            answers: For `choose`, one for each call.
            texts: For `generate`, one for each call.
            confidence: Probability given to the answer, in (0, 1].
            context_window: As reported.
        """
        self.name = "scripted"
        self.prompts: list[ChoicePrompt] = []
        """Questions asked so far."""
        self.requests: list[str] = []
        """Prompts given to `generate` so far."""
        self._answers, self._texts = iter(answers), iter(texts)
        self._confidence, self._window = confidence, context_window

    def generate(self, prompt: str, system_prompt: str = "", **kwargs: Any) -> LLMResponse:  # noqa: ANN401
        """Return the next text.

        Raises:
            ModelAnswerError: If the script has ended.
        """
        self.requests.append(prompt)
        for text in self._texts:
            return LLMResponse(content=text, tokens_used=self.count_tokens(text))
        raise ModelAnswerError(f"the script has no text for request {len(self.requests)}")

    def choose(self, prompt: ChoicePrompt, labels: Sequence[str] | None = None) -> Choice:
        """Return the next answer.

        Raises:
            ModelAnswerError: If the script has ended, or its text is in no or in several names.
        """
        started = time.perf_counter()
        self.prompts.append(prompt)
        for answer in self._answers:
            allowed = tuple(labels or prompt.labels)
            best = self._label(prompt, answer)
            if best not in allowed:
                raise ModelAnswerError(f"label {best!r} is none of {allowed}")
            rest = (1 - self._confidence) / max(1, len(allowed) - 1)
            return Choice(
                labels=allowed,
                probabilities=tuple(self._confidence if lb == best else rest for lb in allowed),
                best=best,
                method="rule",
                model=self.name,
                prompt_tokens=self.count_tokens(prompt.text),
                completion_tokens=1,
                latency_ms=1000 * (time.perf_counter() - started),
            )
        raise ModelAnswerError(f"the script has no answer for question {len(self.prompts)}")

    def _label(self, prompt: ChoicePrompt, answer: Answer) -> str:
        if callable(answer):
            answer = answer(prompt)
            if answer in prompt.labels:
                return str(answer)
        if answer is None:
            return prompt.none_label
        held = [i for i, c in enumerate(prompt.candidates) if answer.lower() in _said(c)]
        exact = [i for i in held if answer.lower() == prompt.candidates[i].element.text.lower()]
        found = exact if len(exact) == 1 else held
        if len(found) != 1:
            offered = ", ".join(repr(c.element.text) for c in prompt.candidates)
            raise ModelAnswerError(f"{answer!r} is in {len(found)} of the names {offered}")
        return prompt.labels[found[0]]

    def supports_json_mode(self) -> bool:
        """Return False: texts come as scripted."""
        return False

    @property
    def context_window(self) -> int:
        """As given."""
        return self._window

    @property
    def is_local(self) -> bool:
        """Always True."""
        return True


def _said(candidate: Candidate) -> str:
    e = candidate.element
    return " ".join((e.text, e.label, e.placeholder)).lower()


def load(rest: str, **options: Any) -> ScriptedLLM:  # noqa: ANN401
    """Return a double for `scripted:Save|Cancel`: one answer a question."""
    return ScriptedLLM([a or None for a in rest.split("|")] if rest else (), **options)
