"""Figures of MiniWoB++ episodes: shares of success, by class and by task, with intervals.

Two measures are in use and are never mixed: a reward above 0, which counts partial credit, and a
reward of 1.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from groundling.bench.metrics import bootstrap, quantile
from groundling.bench.miniwob import DOM_CLASSES
from groundling.bench.miniwob_run import EpisodeRow

Json = Mapping[str, Any]


def summarise(rows: Sequence[EpisodeRow]) -> dict[str, Any]:
    """Return the figures of all episodes, of the DOM classes, of each class and of each task.

    Args:
        rows: At least one.
    """
    kinds = sorted({r.kind for r in rows})
    dom = [r for r in rows if r.kind in DOM_CLASSES]
    return {
        "all": _figures(rows),
        "dom": _figures(dom) if dom else None,
        "by_class": {k: _figures([r for r in rows if r.kind == k]) for k in kinds},
        "by_task": {
            name: {
                "n": len(of_task),
                "positive": sum(r.reward > 0 for r in of_task),
                "full": sum(r.reward == 1 for r in of_task),
            }
            for name in sorted({r.task for r in rows})
            for of_task in [[r for r in rows if r.task == name]]
        },
    }


def lines(result: Json) -> Iterator[str]:
    """Yield the figures as lines for people; `result` is of `summarise`."""
    yield _line(("", "tasks", "n", "reward > 0", "95 % interval", "= 1", "steps", "ms", "tokens"))
    named = {"all": result["all"], "DOM classes": result["dom"], **result["by_class"]}
    for name, figures in named.items():
        if figures is not None:
            yield _line(_cells(name, figures))
    lost = {t: f for t, f in result["by_task"].items() if f["positive"] < f["n"]}
    if lost:
        yield ""
        yield "not always solved"
        for task, f in lost.items():
            yield f"  {task}: {f['positive']} of {f['n']}"


def _figures(rows: Sequence[EpisodeRow]) -> dict[str, Any]:
    """Return shares, and intervals for which whole tasks are drawn again."""
    tasks = [r.task for r in rows]
    positive, full = [float(r.reward > 0) for r in rows], [float(r.reward == 1) for r in rows]
    n = len(rows)
    return {
        "n": n,
        "n_tasks": len(set(tasks)),
        "positive": sum(positive) / n,
        "positive_interval": bootstrap(positive, tasks),
        "full": sum(full) / n,
        "full_interval": bootstrap(full, tasks),
        "false_claims": sum(r.claimed and r.reward <= 0 for r in rows),
        "steps_mean": sum(len(r.steps) for r in rows) / n,
        "ms_p50": quantile([r.ms for r in rows], 0.5),
        "ms_p95": quantile([r.ms for r in rows], 0.95),
        "tokens_mean": sum(r.prompt_tokens + r.completion_tokens for r in rows) / n,
    }


def _cells(name: str, f: Json) -> Sequence[str]:
    low, high = f["positive_interval"]
    return (
        name,
        str(f["n_tasks"]),
        str(f["n"]),
        f"{f['positive']:.1%}",
        f"{100 * low:.1f} to {100 * high:.1f}",
        f"{f['full']:.1%}",
        f"{f['steps_mean']:.1f}",
        f"{f['ms_p50']:.0f}",
        f"{f['tokens_mean']:.0f}",
    )


def _line(cells: Sequence[str]) -> str:
    widths = (12, 5, 5, 10, 13, 6, 5, 6, 6)
    first, *others = (c.rjust(w) for c, w in zip(cells, widths, strict=True))
    return "  ".join([first.strip().ljust(widths[0]), *others]).rstrip()
