"""The output layer, cut down to the rows of the labels.

A choice needs the logits of a few labels, a vocabulary has 150,000. While a choice is read, the
model's output layer is exchanged for one that holds the labels' rows only; what the model does with
logits afterwards (Gemma's soft cap, Cohere's scale) still happens, because its own code does it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch


class _Rows(torch.nn.Module):
    """Some rows of an output layer, in float32 whatever the model computes in.

    bfloat16 logits near 20 lie 0.125 apart, so close labels would tie.
    """

    def __init__(self, full: torch.nn.Linear, rows: torch.Tensor) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(full.weight.detach()[rows].float(), requires_grad=False)
        bias = None if full.bias is None else full.bias.detach()[rows].float()
        self.bias = None if bias is None else torch.nn.Parameter(bias, requires_grad=False)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return float32 logits, shape `(..., n_rows)`."""
        return torch.nn.functional.linear(hidden.float(), self.weight, self.bias)


class LabelHead:
    """Swaps the output layer of one model; the caller sees to it that nobody else runs it."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401
        """Look at the model's output layer."""
        self._model = model
        head = model.get_output_embeddings()
        # Quantized, offloaded or home-made layers stay as they are.
        plain = type(head) is torch.nn.Linear and not hasattr(head, "_hf_hook")
        self._full = head if plain and head.weight.device.type != "meta" else None
        self._rows: dict[int, int] = {}
        self._small: Any = None

    def cover(self, tokens: Iterable[int]) -> None:
        """Make sure that the small layer holds the rows of `tokens`."""
        new = [t for t in dict.fromkeys(tokens) if t not in self._rows]
        if not new or self._full is None:
            return
        self._rows |= {token: len(self._rows) + i for i, token in enumerate(new)}
        rows = torch.tensor(list(self._rows), device=self._full.weight.device)
        self._small = _Rows(self._full, rows)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Run the model with the small layer."""
        if self._small is None:
            yield
            return
        self._model.set_output_embeddings(self._small)
        try:
            yield
        finally:
            self._model.set_output_embeddings(self._full)

    def pick(self, logits: torch.Tensor, tokens: Sequence[int]) -> dict[int, float]:
        """Return the logits of `tokens` from one row that came out of `swapped`."""
        places = list(tokens) if self._small is None else [self._rows[t] for t in tokens]
        return dict(zip(tokens, logits[places].tolist(), strict=True))
