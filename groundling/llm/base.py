"""What every language model offers: `generate` for text, `choose` for one of several labels."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from groundling.errors import ModelAnswerError
from groundling.prompts import ChoicePrompt

ChoiceMethod = Literal["logits", "encoder", "logprobs", "schema", "generate", "rule", "cache"]


@dataclass(frozen=True, slots=True)
class LLMResponse:
    """Standardized answer of a language model."""

    content: str
    reasoning: str | None = None
    confidence: float | None = None
    """Probability in [0, 1] that the answer is right, where the runtime knows one."""
    tokens_used: int | None = None
    """Tokens generated."""
    prompt_tokens: int | None = None
    latency_ms: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Parse `content` as a JSON object.

        Raises:
            ModelAnswerError: If `content` is not a JSON object.
        """
        try:
            parsed = json.loads(self.content)
        except json.JSONDecodeError as error:
            raise ModelAnswerError(
                f"answer is not JSON ({error}): {self.content[:80]!r}"
            ) from error
        if not isinstance(parsed, dict):
            raise ModelAnswerError(f"answer is JSON but no object: {self.content[:80]!r}")
        return parsed


@dataclass(frozen=True, slots=True)
class Choice:
    """A probability for every label offered, "none of these" included."""

    labels: tuple[str, ...]
    probabilities: tuple[float, ...] | None
    """Same order as `labels`, in [0, 1], sums to 1; None when the runtime knows only the answer."""
    best: str
    """The label chosen."""
    method: ChoiceMethod
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_ms: float = 0.0

    @property
    def confidence(self) -> float | None:
        """Probability of the best label, in [0, 1]."""
        if self.probabilities is None:
            return None
        return self.probabilities[self.labels.index(self.best)]

    @property
    def margin(self) -> float | None:
        """Distance to the runner-up, in [0, 1]."""
        if self.probabilities is None:
            return None
        ranked = sorted(self.probabilities, reverse=True)
        return ranked[0] - ranked[1] if len(ranked) > 1 else 1.0


class BaseLLM(ABC):
    """Abstract base class of all models, local or cloud, single or composed."""

    name: str = ""
    """Identifies the model in traces and caches, e.g. `hf:Qwen/Qwen2.5-3B-Instruct`."""
    reads_elements: bool = True
    """Whether `choose` may read more of the candidates than the prompt's text; caches ask."""

    @property
    def identity(self) -> str:
        """Everything that can make its answers differ from another model's; keys caches."""
        return f"{self.name} {getattr(self, 'profile', None)!r}"

    @abstractmethod
    def generate(self, prompt: str, system_prompt: str = "", **kwargs: Any) -> LLMResponse:  # noqa: ANN401
        """Answer `prompt` with text."""

    @abstractmethod
    def choose(self, prompt: ChoicePrompt, labels: Sequence[str] | None = None) -> Choice:
        """Pick one label.

        Args:
            prompt: What `PromptBuilder` built; `prompt.none_label` is one of its labels.
            labels: The labels allowed, by default all of `prompt.labels`.
        """

    def choose_many(self, prompts: Sequence[ChoicePrompt]) -> list[Choice]:
        """Pick one label for each prompt; runtimes that can, batch."""
        return [self.choose(p) for p in prompts]

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of `text`, by its own tokenizer if it has one."""
        # Four bytes a token is the field's rule of thumb for English; runtimes override it.
        return -(-len(text.encode()) // 4)

    @abstractmethod
    def supports_json_mode(self) -> bool:
        """Return whether the runtime can be held to a JSON schema."""

    @property
    @abstractmethod
    def context_window(self) -> int:
        """Maximum context length in tokens."""

    @property
    @abstractmethod
    def is_local(self) -> bool:
        """Whether the page stays on this machine."""

    def close(self) -> None:  # noqa: B027 - most models hold nothing that needs closing
        """Free what the model holds."""
