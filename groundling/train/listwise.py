"""The embedded model in torch: an encoder that reads an instruction and all its candidates.

The lower layers read the instruction and each candidate alone, so training computes them once and
keeps them. In the upper layers a candidate also attends to the instruction, never to another
candidate, and positions start anew in each; so the order of the candidates cannot matter. A small
set transformer (Lee et al., 2019) then compares them, each with the ranker's features, beside a
learned "none of these". A token's mark is 2 where it belongs to what a candidate is called, 1
where it tells of its surroundings, 0 where there is none: names are pooled for themselves, or long
surroundings drown them.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

N_LEVELS = 3
"""Inputs of the head that are made of the base scores."""
N_NEAR = 6
"""Inputs of the head that say how near the instruction a candidate is in meaning."""
_FAR = 8.0


@dataclass(frozen=True, slots=True)
class ListwiseConfig:
    """Sizes of the model."""

    n_features: int
    hidden: int = 384
    heads: int = 12
    inner: int = 1536
    lower: int = 4
    """Layers that read each text alone; not trained."""
    upper: int = 2
    """Layers in which candidates read the instruction."""
    vocabulary: int = 30522
    positions: int = 48
    width: int = 160
    set_layers: int = 2
    dropout: float = 0.1


class Block(nn.Module):
    """One BERT layer."""

    def __init__(self, c: ListwiseConfig) -> None:
        super().__init__()
        self.heads = c.heads
        self.query = nn.Linear(c.hidden, c.hidden)
        self.key = nn.Linear(c.hidden, c.hidden)
        self.value = nn.Linear(c.hidden, c.hidden)
        self.out = nn.Linear(c.hidden, c.hidden)
        self.norm1, self.norm2 = nn.LayerNorm(c.hidden, 1e-12), nn.LayerNorm(c.hidden, 1e-12)
        self.up, self.down = nn.Linear(c.hidden, c.inner), nn.Linear(c.inner, c.hidden)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)

    def _finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        x = self.norm1(x + self.out(mixed))
        return self.norm2(x + self.down(gelu(self.up(x))))

    def alone(self, x: Tensor, mask: Tensor) -> Tensor:
        """Read each text alone: x (N, L, H), mask (N, L), 0 or -1e4."""
        q, k, v = (self._split(part(x)) for part in (self.query, self.key, self.value))
        return self._finish(x, _attend(q, k, v, mask[:, None, None]))

    def joint(
        self, task: Tensor, items: Tensor, masks: tuple[Tensor, Tensor], owner: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Let items read their task, too.

        Shapes: task (B, T, H), items (N, L, H), masks (B, T) and (N, L), owner (N) in [0, B).
        """
        # One product for all tokens: twice the speed, and each weight is written once.
        rows = torch.cat([task.flatten(0, 1), items.flatten(0, 1)])
        n = task.shape[0] * task.shape[1]
        parts = [part(rows) for part in (self.query, self.key, self.value)]
        tq, tk, tv = (self._split(p[:n].reshape_as(task)) for p in parts)
        iq, ik, iv = (self._split(p[n:].reshape_as(items)) for p in parts)
        both = torch.cat([masks[0][owner], masks[1]], -1)[:, None, None]
        keys, values = torch.cat([tk[owner], ik], -2), torch.cat([tv[owner], iv], -2)
        mixed = torch.cat(
            [
                _attend(tq, tk, tv, masks[0][:, None, None]).flatten(0, 1),
                _attend(iq, keys, values, both).flatten(0, 1),
            ]
        )
        rows = self._finish(rows, mixed)
        return rows[:n].reshape_as(task), rows[n:].reshape_as(items)


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Mix values: q (N, heads, L, D) -> (N, L, heads * D)."""
    mixed = scaled_dot_product_attention(q, k, v, mask.to(q.dtype))
    return mixed.transpose(-3, -2).flatten(-2)


class Lower(nn.Module):
    """Embeddings and the layers that read each text alone."""

    def __init__(self, c: ListwiseConfig) -> None:
        super().__init__()
        self.words = nn.Embedding(c.vocabulary, c.hidden)
        self.places = nn.Embedding(c.positions, c.hidden)
        self.kind = nn.Parameter(torch.zeros(c.hidden))
        self.norm = nn.LayerNorm(c.hidden, 1e-12)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.lower))

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (N, L), 0 for padding -> (N, L, H)."""
        places = torch.arange(ids.shape[1], device=ids.device)
        x: Tensor = self.norm(self.words(ids) + self.places(places) + self.kind)
        mask = ((ids != 0).float() - 1) * 1e4
        for block in self.blocks:
            x = block.alone(x, mask.to(x.dtype))  # type: ignore[operator]
        return x


class Upper(nn.Module):
    """The layers in which candidates read the instruction, and the comparison."""

    mean: Tensor
    scale: Tensor

    def __init__(self, c: ListwiseConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.upper))
        self.register_buffer("mean", torch.zeros(c.n_features))
        self.register_buffer("scale", torch.ones(c.n_features))
        n_known, w = c.n_features + N_LEVELS, c.width
        self.from_text, self.from_task = nn.Linear(2 * c.hidden, w), nn.Linear(c.hidden, w)
        self.from_both = nn.Linear(2 * c.hidden, w)
        self.from_near, self.none_near = nn.Linear(N_NEAR, w), nn.Linear(N_NEAR, w)
        self.from_features = nn.Sequential(
            nn.Linear(n_known, w), nn.GELU(), nn.Dropout(c.dropout), nn.Linear(w, w)
        )
        self.none = nn.Linear(n_known, w)
        self.set = nn.ModuleList(
            nn.TransformerEncoderLayer(
                w, 4, 2 * w, c.dropout, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(c.set_layers)
        )
        self.score = nn.Sequential(nn.LayerNorm(w), nn.Linear(w, 1))
        self.trust = nn.Parameter(torch.tensor(1.0))

    def read(
        self, task: Tensor, items: Tensor, on: tuple[Tensor, Tensor], owner: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return vectors of each task (B, H) and item (N, 2H), and how near they are (N, 3).

        Args:
            task: What `Lower` made of the instructions, (B, T, H).
            items: The same of the candidates, (N, L, H).
            on: Marks of the tokens, (B, T) and (N, L).
            owner: The task of each item, (N).
        """
        there, called = (on[1] > 0).to(items.dtype), (on[1] > 1).to(items.dtype)
        masks = ((on[0] - 1) * 1e4, (there - 1) * 1e4)
        before = _cosine(_mean(task, on[0])[owner], _mean(items, called))
        for block in self.blocks:
            task, items = block.joint(task, items, masks, owner)  # type: ignore[operator]
        vector, name, whole = _mean(task, on[0]), _mean(items, called), _mean(items, there)
        asked = vector[owner]
        near = torch.stack([before, _cosine(asked, name), _cosine(asked, whole)], -1)
        return vector, torch.cat([name, whole], -1), near

    def known(self, features: Tensor, base: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Return the inputs that need no text (B, K, F + 3), and the gap to the best (B, K)."""
        best = torch.where(present > 0, base, torch.full_like(base, -1e4)).amax(1, keepdim=True)
        gap = (base - best).clamp(min=-_FAR)
        level = torch.stack([base.clamp(min=-2 * _FAR) / 4, gap / 4, (gap == 0).float()], -1)
        return torch.cat([((features - self.mean) / self.scale).clamp(-5, 5), level], -1), gap

    def compare(
        self, task: Tensor, items: Tensor, near: Tensor, listed: tuple[Tensor, Tensor, Tensor]
    ) -> Tensor:
        """Return a logit for each candidate and, last, for none: (B, K + 1).

        Args:
            task: (B, H).
            items: (B, K, 2H).
            near: (B, K, 3).
            listed: Features (B, K, F), base scores (B, K), and 1 where there is a candidate (B, K).
        """
        features, base, present = listed
        known, gap = self.known(features, base, present)
        nearest = torch.where(present[..., None] > 0, near, torch.full_like(near, -1.0)).amax(1)
        near = torch.cat([near, 4 * (near - nearest[:, None])], -1)
        x = self.from_text(items) + self.from_features(known)
        twice = torch.cat([task, task], -1)[:, None]
        x = x + self.from_both(items * twice) + self.from_task(task)[:, None]
        x = x + self.from_near(near)
        top = torch.where(present[..., None] > 0, known, torch.full_like(known, -9.0)).amax(1)
        closest = torch.cat([nearest, torch.zeros_like(nearest)], -1)
        nothing = self.none(top) + self.none_near(closest) + self.from_task(task)
        x = torch.cat([x, nothing[:, None]], 1)
        absent = torch.cat([present <= 0, torch.zeros_like(present[:, :1]) > 0], 1)
        for layer in self.set:
            x = _compare_once(layer, x, absent)
        logits = self.score(x).squeeze(-1)
        prior = torch.cat([self.trust * gap, torch.zeros_like(gap[:, :1])], 1)
        return (logits + prior).masked_fill(absent, -1e4)


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    lengths = (a * a).sum(-1) * (b * b).sum(-1)
    return (a * b).sum(-1) / (lengths + 1e-6).sqrt()


def _mean(x: Tensor, on: Tensor) -> Tensor:
    return (x * on[..., None]).sum(1) / on.sum(1).clamp(min=1)[..., None]


def _compare_once(layer: Any, x: Tensor, absent: Tensor) -> Tensor:  # noqa: ANN401
    """Run a pre-norm `TransformerEncoderLayer`, in operations that every exporter knows."""
    attention, heads = layer.self_attn, layer.self_attn.num_heads
    q, k, v = (
        part.unflatten(-1, (heads, -1)).transpose(1, 2)
        for part in nn.functional.linear(
            layer.norm1(x), attention.in_proj_weight, attention.in_proj_bias
        ).chunk(3, -1)
    )
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    weights = layer.dropout(scores.masked_fill(absent[:, None, None], -1e4).softmax(-1))
    x = x + layer.dropout1(attention.out_proj((weights @ v).transpose(1, 2).flatten(-2)))
    inner = layer.dropout(gelu(layer.linear1(layer.norm2(x))))
    return x + layer.dropout2(layer.linear2(inner))


class Listwise(nn.Module):
    """The whole model."""

    def __init__(self, c: ListwiseConfig) -> None:
        super().__init__()
        self.config = c
        self.lower, self.upper = Lower(c), Upper(c)

    def forward(
        self, task: Tensor, items: Tensor, on: Tensor, features: Tensor, base: Tensor
    ) -> Tensor:
        """Score one task.

        Shapes: ids (1, T) and (K, L), marks (K, L), features (K, F), base scores (K) -> (K + 1).
        """
        marks = (task != 0).float(), on
        owner = torch.zeros_like(items[:, 0])
        vector, pooled, near = self.upper.read(self.lower(task), self.lower(items), marks, owner)
        present = torch.ones_like(base)[None]
        return self.upper.compare(
            vector, pooled[None], near[None], (features[None], base[None], present)
        )[0]

    def load_bert(self, bert: Any) -> None:  # noqa: ANN401
        """Take over the weights of a Hugging Face BERT of the same sizes."""
        e, low = bert.embeddings, self.lower
        with torch.no_grad():
            low.words.weight.copy_(e.word_embeddings.weight)
            low.places.weight.copy_(e.position_embeddings.weight[: self.config.positions])
            low.kind.copy_(e.token_type_embeddings.weight[0])
            low.norm.load_state_dict(e.LayerNorm.state_dict())
        blocks = [*low.blocks, *self.upper.blocks]
        for block, layer in zip(blocks, bert.encoder.layer[: len(blocks)], strict=True):
            for mine, theirs in _pairs(block, layer):
                mine.load_state_dict(theirs.state_dict())


def _pairs(block: Any, layer: Any) -> list[tuple[nn.Module, nn.Module]]:  # noqa: ANN401
    a = layer.attention
    return [
        (block.query, a.self.query), (block.key, a.self.key), (block.value, a.self.value),
        (block.out, a.output.dense), (block.norm1, a.output.LayerNorm),
        (block.up, layer.intermediate.dense), (block.down, layer.output.dense),
        (block.norm2, layer.output.LayerNorm),
    ]  # fmt: skip
