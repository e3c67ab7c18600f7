"""Make a model's confidence mean something: label bias out, temperature in.

Small models prefer some letters whatever stands behind them. Ask the same questions with the
options rotated and average the log-probability of each label: the options cancel, what is left is
the label's prior (as in PriDe). It is estimated once for each model and kept in its profile.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

from groundling.errors import DataError
from groundling.llm._labels import softmax
from groundling.prompts import Candidate, ChoicePrompt

Rebuild = Callable[[ChoicePrompt, Sequence[Candidate]], ChoicePrompt]
"""Builds the same question with its candidates in another order."""

_COLDEST, _HOTTEST = 0.05, 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What was learnt about one model's way to answer."""

    temperature: float = 1.0
    """Divides the corrected log-scores; above 1 the model is overconfident."""
    log_prior: Mapping[str, float] = field(default_factory=dict)
    """Bias of each label, natural log, mean 0; labels not named here have none."""
    none_bias: float = 0.0
    """Added to the log-score of "none", so that it is said as often as it is true."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Least confidence at which the precision in the key was reached, e.g. `{"0.95": 0.8}`."""
    n_prompts: int = 0
    """Model calls behind the estimate."""

    def probabilities(
        self, labels: Sequence[str], log_scores: Sequence[float], *, none_label: str = ""
    ) -> tuple[float, ...]:
        """Return corrected probabilities, in the order of `labels`; they sum to 1.

        Args:
            labels: The labels allowed.
            log_scores: Of each of them.
            none_label: The one of them that means "none"; by default there is no such label.
        """
        pairs = zip(labels, log_scores, strict=True)
        corrected = (
            s - self.log_prior.get(lb, 0.0) + (self.none_bias if lb == none_label else 0.0)
            for lb, s in pairs
        )
        return softmax([s / self.temperature for s in corrected])

    def save(self, path: Path) -> None:
        """Write the profile as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Profile":
        """Read a profile.

        Raises:
            DataError: If the file is missing or is no profile.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"{path} is no profile ({error}): run `calibrate` again") from error


class Scorer(Protocol):
    """A runtime that knows the log-probability of every label."""

    def log_scores(self, prompts: Sequence[ChoicePrompt]) -> list[tuple[float, ...]]:
        """Return for each prompt the uncorrected log-probability of each of its labels."""


def rotations(prompt: ChoicePrompt, k: int, rebuild: Rebuild) -> list[ChoicePrompt]:
    """Return `prompt` and up to `k - 1` rotations of its candidates, evenly spaced.

    Every candidate stands under `k` different labels, "none" keeps its own.
    """
    n = len(prompt.candidates)
    steps = sorted({round(i * n / k) for i in range(min(k, n))}) if n else [0]
    rotated = [(*prompt.candidates[s:], *prompt.candidates[:s]) for s in steps]
    return [prompt if not s else rebuild(prompt, c) for s, c in zip(steps, rotated, strict=True)]


def average_rotations(
    prompts: Sequence[ChoicePrompt], probabilities: Sequence[Sequence[float]]
) -> tuple[float, ...]:
    """Average over rotations, for each candidate of the first prompt and then "none".

    Args:
        prompts: What `rotations` returned: candidate `i` of the first is at `i - shift` elsewhere.
        probabilities: Of each prompt's labels, same order.
    """
    first = prompts[0].candidates
    total = [0.0] * (len(first) + 1)
    for prompt, row in zip(prompts, probabilities, strict=True):
        shift = _shift(first, prompt.candidates)
        for place, p in enumerate(row[:-1]):
            total[(place + shift) % len(first)] += p
        total[-1] += row[-1]
    return tuple(t / len(prompts) for t in total)


def _shift(first: Sequence[Candidate], rotated: Sequence[Candidate]) -> int:
    return next((i for i, c in enumerate(first) if rotated and c is rotated[0]), 0)


def estimate_prior(
    llm: Scorer, questions: Sequence[ChoicePrompt], rebuild: Rebuild, k: int = 4
) -> Profile:
    """Estimate the labels' prior from questions whose answers need not be known.

    Args:
        llm: The model.
        questions: Prompts with at least two candidates; twenty are plenty.
        rebuild: Builds a rotated prompt.
        k: Rotations for each question, at least 2.

    Returns:
        A profile with temperature 1; "none" has no prior, because it cannot be rotated.
    """
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    n_prompts = 0
    for question in questions:
        asked = rotations(question, k, rebuild)
        n_prompts += len(asked)
        for prompt, scores in zip(asked, llm.log_scores(asked), strict=True):
            centre = sum(scores[:-1]) / max(1, len(scores) - 1)
            for label, score in zip(prompt.labels[:-1], scores[:-1], strict=True):
                sums[label] = sums.get(label, 0.0) + score - centre
                counts[label] = counts.get(label, 0) + 1
    prior = {label: total / counts[label] for label, total in sums.items()}
    return Profile(log_prior=prior, n_prompts=n_prompts)


def calibrate(
    llm: Scorer,
    questions: Sequence[ChoicePrompt],
    answers: Sequence[str],
    rebuild: Rebuild,
    k: int = 4,
) -> Profile:
    """Estimate prior and temperature from questions whose right label is known.

    Args:
        llm: The model.
        questions: Prompts; a hundred give a temperature within about a tenth.
        answers: The right label of each.
        rebuild: Builds a rotated prompt.
        k: Rotations for each question.

    Returns:
        What to hand to the model as `profile`, and to `save` for the next time.
    """
    several = [q for q in questions if len(q.candidates) > 1]
    profile = estimate_prior(llm, several, rebuild, k)
    scores = llm.log_scores(questions)
    rows = zip((q.labels for q in questions), scores, answers, strict=True)
    return fit_temperature(profile, list(rows))


def fit_temperature(
    profile: Profile, rows: Sequence[tuple[Sequence[str], Sequence[float], str]]
) -> Profile:
    """Return `profile` with the temperature that makes the right answers most likely.

    Args:
        profile: Its prior is applied first.
        rows: Labels, their log-scores and the right label, one row for each question.
    """

    def loss(log_temperature: float) -> float:
        tried = replace(profile, temperature=math.exp(log_temperature))
        right = (
            tried.probabilities(labels, scores)[list(labels).index(answer)]
            for labels, scores, answer in rows
        )
        return -sum(math.log(max(p, 1e-12)) for p in right)

    best = _golden_section(loss, math.log(_COLDEST), math.log(_HOTTEST))
    return replace(profile, temperature=math.exp(best))


def _golden_section(loss: Callable[[float], float], low: float, high: float) -> float:
    """Return the minimum of a function with one valley, to 1e-3."""
    ratio = (math.sqrt(5) - 1) / 2
    while high - low > 1e-3:
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return (low + high) / 2
