"""Find a browser on this machine and start it.

Order: the caller's choice (`GROUNDLING_BROWSER`), an installed Chrome, Chromium or Edge, then what
`playwright install` downloaded. Nothing is downloaded here; `groundling install-browser` does that.
"""

import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundling.errors import BrowserNotFoundError

if TYPE_CHECKING:
    from playwright.async_api import Browser as AsyncBrowser
    from playwright.sync_api import Browser

ON_PATH = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "microsoft-edge-stable",
    "microsoft-edge",
    "msedge",
)
"""Names of the browsers we can drive, as packages of Linux distributions install them."""

MACOS = (
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Chromium.app/Contents/MacOS/Chromium",
    "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
WINDOWS = (
    r"Google\Chrome\Application\chrome.exe",
    r"Chromium\Application\chrome.exe",
    r"Microsoft\Edge\Application\msedge.exe",
)
_DOWNLOADED = ("chrome", "chrome.exe", "Chromium", "Google Chrome for Testing")


def find_browser() -> Path:
    """Return the browser to use.

    Raises:
        BrowserNotFoundError: If there is none; the message says how to get one.
    """
    chosen = os.environ.get("GROUNDLING_BROWSER")
    if chosen:
        if not Path(chosen).is_file():
            raise BrowserNotFoundError(
                f"GROUNDLING_BROWSER names {chosen!r}, which is no file: correct or unset it"
            )
        return Path(chosen)
    for path in (*installed_browsers(), *downloaded_browsers()):
        return path
    raise BrowserNotFoundError(
        "no Chrome, Chromium or Edge found: run `groundling install-browser`, "
        "or set GROUNDLING_BROWSER to the program's path"
    )


def installed_browsers() -> Iterator[Path]:
    """Yield Chrome, Chromium and Edge where the system keeps its programs."""
    for name in ON_PATH:
        found = shutil.which(name)
        if found and not _is_snap_stub(Path(found)):
            yield Path(found)
    roots: list[Path] = []
    tails: tuple[str, ...] = ()
    if sys.platform == "darwin":
        roots, tails = [Path("/Applications"), Path.home() / "Applications"], MACOS
    elif sys.platform == "win32":
        names = ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")
        roots, tails = [Path(os.environ[n]) for n in names if n in os.environ], WINDOWS
    yield from (root / tail for root in roots for tail in tails if (root / tail).is_file())


def _is_snap_stub(path: Path) -> bool:
    """Ubuntu's `chromium-browser` package is a script that only asks to install the snap."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return True
    return head.startswith(b"#!") and b"snap install" in head


def downloaded_browsers() -> Iterator[Path]:
    """Yield what `playwright install chromium` put into its cache, newest first."""
    if "PLAYWRIGHT_BROWSERS_PATH" in os.environ:
        cache = Path(os.environ["PLAYWRIGHT_BROWSERS_PATH"])
    elif sys.platform == "darwin":
        cache = Path.home() / "Library/Caches/ms-playwright"
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", "~")).expanduser() / "ms-playwright"
    else:
        cache = Path.home() / ".cache/ms-playwright"
    folders = sorted(cache.glob("chromium-*"), key=lambda p: p.name, reverse=True)
    for folder in folders:
        yield from (p for p in folder.rglob("*") if p.name in _DOWNLOADED and p.is_file())


def launch_arguments(*, headed: bool = False) -> dict[str, Any]:
    """Return the keyword arguments for Playwright's `chromium.launch`.

    Raises:
        BrowserNotFoundError: If no browser is found.
    """
    args = ["--disable-gpu", "--disable-background-networking", "--no-first-run"]
    # Chromium refuses to start its sandbox as root; containers often lack it for others too.
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if as_root or os.environ.get("GROUNDLING_NO_SANDBOX"):
        args.append("--no-sandbox")
    return {"executable_path": str(find_browser()), "headless": not headed, "args": args}


@contextmanager
def launch_sync(*, headed: bool = False) -> "Iterator[Browser]":
    """Start the browser found by `find_browser`; it is closed on leaving.

    Raises:
        BrowserNotFoundError: If no browser is found, or it does not start.
    """
    arguments = launch_arguments(headed=headed)
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(**arguments)
        except Error as error:
            raise _not_started(arguments, error) from error
        try:
            yield browser
        finally:
            # After Ctrl-C its driver may be gone; that must not hide the interrupt.
            with suppress(Error):
                browser.close()


@asynccontextmanager
async def launch_async(*, headed: bool = False) -> "AsyncIterator[AsyncBrowser]":
    """Start the browser as `launch_sync` does, with Playwright's async library.

    Raises:
        BrowserNotFoundError: If no browser is found, or it does not start.
    """
    arguments = launch_arguments(headed=headed)
    from playwright.async_api import Error, async_playwright

    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(**arguments)
        except Error as error:
            raise _not_started(arguments, error) from error
        try:
            yield browser
        finally:
            with suppress(Error):
                await browser.close()


def _not_started(arguments: dict[str, Any], error: Exception) -> BrowserNotFoundError:
    text = str(error)
    remedy = "run `groundling install-browser`, or set GROUNDLING_BROWSER to another one"
    if "no usable sandbox" in text.lower():
        remedy = "this system has no sandbox for it: set GROUNDLING_NO_SANDBOX=1"
    elif not arguments["headless"] and ("DISPLAY" in text or "XServer" in text or "ozone" in text):
        remedy = "there is no display here: run without --headed, or under `xvfb-run`"
    first = next((line for line in text.splitlines() if line.strip()), "no reason given")
    return BrowserNotFoundError(f"{arguments['executable_path']} did not start ({first}): {remedy}")
