"""Fit how the embedded model and a tuned one are added up, on sites that neither has seen.

    python -m groundling.train.blend --tuned tuned-folder --data left-out.jsonl --scores oof.jsonl

Writes `blend.json` into the folder. The two weights minimize the mean negative log-likelihood of
the right label on a grid; temperature and bias of "none" follow as for every model. The accuracy
printed is cross-fitted: each site is judged by weights fitted to the others.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
import numpy as np

from groundling.bench.labelled import LabelledPage, read_lines
from groundling.filtering import ElementFilter
from groundling.llm import load_llm
from groundling.llm.base import BaseLLM
from groundling.llm.calibration import Profile
from groundling.llm.fitting import (
    Answer,
    Judged,
    answer,
    calibration_error,
    cross_fitted,
    fit,
    mean_loss,
)
from groundling.llm.smollm2 import BLEND, Blend
from groundling.prompts import Candidate, PromptBuilder
from groundling.ranking import rank
from groundling.ranking.certain import certain_case
from groundling.train.lora.examples import Scores, read_scores

K = 15
"""Candidates in a prompt, as at run time."""
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
    blends = [_weighed(asked, (1.0, share)) for share in _SHARES]
    return min(blends, key=lambda b: mean_loss(b.profile, [a.judged(b) for a in asked]))


def _weighed(asked: Sequence[Asked], weights: tuple[float, float]) -> Blend:
    """Return the blend of these weights with the profile that fits it best."""
    plain = Blend(weights=weights, profile=Profile())
    return replace(plain, profile=fit(Profile(), [a.judged(plain) for a in asked]))


def judged_elsewhere(asked: Sequence[Asked]) -> dict[str, float]:
    """Return accuracy and calibration error with each site judged by a fit to the others."""
    sites = [a.site for a in asked]

    def fitted(
        others: Sequence[Asked], weights: tuple[float, float] | None = None
    ) -> Callable[[Asked], Answer]:
        blend = _weighed(others, weights) if weights else fit_blend(others)
        return lambda a: answer(blend.profile, a.judged(blend))

    first = cross_fitted(asked, sites, partial(fitted, weights=(1.0, 0.0)))
    second = cross_fitted(asked, sites, partial(fitted, weights=(0.0, 1.0)))
    both = cross_fitted(asked, sites, fitted)
    named = {"embedded": first, "tuned": second, "blend": both}
    return {
        "n": len(asked),
        **{name: sum(a.is_right for a in found) / len(found) for name, found in named.items()},
        "ece": calibration_error(both),
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
    told = {k: round(v, 4) for k, v in judged_elsewhere(asked).items()}
    click.echo(json.dumps({**told, "weights": blend.weights}))


if __name__ == "__main__":
    main()
