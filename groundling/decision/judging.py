"""What the answers say: the element, or nothing and why."""

from collections.abc import Sequence
from dataclasses import replace

from groundling.decision.values import Attempt, DecisionConfig, Method, Selection
from groundling.elements import RawElement
from groundling.errors import DataError
from groundling.llm.base import BaseLLM
from groundling.prompts import ChoicePrompt

_SAME = 0.9
"""Twins count as equally good when the second is this close to the first, as a ratio."""


def least_confidence(config: DecisionConfig, llm: BaseLLM) -> float:
    """Return the confidence below which nothing is selected, in [0, 1].

    Raises:
        DataError: If a precision is wanted that the model was not calibrated for.
    """
    wanted = config.target_precision
    if wanted is None:
        return config.min_confidence
    known: dict[str, float] = dict(getattr(getattr(llm, "profile", None), "thresholds", None) or {})
    reached = sorted((float(p), least) for p, least in known.items() if float(p) >= wanted - 1e-9)
    if not reached:
        have = f"for {', '.join(sorted(known))} only" if known else "not at all"
        raise DataError(
            f"`target_precision` is {wanted:g} and {llm.name} was calibrated {have}: run "
            "`groundling calibrate` and load its profile, or set `min_confidence` instead"
        )
    return max(config.min_confidence, reached[0][1])


def select(attempts: Sequence[Attempt], config: DecisionConfig, least: float) -> Selection:
    """Return what the answers say: one prompt's answer, or the mean where one was shuffled.

    Args:
        attempts: At least one, the one that counts last.
        config: How to decide.
        least: Confidence below which nothing is selected.
    """
    last = attempts[-1]
    method: Method = "escalated" if last.how == "stronger" else "model"
    if last.choice.probabilities is None:
        said = _element(last.prompt, last.choice.best)
        reason = "" if said else "the model says that nothing on the page fits"
        return Selection(element=said, method=method, reason=reason)
    odds = _averaged(attempts)
    none = odds.pop(None)
    by_id = {c.element.id: c.element for c in last.prompt.candidates}
    ordered = sorted(((by_id[i], p) for i, p in odds.items() if i is not None), key=lambda x: -x[1])
    if not ordered or none >= ordered[0][1]:
        return Selection(
            element=None,
            confidence=none,
            margin=none - (ordered[0][1] if ordered else 0.0),
            alternatives=tuple(ordered),
            none_probability=none,
            method=method,
            reason="nothing on the page fits",
        )
    (found, p), *others = ordered
    chosen = Selection(
        element=found,
        confidence=p,
        margin=p - max([none, *(q for _, q in others[:1])]),
        alternatives=tuple(others),
        none_probability=none,
        method=method,
    )
    why = _doubt(chosen, config, least)
    return replace(chosen, element=None, reason=why, alternatives=tuple(ordered)) if why else chosen


def _averaged(attempts: Sequence[Attempt]) -> dict[int | None, float]:
    """Return each candidate's probability, "none" under None; shuffles count as one question."""
    last = attempts[-1]
    ids = [c.element.id for c in last.prompt.candidates]
    same = [
        a
        for a in attempts
        if a.how in ("first", "shuffle")
        and last.how in ("first", "shuffle")
        and a.choice.probabilities is not None
    ] or [last]
    out: dict[int | None, float] = dict.fromkeys([*ids, None], 0.0)
    for a in same:
        keys = [*(c.element.id for c in a.prompt.candidates), None]
        for key, p in zip(keys, a.choice.probabilities or (), strict=True):
            out[key] = out.get(key, 0.0) + p / len(same)
    return out


def _doubt(selection: Selection, config: DecisionConfig, least: float) -> str:
    element, p = selection.element, selection.confidence or 0.0
    assert element is not None
    said = f"the likeliest is {element.role or element.tag} {element.text[:60]!r}"
    if p < least:
        limit = "`min_confidence`" if config.target_precision is None else "the calibrated"
        return f"{said} with {p:.2f}, below {limit} {least:.2g}"
    if (selection.margin or 0.0) < config.min_margin:
        return f"{said} by {selection.margin:.2f}, below `min_margin` {config.min_margin:g}"
    rivals = selection.alternatives[:1]
    if rivals and rivals[0][1] >= _SAME * p and _cannot_be_told_apart(element, rivals[0][0]):
        return (
            f"two elements fit equally well, {said}: say which one, e.g. the first, or what "
            "stands beside it"
        )
    return ""


def _cannot_be_told_apart(a: RawElement, b: RawElement) -> bool:
    if a.href and a.href == b.href:
        # Two ways to the same page: either is right.
        return False
    told = ("role", "text", "label", "context", "heading", "row_header", "landmark", "dialog")
    return all(getattr(a, name) == getattr(b, name) for name in told)


def _element(prompt: ChoicePrompt, label: str) -> RawElement | None:
    if label == prompt.none_label:
        return None
    return prompt.candidates[prompt.labels.index(label)].element
