"""The output layer, cut down to the rows of the labels.

A choice needs the logits of a few labels, a vocabulary has 150,000. While a choice is read, the
model's output layer is exchanged for one that holds the labels' rows only; what the model does with
logits afterwards (Gemma's soft cap, Cohere's scale) still happens, because its own code does it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch


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
        full = self._full
        rows = torch.tensor(list(self._rows), device=full.weight.device)
        small = torch.nn.Linear(1, 1, bias=full.bias is not None, device="meta")
        small.weight = torch.nn.Parameter(full.weight.detach()[rows], requires_grad=False)
        if full.bias is not None:
            small.bias = torch.nn.Parameter(full.bias.detach()[rows], requires_grad=False)
        self._small = small

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
