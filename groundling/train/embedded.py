"""Train the embedded model from labelled pages, end to end, on a processor.

    make train-embedded DATA=folder-of-labelled-pages

Pages are read with our own reader, the ranker scores each site with trees that never saw it, the
lower layers of all-MiniLM-L6-v2 read every text once, and the upper layers and the comparison learn
from those. Sites left out of the training give the temperature, the bias of "none" and the
thresholds. Checkpoints make an interrupted run go on where it was.
"""

import hashlib
import json
import logging
import math
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor
from torch.nn.functional import log_softmax

from groundling.bench.labelled import LabelledPage, read_lines
from groundling.errors import DataError
from groundling.llm._embedded_text import candidate_tokens, encode_texts, instruction_tokens
from groundling.llm.embedded import EmbeddedLLM
from groundling.prompts import ChoicePrompt
from groundling.ranking import FEATURES
from groundling.train.base_model import default_base, load_encoder
from groundling.train.calibrate_embedded import calibrate
from groundling.train.card import Answered, card, draw_curves, file_hash
from groundling.train.listwise import Listwise, ListwiseConfig
from groundling.train.ranker import Listed, folds_by_site

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]

SEED = 7
OFFERED = 15
"""Candidates at run time, and in validation."""
BATCH = 16
_BODY_RATE, _HEAD_RATE = 6e-5, 6e-4
_WARM_UP = 100
_NONE_SHARE = 0.12
"""Share of answerable tasks whose right elements are taken away: "none" is right then."""
_BLIND_SHARE = 0.15
"""Share of tasks shown without the ranker's features, so that the text is learnt as well."""
_DROPPED = 0.08
"""Share of tokens that are hidden in training."""
_READ_AT_ONCE = 64
_SAVE_EVERY_S = 600.0


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


def fit(  # noqa: PLR0913 - a run has that many parts
    model: Listwise, texts: Texts, train: Sequence[Example], held: Sequence[Example], work: Path,
    *, epochs: int, k: int,
) -> list[dict[str, float]]:  # fmt: skip
    """Train in place; returns the curve. Goes on from `work/checkpoint.pt` if there is one.

    Raises:
        DataError: If that is of another run.
    """
    told = _fingerprint(train, epochs, k)
    body = list(model.upper.blocks.parameters())
    head = [p for n, p in model.upper.named_parameters() if not n.startswith("blocks.")]
    groups = [{"params": body, "lr": _BODY_RATE}, {"params": head, "lr": _HEAD_RATE}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    per_epoch = math.ceil(len(train) / BATCH)
    total = max(1, epochs * per_epoch)
    plan = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, total))
    saved, step, curve = work / "checkpoint.pt", 0, []  # type: Path, int, list[dict[str, float]]
    if saved.is_file():
        state = torch.load(saved, weights_only=True)
        if state["run"] != told:
            raise DataError(
                f"{saved} is of a run on other data or settings: remove it, or change `--work`"
            )
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        plan.load_state_dict(state["plan"])
        step, curve = int(state["step"]), list(state["curve"])
        log.info("going on at step %d of %d", step, total)
    last = time.monotonic()
    bar = Progress(*Progress.get_default_columns(), "{task.fields[told]}", console=_talk())
    shown = bar.add_task("training", total=total, completed=step, told="")
    bar.start()
    while step < total:
        batch, rng = _batch(train, step, per_epoch)
        loss = _learn(model, texts, batch, k, rng, optimizer)
        plan.step()
        step += 1
        bar.update(shown, completed=step)
        if step % max(1, per_epoch // 2) == 0 or step == total:
            curve.append({"step": step, "loss": loss.item(), **accuracy(model, texts, held)})
            bar.console.print(json.dumps(curve[-1]), highlight=False, soft_wrap=True)
            bar.update(shown, told=f"left out {100 * curve[-1]['overall']:.1f} %")
        if time.monotonic() - last > _SAVE_EVERY_S or step == total:
            state = {
                "model": model.state_dict(), "optimizer": optimizer.state_dict(),
                "plan": plan.state_dict(), "step": step, "curve": curve, "run": told,
            }  # fmt: skip
            _save(saved, state)
            last = time.monotonic()
    bar.stop()
    return curve


def _batch(
    train: Sequence[Example], step: int, per_epoch: int
) -> tuple[list[Example], np.random.Generator]:
    """Return the tasks of a step; a pure function of the step, so that a run can be taken up."""
    epoch, place = divmod(step, per_epoch)
    order = np.random.default_rng((SEED, epoch)).permutation(len(train))
    torch.manual_seed(SEED + step)
    return (
        [train[i] for i in order[place * BATCH : (place + 1) * BATCH]],
        np.random.default_rng((SEED, step)),
    )


def _learn(
    model: Listwise, texts: Texts, batch: Sequence[Example], k: int,
    rng: np.random.Generator, optimizer: torch.optim.Optimizer,
) -> Tensor:  # fmt: skip
    model.train()
    logits, right = forward(model, texts, batch, [offered(e, k, rng) for e in batch], rng)
    loss = loss_of(logits, right)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.upper.parameters(), 1.0)
    optimizer.step()
    return loss


def _talk() -> Console:
    return Console(stderr=True)


def _rate(step: int, total: int) -> float:
    warm = min(1.0, (step + 1) / _WARM_UP)
    return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / total)))


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


def _fingerprint(train: Sequence[Example], epochs: int, k: int) -> str:
    said = hashlib.sha256(repr((SEED, BATCH, epochs, k)).encode())
    for e in train:
        said.update(repr((e.task_id, e.items.tolist(), e.right.tolist())).encode())
    return said.hexdigest()


def _save(path: Path, state: Mapping[str, Any]) -> None:
    fresh = path.with_suffix(".new")
    torch.save(dict(state), fresh)
    fresh.replace(path)


def new_model(base: Path, train: Sequence[Example]) -> Listwise:
    """Return an untrained model on the encoder in `base`."""
    torch.manual_seed(SEED)
    _, bert = load_encoder(base)
    model = Listwise(ListwiseConfig(n_features=len(FEATURES)))
    model.load_bert(bert)
    rows = np.concatenate([e.features[:OFFERED] for e in train])
    model.upper.mean.copy_(torch.from_numpy(rows.mean(0)))
    model.upper.scale.copy_(torch.from_numpy(np.maximum(rows.std(0), 0.05)))
    model.lower.requires_grad_(False)
    return model


def run(  # noqa: PLR0913 - a run has that many parts
    pages: Sequence[LabelledPage], lists: Sequence[Listed],
    scores: Sequence[Floats], out: Path, work: Path,
    data: Mapping[str, str], *, epochs: int, k: int, folds: int,
) -> dict[str, Any]:  # fmt: skip
    """Train, calibrate on left-out sites, export to `out`; returns the profile.

    Beside the weights lie `curves.png` and `card.md`, with `data`, the hashes of what was read.

    Raises:
        DataError: If there are fewer sites than two, or nothing to learn from.
    """
    from groundling.train.export import export

    base = default_base()
    tokenizer, _ = load_encoder(base)
    texts = Texts()
    found = examples(pages, lists, scores, encode_texts(tokenizer), texts)
    if len({e.site for e in found}) < 2:
        raise DataError("all pages are of one site: leave-site-out validation needs two or more")
    kept_out = folds_by_site(lists, min(folds, len({e.site for e in found})))[0]
    train = [e for e in found if e.site not in kept_out]
    held = [e for e in found if e.site in kept_out]
    model = new_model(base, train)
    click.echo(f"{len(train)} tasks, {len(held)} left out, {len(texts.ids)} texts", err=True)
    texts.read(model)
    work.mkdir(parents=True, exist_ok=True)
    curve = fit(model, texts, train, held, work, epochs=epochs, k=k)
    told = list(predict(model, texts, held))
    judged = [(e.right[s], bool(e.right.any()), z) for e, z, s in told]
    profile = {
        **calibrate(judged), "features": list(FEATURES), "marked": True, "base": "all-MiniLM-L6-v2",
        "n_train": len(train), "n_left_out": len(held), "epochs": epochs, "k": k, "seed": SEED,
        "left_out": accuracy(model, texts, held), "curve": curve,
    }  # fmt: skip
    export(model, out, profile)
    draw_curves(curve, out / "curves.png")
    answered = [Answered(e.kind, e.site, hit(e, z, s)) for e, z, s in told]
    (out / "card.md").write_text(card(profile, answered, data))
    shutil.copyfile(base / "tokenizer.json", out / "tokenizer.json")
    return profile


@click.command("embedded")
@click.option("--captured", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--held-out", type=click.Path(exists=True, path_type=Path), default=None)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--work", type=click.Path(path_type=Path), default=Path("build/train-embedded"))
@click.option("--epochs", default=2, show_default=True)
@click.option("--candidates", "k", default=10, show_default=True, help="In training.")
@click.option("--folds", default=8, show_default=True, help="One in so many sites is left out.")
def command(
    captured: Path,
    held_out: Path | None,
    out: Path,
    work: Path,
    **options: Any,  # noqa: ANN401
) -> None:
    """Train the embedded model on captured pages (`python -m groundling.bench.labelled`)."""
    from groundling.train.ranker import out_of_fold, ranked_lists

    kept_out = set(held_out.read_text().split()) if held_out else set()
    pages = [p for p in read_lines(captured) if p.page not in kept_out]
    lists = ranked_lists(pages)
    scores = out_of_fold(lists, 5)
    data = {
        captured.name: file_hash(captured),
        "base model": file_hash(default_base() / "model.safetensors"),
    }
    profile = run(pages, lists, scores, out, work, data, **options)
    click.echo(json.dumps(profile["left_out"]))


if __name__ == "__main__":
    command()
