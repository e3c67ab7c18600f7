"""The only place with prompt text."""

from dataclasses import dataclass

from groundling.elements import RawElement


@dataclass(frozen=True, slots=True)
class Candidate:
    """An element kept for the prompt."""

    element: RawElement
    score: float
    """Rank score, higher is better; comparable only within one ranking."""
    features: tuple[float, ...] = ()
    """The ranker's features, in the order of `ranking.FEATURES`; empty if not ranked by us."""


@dataclass(frozen=True, slots=True)
class ChoicePrompt:
    """A question with labelled answers.

    Runtimes that read text use `system` and `text`; the embedded encoder reads `instruction` and
    `candidates`.
    """

    instruction: str
    task_type: str
    system: str
    text: str
    labels: tuple[str, ...]
    """One label for each candidate, in order, then `none_label`."""
    candidates: tuple[Candidate, ...]
    none_label: str
