"""Put tasks through `decide`, exactly as an agent does, and judge what comes out."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from groundling.bench.cases import Page, Row, Task
from groundling.bench.floor import word_overlap
from groundling.decision import Decision, DecisionConfig, Selection, decide_now
from groundling.elements import RawElement
from groundling.errors import EmptyPageError, ModelAnswerError, PromptTooLongError
from groundling.filtering import ElementFilter
from groundling.llm.base import BaseLLM
from groundling.ranking import rank

log = logging.getLogger(__name__)


def run_pages(
    pages: Iterable[Page],
    llm: BaseLLM,
    config: DecisionConfig,
    *,
    done: Collection[str] = (),
    on_task: Callable[[Task], None] = lambda _: None,
) -> Iterator[Row]:
    """Yield one row for each task, page by page.

    Args:
        pages: Read as they are needed.
        llm: The model.
        config: As an agent would use it.
        done: Ids of tasks to skip.
        on_task: Called before each task, e.g. to move a progress bar.

    Raises:
        ModelError: If the model cannot answer at all; an answer that cannot be used is a row with
            `error`.
    """
    for page in pages:
        for task in page.tasks:
            on_task(task)
            if task.id not in done:
                yield run_task(page, task, llm, config)


def run_task(page: Page, task: Task, llm: BaseLLM, config: DecisionConfig) -> Row:
    """Decide one task and judge the decision."""
    decision, error = _decided(page, task, llm, config)
    return Row(
        id=task.id,
        page=page.name,
        site=page.site,
        kind=task.kind,
        task_type=task.label_type or task.task_type,
        expect_none=task.expect_none,
        error=error,
        n_elements=len(page.snapshot),
        n_accepted=len(task.accept_ids),
        read_ms=page.snapshot.read_ms,
        **_without_model(page, task),
        **(_outcome(decision, task) if decision else {"hit": False}),
    )


def right(task: Task, element: RawElement | None) -> bool:
    """Return whether an answer counts: an accepted element, or none where none is expected."""
    if element is None:
        return task.expect_none
    return not task.expect_none and element.id in task.accept_ids


def likeliest(selection: Selection) -> RawElement | None:
    """Return the answer with the highest probability, also where it was held back as unsure."""
    if selection.element is not None or not selection.alternatives:
        return selection.element
    first, p = selection.alternatives[0]
    return first if p > (selection.none_probability or 0.0) else None


def _decided(
    page: Page, task: Task, llm: BaseLLM, config: DecisionConfig
) -> tuple[Decision | None, str]:
    try:
        return decide_now(page.snapshot, task.instruction, task.task_type, llm, config), ""
    except (EmptyPageError, ModelAnswerError, PromptTooLongError) as error:
        log.info("task %s has no answer: %s", task.id, error)
        return None, f"{type(error).__name__}: {error}"


def _outcome(decision: Decision, task: Task) -> dict[str, Any]:
    selection = decision.selection
    offered = {c.element.id for c in decision.candidates}
    if selection.method == "rule":
        offered = {selection.id or 0}
    prompt_tokens, completion_tokens = decision.tokens
    return {
        "hit": right(task, selection.element),
        "element": selection.id,
        "method": selection.method,
        "confidence": selection.confidence,
        "likeliest_hit": right(task, likeliest(selection)),
        "reason": selection.reason,
        "offered": bool(offered & set(task.accept_ids)),
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "stages_ms": decision.stages_ms,
    }


def _without_model(page: Page, task: Task) -> dict[str, Any]:
    """Return what needs no model: the target's place in the ranking, and the floor."""
    kept, _ = ElementFilter.offer(page.snapshot.elements)
    places = (
        place
        for place, c in enumerate(rank(kept, task.instruction, task.task_type), start=1)
        if c.element.id in task.accept_ids
    )
    floor = word_overlap(kept, task.instruction)
    return {"rank": next(places, None), "overlap_hit": right(task, floor)}
