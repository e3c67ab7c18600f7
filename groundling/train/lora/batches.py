"""Which example is seen when: a pure function of seed and step, so that a run can be taken up."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from groundling.llm._line_head import Encoded, known
from groundling.llm.transformers import LocalLLM
from groundling.llm.tuned import encode_lines
from groundling.train.lora.config import LoraSettings
from groundling.train.lora.examples import Example, Question, drawn


@dataclass(frozen=True, slots=True)
class Sample:
    """A question as numbers."""

    encoded: Encoded
    """Spans are empty for the letters head."""
    ways: tuple[int, ...]
    """Token of each label; empty for the lines head."""
    known: tuple[tuple[float, ...], ...]
    right: tuple[bool, ...]
    """For each label."""


def n_steps(n_examples: int, settings: LoraSettings) -> int:
    """Return how many steps of the optimizer a run takes."""
    return settings.epochs * max(1, n_examples // settings.batch)


def step_questions(
    examples: Sequence[Example], settings: LoraSettings, step: int
) -> list[Question]:
    """Return the questions of one step, counted from 0, each drawn anew in every epoch."""
    per_epoch = max(1, len(examples) // settings.batch)
    epoch, place = divmod(step, per_epoch)
    order = list(range(len(examples)))
    random.Random(f"{settings.seed} {epoch}").shuffle(order)
    chosen = order[place * settings.batch : (place + 1) * settings.batch]
    return [
        drawn(examples[i], settings, random.Random(f"{settings.seed} {epoch} {i}")) for i in chosen
    ]


def sample(llm: LocalLLM, question: Question, settings: LoraSettings) -> Sample:
    """Return a question as the model reads it at run time.

    Raises:
        PromptTooLongError: If it does not fit the model's context window.
        LabelError: If a label is more than one token.
    """
    prompt = question.prompt
    right = tuple(label in question.right for label in prompt.labels)
    extra = tuple(map(tuple, known([c.score for c in prompt.candidates])))
    if settings.head == "lines":
        return Sample(encode_lines(llm, prompt), (), extra, right)
    ways = tuple(tokens[0] for tokens in llm._labels.sequences(prompt.labels))
    return Sample(Encoded(tuple(llm._prompt_ids(prompt)), ()), ways, extra, right)


def passes(samples: Sequence[Sample], pass_tokens: int) -> Iterator[list[int]]:
    """Yield the places of samples of like length, at most `pass_tokens` with padding."""
    group: list[int] = []
    for i in sorted(range(len(samples)), key=lambda i: -len(samples[i].encoded.ids)):
        longest = len(samples[group[0]].encoded.ids) if group else 0
        if group and longest * (len(group) + 1) > pass_tokens:
            yield group
            group = []
        group.append(i)
    if group:
        yield group
