"""A model around another one: answers what it does not change as the inner model does."""

from collections.abc import Sequence
from typing import Any

from groundling.llm.base import BaseLLM, Choice, LLMResponse
from groundling.prompts import ChoicePrompt


class WrappedLLM(BaseLLM):
    """Passes everything on to `llm`; derive from it and override what changes."""

    def __init__(self, llm: BaseLLM) -> None:
        self.llm = llm
        self.name = llm.name
        self.reads_elements = llm.reads_elements

    @property
    def identity(self) -> str:
        """That of the inner model."""
        return self.llm.identity

    @property
    def profile(self) -> Any:  # noqa: ANN401 - each backend has its own
        """Calibration of the inner model, None without one."""
        return getattr(self.llm, "profile", None)

    def generate(self, prompt: str, system_prompt: str = "", **kwargs: Any) -> LLMResponse:  # noqa: ANN401
        """Answer `prompt` with text, as the inner model does."""
        return self.llm.generate(prompt, system_prompt, **kwargs)

    def choose(self, prompt: ChoicePrompt, labels: Sequence[str] | None = None) -> Choice:
        """Pick one label, as the inner model does."""
        return self.llm.choose(prompt, labels)

    def choose_many(self, prompts: Sequence[ChoicePrompt]) -> list[Choice]:
        """Pick one label for each prompt, as the inner model does."""
        return self.llm.choose_many(prompts)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens by the inner model's tokenizer."""
        return self.llm.count_tokens(text)

    def supports_json_mode(self) -> bool:
        """Return what the inner model says."""
        return self.llm.supports_json_mode()

    @property
    def context_window(self) -> int:
        """That of the inner model, in tokens."""
        return self.llm.context_window

    @property
    def is_local(self) -> bool:
        """Whether the inner model is local."""
        return self.llm.is_local

    def close(self) -> None:
        """Free what the inner model holds."""
        self.llm.close()
