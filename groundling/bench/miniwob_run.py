"""Let an agent do MiniWoB++ tasks, one episode after the other, and keep what came of each."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from groundling.actions import said
from groundling.agent.goal import Past
from groundling.agent.web import LocalLLMWebAgent
from groundling.bench.miniwob import VIEWPORT, Episode, Status, Task, serve, start
from groundling.bench.results import kept_rows
from groundling.browser.launch import launch_sync
from groundling.llm.base import BaseLLM
from groundling.planner import RulesPlanner

log = logging.getLogger(__name__)

_LATE_S = 1.0
"""Some pages end an episode by a timer, a little after the last click."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniwobRun:
    """What is run."""

    tasks: tuple[Task, ...]
    spec: str
    """The model's name, as `load_llm` takes it."""
    n_seeds: int
    first_seed: int
    """Every task is done with the seeds from this one on."""
    max_steps: int = 10
    timeout_s: float = 60.0
    """Of one episode."""

    def header(self) -> dict[str, Any]:
        """Return what tells two runs apart; only a run with the same one is taken up again."""
        return {
            "bench": "miniwob",
            "version": version("groundling"),
            "miniwob": version("miniwob"),
            "model": self.spec,
            "planner": "rules",
            "tasks": [t.name for t in self.tasks],
            "n_seeds": self.n_seeds,
            "first_seed": self.first_seed,
            "max_steps": self.max_steps,
            "timeout_s": self.timeout_s,
        }

    def episodes(self) -> Iterator[tuple[Task, int]]:
        """Yield each task with each seed, all tasks once before any comes again."""
        for seed in range(self.first_seed, self.first_seed + self.n_seeds):
            yield from ((task, seed) for task in self.tasks)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeRow:
    """What came of an episode."""

    task: str
    kind: str
    split: str
    seed: int
    goal: str = ""
    ended: bool = False
    """The page ended the episode; without an end there is no reward."""
    reward: float = 0.0
    """From -1 to 1, no part of it depends on time."""
    claimed: bool = False
    """The agent said that the goal is met. What it would have said is not known where the page
    ended the episode before it had done all its steps."""
    steps: tuple[str, ...] = ()
    """Each step in a line, with its outcome."""
    ms: float = 0.0
    """Wall time of the run; opening the page is not in it."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reason: str = ""
    """Why the run ended without success, by the agent."""

    def to_json(self) -> dict[str, Any]:
        """Return a plain dict, milliseconds with one digit."""
        return {**asdict(self), "ms": round(self.ms, 1)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "EpisodeRow":
        """Rebuild a row; fields of later versions are left out.

        Raises:
            KeyError: If the steps are missing.
            TypeError: If a field without default is missing.
        """
        known = {f.name for f in fields(cls)}
        told: dict[str, Any] = {k: v for k, v in data.items() if k in known}
        return cls(**{**told, "steps": tuple(told["steps"])})


class _EndedError(Exception):
    """The page ended the episode; what the agent would do next has nothing to act on."""


def run_miniwob(
    run: MiniwobRun,
    llm: BaseLLM,
    *,
    out: Path | None = None,
    resume: bool = False,
    on_row: Callable[[EpisodeRow], None] = lambda _: None,
) -> list[EpisodeRow]:
    """Run the episodes and return their rows.

    Args:
        run: What is run.
        llm: The model that `run` names.
        out: Where the rows are kept.
        resume: Go on with the rows in `out`.
        on_row: Called after each episode, and for each row that `out` held.

    Raises:
        BrowserNotFoundError: If there is no browser.
        DataError: If `out` is of another run.
        MissingExtraError: If the package `miniwob` is not installed.
        ModelError: If the model cannot work.
    """
    with (
        kept_rows(out, run.header(), EpisodeRow.from_json, resume=resume) as (keep, before),
        serve() as site,
    ):
        rows = list(before)
        for row in rows:
            on_row(row)
        done = {(r.task, r.seed) for r in rows}
        todo = [(t, s) for t, s in run.episodes() if (t.name, s) not in done]
        for row in _rows(run, llm, site, todo):
            keep(row)
            rows.append(row)
            on_row(row)
    return rows


def _rows(
    run: MiniwobRun, llm: BaseLLM, site: str, todo: Sequence[tuple[Task, int]]
) -> Iterator[EpisodeRow]:
    agent = LocalLLMWebAgent(llm)
    with launch_sync() as browser:
        context = browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
        for task, seed in todo:
            page = context.new_page()
            episode = start(page, site, task.name, seed)
            yield _episode(run, agent, task, episode)
            # Windows that the task opened go with it.
            for opened in context.pages:
                opened.close()


def _episode(run: MiniwobRun, agent: LocalLLMWebAgent, task: Task, episode: Episode) -> EpisodeRow:
    """Let the agent do one episode; what the page prevents is told in the row."""
    past: list[Past] = []

    def stepped(step: Past) -> None:
        past.append(step)
        if episode.status().done:
            raise _EndedError

    claimed, reason, started = False, "", time.perf_counter()
    try:
        result = agent.run(
            episode.page,
            episode.goal,
            # Goals here leave the last click out as a matter of course ("Enter an item that ...").
            planner=RulesPlanner(finish_forms=True),
            max_steps=run.max_steps,
            timeout_s=run.timeout_s,
            on_step=stepped,
        )
        claimed, reason = bool(result), result.reason
    except _EndedError:
        pass
    ms = (time.perf_counter() - started) * 1000
    status = _settled(episode)
    tokens = [p.result.tokens for p in past]
    return EpisodeRow(
        task=task.name,
        kind=task.kind,
        split=task.split,
        seed=episode.seed,
        goal=episode.goal,
        ended=status.done,
        reward=float(status.reward),
        claimed=claimed,
        steps=tuple(_told(p) for p in past),
        ms=ms,
        prompt_tokens=sum(t[0] for t in tokens),
        completion_tokens=sum(t[1] for t in tokens),
        reason=reason,
    )


def _settled(episode: Episode) -> Status:
    """Return how the episode stands once a timer of the page had time to end it."""
    until = time.monotonic() + _LATE_S
    while True:
        status = episode.status()
        if status.done or time.monotonic() > until:
            return status
        episode.page.wait_for_timeout(50)


def _told(past: Past) -> str:
    element = past.result.element
    found = said(element) if element is not None else "nothing"
    return f"{past.planned} -> {found}: {past.result.outcome}"
