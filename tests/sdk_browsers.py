"""Browsers that the Sentience SDK starts itself, on this machine's Chromium and without an account.

The sync class takes no path to a browser and starts the one that Playwright would have downloaded.
Where that is missing, a link stands in its place, in a folder of our own.
"""

import importlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from groundling.browser.launch import find_browser, launch_arguments

_FOLDER = "PLAYWRIGHT_BROWSERS_PATH"
_STARTING = Lock()
"""The environment belongs to all threads."""


def extension_arguments(sdk: str) -> dict[str, Any]:
    """Return the arguments of a persistent context that holds the extension of a package."""
    folder = importlib.import_module(f"{sdk}._extension_loader").find_extension_path()
    base = launch_arguments(headed=True)
    flags = [f"--disable-extensions-except={folder}", f"--load-extension={folder}"]
    return {**base, "args": [*base["args"], *flags, "--headless=new", "--no-sandbox"]}


@asynccontextmanager
async def started_async(sdk: str = "predicate") -> AsyncIterator[Any]:
    """Start the SDK's async browser."""
    module = importlib.import_module(sdk)
    with _STARTING:
        program = str(find_browser())
    browser = module.AsyncSentienceBrowser(headless=True, executable_path=program)
    await browser.start()
    try:
        yield browser
    finally:
        await browser.close()


@contextmanager
def started_sync(sdk: str = "predicate") -> Iterator[Any]:
    """Start the SDK's sync browser; not in a thread that runs Playwright's sync library already."""
    browser = importlib.import_module(sdk).SentienceBrowser(headless=True)
    with tempfile.TemporaryDirectory() as folder:
        with _STARTING, _linked(Path(folder)):
            browser.start()
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def _linked(folder: Path) -> Iterator[None]:
    """Let Playwright find this machine's browser where its own would be."""
    from playwright.sync_api import sync_playwright

    chosen, before = find_browser(), os.environ.get(_FOLDER)
    os.environ[_FOLDER] = str(folder)
    try:
        with sync_playwright() as playwright:
            wanted = Path(playwright.chromium.executable_path)
        wanted.parent.mkdir(parents=True, exist_ok=True)
        wanted.symlink_to(chosen)
        yield
    finally:
        if before is None:
            del os.environ[_FOLDER]
        else:
            os.environ[_FOLDER] = before
