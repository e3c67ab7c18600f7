"""May a newly trained model replace the one in use? Only if it is not worse on a named bench.

Both answer the same tasks; only tasks that one has right and the other wrong count (McNemar).
The files change place only after the verdict, and the old model stays until the new one is whole.
"""

import math
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from groundling.bench.cases import Row
from groundling.bench.metrics import Paired, paired
from groundling.errors import DataError

MAX_LOSS = 0.01
"""Share of tasks that a new model may lose and still count as not worse."""
MAX_CHANCE = 0.05
"""A loss that luck explains less often than this is a loss, however small."""


@dataclass(frozen=True, slots=True)
class KindChange:
    """What happened to the tasks of one kind."""

    kind: str
    n: int
    gained: int
    """Tasks that only the new model has right."""
    lost: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the new model may take the old one's place, and why; truthy if it may."""

    bench: str
    result: Paired
    """`a` is the old model, `b` the new one."""
    chance: float
    """One-sided: how often luck alone loses this much or more, in [0, 1]."""
    kinds: tuple[KindChange, ...]
    """Kinds with any change, the largest loss first."""
    accepted: bool

    def __bool__(self) -> bool:
        return self.accepted

    def __str__(self) -> str:
        r = self.result
        said = "not worse" if self.accepted else "worse"
        changed = ", ".join(f"{k.kind} {k.gained - k.lost:+d} of {k.n}" for k in self.kinds)
        return (
            f"new model is {said} on {self.bench}: {100 * r.b:.1f} % against {100 * r.a:.1f} % "
            f"(n={r.n}, {100 * r.difference:+.1f} points, 95 % interval {100 * r.low:+.1f} to "
            f"{100 * r.high:+.1f}, p={self.chance:.3f}); by kind: {changed or 'no change'}"
        )


def judge(
    old: Sequence[Row], new: Sequence[Row], *, bench: str, max_loss: float = MAX_LOSS
) -> Verdict:
    """Compare two runs of one bench, task by task.

    Args:
        old: Rows of the model in use.
        new: Rows of its successor, in any order.
        bench: Name for the message.
        max_loss: Share of tasks in [0, 1] that may be lost.

    Raises:
        DataError: If there are no tasks, or the runs are not about the same ones.
    """
    pairs = _pairs(old, new, bench)
    hits = [(a.hit, b.hit) for a, b in pairs]
    result = paired([a for a, _ in hits], [b for _, b in hits], [a.site for a, _ in pairs])
    chance = _chance_of_loss(result.only_a, result.only_b)
    accepted = result.difference >= -max_loss and chance >= MAX_CHANCE
    return Verdict(bench, result, chance, _by_kind(pairs), accepted)


def _pairs(old: Sequence[Row], new: Sequence[Row], bench: str) -> list[tuple[Row, Row]]:
    successor = {row.id: row for row in new}
    missing = {row.id for row in old} ^ set(successor)
    if not old or missing:
        said = f"{len(missing)} tasks are in one run only, e.g. {min(missing)}" if missing else ""
        raise DataError(f"{bench}: {said or 'no tasks'}; run both models on the same tasks")
    return [(row, successor[row.id]) for row in old]


def _chance_of_loss(lost: int, gained: int) -> float:
    n = lost + gained
    return sum(math.comb(n, i) for i in range(lost, n + 1)) / 2**n


def _by_kind(pairs: Sequence[tuple[Row, Row]]) -> tuple[KindChange, ...]:
    counts: Mapping[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for a, b in pairs:
        count = counts[a.kind or "other"]
        count[0] += 1
        count[1] += b.hit and not a.hit
        count[2] += a.hit and not b.hit
    changed = [KindChange(kind, *count) for kind, count in counts.items() if count[1] or count[2]]
    return tuple(sorted(changed, key=lambda k: (k.gained - k.lost, k.kind)))


def replace_folder(new: Path, old: Path, verdict: Verdict) -> None:
    """Put the folder `new` where `old` is, if the verdict allows it.

    Raises:
        DataError: If the verdict forbids it, or as `place_folder`.
    """
    if not verdict:
        raise DataError(f"{old} stays: {verdict}")
    place_folder(new, old)


def place_folder(new: Path, old: Path) -> None:
    """Put a copy of the folder `new` where `old` is; `old` need not exist.

    It is copied beside `old` first and then renamed, so a full disk leaves the old model whole.

    Raises:
        DataError: If the copy fails.
    """
    fresh, gone = old.with_name(old.name + ".new"), old.with_name(old.name + ".old")
    for left_over in (fresh, gone):
        shutil.rmtree(left_over, ignore_errors=True)
    try:
        shutil.copytree(new, fresh)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise DataError(f"{old} stays, the new model cannot be copied there: {error}") from error
    if old.exists():
        old.rename(gone)
    fresh.rename(old)
    shutil.rmtree(gone, ignore_errors=True)
