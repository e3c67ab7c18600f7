"""A profile around any model that knows probabilities: the embedded one, a server, an ensemble."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from groundling.llm._wrapped import WrappedLLM
from groundling.llm.base import BaseLLM, Choice
from groundling.llm.calibration import Profile
from groundling.prompts import ChoicePrompt

_LEAST = 1e-9


class CalibratedLLM(WrappedLLM):
    """Corrects the probabilities of `llm` by a profile, as `groundling calibrate` writes it.

    Choices without probabilities pass unchanged.
    """

    def __init__(self, llm: BaseLLM, profile: Profile | Path) -> None:
        """Wrap a model.

        Args:
            llm: The model that the profile was made for.
            profile: A profile or its file.

        Raises:
            DataError: If the file is missing or no profile.
        """
        super().__init__(llm)
        self._profile = profile if isinstance(profile, Profile) else Profile.load(profile)

    @property
    def profile(self) -> Profile:
        """The profile given."""
        return self._profile

    @property
    def identity(self) -> str:
        """That of the inner model and the profile."""
        return f"{self.llm.identity} calibrated {self._profile!r}"

    def choose(self, prompt: ChoicePrompt, labels: Sequence[str] | None = None) -> Choice:
        """Pick one label by the corrected probabilities."""
        return self._corrected(self.llm.choose(prompt, labels), prompt)

    def choose_many(self, prompts: Sequence[ChoicePrompt]) -> list[Choice]:
        """Pick one label for each prompt by the corrected probabilities."""
        choices = self.llm.choose_many(prompts)
        return [self._corrected(c, p) for c, p in zip(choices, prompts, strict=True)]

    def _corrected(self, choice: Choice, prompt: ChoicePrompt) -> Choice:
        if choice.probabilities is None:
            return choice
        logs = [math.log(max(p, _LEAST)) for p in choice.probabilities]
        odds = self._profile.probabilities(choice.labels, logs, none_label=prompt.none_label)
        return replace(choice, probabilities=odds, best=choice.labels[odds.index(max(odds))])
