"""MiniWoB++ in a page of ours: serve it, start an episode, read its reward.

The pages are those of the package `miniwob` (extra `[bench]`); its own driver, built on Selenium,
is not used. A page shows its goal in a bar above the task. The bar is hidden before the agent
looks, for the goal is given as text, and so is everything that the page shows about itself: the
reward, the clock, and the cover that starts the next episode.

    with serve() as site, launch_sync() as browser:
        episode = start(browser.new_page(), site, "enter-text", seed=3)
        agent.fill(episode.page, "the text field", "Ignacio")
        episode.status()
"""

import csv
import functools
import importlib.util
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

from groundling.browser import adapt
from groundling.driver import run_sync
from groundling.errors import DataError, MissingExtraError, NavigationError

DOM_CLASSES = ("click1", "clickN", "type", "widget", "nav")
"""Classes that can be solved by click, fill and select with what the page says in text."""
VIEWPORT = {"width": 500, "height": 400}
"""The task itself takes 160 x 210; calendars and menus open beyond it."""

_NO_LIMIT_MS = 2**31 - 1  # A longer timer fires at once.
_HIDDEN = """
#reward-display, #click-canvas, #sync-task-cover { display: none !important; }
#query { visibility: hidden !important; }
"""
# The clock is stopped because a page that changes every second never settles.
_START = """([seed, limit, css]) => {
  document.head.appendChild(document.createElement('style')).textContent = css;
  Math.seedrandom(seed);
  core.EPISODE_MAX_TIME = limit;
  core.startEpisodeReal();
  window.clearInterval(core.CD_TIMER);
  const said = core.getUtterance();
  return typeof said === 'string' ? said : said.utterance;
}"""
_READY = "() => typeof core !== 'undefined' && core.cover_div !== null && WOB_TASK_READY"
_STATUS = """() => typeof WOB_DONE_GLOBAL === 'undefined' ? null
  : [WOB_DONE_GLOBAL, WOB_RAW_REWARD_GLOBAL, WOB_REWARD_REASON || '']"""


@dataclass(frozen=True, slots=True)
class Task:
    """One task of the usual list of 125."""

    name: str
    kind: str
    """Its class: click1, clickN, type, widget, nav, compute, drag, visual or timing."""
    split: str
    """`train` or `test`; tasks of one family are on the same side."""


@dataclass(frozen=True, slots=True)
class Status:
    """Where an episode stands."""

    done: bool
    reward: float
    """As the page gives it, without the part that falls with time; from -1 to 1, 0 before the
    end."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Episode:
    """A task that was started in a page."""

    task: str
    seed: int
    goal: str
    page: Any
    """The Playwright page, sync."""

    def status(self) -> Status:
        """Return whether the episode has ended, and its reward.

        A page that was left for another one has not ended and has no reward.
        """
        found = self.page.evaluate(_STATUS)
        return Status(False, 0.0) if found is None else Status(*found)


@cache
def tasks() -> tuple[Task, ...]:
    """Return the 125 tasks by name."""
    text = files("groundling.bench").joinpath("data/miniwob.csv").read_text(encoding="utf-8")
    return tuple(Task(r["task"], r["class"], r["split"]) for r in csv.DictReader(text.splitlines()))


def chosen_tasks(names: tuple[str, ...] = (), split: str = "") -> tuple[Task, ...]:
    """Return the tasks of these names and this split; empty means all.

    Raises:
        DataError: If a name is unknown or nothing is left.
    """
    known = {t.name for t in tasks()}
    if unknown := sorted(set(names) - known):
        raise DataError(f"no MiniWoB++ task is called {', '.join(unknown)}: see docs/miniwob.md")
    kept = tuple(
        t for t in tasks() if (not names or t.name in names) and (not split or t.split == split)
    )
    if not kept:
        raise DataError(
            f"none of {', '.join(names)} is in the split {split}: leave out one of both"
        )
    return kept


@contextmanager
def serve() -> Iterator[str]:
    """Serve the package's pages on 127.0.0.1 until the block is left; yield the address.

    Raises:
        MissingExtraError: If the package `miniwob` is not installed.
    """
    handler = functools.partial(_Quiet, directory=str(_folder()))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def start(page: Any, site: str, task: str, seed: int) -> Episode:  # noqa: ANN401
    """Open a task and start an episode that no clock ends.

    Args:
        page: A fresh Playwright page, sync.
        site: The address that `serve` yields.
        task: Its name, without a prefix.
        seed: The same seed gives the same problem (but for `click-pie` and `stock-market`).

    Raises:
        NavigationError: If there is no such task or its page does not start.
    """
    from playwright.sync_api import Error

    run_sync(adapt(page).install())
    url = f"{site}/miniwob/{task}.html"
    try:
        answer = page.goto(url)
        if answer is None or not answer.ok:
            raise NavigationError(f"{url} is not there: `miniwob` has no task {task!r}")
        page.wait_for_function(_READY)
        goal = page.evaluate(_START, [seed, _NO_LIMIT_MS, _HIDDEN])
    except Error as error:
        first = str(error).splitlines()[0]
        raise NavigationError(f"{url} did not start ({first}): try it in a browser") from error
    return Episode(task, seed, goal, page)


def _folder() -> Path:
    """Return where the pages lie, without importing the package and its simulator."""
    spec = importlib.util.find_spec("miniwob")
    if spec is None or spec.origin is None:
        raise MissingExtraError('the bench needs miniwob: pip install "groundling[bench]"')
    return Path(spec.origin).parent / "html"


class _Quiet(SimpleHTTPRequestHandler):
    # The files are UTF-8 and do not say so.
    extensions_map = {  # noqa: RUF012 - as the base class declares it
        **SimpleHTTPRequestHandler.extensions_map,
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
    }

    def log_message(self, *_: object) -> None:
        pass
