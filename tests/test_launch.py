import stat
import subprocess
import sys

import pytest
from click.testing import CliRunner

from groundling.browser import launch
from groundling.cli import cli
from groundling.errors import BrowserNotFoundError


@pytest.fixture
def no_browser(monkeypatch, tmp_path):
    """A machine without any browser: nothing on the path, nothing downloaded."""
    monkeypatch.delenv("GROUNDLING_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "downloads"))
    monkeypatch.setattr(launch.sys, "platform", "linux")
    return tmp_path


def program(path, text="#!/bin/sh\nexit 3\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_without_a_browser_the_error_says_how_to_get_one(no_browser):
    with pytest.raises(BrowserNotFoundError, match="groundling install-browser"):
        launch.find_browser()


def test_an_installed_browser_is_preferred_to_a_downloaded_one(no_browser):
    downloaded = program(no_browser / "downloads/chromium-1200/chrome-linux/chrome")
    assert launch.find_browser() == downloaded
    installed = program(no_browser / "google-chrome")
    assert launch.find_browser() == installed


def test_the_script_that_only_asks_for_the_snap_is_no_browser(no_browser):
    program(no_browser / "chromium-browser", "#!/bin/sh\necho 'snap install chromium'\n")
    with pytest.raises(BrowserNotFoundError):
        launch.find_browser()


def test_the_callers_choice_comes_first_and_is_checked(no_browser, monkeypatch):
    chosen = program(no_browser / "mine/brave")
    monkeypatch.setenv("GROUNDLING_BROWSER", str(chosen))
    assert launch.find_browser() == chosen
    monkeypatch.setenv("GROUNDLING_BROWSER", str(no_browser / "nothing"))
    with pytest.raises(BrowserNotFoundError, match="is no file: correct or unset it"):
        launch.find_browser()


def started():
    with launch.launch_sync():
        pass


def test_a_browser_that_does_not_start_is_one_line_with_a_remedy(
    no_browser, monkeypatch, in_thread
):
    monkeypatch.setenv("GROUNDLING_BROWSER", str(program(no_browser / "chromium")))
    remedy = r"did not start .*GROUNDLING_BROWSER"
    with pytest.raises(BrowserNotFoundError, match=remedy) as caught:
        in_thread(started)
    assert "\n" not in str(caught.value)


@pytest.mark.browser
def test_install_browser_keeps_a_browser_that_works(in_thread):
    result = in_thread(lambda: CliRunner().invoke(cli, ["install-browser"]))
    assert result.exit_code == 0
    assert result.stdout.strip() == str(launch.find_browser())
    assert "It starts: version" in result.stderr


def test_install_browser_says_what_to_do_when_nothing_can_be_installed(no_browser):
    result = CliRunner().invoke(cli, ["install-browser", "--no-download"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "or set GROUNDLING_BROWSER to one" in result.stderr


def test_the_command_line_lists_its_commands_without_importing_them():
    code = "import sys; from groundling.cli import cli; cli(['--help'], standalone_mode=False)"
    check = f"{code}; print([m for m in sys.modules if m.startswith('playwright')])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert "install-browser" in done.stdout
    assert done.stdout.rstrip().endswith("[]")
