"""Calibrate a model on labelled pages, and say what that is worth on sites it was not fitted to."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from groundling.bench.labelled import LabelledPage, LabelledTask
from groundling.decision import DecisionConfig, first_question
from groundling.errors import DataError, EmptyPageError, PromptTooLongError
from groundling.llm.base import BaseLLM
from groundling.llm.calibration import Profile, estimate_prior
from groundling.llm.fitting import (
    PRECISIONS,
    Answer,
    Judged,
    answer,
    calibration_error,
    fit,
    log_scores,
)
from groundling.prompts import ChoicePrompt, PromptBuilder

_FOLDS = 5
_BATCH = 16
_PRIOR_QUESTIONS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A profile and what was measured; every figure but `n` is cross-fitted by site."""

    profile: Profile
    """Fitted to all questions."""
    n: int
    n_sites: int
    accuracy: float
    """Share of right answers, "none" included, in [0, 1]."""
    ece_before: float
    """Expected calibration error without the profile, in [0, 1]."""
    ece: float
    """The same with a profile fitted to other sites."""
    at_precision: dict[str, tuple[float, float]]
    """For each threshold the precision and the share of questions answered, at sites left out."""


@dataclass(frozen=True, slots=True)
class _Asked:
    site: str
    prompt: ChoicePrompt
    right: frozenset[str]
    answerable: bool


def calibrate_model(
    llm: BaseLLM,
    pages: Iterable[LabelledPage],
    config: DecisionConfig | None = None,
    *,
    on_answer: Callable[[int, int], None] = lambda _done, _total: None,
) -> Calibrated:
    """Fit label prior, temperature, "none" bias and thresholds of a model.

    The prior is estimated only for models that tell log-probabilities of their own: others either
    read no labels or are corrected by their server.

    Args:
        llm: The model; its answers need probabilities.
        pages: Labelled pages, of at least two sites.
        config: How questions are put.
        on_answer: Called with the questions answered and their number, for a progress bar.

    Raises:
        DataError: If there are no questions, or the model knows no probabilities.
        ModelError: If the model fails.
    """
    asked = [a for page in pages for a in _questions(page, llm, config)]
    if not asked:
        raise DataError(
            "the data holds no task with a candidate: calibration needs about a hundred"
        )
    rows: list[Judged] = []
    for start in range(0, len(asked), _BATCH):
        batch = asked[start : start + _BATCH]
        scores = log_scores(llm, [a.prompt for a in batch])
        rows += [_judged(a, s) for a, s in zip(batch, scores, strict=True)]
        on_answer(len(rows), len(asked))
    prior = _prior(llm, [a.prompt for a in asked])
    sites = [a.site for a in asked]
    folds = _folds(prior, rows, sites)
    held_out = [a for _, answers in folds for a in answers]
    return Calibrated(
        profile=fit(prior, rows),
        n=len(rows),
        n_sites=len(set(sites)),
        accuracy=sum(a.is_right for a in held_out) / len(held_out),
        ece_before=calibration_error([answer(Profile(), r) for r in rows]),
        ece=calibration_error(held_out),
        at_precision=_at_precision(folds),
    )


def _questions(page: LabelledPage, llm: BaseLLM, config: DecisionConfig | None) -> Iterable[_Asked]:
    for task in page.tasks:
        try:
            prompt = first_question(page.snapshot, task.instruction, task.task_type, llm, config)
        except (EmptyPageError, PromptTooLongError):
            continue
        yield _Asked(page.site, prompt, _right(prompt, task), not task.expect_none)


def _right(prompt: ChoicePrompt, task: LabelledTask) -> frozenset[str]:
    labelled = zip(prompt.labels, prompt.candidates, strict=False)
    found = frozenset(lb for lb, c in labelled if c.element.id in task.accept_ids)
    return found or frozenset({prompt.none_label})


def _judged(asked: _Asked, scores: tuple[float, ...]) -> Judged:
    prompt = asked.prompt
    return Judged(prompt.labels, scores, prompt.none_label, asked.right, asked.answerable)


def _prior(llm: BaseLLM, prompts: Sequence[ChoicePrompt]) -> Profile:
    if not hasattr(llm, "log_scores"):
        return Profile()
    several = [p for p in prompts if len(p.candidates) > 1]
    # Spread over the pages: neighbours ask about the same elements.
    step = max(1, len(several) // _PRIOR_QUESTIONS)
    return estimate_prior(llm, several[::step][:_PRIOR_QUESTIONS], PromptBuilder.rebuild)


def _folds(
    prior: Profile, rows: Sequence[Judged], sites: Sequence[str]
) -> list[tuple[Profile, list[Answer]]]:
    """Return for each fold of sites a profile fitted to the others, and the answers under it."""
    place = {site: i % _FOLDS for i, site in enumerate(sorted(set(sites)))}
    out = []
    for fold in sorted(set(place.values())):
        others = [r for r, s in zip(rows, sites, strict=True) if place[s] != fold]
        fitted = fit(prior, others or rows)
        left_out = (r for r, s in zip(rows, sites, strict=True) if place[s] == fold)
        out.append((fitted, [answer(fitted, r) for r in left_out]))
    return out


def _at_precision(folds: Sequence[tuple[Profile, list[Answer]]]) -> dict[str, tuple[float, float]]:
    out = {}
    n = sum(len(answers) for _, answers in folds)
    for key in (f"{p:g}" for p in PRECISIONS):
        selected = [
            a
            for fitted, answers in folds
            for a in answers
            if a.selects and a.confidence >= fitted.thresholds.get(key, 2.0)
        ]
        if selected:
            right = sum(a.is_right for a in selected)
            out[key] = (right / len(selected), len(selected) / n)
    return out
