"""`groundling install-browser`: make sure that a browser is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click

from groundling.browser.launch import find_browser, launch_sync
from groundling.errors import BrowserNotFoundError

_DOWNLOAD_LIMIT_S = 900


@click.command("install-browser")
@click.option("--no-download", is_flag=True, help="Only look for a browser, install nothing.")
def command(no_download: bool) -> None:
    """Find a browser that starts; else let Playwright download one; else use apt as root.

    Prints the path of the browser on stdout. Safe to repeat: a browser that works is kept.
    """
    path = _working_browser()
    if path is None and not no_download:
        path = _download() or _apt()
    if path is None:
        raise BrowserNotFoundError(_what_to_do())
    click.echo(str(path))


def _working_browser() -> Path | None:
    try:
        path = find_browser()
        click.echo(f"Checking {path} ...", err=True)
        with launch_sync() as browser:
            page = browser.new_page()
            page.goto("about:blank")
            click.echo(f"It starts: version {browser.version}.", err=True)
    except BrowserNotFoundError as error:
        click.echo(str(error), err=True)
        return None
    return path


def _download() -> Path | None:
    click.echo("Asking Playwright to download Chromium (about 170 MB) ...", err=True)
    playwright = [sys.executable, "-m", "playwright", "install", "chromium"]
    if not _run(playwright):
        click.echo("Playwright's download did not work.", err=True)
        return None
    return _working_browser()


def _apt() -> Path | None:
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if not is_root or not shutil.which("apt-get"):
        return None
    click.echo("Installing the system's Chromium with apt-get (root) ...", err=True)
    apt = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "-qq"], apt)
    quiet = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    if not _run([*quiet, "chromium"], apt):
        return None
    return _working_browser()


def _run(arguments: list[str], environment: dict[str, str] | None = None) -> bool:
    """Run a program with its output on stderr; return whether it succeeded."""
    try:
        done = subprocess.run(
            arguments,
            check=False,
            stdout=sys.stderr.fileno(),
            env=environment,
            timeout=_DOWNLOAD_LIMIT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        click.echo(f"{arguments[0]}: {error}", err=True)
        return False
    return done.returncode == 0


def _what_to_do() -> str:
    if sys.platform == "darwin":
        how = "install Google Chrome, or run `brew install --cask chromium`"
    elif sys.platform == "win32":
        how = "install Google Chrome, or run `winget install Google.Chrome`"
    elif shutil.which("dnf"):
        how = "run `sudo dnf install chromium`"
    elif shutil.which("apt-get"):
        how = "run `sudo apt-get install chromium` (on Ubuntu: `sudo snap install chromium`)"
    else:
        how = "install Chromium with your package manager"
    return f"no browser could be installed from here: {how}, or set GROUNDLING_BROWSER to one"
