"""Forward passes of a causal model: label logits, prefix reuse, left-padded batches."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from groundling.llm._label_head import LabelHead
from groundling.llm._labels import Tokens

# Below this many common tokens expanding the cache costs more than it saves.
_MIN_SHARED = 16
_CROPPABLE = {"full_attention", "sliding_attention"}


class Forward:
    """Runs a model and keeps the keys and values of the last prompt for the next one."""

    def __init__(self, model: Any, pad_id: int, *, reuse_prefix: bool = True) -> None:  # noqa: ANN401
        """Wrap `model`, a Hugging Face causal language model in evaluation mode."""
        self.model = model
        self.head = LabelHead(model)
        # Offloaded weights live on no device; their hooks move the input where it belongs.
        self.device = torch.device("cpu") if model.device.type == "meta" else model.device
        self._pad_id = pad_id
        config = model.config.get_text_config()
        self._window: int | None = getattr(config, "sliding_window", None)
        # A recurrent state cannot be rolled back to a shorter prefix.
        kinds = set(getattr(config, "layer_types", None) or ())
        self._reuse = reuse_prefix and kinds <= _CROPPABLE
        self._rope_limit = _rope_limit(config)
        parameters = inspect.signature(model.forward).parameters
        names = ("logits_to_keep", "num_logits_to_keep")
        self._keep = next((n for n in names if n in parameters), None)
        self.reset()

    def reset(self) -> None:
        """Forget the cached prompt."""
        self._cache: Any = None
        self._cached: list[int] = []
        self.n_reused = 0

    def after_prompt(self, ids: list[int], ways: Sequence[int]) -> dict[int, float]:
        """Return the logits of the tokens `ways` behind a prompt.

        `n_reused` tells afterwards how many of its tokens came from the cache.
        """
        self.head.cover(ways)
        self._rewind_to(ids[:-1])
        self.n_reused = len(self._cached)
        row = self._tensor([ids[self.n_reused :]])
        logits = self._run(row, {"past_key_values": self._cache}, 1)[0, -1]
        self._cached = list(ids)
        return self.head.pick(logits, ways)

    def after_tails(
        self, ids: list[int], forks: Mapping[Tokens, Sequence[int]]
    ) -> dict[Tokens, dict[int, float]]:
        """Return for each tail the logits of its ways on, behind `ids` and the tail.

        Call right after `after_prompt(ids)`: the prompt itself is not read again.
        """
        if not self._reuse:
            return {tail: self.after_prompt([*ids, *tail], ways) for tail, ways in forks.items()}
        self.head.cover(token for ways in forks.values() for token in ways)
        longest = max(map(len, forks))
        # Right padding needs no mask here: no real token looks at what comes after it.
        rows = [[*tail, *[self._pad_id] * (longest - len(tail))] for tail in forks]
        self._cache.batch_repeat_interleave(len(forks))
        logits = self._run(self._tensor(rows), {"past_key_values": self._cache}, longest)
        self._shrink_to(len(ids))
        return {
            tail: self.head.pick(row[len(tail) - 1], ways)
            for row, (tail, ways) in zip(logits, forks.items(), strict=True)
        }

    def after_each(
        self, prompts: Sequence[list[int]], ways: Sequence[Sequence[int]]
    ) -> list[dict[int, float]]:
        """Return the logits of the ways behind each prompt, all prompts in one batch.

        Padding is on the left of what differs; a common beginning is read once.
        """
        if self._outgrows_rope(max(map(len, prompts))):
            pairs = zip(prompts, ways, strict=True)
            return [self.after_prompt(ids, each) for ids, each in pairs]
        self.head.cover(token for each in ways for token in each)
        shared = self._shared(prompts)
        if shared:
            self._read_prefix(prompts[0][:shared])
            self._cache.batch_repeat_interleave(len(prompts))
        rests = [ids[shared:] for ids in prompts]
        width = max(map(len, rests))
        rows = self._tensor([[*[self._pad_id] * (width - len(r)), *r] for r in rests])
        extra = self._padding_arguments([width - len(r) for r in rests], shared, width)
        if shared:
            extra["past_key_values"] = self._cache
        logits = self._run(rows, extra, 1)[:, -1]
        if shared:
            self._shrink_to(shared)
        return [self.head.pick(row, each) for row, each in zip(logits, ways, strict=True)]

    def lend(self, ids: list[int]) -> Any:  # noqa: ANN401
        """Return the cache, rewound to what it shares with `ids`, for a generation from `ids`."""
        self._rewind_to(ids[:-1])
        self.n_reused = len(self._cached)
        return self._cache

    def take_back(self, ids: list[int]) -> None:
        """Keep of a lent cache what belongs to the prompt `ids`."""
        surplus = self._cache.get_seq_length() - len(ids)
        if surplus > 0:
            self._cache.crop(-surplus)
        self._cached = list(ids)

    def _padding_arguments(self, pads: list[int], shared: int, width: int) -> dict[str, Any]:
        n_pads = self._tensor(pads)[:, None]
        places = torch.arange(width, device=n_pads.device)[None, :]
        real = places >= n_pads
        seen = torch.ones(len(pads), shared, dtype=torch.bool, device=real.device)
        return {
            "attention_mask": torch.cat([seen, real], dim=1).long(),
            "position_ids": shared + (places - n_pads).clamp(min=0),
            "use_cache": shared > 0,
        }

    def _shared(self, prompts: Sequence[list[int]]) -> int:
        shortest = min(map(len, prompts))
        shared = min(common_prefix(prompts[0], p) for p in prompts)
        shared = min(shared, shortest - 1)
        # Padding between prefix and rest would move tokens out of a sliding window.
        outgrown = self._window is not None and max(map(len, prompts)) > self._window
        return 0 if shared < _MIN_SHARED or not self._reuse or outgrown else shared

    def _read_prefix(self, ids: list[int]) -> None:
        self._rewind_to(ids)
        if len(self._cached) < len(ids):
            row = self._tensor([ids[len(self._cached) :]])
            self._run(row, {"past_key_values": self._cache}, 1)
            self._cached = list(ids)

    def _rewind_to(self, ids: list[int]) -> None:
        """Leave in the cache what it has in common with `ids`, or start a new one."""
        from transformers import DynamicCache

        usable = self._reuse and not self._outgrows_rope(max(len(ids) + 1, len(self._cached)))
        common = common_prefix(self._cached, ids) if usable else 0
        if self._cache is None or not common:
            # Without the config every layer keeps all its tokens, so that it can be rolled back;
            # the mask still applies the sliding window.
            self._cache = DynamicCache() if self._reuse else None
            self._cached = []
            return
        surplus = len(self._cached) - common
        if surplus:
            self._cache.crop(-surplus)
        self._cached = self._cached[:common]

    def _outgrows_rope(self, n_tokens: int) -> bool:
        """Return whether a prompt is so long that all its positions are rotated differently."""
        return self._rope_limit is not None and n_tokens > self._rope_limit

    def _shrink_to(self, n_tokens: int) -> None:
        """Drop all rows but the first, and all tokens behind `n_tokens`."""
        self._cache.batch_select_indices(torch.tensor([0], device=self.device))
        surplus = self._cache.get_seq_length() - n_tokens
        if surplus:
            self._cache.crop(-surplus)
        self._cached = self._cached[:n_tokens]

    def _tensor(self, rows: list[Any]) -> torch.Tensor:
        return torch.tensor(rows, device=self.device)

    @torch.inference_mode()
    def _run(self, rows: torch.Tensor, extra: dict[str, Any], n_last: int) -> torch.Tensor:
        arguments = {"use_cache": extra.get("past_key_values") is not None, **extra}
        if self._keep:
            arguments[self._keep] = n_last
        try:
            with self.head.swapped():
                logits: torch.Tensor = self.model(input_ids=rows, **arguments).logits
        except BaseException:
            self.reset()  # a half-written cache must not be reused
            raise
        return logits[:, -n_last:].float()


def common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    """Return how many leading tokens `a` and `b` share."""
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n


def _rope_limit(config: Any) -> int | None:  # noqa: ANN401
    """Return the length beyond which a model rotates every position differently, if it does.

    Phi-3's long versions do: keys kept from a shorter prompt are wrong in a longer one.
    """
    scaling = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None)
    if not isinstance(scaling, dict):
        return None
    if scaling.get("rope_type", scaling.get("type")) not in {"longrope", "dynamic"}:
        return None
    original = scaling.get("original_max_position_embeddings")
    at_top = getattr(config, "original_max_position_embeddings", None)
    return int(original or at_top or config.max_position_embeddings)
