"""The profile of a trained model, and what it is worth on sites it was not fitted to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from groundling.bench.cases import Row
from groundling.llm.calibration import Profile, Scorer, estimate_prior
from groundling.llm.fitting import (
    Answer,
    Judged,
    answer,
    calibration_error,
    cross_fitted,
    fit,
)
from groundling.prompts import PromptBuilder
from groundling.train.lora.examples import Example, Question, judged

_BATCH = 16
_PRIOR_QUESTIONS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """A profile, and the answers that profiles of other sites give."""

    profile: Profile
    """Fitted to all questions."""
    answers: tuple[Answer, ...]
    """Of each question, under a profile fitted to other sites, where there are any."""
    ece: float
    """Expected calibration error of these answers, in [0, 1]."""

    @property
    def accuracy(self) -> float:
        """Share of right answers in [0, 1]."""
        return sum(a.is_right for a in self.answers) / len(self.answers)


def ask_all(
    llm: Scorer,
    questions: Sequence[Question],
    on_answer: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Judged]:
    """Return each question with the model's scores.

    Args:
        llm: Any model that knows the log-probability of labels.
        questions: What it is asked.
        on_answer: Called with the questions answered and their number.

    Raises:
        ModelError: If the model fails.
    """
    rows: list[Judged] = []
    for start in range(0, len(questions), _BATCH):
        batch = questions[start : start + _BATCH]
        scores = llm.log_scores([q.prompt for q in batch])
        rows += [judged(q, s) for q, s in zip(batch, scores, strict=True)]
        on_answer(len(rows), len(questions))
    return rows


def fit_profile(
    llm: Scorer, questions: Sequence[Question], rows: Sequence[Judged], sites: Sequence[str]
) -> Profiled:
    """Fit label prior, temperature, bias of "none" and thresholds.

    Args:
        llm: Asked once more, about rotated lists, for the labels' prior.
        questions: Of sites left out of the training.
        rows: What `ask_all` returned for them.
        sites: The site of each.

    Raises:
        DataError: If there are no questions.
        ModelError: If the model fails.
    """
    several = [q.prompt for q in questions if len(q.prompt.candidates) > 1]
    # Spread over the pages: neighbours ask about the same elements.
    step = max(1, len(several) // _PRIOR_QUESTIONS)
    prior = estimate_prior(llm, several[::step][:_PRIOR_QUESTIONS], PromptBuilder.rebuild)

    def fitted(others: Sequence[Judged]) -> Callable[[Judged], Answer]:
        return partial(answer, fit(prior, others) if others else prior)

    answers = cross_fitted(rows, sites, fitted)
    return Profiled(
        profile=fit(prior, rows), answers=tuple(answers), ece=calibration_error(answers)
    )


def bench_rows(examples: Sequence[Example], answers: Sequence[Answer]) -> list[Row]:
    """Return answers as rows of a bench, for the regression gate."""
    return [
        Row(
            id=e.id,
            page=e.page,
            site=e.site,
            kind=e.kind,
            task_type=e.task_type,
            expect_none=not e.right,
            hit=a.is_right,
            confidence=a.confidence,
        )
        for e, a in zip(examples, answers, strict=True)
    ]
