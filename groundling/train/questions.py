"""Tasks with their ranked candidates as tensors, and what the listwise model says to them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from groundling.bench.labelled import LabelledPage
from groundling.errors import DataError
from groundling.llm._embedded_text import candidate_tokens, instruction_tokens
from groundling.llm.embedded import EmbeddedLLM
from groundling.prompts import ChoicePrompt
from groundling.train.listwise import Listwise
from groundling.train.ranker import Listed

Floats = npt.NDArray[np.float64]

OFFERED = 15
"""Candidates at run time, and in validation."""
BATCH = 16
_NONE_SHARE = 0.12
"""Share of answerable tasks whose right elements are taken away: "none" is right then."""
_BLIND_SHARE = 0.15
"""Share of tasks shown without the ranker's features, so that the text is learnt as well."""
_DROPPED = 0.08
"""Share of tokens that are hidden in training."""
_READ_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Example:
    """A task with its ranked candidates, as indices into the texts."""

    task_id: str
    site: str
    kind: str
    task: int
    items: npt.NDArray[np.int64]
    """Best first, shape (n)."""
    features: npt.NDArray[np.float32]
    """Shape (n, F)."""
    base: npt.NDArray[np.float32]
    """The ranker's scores, out of fold, shape (n)."""
    right: npt.NDArray[np.bool_]


class Texts:
    """Hidden states of every text, read once by the lower layers."""

    def __init__(self) -> None:
        self.ids: dict[tuple[int, ...], int] = {}
        self.marks: list[Tensor] = []
        self.states: list[Tensor] = []

    def index(self, tokens: Sequence[int], marks: Sequence[int] = ()) -> int:
        """Return the number of a text, new or known; every mark is 1 if none are given."""
        at = self.ids.setdefault(tuple(tokens), len(self.ids))
        if at == len(self.marks):
            self.marks.append(torch.tensor(marks or [1] * len(tokens), dtype=torch.float32))
        return at

    def read(self, model: Listwise) -> None:
        """Read all texts, short ones together with short ones."""
        texts = list(self.ids)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        self.states = [torch.empty(0)] * len(texts)
        with torch.inference_mode():
            for start in range(0, len(order), _READ_AT_ONCE):
                batch = order[start : start + _READ_AT_ONCE]
                width = len(texts[batch[-1]])
                ids = torch.tensor([[*texts[i], *[0] * (width - len(texts[i]))] for i in batch])
                hidden = model.lower(ids).half()
                for row, i in enumerate(batch):
                    self.states[i] = hidden[row, : len(texts[i])].clone()

    def padded(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return hidden states (N, L, H) and marks (N, L)."""
        states = [self.states[i] for i in indices]
        width = max(len(s) for s in states)
        out = torch.zeros(len(states), width, states[0].shape[-1])
        on = torch.zeros(len(states), width)
        for row, (i, s) in enumerate(zip(indices, states, strict=True)):
            out[row, : len(s)] = s.float()
            on[row, : len(s)] = self.marks[i]
        return out, on


def examples(
    pages: Sequence[LabelledPage],
    lists: Sequence[Listed],
    scores: Sequence[Floats],
    encode: Any,  # noqa: ANN401
    texts: Texts,
) -> list[Example]:
    """Return one example for each task, its candidates ranked by `scores`.

    Raises:
        DataError: If there is none.
    """
    elements = {p.page: {e.id: e for e in p.snapshot} for p in pages}
    tasks = {t.id: t for p in pages for t in p.tasks}
    known: dict[tuple[str, int], int] = {}
    out = []
    for item, score in zip(lists, scores, strict=True):
        task = tasks[item.task_id]
        if not task.expect_none and not item.right.any():
            continue
        order = np.argsort(-score, kind="stable")[: 2 * OFFERED]
        late = [i for i in np.flatnonzero(item.right) if i not in order]
        order = np.array([*order, *late], np.int64)
        rows = []
        for element_id in item.ids[order]:
            key = item.page, int(element_id)
            if key not in known:
                element = elements[item.page][int(element_id)]
                known[key] = texts.index(*candidate_tokens(element, encode))
            rows.append(known[key])
        asked, _ = instruction_tokens(task.instruction, task.task_type, encode)
        out.append(
            Example(
                item.task_id, item.site, item.kind, texts.index(asked),
                np.array(rows, np.int64), item.rows[order], score[order].astype(np.float32),
                item.right[order],
            )
        )  # fmt: skip
    if not out:
        raise DataError("the data hold no task that can be learnt from: label some pages")
    return out


def offered(example: Example, k: int, rng: np.random.Generator | None) -> npt.NDArray[np.int64]:
    """Return which candidates are shown: the best `k`, in training with the right one."""
    first = np.arange(min(k, len(example.items)))
    right = np.flatnonzero(example.right)
    if rng is None or not len(right):
        return first
    if rng.random() < _NONE_SHARE:
        return np.flatnonzero(~example.right)[:k]
    if not example.right[first].any():
        first[-1] = rng.choice(right)
    return first


def forward(
    model: Listwise,
    texts: Texts,
    batch: Sequence[Example],
    shown: Sequence[npt.NDArray[np.int64]],
    rng: np.random.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Return logits (B, K + 1), "none" last, and the right ones (B, K + 1).

    With `rng` some tokens are hidden, and of some tasks all features.
    """
    k = max(map(len, shown))
    task, task_on = texts.padded([e.task for e in batch])
    flat = [int(i) for e, s in zip(batch, shown, strict=True) for i in e.items[s]]
    items, on = texts.padded(flat)
    owner = torch.tensor([b for b, s in enumerate(shown) for _ in s])
    blind = np.zeros(len(batch), bool)
    if rng is not None:
        task_on, on = _hidden(task_on, rng), _hidden(on, rng)
        blind = rng.random(len(batch)) < _BLIND_SHARE
    vector, pooled, near = model.upper.read(task, items, (task_on, on), owner)
    feats = torch.zeros(len(batch), k, model.config.n_features)
    base, present = torch.zeros(len(batch), k), torch.zeros(len(batch), k)
    right = torch.zeros(len(batch), k + 1)
    at = 0
    rows, nears = [], []
    for b, (e, s) in enumerate(zip(batch, shown, strict=True)):
        rows.append(torch.nn.functional.pad(pooled[at : at + len(s)], (0, 0, 0, k - len(s))))
        nears.append(torch.nn.functional.pad(near[at : at + len(s)], (0, 0, 0, k - len(s))))
        feats[b, : len(s)] = model.upper.mean if blind[b] else torch.from_numpy(e.features[s])
        if not blind[b]:
            base[b, : len(s)] = torch.from_numpy(e.base[s])
        present[b, : len(s)] = 1
        right[b, : len(s)] = torch.from_numpy(e.right[s].astype(np.float32))
        right[b, k] = float(not e.right[s].any())
        at += len(s)
    grid, nearness = torch.stack(rows), torch.stack(nears)
    return model.upper.compare(vector, grid, nearness, (feats, base, present)), right


def _hidden(on: Tensor, rng: np.random.Generator) -> Tensor:
    """Hide some tokens, never the first."""
    kept = torch.from_numpy(rng.random(on.shape) >= _DROPPED).float()
    kept[:, 0] = 1
    return on * kept


def loss_of(logits: Tensor, right: Tensor) -> Tensor:
    """Return the mean negative log-probability of all right labels together."""
    wrong = log_softmax(logits.float(), -1).masked_fill(right <= 0, -1e4)
    return -torch.logsumexp(wrong, -1).mean()


def predict(
    model: Listwise, texts: Texts, found: Sequence[Example], k: int = OFFERED
) -> Iterator[tuple[Example, Floats, npt.NDArray[np.int64]]]:
    """Yield each example with its logits, "none" last, and what was shown."""
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(found), BATCH):
            batch = found[start : start + BATCH]
            shown = [offered(e, k, None) for e in batch]
            logits, _ = forward(model, texts, batch, shown)
            for row, (e, s) in enumerate(zip(batch, shown, strict=True)):
                kept = [*range(len(s)), logits.shape[1] - 1]
                yield e, logits[row, kept].double().numpy(), s


def hit(example: Example, logits: Floats, shown: npt.NDArray[np.int64]) -> bool:
    """Return whether the likeliest label is right."""
    best = int(np.argmax(logits))
    if best < len(shown):
        return bool(example.right[shown[best]])
    return not example.right.any()


def accuracy(model: Listwise, texts: Texts, found: Sequence[Example]) -> dict[str, float]:
    """Return the share of right answers: overall, where the element exists, and for "none"."""
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for e, logits, s in predict(model, texts, found):
        hits[bool(e.right.any())].append(hit(e, logits, s))
    both = hits[True] + hits[False]
    mean = lambda x: float(np.mean(x)) if x else math.nan  # noqa: E731
    return {"overall": mean(both), "exists": mean(hits[True]), "none": mean(hits[False])}


def logits_of_prompt(model: Listwise, llm: EmbeddedLLM, prompt: ChoicePrompt) -> Floats:
    """Return what the 32-bit model says to a question, calibrated as `llm` is: (K + 1), none last.

    Args:
        model: In evaluation mode.
        llm: The same model as files, for its tokenizer, temperature and bias.
        prompt: With candidates that the ranker scored.
    """
    encode = llm.encode
    asked, _ = instruction_tokens(prompt.instruction, prompt.task_type, encode)
    lines = [candidate_tokens(c.element, encode) for c in prompt.candidates]
    width = max((len(ids) for ids, _ in lines), default=1)
    pad = [[0] * (width - len(ids)) for ids, _ in lines]
    with torch.inference_mode():
        raw = model(
            torch.tensor([asked]),
            torch.tensor([[*ids, *more] for (ids, _), more in zip(lines, pad, strict=True)]),
            torch.tensor([[*m, *more] for (_, m), more in zip(lines, pad, strict=True)]).float(),
            torch.tensor([c.features for c in prompt.candidates]),
            torch.tensor([c.score for c in prompt.candidates]),
        )
    out: Floats = raw.double().numpy()
    out[-1] += llm.profile.none_bias
    return out / llm.profile.temperature
