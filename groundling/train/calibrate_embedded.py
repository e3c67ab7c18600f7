"""Temperature, bias of "none" and thresholds of the embedded model, from sites it never saw."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Judged = tuple[npt.NDArray[np.bool_], bool, npt.NDArray[np.float64]]
"""Which of the candidates shown are right, whether the page holds one, and the logits."""
PRECISIONS = (0.9, 0.95, 0.98)
_LEAST = 20
"""Answers that a threshold must rest on."""


def calibrate(judged: Sequence[Judged]) -> dict[str, Any]:
    """Return `temperature`, `none_bias` and `thresholds` that fit `judged` best.

    The two numbers minimize the negative log-likelihood on a grid; a threshold is the least
    confidence at which the answers above it reach the precision.
    """
    best, chosen = np.inf, (1.0, 0.0)
    for bias in np.linspace(-2.0, 2.0, 41):
        for temperature in np.geomspace(0.4, 3.0, 25):
            loss = _loss(judged, float(temperature), float(bias))
            if loss < best:
                best, chosen = loss, (float(temperature), float(bias))
    temperature, bias = chosen
    rows = [_answer(j, temperature, bias) for j in judged]
    return {
        "temperature": round(temperature, 4),
        "none_bias": round(bias, 4),
        "thresholds": {str(p): t for p in PRECISIONS if (t := _threshold(rows, p)) is not None},
    }


def _probabilities(
    logits: npt.NDArray[np.float64], temperature: float, bias: float
) -> npt.NDArray[np.float64]:
    z = logits.copy()
    z[-1] += bias
    z = z / temperature
    p = np.exp(z - z.max())
    out: npt.NDArray[np.float64] = p / p.sum()
    return out


def _loss(judged: Sequence[Judged], temperature: float, bias: float) -> float:
    total = 0.0
    for right, _, logits in judged:
        p = _probabilities(logits, temperature, bias)
        # A page that holds the element but does not offer it has no right label but "none".
        held = p[:-1][right].sum() if right.any() else p[-1]
        total -= float(np.log(max(held, 1e-9)))
    return total / max(1, len(judged))


def _answer(judged: Judged, temperature: float, bias: float) -> tuple[float, bool]:
    right, exists, logits = judged
    p = _probabilities(logits, temperature, bias)
    at = int(np.argmax(p))
    hit = bool(right[at]) if at < len(right) else not exists
    return float(p[at]), hit


def _threshold(rows: Sequence[tuple[float, bool]], precision: float) -> float | None:
    """Return the least confidence above which the answers are right often enough."""
    ordered = sorted(rows, reverse=True)
    hits, found = 0, None
    for n, (p, hit) in enumerate(ordered, start=1):
        hits += hit
        # Answers of the same confidence are kept or dropped together.
        last = n == len(ordered) or ordered[n][0] < p
        if last and n >= _LEAST and hits / n >= precision:
            found = p
    return None if found is None else round(found, 4)
