"""From rows to figures: accuracy with intervals, where it is lost, what it costs."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from groundling.bench.cases import Row
from groundling.bench.metrics import (
    Share,
    bootstrap,
    calibration_error,
    coverage_at,
    paired,
    quantile,
    share,
)

RECALL_AT = (1, 5, 10, 15, 20, 25, 40)
"""Lengths of the ranking at which the target is looked for."""

Json = dict[str, Any]


def summarise(rows: Sequence[Row], *, offered: int = 15, precision: float = 0.95) -> Json:
    """Return all figures of a run as plain JSON; shares are in [0, 1], times in milliseconds.

    Args:
        rows: At least one.
        offered: Candidates in a prompt, for the ceiling of a perfect chooser.
        precision: Where coverage is read off.
    """
    exist = [r for r in rows if not r.expect_none]
    none = [r for r in rows if r.expect_none]
    sure = [r for r in rows if r.confidence is not None]
    totals = [r.ms for r in rows if not r.error]
    accuracy = share(r.hit for r in rows)
    return {
        "n": len(rows),
        "accuracy": accuracy.value,
        "accuracy_interval": [accuracy.low, accuracy.high],
        "accuracy_interval_by_site": _by_site(rows),
        "accuracy_exists": _value(r.hit for r in exist),
        "accuracy_none": _value(r.hit for r in none),
        "recall_at_15": _recall(exist, 15),
        f"coverage_at_{round(100 * precision)}_precision": _coverage(rows, precision)["coverage"],
        "ece": calibration_error([r.confidence or 0.0 for r in sure], _likeliest(sure))
        if sure
        else None,
        "ms_p50": quantile(totals, 0.5),
        "prompt_tokens_mean": _mean(r.prompt_tokens for r in rows if r.method != "rule"),
        "n_sites": len({r.site for r in rows}),
        "n_pages": len({r.page for r in rows}),
        "exists": _share(r.hit for r in exist),
        "none": _share(r.hit for r in none),
        "by_kind": _grouped(rows, lambda r: r.kind),
        "by_task_type": _grouped(rows, lambda r: r.task_type),
        "baselines": _baselines(rows, offered),
        "recall": {str(k): _recall(exist, k) for k in RECALL_AT},
        "rules": _rules(rows),
        "answered": _answered(rows),
        "coverage": _coverage(rows, precision),
        "losses": dict(Counter(lost(r, offered) for r in rows if not r.hit).most_common()),
        "losses_by_kind": _losses_by_kind(rows, offered),
        "ms": _times(rows),
        "elements_p50": quantile([r.n_elements for r in rows], 0.5),
        "completion_tokens_mean": _mean(r.completion_tokens for r in rows if r.method != "rule"),
    }


def lost(row: Row, offered: int = 15) -> str:
    """Say why a task that was not a hit was lost."""
    if row.error:
        return "no usable answer"
    if row.expect_none:
        return "rule chose, none expected" if row.method == "rule" else "chose, none expected"
    if row.method == "rule":
        return "rule chose another"
    if not row.n_accepted:
        return "not read"
    if not row.offered:
        # The ranking had it, the token limit or a retry cut it.
        return "not ranked" if row.rank is None or row.rank > offered else "not offered"
    if row.answered:
        return "chose another"
    return "said none" if not row.likeliest_hit else "held back, right"


def compare(a: Sequence[Row], b: Sequence[Row]) -> Json:
    """Return the difference of two runs, B minus A, on the tasks they share."""
    by_id = {r.id: r for r in b}
    pairs = [(x, by_id[x.id]) for x in a if x.id in by_id]

    def of(chosen: Iterable[tuple[Row, Row]]) -> Json:
        both = list(chosen)
        result = paired(
            [x.hit for x, _ in both], [y.hit for _, y in both], [x.site for x, _ in both]
        )
        return {k: getattr(result, k) for k in result.__slots__}

    kinds = sorted({x.kind for x, _ in pairs})
    return {
        **of(pairs),
        "only_in_one": len(a) + len(b) - 2 * len(pairs),
        "by_kind": {k: of(p for p in pairs if p[0].kind == k) for k in kinds},
    }


def _value(hits: Iterable[bool]) -> float | None:
    found = share(hits)
    return found.value if found.n else None


def _share(hits: Iterable[bool]) -> Json:
    return _plain(share(hits))


def _plain(s: Share) -> Json:
    return {"n": s.n, "k": s.k, "value": s.value, "low": s.low, "high": s.high}


def _by_site(rows: Sequence[Row]) -> list[float]:
    return list(bootstrap([float(r.hit) for r in rows], [r.site for r in rows]))


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return statistics.fmean(listed) if listed else 0.0


def _likeliest(rows: Sequence[Row]) -> list[bool]:
    return [r.likeliest_hit for r in rows]


def _recall(exist: Sequence[Row], k: int) -> float | None:
    return _value(r.rank is not None and r.rank <= k for r in exist)


def _grouped(rows: Sequence[Row], key: Callable[[Row], str]) -> Mapping[str, Json]:
    names = sorted({key(r) for r in rows})
    return {name: _share(r.hit for r in rows if key(r) == name) for name in names}


def _baselines(rows: Sequence[Row], offered: int) -> Json:
    """Return accuracies that a reader needs to judge the model's: over all tasks."""
    return {
        # Any element, or none, by lot.
        "chance": _mean((1 if r.expect_none else r.n_accepted) / (r.n_elements + 1) for r in rows),
        "word_overlap": _value(r.overlap_hit for r in rows),
        "word_overlap_exists": _value(r.overlap_hit for r in rows if not r.expect_none),
        "ranker_first": _value(r.rank == 1 for r in rows),
        "ranker_first_exists": _recall([r for r in rows if not r.expect_none], 1),
        "perfect_chooser": _value(
            r.expect_none or (r.rank is not None and r.rank <= offered) for r in rows
        ),
    }


def _rules(rows: Sequence[Row]) -> Json:
    by_rule = [r for r in rows if r.method == "rule"]
    return {"coverage": len(by_rule) / len(rows), "precision": _share(r.hit for r in by_rule)}


def _answered(rows: Sequence[Row]) -> Json:
    answers = [r for r in rows if r.answered]
    return {"share": len(answers) / len(rows), "precision": _share(r.hit for r in answers)}


def _coverage(rows: Sequence[Row], precision: float) -> Json:
    """Return how many tasks are answered with an element when only the surest answers are kept.

    `with_none` also counts "none of these" as an answer.
    """
    answers = [r for r in rows if r.answered and r.confidence is not None]
    both = [
        r for r in rows if r.confidence is not None and (r.answered or r.likeliest_hit == r.hit)
    ]
    found = coverage_at(
        precision, [r.confidence or 0.0 for r in answers], [r.hit for r in answers], len(rows)
    )
    wider = coverage_at(
        precision, [r.confidence or 0.0 for r in both], [r.hit for r in both], len(rows)
    )
    return {
        "precision": precision,
        "coverage": found.coverage,
        "threshold": found.threshold if found.n else None,
        "with_none": wider.coverage,
    }


def _losses_by_kind(rows: Sequence[Row], offered: int) -> Json:
    out: dict[str, Counter[str]] = {}
    for row in rows:
        if not row.hit:
            out.setdefault(row.kind, Counter())[lost(row, offered)] += 1
    return {kind: dict(counts.most_common()) for kind, counts in sorted(out.items())}


def _times(rows: Sequence[Row]) -> Json:
    """Return p50 and p95 of each stage over the decisions that have it; reading is once a page."""
    stages: dict[str, list[float]] = {"read": list({r.page: r.read_ms for r in rows}.values())}
    for row in rows:
        for stage, ms in row.stages_ms.items():
            stages.setdefault(stage, []).append(ms)
    stages["decision"] = [r.ms for r in rows if not r.error]
    return {
        name: {"n": len(ms), "p50": quantile(ms, 0.5), "p95": quantile(ms, 0.95)}
        for name, ms in stages.items()
    }
