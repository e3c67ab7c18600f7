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
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from groundling.bench.labelled import LabelledPage
from groundling.errors import DataError
from groundling.llm._embedded_text import encode_texts
from groundling.llm.hub import file_hash
from groundling.ranking import FEATURES
from groundling.train.base_model import default_base, load_encoder
from groundling.train.calibrate_embedded import calibrate
from groundling.train.card import Answered, card, draw_curves
from groundling.train.listwise import Listwise, ListwiseConfig
from groundling.train.questions import (
    BATCH,
    OFFERED,
    Example,
    Texts,
    accuracy,
    examples,
    forward,
    hit,
    loss_of,
    offered,
    predict,
)
from groundling.train.ranker import Listed, folds_by_site

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]

SEED = 7
_BODY_RATE, _HEAD_RATE = 6e-5, 6e-4
_WARM_UP = 100
_SAVE_EVERY_S = 600.0


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
    never_left_out: Collection[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Train, calibrate on left-out sites, export to `out`; returns the profile.

    `work` gets `curves.png` and `card.md`, the latter with `data`, the hashes of what was read.
    The sites in `never_left_out` are learnt from and judge nothing.

    Raises:
        DataError: If there are fewer sites than two, or nothing to learn from.
    """
    from groundling.train.export import export

    base = default_base()
    tokenizer, _ = load_encoder(base)
    texts = Texts()
    found = examples(pages, lists, scores, encode_texts(tokenizer), texts)
    judges = [item for item in lists if item.site not in never_left_out]
    n_sites = len({item.site for item in judges})
    if n_sites < 2:
        raise DataError("all pages are of one site: leave-site-out validation needs two or more")
    kept_out = folds_by_site(judges, min(folds, n_sites))[0]
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
        **calibrate(judged), "features": list(FEATURES), "base": "all-MiniLM-L6-v2",
        "n_train": len(train), "n_left_out": len(held), "epochs": epochs, "k": k, "seed": SEED,
        "left_out": accuracy(model, texts, held), "curve": curve,
    }  # fmt: skip
    export(model, out, profile)
    draw_curves(curve, work / "curves.png")
    answered = [Answered(e.kind, e.site, hit(e, z, s)) for e, z, s in told]
    (work / "card.md").write_text(card(profile, answered, data))
    shutil.copyfile(base / "tokenizer.json", out / "tokenizer.json")
    return profile


@click.command("embedded")
@click.option("--captured", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--held-out", type=click.Path(exists=True, path_type=Path), default=None)
@click.option(
    "--more",
    type=click.Path(exists=True, path_type=Path),
    help="Further captured pages, of other sites: learnt from, never left out.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--work", type=click.Path(path_type=Path), default=Path("build/train-embedded"))
@click.option("--epochs", default=2, show_default=True)
@click.option("--candidates", "k", default=10, show_default=True, help="In training.")
@click.option("--folds", default=8, show_default=True, help="One in so many sites is left out.")
def command(
    captured: Path,
    held_out: Path | None,
    more: Path | None,
    out: Path,
    work: Path,
    **options: Any,  # noqa: ANN401
) -> None:
    """Train the embedded model on captured pages (`python -m groundling.bench.labelled`)."""
    from groundling.train.ranker import out_of_fold, ranked_lists, read_all

    judges, others = read_all(captured, more, held_out)
    left_out = folds_by_site(judges, options["folds"])[0]
    further = [page for page in others if page.site not in left_out]
    pages = [*judges, *further]
    lists = ranked_lists(pages)
    scores = out_of_fold(lists)
    data = {
        **{path.name: file_hash(path) for path in (captured, more) if path is not None},
        "base model": file_hash(default_base() / "model.safetensors"),
    }
    new_sites = {p.site for p in further} - {p.site for p in judges}
    profile = run(pages, lists, scores, out, work, data, never_left_out=new_sites, **options)
    click.echo(json.dumps(profile["left_out"]))


if __name__ == "__main__":
    command()
