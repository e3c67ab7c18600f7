"""What commands read: a URL, an HTML file, or a snapshot written before."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from groundling.elements import ElementSnapshot
from groundling.errors import DataError, NavigationError

VIEWPORT: Any = {"width": 1280, "height": 800}
"""Of the pages that commands open, in CSS pixels."""


def goto(page: Any, url: str) -> None:  # noqa: ANN401
    """Open an address in a page of Playwright's sync library.

    Raises:
        NavigationError: If it cannot be opened.
    """
    from playwright.sync_api import Error

    try:
        page.goto(url)
    except Error as error:
        first = str(error).splitlines()[0]
        raise NavigationError(f"{url} could not be opened ({first}): check it") from error


@contextmanager
def opened(url: str, *, headed: bool) -> Iterator[Any]:
    """Open an address in a browser, which is closed whatever happens.

    Raises:
        NavigationError: If it cannot be opened.
    """
    from groundling.browser.launch import launch_sync

    with launch_sync(headed=headed) as browser:
        page = browser.new_page(viewport=VIEWPORT)
        goto(page, url)
        yield page


def url_of(source: str) -> str:
    """Return the address of a URL or an HTML file.

    Raises:
        DataError: If it is neither.
    """
    if "://" in source or source.startswith(("about:", "data:")):
        return source
    path = Path(source)
    if not path.is_file():
        raise DataError(f"{source!r} is no file: give an HTML file or a URL with its scheme")
    return path.resolve().as_uri()


def snapshot_of(source: str, *, headed: bool = False) -> ElementSnapshot:
    """Return a page as it is read in a browser, or as it was read before.

    Raises:
        DataError: If `source` is no URL, page or snapshot.
        PageError: If the page cannot be read.
    """
    if source.endswith(".json") and "://" not in source:
        return _stored(Path(source))
    return read(url_of(source), headed=headed)


def read(url: str, *, headed: bool = False) -> ElementSnapshot:
    """Open an address in a browser of 1280 x 800 and read it.

    Raises:
        NavigationError: If it cannot be opened.
        PageError: If the page cannot be read.
    """
    from groundling.browser import SnapshotOptions
    from groundling.browser.launch import launch_sync
    from groundling.browser.playwright import PlaywrightAdapter
    from groundling.driver import run_sync

    with launch_sync(headed=headed) as browser:
        page = browser.new_page(viewport=VIEWPORT)
        adapter = PlaywrightAdapter(page, is_async=False)
        run_sync(adapter.install())
        goto(page, url)
        return run_sync(adapter.snapshot(SnapshotOptions()))


def _stored(path: Path) -> ElementSnapshot:
    try:
        return ElementSnapshot.from_json(orjson.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{path} is no snapshot ({error}): write one with --json") from error
