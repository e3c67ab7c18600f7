"""Fit a model's confidence to questions whose right answers are known.

Three numbers: a temperature, a bias of "none", and for each precision the least confidence that
reaches it. All are fitted by plain search over a few hundred questions; nothing is differentiated.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from groundling.errors import DataError
from groundling.llm.base import BaseLLM
from groundling.llm.calibration import Profile
from groundling.prompts import ChoicePrompt

PRECISIONS = (0.8, 0.9, 0.95, 0.98, 0.99)
"""For which a threshold is looked for."""
FOLDS = 5
T = TypeVar("T")
_LEAST_SELECTED = 20
_BINS = 10
_FLOOR = 1e-12
_TURNS = 6
_RIDGE = 1e-4


@dataclass(frozen=True, slots=True)
class Judged:
    """A question, what the model made of it, and what is right."""

    labels: tuple[str, ...]
    log_scores: tuple[float, ...]
    """Natural log, one for each label, any constant offset."""
    none_label: str
    right: frozenset[str]
    """Labels that are right; the one for "none" if what is wanted is not on offer."""
    answerable: bool = True
    """Whether the page holds what is wanted."""


def log_scores(llm: BaseLLM, prompts: Sequence[ChoicePrompt]) -> list[tuple[float, ...]]:
    """Return the uncorrected log-probability of each label, of any model that knows probabilities.

    Raises:
        DataError: If the model knows only its answers.
    """
    own = getattr(llm, "log_scores", None)
    if own is not None:
        rows: list[tuple[float, ...]] = own(prompts)
        return rows
    out = []
    for choice in llm.choose_many(prompts):
        if choice.probabilities is None:
            raise DataError(
                f"{llm.name} gives answers without probabilities: there is nothing to calibrate"
            )
        out.append(tuple(math.log(max(p, _FLOOR)) for p in choice.probabilities))
    return out


def fit(profile: Profile, rows: Sequence[Judged]) -> Profile:
    """Return `profile` with temperature, "none" bias and thresholds fitted to `rows`.

    Its prior is kept and applied first.

    Raises:
        DataError: If there is no row.
    """
    if not rows:
        raise DataError("there are no labelled questions: calibration needs about a hundred")
    table = _Table.of(profile, rows)
    none_bias, temperature = 0.0, 1.0
    # Either number moves the other's optimum; a few turns bring both within a hundredth.
    for _ in range(_TURNS):
        none_bias = _lowest(lambda b, t=temperature: table.loss(b, t), -8.0, 8.0)  # type: ignore[misc]
        cold, hot = math.log(0.05), math.log(20.0)
        temperature = math.exp(
            _lowest(lambda x, b=none_bias: table.loss(b, math.exp(x)), cold, hot)  # type: ignore[misc]
        )
    fitted = replace(profile, none_bias=none_bias, temperature=temperature)
    return replace(fitted, thresholds=thresholds(fitted, rows))


def thresholds(profile: Profile, rows: Sequence[Judged]) -> dict[str, float]:
    """Return for each of `PRECISIONS` the least confidence that reaches it, where one does.

    Counted as if one more selection were wrong, which keeps a lucky streak from setting the limit.
    """
    selected = sorted((a for a in (answer(profile, r) for r in rows) if a.selects), key=_by_falling)
    found: dict[str, float] = {}
    right = 0
    for n, each in enumerate(selected, start=1):
        right += each.is_right
        tied = n < len(selected) and selected[n].confidence == each.confidence
        if n < _LEAST_SELECTED or tied:
            continue
        for precision in PRECISIONS:
            if right / (n + 1) >= precision:
                found[f"{precision:g}"] = each.confidence
    return found


@dataclass(frozen=True, slots=True)
class Answer:
    """What a calibrated model answers."""

    confidence: float
    """In [0, 1]."""
    is_right: bool
    selects: bool
    """False for "none"."""


def answer(profile: Profile, row: Judged) -> Answer:
    """Return the answer to one question under a profile."""
    odds = profile.probabilities(row.labels, row.log_scores, none_label=row.none_label)
    best = max(range(len(odds)), key=odds.__getitem__)
    label = row.labels[best]
    # "None" is right only where the page lacks the element, not where the ranking lost it.
    right = label in row.right and (label != row.none_label or not row.answerable)
    return Answer(odds[best], right, label != row.none_label)


def mean_loss(profile: Profile, rows: Sequence[Judged]) -> float:
    """Return the mean negative log-probability of the right labels, natural log."""
    lost = 0.0
    for row in rows:
        odds = profile.probabilities(row.labels, row.log_scores, none_label=row.none_label)
        right = sum(p for label, p in zip(row.labels, odds, strict=True) if label in row.right)
        lost -= math.log(max(right, _FLOOR))
    return lost / len(rows)


def cross_fitted(
    items: Sequence[T], sites: Sequence[str], fitted: Callable[[Sequence[T]], Callable[[T], Answer]]
) -> list[Answer]:
    """Return the answers in the order of `items`, each by a fit to the items of other sites.

    Args:
        items: What is answered.
        sites: The site of each; those of one fold are judged by the fit to the other four.
        fitted: Takes the items of the other folds, and returns what answers an item.
    """
    fold = {site: i % FOLDS for i, site in enumerate(sorted(set(sites)))}
    found: dict[int, Answer] = {}
    for each in set(fold.values()):
        answered = fitted([x for x, s in zip(items, sites, strict=True) if fold[s] != each])
        found |= {i: answered(items[i]) for i, s in enumerate(sites) if fold[s] == each}
    return [found[i] for i in range(len(items))]


def calibration_error(answers: Sequence[Answer]) -> float:
    """Return the expected calibration error over ten bins of equal width, in [0, 1]."""
    bins: list[list[Answer]] = [[] for _ in range(_BINS)]
    for each in answers:
        bins[min(_BINS - 1, int(each.confidence * _BINS))].append(each)
    gaps = (abs(sum(a.confidence for a in b) - sum(a.is_right for a in b)) for b in bins)
    return sum(gaps) / len(answers) if answers else 0.0


def _by_falling(each: Answer) -> float:
    return -each.confidence


@dataclass(frozen=True, slots=True)
class _Table:
    """All questions side by side, short ones padded with labels that are never chosen."""

    scores: npt.NDArray[np.float64]
    """Shape (questions, labels), the prior taken out, -inf where there is no label."""
    none: npt.NDArray[np.float64]
    """1 for the label "none"."""
    right: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, profile: Profile, rows: Sequence[Judged]) -> "_Table":
        shape = (len(rows), max(len(r.labels) for r in rows))
        scores, none, right = np.full(shape, -np.inf), np.zeros(shape), np.zeros(shape, bool)
        for i, row in enumerate(rows):
            for j, (label, score) in enumerate(zip(row.labels, row.log_scores, strict=True)):
                scores[i, j] = score - profile.log_prior.get(label, 0.0)
                none[i, j] = label == row.none_label
                right[i, j] = label in row.right
        return cls(scores, none, right)

    def loss(self, none_bias: float, temperature: float) -> float:
        """Return the mean negative log-probability of the right labels, and a small pull to 0."""
        z = (self.scores + none_bias * self.none) / temperature
        odds = np.exp(z - z.max(axis=1, keepdims=True))
        shares = np.where(self.right, odds, 0.0).sum(axis=1) / odds.sum(axis=1)
        # Without it, data in which "none" is never right would push its bias to the limit.
        pull = _RIDGE * (none_bias**2 + math.log(temperature) ** 2)
        return float(-np.log(np.maximum(shares, _FLOOR)).mean()) + pull


def _lowest(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function with one valley is lowest, to a thousandth."""
    ratio = (math.sqrt(5) - 1) / 2
    while high - low > 1e-3:
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if function(a) < function(b) else (a, high)
    return (low + high) / 2
