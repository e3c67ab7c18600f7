"""The grounding bench from data to figures: what `groundling bench grounding` runs."""

import hashlib
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from groundling.bench.cases import Row
from groundling.bench.results import kept_rows
from groundling.bench.run import run_pages
from groundling.bench.sources import Source
from groundling.bench.summary import summarise
from groundling.decision import DecisionConfig
from groundling.errors import DataError
from groundling.llm.base import BaseLLM


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is asked of which model."""

    spec: str
    """The model's name, as `load_llm` takes it."""
    config: DecisionConfig
    kinds: tuple[str, ...] = ()
    limit: int | None = None

    def header(self, source: Source, llm: BaseLLM) -> dict[str, Any]:
        """Return what tells two runs apart; only a run with the same one is taken up again."""
        # New weights or another calibration under the old name are another model.
        identity = hashlib.sha1(llm.identity.encode(), usedforsecurity=False)
        return {
            "bench": "grounding",
            "version": version("groundling"),
            "data": source.name,
            "data_digest": source.digest,
            "model": self.spec,
            "model_identity": identity.hexdigest()[:12],
            "max_elements": self.config.max_elements,
            "min_confidence": self.config.min_confidence,
            "rules": self.config.rules,
            "kinds": sorted(self.kinds),
            "limit": self.limit,
        }


def run_grounding(
    run: Run,
    source: Source,
    llm: BaseLLM,
    *,
    out: Path | None = None,
    resume: bool = False,
    on_task: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Any]:
    """Run the bench and return its figures, `summarise`'s with the run and the machine.

    Args:
        run: What is asked.
        source: The data.
        llm: The model that `run` names.
        out: Where the rows are kept.
        resume: Go on with the rows in `out`.
        on_task: Called after each task with the tasks done and their number.

    Raises:
        DataError: If the data is not what it should be, or `out` is of another run.
        PageError: If a page cannot be read.
        ModelError: If the model cannot answer at all.
    """
    started = time.perf_counter()
    ids = source.ids(run.kinds, run.limit)
    header = run.header(source, llm)
    rows: list[Row] = []
    with kept_rows(out, header, Row.from_json, resume=resume) as (keep, before):
        rows += before
        todo = [i for i in ids if i not in {r.id for r in before}]
        for row in run_pages(source.pages(todo), llm, run.config):
            keep(row)
            rows.append(row)
            on_task(len(rows), len(ids))
    if not rows:
        raise DataError(f"{source.name} holds no task: nothing was measured")
    return {
        **summarise(rows, offered=run.config.max_elements),
        "run": header,
        "wall_s": round(time.perf_counter() - started, 1),
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
    }
