"""Figures of a run, and of two runs side by side, as lines for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from groundling.bench.summary import RECALL_AT

Json = Mapping[str, Any]
_BASELINES = {
    "chance": "any element, or none, by lot",
    "word_overlap": "the element that shares most words",
    "ranker_first": "the first of our ranking, no model",
    "perfect_chooser": "a model that errs on nothing offered",
}


def lines(result: Json) -> Iterator[str]:
    """Yield the figures of a run, the accuracy first; `result` is of `summarise`."""
    low, high = result["accuracy_interval_by_site"]
    yield (
        f"accuracy {_percent(result['accuracy'])}, 95 % interval "
        f"{_range(result['accuracy_interval'])}; drawing sites anew {_range((low, high))}"
    )
    yield (
        f"{result['n']} tasks on {result['n_pages']} pages of {result['n_sites']} sites, "
        f"{result['elements_p50']:.0f} elements on the median page"
    )
    yield ""
    yield from _shares("the element exists", result["exists"])
    yield from _shares("nothing fits", result["none"])
    yield from _shares("answered by rule", result["rules"]["precision"])
    yield from _shares("answered at all", result["answered"]["precision"])
    coverage = result["coverage"]
    yield (
        f"{_percent(coverage['coverage'])} of the tasks can be answered with an element at "
        f"{coverage['precision']:.0%} precision"
        + (f", from confidence {coverage['threshold']:.3f}" if coverage["threshold"] else "")
    )
    if result["ece"] is not None:
        yield f"expected calibration error {result['ece']:.3f}"
    yield ""
    if result["exists"]["n"]:
        yield "the element is among the best k: " + ", ".join(
            f"k={k} {_percent(result['recall'][str(k)])}" for k in RECALL_AT
        )
        yield ""
    yield from _groups("by kind", result["by_kind"])
    yield from _groups("by task type", result["by_task_type"])
    yield from _losses(result["losses"])
    yield "for comparison, over all tasks"
    for name, told in _BASELINES.items():
        yield f"  {_percent(result['baselines'][name]):>7}  {told}"
    yield ""
    yield from _times(result)


def compared(result: Json, names: Sequence[str]) -> Iterator[str]:
    """Yield the difference of two runs; `result` is of `compare`, `names` are A and B."""
    yield f"A {names[0]}: {_percent(result['a'])}; B {names[1]}: {_percent(result['b'])}"
    yield (
        f"B minus A {_points(result['difference'])}, 95 % interval {_points(result['low'])} to "
        f"{_points(result['high'])} (sites drawn anew); {result['n']} tasks"
    )
    yield (
        f"only A is right on {result['only_a']}, only B on {result['only_b']}: "
        f"{_chance(result['p'])} by McNemar's exact test"
    )
    if result["only_in_one"]:
        yield f"{result['only_in_one']} tasks are in one of the two only and were left out"
    yield ""
    yield from _table(
        [
            [kind or "-", str(k["n"]), _percent(k["a"]), _percent(k["b"]), _points(k["difference"])]
            for kind, k in result["by_kind"].items()
        ],
        ["by kind", "n", "A", "B", "B minus A"],
    )


def _shares(name: str, share: Json) -> Iterator[str]:
    if share["n"]:
        yield (
            f"{name:<20}{_percent(share['value']):>7}  {_range((share['low'], share['high'])):<16}"
            f"  {share['k']} of {share['n']}"
        )


def _groups(title: str, groups: Mapping[str, Json]) -> Iterator[str]:
    yield from _table(
        [
            [name or "-", str(g["n"]), _percent(g["value"]), _range((g["low"], g["high"]))]
            for name, g in sorted(groups.items(), key=lambda x: -x[1]["n"])
        ],
        [title, "n", "right", "95 % interval"],
    )
    yield ""


def _losses(losses: Mapping[str, int]) -> Iterator[str]:
    if losses:
        yield "lost to"
        for why, n in losses.items():
            yield f"  {n:>7}  {why}"
        yield ""


def _times(result: Json) -> Iterator[str]:
    yield from _table(
        [
            [stage, str(ms["n"]), f"{ms['p50']:.1f}", f"{ms['p95']:.1f}"]
            for stage, ms in result["ms"].items()
        ],
        ["ms", "n", "median", "95th percentile"],
    )
    yield (
        f"tokens read {result['prompt_tokens_mean']:.0f}, written "
        f"{result['completion_tokens_mean']:.1f} on average, where the model was asked"
    )


def _table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> Iterator[str]:
    """Yield aligned columns, the first to the left."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        first, *others = row
        cells = [
            first.ljust(widths[0]),
            *(c.rjust(w) for c, w in zip(others, widths[1:], strict=True)),
        ]
        yield "  ".join(cells).rstrip()


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _chance(p: float) -> str:
    return "p<0.001" if p < 0.001 else f"p={p:.3f}"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"


def _range(interval: Sequence[float]) -> str:
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f} %"
