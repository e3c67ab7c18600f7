"""A decision told: for people as lines of text, for programs as plain data."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from groundling.elements import RawElement

if TYPE_CHECKING:
    from groundling.decision.values import Attempt, Decision

_DROPPED = 10
"""Elements left out that are named; the others are counted."""


def lines(decision: "Decision") -> Iterator[str]:
    """Yield the decision line by line: answer, candidates with score and odds, drops, times."""
    yield f"{decision.task_type}: {decision.instruction}"
    by = f"{decision.selection.method}{decision.rule and f' ({decision.rule})'}"
    yield f"  selected {decision.selection}, by {by}"
    for attempt in decision.attempts:
        yield from _attempt_lines(attempt)
    for dropped in decision.dropped[:_DROPPED]:
        yield f"  not offered: {_told(dropped.element)}: {dropped.reason}"
    if len(decision.dropped) > _DROPPED:
        yield f"  and {len(decision.dropped) - _DROPPED} more of {decision.n_elements} not offered"
    spent = ", ".join(f"{name} {ms:.1f} ms" for name, ms in decision.stages_ms.items())
    yield f"  {spent}; tokens read {decision.tokens[0]}, written {decision.tokens[1]}"


def _attempt_lines(attempt: "Attempt") -> Iterator[str]:
    choice, prompt = attempt.choice, attempt.prompt
    yield (
        f"  {attempt.how}: {choice.model} answered {choice.best} by {choice.method} in "
        f"{choice.latency_ms:.1f} ms"
    )
    yield "    chance   score"
    odds = dict(zip(choice.labels, choice.probabilities or (), strict=False))
    scores = [f"{c.score:7.2f}" for c in prompt.candidates]
    said = {line.partition(" ")[0]: line for line in prompt.text.splitlines()}
    for label, score in zip(prompt.labels, [*scores, " " * 7], strict=True):
        chance = f"{odds[label]:6.3f}" if label in odds else " " * 6
        yield f"    {chance} {score}  {said.get(label, label)}"


def _told(element: RawElement) -> str:
    name = element.text or element.label or element.placeholder
    return f"{element.role or element.tag} {name[:40]!r}"


def to_json(decision: "Decision") -> dict[str, Any]:
    """Return the decision as plain dicts and lists; elements by id, role and name."""
    chosen = decision.selection
    return {
        "instruction": decision.instruction,
        "task_type": decision.task_type,
        "element": None if chosen.element is None else _brief(chosen.element),
        "confidence": chosen.confidence,
        "margin": chosen.margin,
        "none_probability": chosen.none_probability,
        "method": chosen.method,
        "rule": decision.rule,
        "reason": chosen.reason,
        "alternatives": [{**_brief(e), "probability": p} for e, p in chosen.alternatives],
        "attempts": [_attempt_json(a) for a in decision.attempts],
        "dropped": [{**_brief(d.element), "reason": d.reason} for d in decision.dropped],
        "n_elements": decision.n_elements,
        "prompt_tokens": decision.tokens[0],
        "completion_tokens": decision.tokens[1],
        "stages_ms": {name: round(ms, 3) for name, ms in decision.stages_ms.items()},
    }


def _attempt_json(attempt: "Attempt") -> dict[str, Any]:
    choice, prompt = attempt.choice, attempt.prompt
    odds = dict(zip(choice.labels, choice.probabilities or (), strict=False))
    offered = zip(prompt.labels, prompt.candidates, strict=False)
    return {
        "how": attempt.how,
        "model": choice.model,
        "method": choice.method,
        "answer": choice.best,
        "none_label": prompt.none_label,
        "none_probability": odds.get(prompt.none_label),
        "candidates": [
            {
                "label": lb,
                **_brief(c.element),
                "score": round(c.score, 4),
                "probability": odds.get(lb),
            }
            for lb, c in offered
        ],
        "system": prompt.system,
        "prompt": prompt.text,
        "prompt_tokens": choice.prompt_tokens,
        "completion_tokens": choice.completion_tokens,
        "latency_ms": round(choice.latency_ms, 3),
    }


def _brief(element: RawElement) -> dict[str, Any]:
    return {
        "id": element.id,
        "role": element.role or element.tag,
        "name": element.text or element.label or element.placeholder,
        "box": [element.bbox.x, element.bbox.y, element.bbox.width, element.bbox.height],
    }
