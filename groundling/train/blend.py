"""Fit how the embedded model and a tuned one are added up, on sites that neither has seen.

    python -m groundling.train.blend --tuned tuned-folder --data left-out.jsonl --scores oof.jsonl

Writes `blend.json` into the folder. The two weights minimize the mean negative log-likelihood of
the right label on a grid; temperature and bias of "none" follow as for every model. The accuracy
printed is cross-fitted: each site is judged by weights fitted to the others.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np

from groundling.bench.labelled import LabelledPage, read_lines
from groundling.filtering import ElementFilter
from groundling.llm import load_llm
from groundling.llm.base import BaseLLM
from groundling.llm.calibration import Profile
from groundling.llm.fitting import Answer, Judged, answer, calibration_error, fit
from groundling.llm.smollm2 import BLEND, Blend
from groundling.prompts import Candidate, PromptBuilder
from groundling.ranking import rank
from groundling.ranking.certain import certain_case
from groundling.train.lora.examples import Scores, read_scores

K = 15
"""Candidates in a prompt, as at run time."""
_FOLDS = 5
_SHARES = tuple(float(x) for x in np.linspace(0, 1.5, 16))


@dataclass(frozen=True, slots=True)
class Asked:
    """A task that no rule answers, with what both models said to it."""

    site: str
    kind: str
    labels: tuple[str, ...]
    first: tuple[float, ...]
    """Log-probabilities of the embedded model, one for each label."""
    second: tuple[float, ...]
    none_label: str
    right: frozenset[str]
    answerable: bool

    def judged(self, blend: Blend) -> Judged:
        """Return the task with the sum of both, as calibration reads it."""
        scores = blend.log_scores(self.first, self.second)
        return Judged(self.labels, scores, self.none_label, self.right, self.answerable)


def ask(
    pages: Sequence[LabelledPage], first: BaseLLM, second: BaseLLM, scores: Scores
) -> Iterator[Asked]:
    """Yield each task that the rules leave to a model, as it comes at run time."""
    for page in pages:
        offered, _ = ElementFilter.offer(page.snapshot.elements)
        order = {e.id: i for i, e in enumerate(offered)}
        for task in page.tasks:
            if certain_case(offered, task.instruction, task.task_type):
                continue
            ranked = list(rank(offered, task.instruction, task.task_type))
            known = scores.get(task.id)
            if known is not None:
                held = [c for c in ranked if c.element.id in known]
                ranked = [replace(c, score=known[c.element.id]) for c in held]
                ranked.sort(key=lambda c: -c.score)
            kept: list[Candidate] = sorted(ranked[:K], key=lambda c: order[c.element.id])
            prompt = PromptBuilder.build_choice(task.instruction, task.task_type, kept)
            told = first.choose(prompt).probabilities or ()
            right = {
                label
                for label, c in zip(prompt.labels, prompt.candidates, strict=False)
                if c.element.id in task.accept_ids
            }
            yield Asked(
                site=page.site,
                kind=task.kind,
                labels=prompt.labels,
                first=tuple(float(np.log(max(p, 1e-12))) for p in told),
                second=second.log_scores([prompt])[0],  # type: ignore[attr-defined]
                none_label=prompt.none_label,
                right=frozenset(right) or frozenset((prompt.none_label,)),
                answerable=not task.expect_none,
            )


def fit_blend(asked: Sequence[Asked]) -> Blend:
    """Return the blend that fits the tasks best."""
    found: list[tuple[float, float]] = []
    for share in _SHARES:
        blend = Blend(weights=(1.0, share), profile=Profile())
        rows = [a.judged(blend) for a in asked]
        found.append((_loss(fit(Profile(), rows), rows), share))
    best = Blend(weights=(1.0, min(found)[1]), profile=Profile())
    return replace(best, profile=fit(Profile(), [a.judged(best) for a in asked]))


def _loss(profile: Profile, rows: Sequence[Judged]) -> float:
    lost = 0.0
    for row in rows:
        odds = profile.probabilities(row.labels, row.log_scores, none_label=row.none_label)
        right = sum(p for label, p in zip(row.labels, odds, strict=True) if label in row.right)
        lost -= float(np.log(max(right, 1e-12)))
    return lost / max(1, len(rows))


def cross_fitted(asked: Sequence[Asked]) -> dict[str, float]:
    """Return accuracy and calibration error with each site judged by a fit to the others."""
    sites = sorted({a.site for a in asked})
    answers: list[Answer] = []
    alone: list[Answer] = []
    second: list[Answer] = []
    for fold in range(_FOLDS):
        mine = [a for a in asked if sites.index(a.site) % _FOLDS == fold]
        others = [a for a in asked if sites.index(a.site) % _FOLDS != fold]
        for weights, out in (((1.0, 0.0), alone), ((0.0, 1.0), second)):
            only = Blend(weights=weights, profile=Profile())
            profile = fit(Profile(), [a.judged(only) for a in others])
            out += [answer(profile, a.judged(only)) for a in mine]
        blend = fit_blend(others)
        answers += [answer(blend.profile, a.judged(blend)) for a in mine]
    return {
        "n": len(answers),
        "embedded": sum(a.is_right for a in alone) / len(alone),
        "tuned": sum(a.is_right for a in second) / len(second),
        "blend": sum(a.is_right for a in answers) / len(answers),
        "ece": calibration_error(answers),
    }


@click.command()
@click.option("--tuned", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--scores", type=click.Path(exists=True, path_type=Path))
def main(tuned: Path, data: Path, scores: Path | None) -> None:
    """Fit the blend and write it into the tuned model's folder."""
    known = read_scores(scores) if scores else {}
    both = load_llm("embedded"), load_llm(f"tuned:{tuned}")
    asked = list(ask(list(read_lines(data)), *both, known))
    blend = fit_blend(asked)
    blend.save(tuned / BLEND)
    told = {k: round(v, 4) for k, v in cross_fitted(asked).items()}
    click.echo(json.dumps({**told, "weights": blend.weights}))


if __name__ == "__main__":
    main()
