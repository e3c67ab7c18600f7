"""Put tasks through `decide`, exactly as an agent does, and judge what comes out."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from groundling.bench.cases import Row
from groundling.bench.floor import word_overlap
from groundling.bench.labelled import LabelledPage, LabelledTask
from groundling.decision import Decision, DecisionConfig, Selection, decide_now
from groundling.elements import RawElement
from groundling.errors import EmptyPageError, ModelAnswerError, PromptTooLongError
from groundling.filtering import ElementFilter
from groundling.llm.base import BaseLLM
from groundling.ranking import rank

log = logging.getLogger(__name__)


def run_pages(pages: Iterable[LabelledPage], llm: BaseLLM, config: DecisionConfig) -> Iterator[Row]:
    """Yield one row for each task, page by page.

    Args:
        pages: Read as they are needed.
        llm: The model.
        config: As an agent would use it.

    Raises:
        ModelError: If the model cannot answer at all; an answer that cannot be used is a row with
            `error`.
    """
    for page in pages:
        for task in page.tasks:
            yield run_task(page, task, llm, config)


def run_task(page: LabelledPage, task: LabelledTask, llm: BaseLLM, config: DecisionConfig) -> Row:
    """Decide one task and judge the decision."""
    decision, error = _decided(page, task, llm, config)
    return Row(
        id=task.id,
        page=page.page,
        site=page.site,
        kind=task.kind,
        task_type=task.task_type,
        expect_none=task.expect_none,
        error=error,
        n_elements=len(page.snapshot),
        n_accepted=len(task.accept_ids),
        read_ms=page.snapshot.read_ms,
        **_without_model(page, task),
        **({"hit": False} if decision is None else _outcome(decision, task)),
    )


def right(task: LabelledTask, element: RawElement | None) -> bool:
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
    page: LabelledPage, task: LabelledTask, llm: BaseLLM, config: DecisionConfig
) -> tuple[Decision | None, str]:
    try:
        return decide_now(page.snapshot, task.instruction, task.task_type, llm, config), ""
    except (EmptyPageError, ModelAnswerError, PromptTooLongError) as error:
        log.info("task %s has no answer: %s", task.id, error)
        return None, f"{type(error).__name__}: {error}"


def _outcome(decision: Decision, task: LabelledTask) -> dict[str, Any]:
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
        "offered": bool(offered & task.accept_ids),
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "stages_ms": decision.stages_ms,
    }


def _without_model(page: LabelledPage, task: LabelledTask) -> dict[str, Any]:
    """Return what needs no model: the target's place in the ranking, and the floor."""
    kept, _ = ElementFilter.offer(page.snapshot.elements)
    places = (
        place
        for place, c in enumerate(rank(kept, task.instruction, task.task_type), start=1)
        if c.element.id in task.accept_ids
    )
    floor = word_overlap(kept, task.instruction)
    return {"rank": next(places, None), "overlap_hit": right(task, floor)}
