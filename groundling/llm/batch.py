"""Several tasks in one batch: the design guide's `batch_analyze_elements`, by choosing.

The guide generates JSON for all prompts together and parses what comes back, prompts included. Here
every task is one choice; runtimes that can, read what the prompts have in common once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from groundling.elements import BBox, ElementSnapshot, RawElement
from groundling.errors import EmptyPageError
from groundling.llm.base import BaseLLM, Choice
from groundling.prompts import Candidate, ChoicePrompt, PromptBuilder

Build = Callable[[str, str, Sequence[RawElement]], ChoicePrompt]
"""Builds a question from the instruction, the task type and the elements on offer."""


def batch_analyze_elements(
    llm: BaseLLM, tasks: Sequence[Mapping[str, Any]], build: Build | None = None
) -> list[dict[str, Any] | None]:
    """Find one element for each task, all tasks in one batch.

    Args:
        llm: Any model; local ones with logits batch.
        tasks: Each with `type`, `context` (what to find, in plain words) and `elements`: what
            `ElementFilter.prepare_for_llm` returned, a snapshot, or a sequence of elements.
        build: Builds the prompts; by default a lettered list with the task behind it, so that
            tasks on one page share its tokens.

    Returns:
        For each task `{"id": ..., "confidence": ...}`, confidence in [0, 1] or None where the
        model knows none; None in its place if no element fits.

    Raises:
        EmptyPageError: If a task offers no element.
        KeyError: If a task lacks `type`, `context` or `elements`.
    """
    make = build or _question
    offered = [_elements(task["elements"]) for task in tasks]
    for task, elements in zip(tasks, offered, strict=True):
        if not elements:
            raise EmptyPageError(f"task {task['context']!r} offers no element to choose from")
    prompts = [
        make(str(task["context"]), str(task["type"]), elements)
        for task, elements in zip(tasks, offered, strict=True)
    ]
    choices = llm.choose_many(prompts) if prompts else []
    return [_found(prompt, c) for prompt, c in zip(prompts, choices, strict=True)]


def _question(instruction: str, task_type: str, elements: Sequence[RawElement]) -> ChoicePrompt:
    candidates = [Candidate(element=e, score=0.0) for e in elements]
    return PromptBuilder.build_choice(instruction, task_type, candidates, layout="page_first")


def _found(prompt: ChoicePrompt, choice: Choice) -> dict[str, Any] | None:
    if choice.best == prompt.none_label:
        return None
    element = prompt.candidates[prompt.labels.index(choice.best)].element
    return {"id": element.id, "confidence": choice.confidence}


def _elements(given: Any) -> tuple[RawElement, ...]:  # noqa: ANN401
    if isinstance(given, ElementSnapshot):
        return tuple(given.elements)
    listed = given["elements"] if isinstance(given, Mapping) else given
    return tuple(e if isinstance(e, RawElement) else _from_compressed(e) for e in listed)


def _from_compressed(fields: Mapping[str, Any]) -> RawElement:
    """Read one element as `ElementFilter.compress_element` writes it."""
    box = fields.get("bbox", {})
    return RawElement(
        id=int(fields["id"]),
        role=fields.get("role"),
        text=str(fields.get("text", "")),
        bbox=BBox(box.get("x", 0), box.get("y", 0), box.get("w", 0), box.get("h", 0)),
        is_clickable=bool(fields.get("clickable", True)),
        is_visible=bool(fields.get("visible", True)),
    )
