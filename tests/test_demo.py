"""The main job as a newcomer runs it: embedded model, real browser, the shipped site."""

import re
import subprocess
import sys

import pytest


def demo(tmp_path, *arguments):
    command = [sys.executable, "-m", "groundling", "demo", *arguments]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=170)


@pytest.mark.browser
def test_the_embedded_model_finds_clicks_types_and_opens_the_first_true_result(tmp_path):
    done = demo(tmp_path)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "4 of 4 steps verified" in told
    assert len(re.findall(r"model [01]\.\d\d · \d+ ms · \d+ tokens · verified", told)) == 2
    assert "/page/" in told.split("3. press Enter")[1]
    assert (tmp_path / "groundling-demo" / "report.html").stat().st_size > 10_000


@pytest.mark.browser
def test_steps_that_are_not_verified_make_the_exit_status(tmp_path, serve):
    url = serve("<title>Empty</title><p>No field, no link.</p>")
    done = demo(tmp_path, "--url", url)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "4 of 4" not in done.stdout + done.stderr


def test_an_unknown_model_is_one_line(tmp_path):
    done = demo(tmp_path, "--model", "embeded")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].endswith("did you mean 'embedded'?")
