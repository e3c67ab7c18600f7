"""Which elements of a snapshot a labelled task accepts; for benches and training, not for users.

Labelled pages name the nodes meant by CSS paths. A path may cross open shadow roots with ` >> `,
each part a selector inside the shadow root of the node found so far. `node_ids` finds exactly those
nodes; `accepted_ids` applies the judging rules of the labelled data:

- the accepted node itself; or its descendant (two levels; any depth where the entry says `deep`)
  that is not interactive and has no other interactive node in between; or
- its ancestor (two levels) that holds no other interactive node; or
- a label of an accepted control, or the control of an accepted label.

    adapter = adapt(page)
    snapshot = run_sync(adapter.snapshot(SnapshotOptions()))
    ids = run_sync(accepted_ids(adapter, snapshot, [task["accept"] for task in tasks]))
"""

from collections.abc import Mapping, Sequence
from typing import Any

from groundling.browser import script
from groundling.browser.base import PageAdapter
from groundling.driver import PageCall, Steps
from groundling.elements import ElementSnapshot

Accept = Mapping[str, Any]
"""`{"frame": 0, "css": "...", "deep": false}`; `frame` counts the page's frames, 0 the main one."""


def node_ids(
    adapter: PageAdapter, snapshot: ElementSnapshot, selectors: Sequence[tuple[int, str]]
) -> Steps[list[int | None]]:
    """Return, for each (frame, CSS path), the id of exactly that node in the last snapshot.

    None where the path matches nothing, or a node that the snapshot does not list.
    """
    found: dict[tuple[int, str], int | None] = {}
    for index in sorted({frame for frame, _ in selectors}):
        paths = [css for frame, css in selectors if frame == index]
        nodes = yield from _evaluate(adapter, index, "known", paths)
        ids = {e.node: e.id for e in snapshot if e.frame == index}
        found |= {(index, css): ids.get(n) for css, n in zip(paths, nodes, strict=True)}
    return [found[key] for key in selectors]


def accepted_ids(
    adapter: PageAdapter, snapshot: ElementSnapshot, accepts: Sequence[Sequence[Accept]]
) -> Steps[list[list[int]]]:
    """Return, for each task's accepted nodes, the ids of the snapshot's elements that count.

    The exact nodes come first. An empty list means that the reader missed the target, or, for a
    task without accepted nodes, that none is expected.
    """
    out: list[list[int]] = [[] for _ in accepts]
    for index in sorted({a.get("frame", 0) for task in accepts for a in task}):
        ids = {e.node: e.id for e in snapshot if e.frame == index}
        tasks = [[dict(a) for a in task if a.get("frame", 0) == index] for task in accepts]
        judged = yield from _evaluate(adapter, index, "accepted", [list(ids), tasks])
        paths = [a["css"] for task in tasks for a in task]
        exact = yield from _evaluate(adapter, index, "known", paths)
        first = {n for n in exact if n}
        for known, nodes in zip(out, judged, strict=True):
            known += [ids[n] for n in sorted(nodes, key=lambda n: n not in first)]
    return out


def _evaluate(adapter: PageAdapter, frame: int, function: str, argument: Any) -> Steps[Any]:  # noqa: ANN401
    frames = [f for f in adapter.page.frames if f is adapter.page.main_frame or f.url]
    target = frames[frame]
    code = f"o => {{ {script.reader()}; return {script.judge()}.{function}(o); }}"
    return (yield PageCall(lambda: target.evaluate(code, argument)))
