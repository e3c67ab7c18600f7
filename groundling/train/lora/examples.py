"""Labelled pages as questions: ranked candidates, what is right, and which sites are left out."""

import hashlib
import json
import logging
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from groundling.bench.labelled import LabelledPage, LabelledTask
from groundling.errors import DataError
from groundling.filtering import ElementFilter
from groundling.llm.fitting import Judged
from groundling.prompts import Candidate, ChoicePrompt, PromptBuilder
from groundling.ranking import rank
from groundling.train.data import content_hash
from groundling.train.lora.config import LoraSettings

log = logging.getLogger(__name__)

Scores = Mapping[str, Mapping[int, float]]
"""For each task the rank score of elements by id."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question about a page."""

    id: str
    page: str
    site: str
    kind: str
    instruction: str
    task_type: str
    ranked: tuple[Candidate, ...]
    """The best first; the right ones among them wherever they rank, behind the others."""
    n_honest: int
    """How many of `ranked` got there by their score."""
    right: frozenset[int]
    """Ids of the elements that count; empty if the page holds none."""
    order: Mapping[int, int]
    """Place on the page by element id."""


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt and the labels that are right."""

    prompt: ChoicePrompt
    right: frozenset[str]
    answerable: bool


def read_scores(path: Path) -> Scores:
    """Read rank scores that replace the shipped ranker's, as its trainer's `--folds-out` writes.

    Raises:
        DataError: If the file is something else.
    """
    try:
        lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        return {line["id"]: {int(i): float(s) for i, s in line["scores"]} for line in lines}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} holds no rank scores: {error!r}") from error


def build(pages: Iterable[LabelledPage], k: int, scores: Scores | None = None) -> list[Example]:
    """Return one example for each task that can be asked, candidates ranked.

    Args:
        pages: With tasks.
        k: Candidates kept.
        scores: Out-of-fold scores for pages that the ranker was trained on: its own scores are
            too good there, and the model would learn to trust them.
    """
    out = []
    for page in pages:
        offered, _ = ElementFilter.offer(page.snapshot.elements)
        order = {e.id: i for i, e in enumerate(offered)}
        for task in page.tasks:
            known = (scores or {}).get(task.id)
            if known is None:
                ranked: Sequence[Candidate] = rank(offered, task.instruction, task.task_type)
            else:
                listed = [Candidate(e, known[e.id]) for e in offered if e.id in known]
                ranked = sorted(listed, key=lambda c: -c.score)
            out.append(_example(page, task, ranked, k, order))
    return out


def _example(
    page: LabelledPage,
    task: LabelledTask,
    ranked: Sequence[Candidate],
    k: int,
    order: Mapping[int, int],
) -> Example:
    # Features are large, and the models here read text and score alone.
    light = [replace(c, features=()) for c in ranked]
    missed = [c for c in light[k:] if c.element.id in task.accept_ids]
    # Twice as many as asked for: where the right ones are taken out, others move up.
    return Example(
        id=task.id,
        page=page.page,
        site=page.site,
        kind=task.kind,
        instruction=task.instruction,
        task_type=task.task_type,
        ranked=(*light[:k], *missed[:1], *(c for c in light[k : k + 8] if c not in missed)),
        n_honest=min(k, len(light)),
        right=task.accept_ids if not task.expect_none else frozenset(),
        order=order,
    )


def trainable(examples: Iterable[Example], pages: Iterable[LabelledPage]) -> list[Example]:
    """Return the examples without those whose target the page reader or the filter lost."""
    lost = {t.id for p in pages for t in p.tasks if not t.expect_none and not t.accept_ids}
    return [e for e in examples if e.id not in lost and (not e.right or _holds_target(e))]


def _holds_target(example: Example) -> bool:
    return any(c.element.id in example.right for c in example.ranked)


def asked(example: Example, settings: LoraSettings) -> Question:
    """Return the question as it comes at run time: best candidates by score, in page order."""
    kept = example.ranked[: example.n_honest][: settings.candidates]
    return _question(example, sorted(kept, key=lambda c: example.order[c.element.id]))


def drawn(example: Example, settings: LoraSettings, draw: random.Random) -> Question:
    """Return the question as it is trained: the target kept or taken out, the order changed."""
    k, right = settings.candidates, example.right
    wrong = [c for c in example.ranked if c.element.id not in right]
    hits = [c for c in example.ranked if c.element.id in right]
    if not hits or draw.random() < settings.none_share:
        kept = wrong[:k]
    else:
        kept = list(example.ranked[: example.n_honest][:k])
        if not any(c.element.id in right for c in kept):
            kept = [*kept[: k - 1], hits[0]]
    kept.sort(key=lambda c: example.order[c.element.id])
    how = draw.random()
    if how < settings.shuffled_share:
        draw.shuffle(kept)
    elif how < settings.shuffled_share + settings.rotated_share and kept:
        turn = draw.randrange(len(kept))
        kept = kept[turn:] + kept[:turn]
    return _question(example, kept)


def _question(example: Example, kept: Sequence[Candidate]) -> Question:
    prompt = PromptBuilder.build_choice(example.instruction, example.task_type, kept)
    pairs = zip(prompt.labels, prompt.candidates, strict=False)
    right = frozenset(label for label, c in pairs if c.element.id in example.right)
    return Question(prompt, right or frozenset((prompt.none_label,)), bool(example.right))


def judged(question: Question, log_scores: Sequence[float]) -> Judged:
    """Return a question with a model's scores, as calibration reads it."""
    p = question.prompt
    return Judged(p.labels, tuple(log_scores), p.none_label, question.right, question.answerable)


def split(
    pages: Sequence[LabelledPage], settings: LoraSettings
) -> tuple[list[LabelledPage], list[LabelledPage]]:
    """Return pages to train on and pages of other sites to validate on.

    Sites that share a page stay together.

    Raises:
        DataError: If there are too few sites to leave one out.
    """
    groups = _groups(pages)
    if len(groups) < 2:
        raise DataError(
            f"all {len(pages)} pages are of one site or copies of each other: add another site, or "
            "give pages of other sites with `--validation`"
        )
    random.Random(settings.seed).shuffle(groups)
    n_out = max(1, round(settings.validation_share * len(groups)))
    left_out = {site for group in groups[:n_out] for site in group}
    return (
        [p for p in pages if p.site not in left_out],
        [p for p in pages if p.site in left_out],
    )


def _groups(pages: Sequence[LabelledPage]) -> list[list[str]]:
    """Return the sites, those with a page in common in one group, in a fixed order."""
    group = {p.site: p.site for p in pages}
    first: dict[str, str] = {}
    for page in pages:
        theirs = group[first.setdefault(content_hash(page), page.site)]
        mine = group[page.site]
        if theirs != mine:
            group = {site: theirs if g == mine else g for site, g in group.items()}
    members: dict[str, list[str]] = defaultdict(list)
    for site in sorted(group):
        members[group[site]].append(site)
    return sorted(members.values())


def data_hash(examples: Sequence[Example]) -> str:
    """Return a hash of what a run is trained on."""
    told = hashlib.sha256()
    for e in examples:
        ids = [c.element.id for c in e.ranked]
        told.update(repr((e.id, e.instruction, sorted(e.right), ids)).encode())
    return told.hexdigest()
