"""Labels as tokens: which tokens a label is in its place, and how likely a label is.

A label that is one token costs nothing beyond the prompt. Longer labels share their prefixes in a
tree; a label's probability is the product along its path, where each step is normalised over the
branches that lead to a label, which is what decoding under a grammar would sample from.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from groundling.errors import LabelError

Tokens = tuple[int, ...]
Branches = dict[Tokens, tuple[int, ...]]


class LabelTokens:
    """Token ids of labels right behind the generation prompt, looked up once for each label."""

    def __init__(
        self,
        encode: Callable[[str], list[int]],
        head: str,
        model: str,
        *,
        before: str = "",
        unknown: int | None = None,
    ) -> None:
        """Remember where labels will stand.

        Args:
            encode: Text to token ids, control tokens understood.
            head: A rendered prompt; only its end matters.
            model: Name for messages.
            before: What stands between the prompt and a label.
            unknown: The id that stands for text outside the vocabulary.
        """
        self._encode, self._head, self._model, self._unknown = encode, head, model, unknown
        self._before = before
        self._base = encode(head)
        self._known: dict[str, Tokens] = {}

    def sequences(self, labels: Sequence[str]) -> tuple[Tokens, ...]:
        """Return the tokens of each label.

        Raises:
            LabelError: If a label is not in the vocabulary, or two labels are the same tokens.
        """
        for label in labels:
            if label not in self._known:
                self._known[label] = self._look_up(label)
        found = tuple(self._known[label] for label in labels)
        if len(set(found)) < len(found):
            twins = [lb for lb, seq in zip(labels, found, strict=True) if found.count(seq) > 1]
            raise LabelError(
                f"labels {twins} are the same tokens in {self._model}: use other labels"
            )
        return found

    def _look_up(self, label: str) -> Tokens:
        ids = self._encode(self._head + self._before + label)
        n = len(self._base)
        # Some tokenizers merge a label with the prompt's last characters; then its own tokens.
        own = ids[n:] if ids[:n] == self._base else self._alone(label)
        if not own or self._unknown in own:
            raise LabelError(
                f"label {label!r} is not in the vocabulary of {self._model}: use plain letters"
            )
        return tuple(own)

    def _alone(self, label: str) -> list[int]:
        ids = self._encode(label)
        # A tokenizer may begin every text with the same control token.
        return ids[1:] if ids[:1] == self._base[:1] else ids


def branches(sequences: Sequence[Tokens], end: int) -> Branches:
    """Return the forks of the labels' tree: the prefix, and the tokens that may follow it.

    Args:
        sequences: Tokens of each label, all different.
        end: Token that ends a label which is itself the beginning of another one.

    Returns:
        Forks only: a prefix with one way on needs no model. The root `()` is always there.
    """
    ways: dict[Tokens, dict[int, None]] = {(): {}}
    for tokens in closed(sequences, end):
        for i, token in enumerate(tokens):
            ways.setdefault(tokens[:i], {})[token] = None
    return {prefix: tuple(w) for prefix, w in ways.items() if len(w) > 1 or not prefix}


def closed(sequences: Sequence[Tokens], end: int) -> list[Tokens]:
    """Return `sequences`, with `end` behind those that begin another one."""
    starts = {s[:i] for s in sequences for i in range(len(s))}
    return [(*s, end) if s in starts else s for s in sequences]


def log_probabilities(
    sequences: Sequence[Tokens], end: int, scores: Mapping[Tokens, Mapping[int, float]]
) -> tuple[float, ...]:
    """Return each label's log-probability among the labels.

    Args:
        sequences: Tokens of each label.
        end: As in `branches`.
        scores: For each fork the logit of each way on, natural log, any constant offset.

    Returns:
        Same order as `sequences`; their exponentials sum to 1.
    """
    normalised = {prefix: _normalise(ways) for prefix, ways in scores.items()}
    return tuple(_along(tokens, normalised) for tokens in closed(sequences, end))


def _along(tokens: Tokens, normalised: Mapping[Tokens, Mapping[int, float]]) -> float:
    forks = ((tokens[:i], token) for i, token in enumerate(tokens) if tokens[:i] in normalised)
    return sum(normalised[prefix][token] for prefix, token in forks)


def _normalise(ways: Mapping[int, float]) -> dict[int, float]:
    total = log_sum_exp(ways.values())
    return {token: score - total for token, score in ways.items()}


def log_sum_exp(values: Iterable[float]) -> float:
    """Return log(sum(exp(values))) without overflow; minus infinity for nothing."""
    listed = list(values)
    top = max(listed, default=-math.inf)
    if math.isinf(top):
        return top
    return top + math.log(sum(math.exp(v - top) for v in listed))


def softmax(log_scores: Sequence[float]) -> tuple[float, ...]:
    """Return probabilities proportional to `exp(log_scores)`; they sum to 1."""
    total = log_sum_exp(log_scores)
    return tuple(math.exp(s - total) for s in log_scores)
