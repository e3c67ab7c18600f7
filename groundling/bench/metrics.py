"""Figures that say how sure they are: intervals, calibration, coverage, paired tests.

All shares and probabilities are in [0, 1]; every draw uses a fixed seed.
"""

import math
import random
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

_Z95 = 1.959964
_DRAWS = 2000
_SEED = 7


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval by Wilson's score."""

    n: int
    k: int
    value: float
    low: float
    high: float


def share(hits: Iterable[bool]) -> Share:
    """Return the share of hits; without any cases it is 0 with the interval [0, 1]."""
    counted = [bool(h) for h in hits]
    n, k = len(counted), sum(counted)
    low, high = wilson(k, n)
    return Share(n, k, k / n if n else 0.0, low, high)


def wilson(k: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of `k` hits in `n` cases by Wilson's score."""
    if n == 0:
        return 0.0, 1.0
    p, z2 = k / n, _Z95 * _Z95
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap(
    values: Sequence[float], groups: Sequence[Hashable], draws: int = _DRAWS
) -> tuple[float, float]:
    """Return the 95 % interval of the mean when whole groups are drawn again.

    Tasks of one site succeed and fail together, so an interval over tasks is too narrow.

    Args:
        values: One for each task.
        groups: The site of each task.
        draws: How often; the seed is fixed.
    """
    if not values:
        return 0.0, 1.0
    sums: dict[Hashable, float] = defaultdict(float)
    sizes: dict[Hashable, int] = defaultdict(int)
    for value, group in zip(values, groups, strict=True):
        sums[group] += value
        sizes[group] += 1
    keys, draw, means = list(sums), random.Random(_SEED), []
    for _ in range(draws):
        drawn = draw.choices(keys, k=len(keys))
        means.append(sum(sums[k] for k in drawn) / sum(sizes[k] for k in drawn))
    means.sort()
    return means[int(0.025 * draws)], means[int(0.975 * draws)]


def quantile(values: Sequence[float], q: float) -> float:
    """Return the `q` quantile by linear interpolation, 0 without values."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    at = q * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def calibration_error(
    confidences: Sequence[float], hits: Sequence[bool], n_bins: int = 10
) -> float:
    """Return the expected calibration error over bins of equal width.

    The mean distance between confidence and share of hits, each bin weighed by its cases; a
    confidence of 1 belongs to the last bin.
    """
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for confidence, hit in zip(confidences, hits, strict=True):
        bins[min(n_bins - 1, int(confidence * n_bins))].append((confidence, hit))
    total = sum(map(len, bins.values()))
    gaps = (abs(sum(c for c, _ in cases) - sum(h for _, h in cases)) for cases in bins.values())
    return sum(gaps) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much is answered when only the surest answers are kept."""

    coverage: float
    """Answers kept / all tasks."""
    threshold: float
    """Least confidence kept; above 1 when no threshold reaches the precision."""
    n: int
    """Answers kept."""


def coverage_at(
    precision: float, confidences: Sequence[float], hits: Sequence[bool], n_tasks: int
) -> Coverage:
    """Return the largest coverage at which the answers kept are right often enough.

    The threshold is picked on these very answers, so the figure is a ceiling for thresholds that
    were fixed before. Answers with the same confidence are kept or dropped together.

    Args:
        precision: Least share of right answers among those kept.
        confidences: Of each answer.
        hits: Whether it is right.
        n_tasks: Answered or not.
    """
    ordered = sorted(zip(confidences, hits, strict=True), key=lambda pair: -pair[0])
    best, right = Coverage(0.0, 1.01, 0), 0
    for kept, (confidence, hit) in enumerate(ordered, start=1):
        right += hit
        last_of_ties = kept == len(ordered) or ordered[kept][0] < confidence
        if last_of_ties and right >= precision * kept - 1e-9:
            best = Coverage(kept / n_tasks, confidence, kept)
    return best


@dataclass(frozen=True, slots=True)
class Paired:
    """Two runs on the same tasks; the difference is B minus A."""

    n: int
    a: float
    b: float
    only_a: int
    """Tasks that A has right and B wrong."""
    only_b: int
    difference: float
    low: float
    """95 % interval of the difference, whole sites drawn again."""
    high: float
    p: float
    """McNemar's exact test, two-sided: chance of so uneven a split if both were equally good."""


def paired(a: Sequence[bool], b: Sequence[bool], sites: Sequence[Hashable]) -> Paired:
    """Compare the hits of two runs task by task."""
    only_a = sum(x and not y for x, y in zip(a, b, strict=True))
    only_b = sum(y and not x for x, y in zip(a, b, strict=True))
    differences = [float(y) - float(x) for x, y in zip(a, b, strict=True)]
    low, high = bootstrap(differences, sites)
    n = len(a)
    return Paired(
        n=n,
        a=sum(a) / n if n else 0.0,
        b=sum(b) / n if n else 0.0,
        only_a=only_a,
        only_b=only_b,
        difference=(only_b - only_a) / n if n else 0.0,
        low=low if n else 0.0,
        high=high if n else 0.0,
        p=mcnemar(only_a, only_b),
    )


def mcnemar(only_a: int, only_b: int) -> float:
    """Return the two-sided exact p of McNemar's test from the two counts of disagreement."""
    n = only_a + only_b
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, i) for i in range(min(only_a, only_b) + 1))
    return float(min(1.0, 2 * tail / 2**n))
