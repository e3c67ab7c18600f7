"""Distil a sentence encoder into one small vector for each piece of its vocabulary.

The recipe of Model2Vec (Tulkens and van Dongen, 2024): encode every vocabulary entry by itself,
keep the mean of the last layer, reduce by principal components, weight by assumed Zipf frequency.
A look-up and a mean then stand in for the encoder: worse, and some thousand times faster.

    python -m groundling.train.vectors --base DIR --out groundling/ranking/vectors.npz
"""

import logging
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from groundling.train.base_model import default_base, load_encoder

log = logging.getLogger(__name__)

SIZE = 64
"""Dimensions kept."""
_BATCH = 512


def distil(base: Path, size: int = SIZE) -> tuple[npt.NDArray[np.int8], list[str]]:
    """Return an int8 vector for each vocabulary entry, (entries, `size`), and the entries."""
    tokenizer, model = load_encoder(base)
    entries = [w for w, _ in sorted(tokenizer.get_vocab().items(), key=lambda kv: kv[1])]
    means = _encode(model, tokenizer, len(entries))
    reduced = _principal_components(means, size)
    # SIF weights (Arora et al., 2017): frequent words say little; rank stands for frequency, as
    # the vocabulary is sorted by it.
    ranks = np.arange(1, len(entries) + 1, dtype=np.float64)
    probability = (1 / ranks) / np.sum(1 / ranks)
    reduced *= (1e-3 / (1e-3 + probability))[:, None]
    scale = np.abs(reduced).max() / 127
    return np.round(reduced / scale).astype(np.int8), entries


def _encode(model, tokenizer, n_entries: int) -> npt.NDArray[np.float64]:  # type: ignore[no-untyped-def]  # noqa: ANN001
    import torch

    start, end = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    rows = []
    for first in range(0, n_entries, _BATCH):
        ids = torch.tensor([[start, i, end] for i in range(first, min(first + _BATCH, n_entries))])
        with torch.inference_mode():
            hidden = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        rows.append(hidden.mean(1).double().numpy())
    return np.concatenate(rows)


def _principal_components(rows: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    centred = rows - rows.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    kept: npt.NDArray[np.float64] = centred @ axes[:, ::-1][:, :size]
    return kept


@click.command()
@click.option("--base", type=click.Path(path_type=Path), default=None, help="Encoder's folder.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(base: Path | None, out: Path) -> None:
    """Write the vectors that `groundling.ranking` looks words up in."""
    vectors, entries = distil(base or default_base())
    np.savez_compressed(out, vectors=vectors, entries=np.array("\n".join(entries)))
    click.echo(f"{out}: {vectors.shape[0]} x {vectors.shape[1]}, {out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
