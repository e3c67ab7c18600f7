"""What a training run leaves to read: curves as a picture, and the figures of the model card."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundling.bench.metrics import bootstrap, wilson


@dataclass(frozen=True, slots=True)
class Answered:
    """One task of a site that was left out of the training."""

    kind: str
    site: str
    hit: bool


def draw_curves(curve: Sequence[Mapping[str, float]], out: Path) -> None:
    """Draw loss and left-out accuracy over the steps as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    steps = [c["step"] for c in curve]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.4), constrained_layout=True)
    left.plot(steps, [c["loss"] for c in curve], color="#555")
    left.set(title="training loss of the last batch", xlabel="step", ylim=(0, None))
    for name, colour in (("overall", "#1f6feb"), ("exists", "#2da44e"), ("none", "#bf8700")):
        right.plot(steps, [100 * c[name] for c in curve], label=name, color=colour)
    right.set(title="right answers on left-out sites, %", xlabel="step")
    right.legend(frameon=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    pyplot.close(figure)


def card(profile: Mapping[str, Any], answered: Sequence[Answered], data: Mapping[str, str]) -> str:
    """Return the model card's figures as Markdown.

    Args:
        profile: As `train.embedded.run` returns it.
        answered: Tasks of left-out sites.
        data: SHA-256 of each file that was learnt from, by name.
    """
    said = [
        f"Trained on {profile['n_train']} tasks for {profile['epochs']} epochs, seed "
        f"{profile['seed']}; judged on {profile['n_left_out']} tasks of "
        f"{len({a.site for a in answered})} sites that were left out.",
        "",
        *_table("kind", answered, lambda a: a.kind),
        "",
        *_sites(answered),
        "",
        "| file | SHA-256 |",
        "|---|---|",
        *(f"| {name} | `{digest}` |" for name, digest in data.items()),
    ]
    return "\n".join(said) + "\n"


def _table(name: str, answered: Sequence[Answered], key: Any) -> list[str]:  # noqa: ANN401
    groups: dict[str, list[bool]] = defaultdict(list)
    for a in answered:
        groups[key(a)].append(a.hit)
    rows = [f"| {name} | n | right | 95 % interval |", "|---|---|---|---|"]
    for group, hits in [*sorted(groups.items()), ("all", [a.hit for a in answered])]:
        low, high = wilson(sum(hits), len(hits))
        share = 100 * sum(hits) / max(1, len(hits))
        rows.append(
            f"| {group} | {len(hits)} | {share:.1f} % | {100 * low:.1f} to {100 * high:.1f} |"
        )
    return rows


def _sites(answered: Sequence[Answered]) -> list[str]:
    low, high = bootstrap([float(a.hit) for a in answered], [a.site for a in answered])
    groups: dict[str, list[bool]] = defaultdict(list)
    for a in answered:
        groups[a.site].append(a.hit)
    shares = sorted((sum(h) / len(h), s) for s, h in groups.items())
    worst = ", ".join(f"{s} {100 * v:.0f} %" for v, s in shares[:5])
    best = ", ".join(f"{s} {100 * v:.0f} %" for v, s in shares[:-4:-1])
    return [
        f"With whole sites drawn again the interval is {100 * low:.1f} to {100 * high:.1f} %. "
        f"Worst sites: {worst}. Best: {best}."
    ]
