"""Accuracy against latency and cost, one point for each tier of models.

    groundling bench grounding --data DIR --model embedded --json > embedded.json
    python bench/frontier.py embedded=embedded.json smollm2=smollm2.json --out frontier.png

Each file is what `groundling bench grounding --json` prints; all must be of the same tasks. Times
are medians of whole decisions, ranking and rules included. Local models cost nothing for a call;
`--price NAME=DOLLARS` is what a million prompt tokens cost elsewhere. A tier that another beats in
all three is drawn hollow: it has no place in a cascade. The last line printed is JSON.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Tier:
    """One model's place."""

    name: str
    accuracy: float
    low: float
    high: float
    ms: float
    dollars: float
    """For a thousand decisions."""
    n: int

    @classmethod
    def of(cls, name: str, told: dict[str, Any], price: float) -> "Tier":
        """Read a result of the bench."""
        low, high = told["accuracy_interval"]
        cost = told["prompt_tokens_mean"] * 1000 * price / 1e6
        return cls(name, told["accuracy"], low, high, told["ms_p50"], round(cost, 4), told["n"])

    def beats(self, other: "Tier") -> bool:
        """Whether nothing speaks for the other one."""
        mine = (self.accuracy, -self.ms, -self.dollars)
        theirs = (other.accuracy, -other.ms, -other.dollars)
        return mine != theirs and all(a >= b for a, b in zip(mine, theirs, strict=True))


def frontier(tiers: list[Tier]) -> list[str]:
    """Return the names of the tiers that no other one beats, the fastest first."""
    best = [t for t in tiers if not any(o.beats(t) for o in tiers)]
    return [t.name for t in sorted(best, key=lambda t: t.ms)]


def draw(tiers: list[Tier], out: Path) -> None:
    """Draw both panels as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    kept = frontier(tiers)
    figure, axes = pyplot.subplots(
        1, 2, figsize=(9, 3.8), sharey=True, constrained_layout=True, width_ratios=(3, 2)
    )
    for axis, x in zip(axes, ("ms", "dollars"), strict=True):
        for t in tiers:
            y, at = 100 * t.accuracy, getattr(t, x)
            error = [[y - 100 * t.low], [100 * t.high - y]]
            face = "#1f6feb" if t.name in kept else "none"
            axis.errorbar(at, y, yerr=error, fmt="o", mfc=face, color="#1f6feb", capsize=3, ms=7)
            axis.annotate(t.name, (at, y), xytext=(7, 5), textcoords="offset points", fontsize=9)
        axis.grid(alpha=0.3)
    line = sorted((t for t in tiers if t.name in kept), key=lambda t: t.ms)
    axes[0].plot([t.ms for t in line], [100 * t.accuracy for t in line], color="#1f6feb", alpha=0.4)
    axes[0].set(
        xscale="log", xlabel="median of a decision, ms", ylabel=f"right answers, % (n={tiers[0].n})"
    )
    axes[1].set(xlabel="dollars for 1,000 decisions", xlim=(-0.05, None))
    figure.savefig(out, dpi=120)
    pyplot.close(figure)


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--price", action="append", default=[], metavar="NAME=DOLLARS")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    prices = {name: float(p) for name, p in (said.split("=", 1) for said in given.price)}
    tiers = []
    for name, path in (f.split("=", 1) for f in given.files):
        told = json.loads(Path(path).read_text(encoding="utf-8"))
        tiers.append(Tier.of(name, told, prices.get(name, 0.0)))
    if len({t.n for t in tiers}) > 1:
        parser.error(f"the files are of different tasks: n is {sorted({t.n for t in tiers})}")
    draw(tiers, given.out)
    print(json.dumps({"frontier": frontier(tiers), "tiers": [asdict(t) for t in tiers]}))


if __name__ == "__main__":
    main()
