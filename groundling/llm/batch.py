"""Several tasks in one batch: the design guide's `batch_analyze_elements`, by choosing.

The guide generates JSON for all prompts together and parses what comes back, prompts included. Here
every task is one choice; runtimes that can, read what the prompts have in common once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count, islice, product
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from groundling.elements import BBox, ElementSnapshot, RawElement
from groundling.errors import EmptyPageError
from groundling.llm.base import BaseLLM, Choice
from groundling.prompts import Candidate, ChoicePrompt

_LETTERS = ascii_uppercase + ascii_lowercase

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
    make = build or lettered_question
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


def lettered_question(
    instruction: str,
    task_type: str,
    elements: Sequence[RawElement],
    *,
    task_first: bool = False,
) -> ChoicePrompt:
    """Write the elements as a lettered list, "none of these" last, the task behind it.

    Args:
        instruction: What to find.
        task_type: One of the design guide's task types.
        elements: Elements on offer, in the order of the list.
        task_first: State the task before the list as well.
    """
    labels = tuple(islice(_letters(), len(elements) + 1))
    named = (f"{lb} {e.role or e.tag} {e.text}" for lb, e in zip(labels, elements, strict=False))
    lines = "\n".join([*named, f"{labels[-1]} none of these"])
    before = f"Task: {instruction}\n\n" if task_first else ""
    return ChoicePrompt(
        instruction=instruction,
        task_type=task_type,
        system="Pick the page element the task means. Answer with its letter.",
        text=f"{before}{lines}\n\nTask: {instruction}\nLetter:",
        labels=labels,
        candidates=tuple(Candidate(element=e, score=0.0) for e in elements),
        none_label=labels[-1],
    )


def _letters() -> Iterator[str]:
    """Yield A to Z, a to z, then AA, AB and so on."""
    for length in count(1):
        yield from ("".join(letters) for letters in product(_LETTERS, repeat=length))


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
