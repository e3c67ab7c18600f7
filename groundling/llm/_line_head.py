"""A score for each line of the list, read from the hidden states of its tokens.

Letters do not bind to lines in models under a billion parameters; a line's own tokens do. The
tokens of a line are pooled, because the line breaks carry almost the same state everywhere.
Shared by training and run time, so that both read a prompt the same way.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

N_KNOWN = 4
"""What the ranker tells about a line; see `known`."""
_FURTHEST = 12.0
_SCALE = 5.0


@dataclass(frozen=True, slots=True)
class Encoded:
    """A prompt as token ids, and where its lines are."""

    ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    """First token and the one behind the last, for each label's line, without the label itself."""


def token_spans(
    offsets: Sequence[tuple[int, int]], lines: Sequence[tuple[int, int]]
) -> tuple[tuple[int, int], ...]:
    """Return the tokens that touch each stretch of text.

    Args:
        offsets: First character of each token and the one behind its last.
        lines: The same for each line, in order, none empty.
    """
    spans = []
    for first, end in lines:
        touching = [i for i, (a, b) in enumerate(offsets) if a < end and b > first and b > a]
        spans.append((touching[0], touching[-1] + 1))
    return tuple(spans)


def known(scores: Sequence[float]) -> list[list[float]]:
    """Return what the ranker's scores of the candidates say about each line, "none" last.

    Shape `(n_candidates + 1, N_KNOWN)`: distance to the best score (at most 0), whether it is
    "none", and for "none" the best score and its lead.
    """
    ordered = sorted(scores, reverse=True)
    top = ordered[0] if ordered else -_FURTHEST
    lead = top - ordered[1] if len(ordered) > 1 else _FURTHEST
    rows = [[max(-_FURTHEST, s - top), 0.0, 0.0, 0.0] for s in scores]
    none = [-1.0, 1.0, max(-_FURTHEST, top) / _SCALE, min(lead, _FURTHEST) / _SCALE]
    return [*rows, none]


class LineHead(nn.Module):
    """Pointer from the prompt's last token to the lines, and what each line says by itself."""

    mean: Tensor
    scale: Tensor

    def __init__(self, hidden: int, width: int = 128, dropout: float = 0.1) -> None:
        """Make the head for hidden states of size `hidden`; its first answer is the ranker's."""
        super().__init__()
        self.register_buffer("mean", torch.zeros(hidden))
        self.register_buffer("scale", torch.ones(hidden))
        self.query, self.key = nn.Linear(hidden, width), nn.Linear(2 * hidden, width)
        self.own = nn.Sequential(
            nn.Linear(2 * hidden + N_KNOWN, width), nn.GELU(), nn.Dropout(dropout)
        )
        self.out = nn.Linear(width, 1)
        self.base = nn.Linear(N_KNOWN, 1)
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            self.base.weight.copy_(torch.tensor([[0.5, 0.0, 0.0, 0.0]]))
            self.base.bias.zero_()

    @torch.no_grad()
    def standardise(self, states: Tensor) -> None:
        """Remember mean and spread of pooled states, shape `(n, hidden)`.

        A few dimensions of a language model are a hundred times larger than the others and the
        same on every line; without this they drown what differs.
        """
        self.mean.copy_(states.mean(0))
        self.scale.copy_(states.std(0).clamp(min=1e-4))

    def forward(self, states: Tensor, spans: Sequence[Sequence[tuple[int, int]]], extra: Tensor,
                ends: Sequence[int]) -> Tensor:  # fmt: skip
        """Return a score for each line, minus infinity where a prompt has fewer lines.

        Args:
            states: Shape `(batch, tokens, hidden)`.
            spans: Token spans of each prompt's lines.
            extra: `known` of each prompt, padded: `(batch, lines, N_KNOWN)`.
            ends: Place of the last real token of each prompt.
        """
        pooled, last, query = self.pool(states, spans, ends)
        both = torch.cat([pooled, last], -1)
        keys, wanted = self.key(both), self.query(query)
        pointed = (keys @ wanted[..., None])[..., 0] / math.sqrt(keys.shape[-1])
        own = self.out(self.own(torch.cat([both, extra], -1)))[..., 0]
        scores: Tensor = pointed + own + self.base(extra)[..., 0]
        absent = torch.tensor(
            [[i >= len(each) for i in range(extra.shape[1])] for each in spans],
            device=scores.device,
        )
        return scores.masked_fill(absent, -math.inf)

    def pool(
        self, states: Tensor, spans: Sequence[Sequence[tuple[int, int]]], ends: Sequence[int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean and last state of each line, and the state of each prompt's last token."""
        states = (states.float() - self.mean) / self.scale
        n_lines = max(map(len, spans))
        weights = torch.zeros(len(spans), n_lines, states.shape[1])
        tails = torch.zeros(len(spans), n_lines, dtype=torch.long)
        for b, each in enumerate(spans):
            for i, (first, end) in enumerate(each):
                weights[b, i, first:end] = 1 / (end - first)
                tails[b, i] = end - 1
        rows = torch.arange(len(spans), device=states.device)
        last = states[rows[:, None], tails.to(states.device)]
        query = states[rows, torch.tensor(list(ends), device=states.device)]
        return weights.to(states.device) @ states, last, query
