"""`groundling doctor`: what it finds, and when it says that the main job cannot run."""

import json

import pytest
from click.testing import CliRunner
from played_server import play

from groundling.cli import _checks
from groundling.cli.main import cli

SECRET = "sk-very-secret"


@pytest.fixture
def doctor(monkeypatch, in_thread):
    """Run the command as on a machine without servers and network; returns code and answer."""
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    def run(*arguments):
        done = in_thread(lambda: CliRunner().invoke(cli, ["doctor", "--json", *arguments]))
        checks = {c["name"]: c for c in json.loads(done.stdout)["checks"]}
        return done.exit_code, json.loads(done.stdout)["failed"], checks, done.output

    return run


@pytest.mark.browser
def test_a_machine_that_can_do_the_main_job_passes(doctor, chromium, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    code, failed, checks, output = doctor()
    assert (code, failed) == (0, [])
    assert checks["browser"]["version"] == chromium.version
    assert checks["model embedded"]["right"] >= 4
    assert checks["model hub"]["reachable"] is False
    assert "OPENAI_API_KEY" in checks["cloud keys"]["detail"]
    assert SECRET not in output


def test_a_browser_that_does_not_start_fails_and_names_the_remedy(doctor, monkeypatch, tmp_path):
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("GROUNDLING_BROWSER", str(broken))
    code, failed, checks, _ = doctor("--model", f"gguf:{tmp_path}/none.gguf")
    assert code == 1
    assert failed == ["browser", f"model gguf:{tmp_path}/none.gguf"]
    assert checks["browser"]["remedy"] == "groundling install-browser"


def test_the_table_ends_with_a_verdict(monkeypatch):
    lines = [_checks.Check("browser", "fail", "none", "groundling install-browser")]
    monkeypatch.setattr("groundling.cli.doctor._run", lambda model: iter(lines))
    done = CliRunner().invoke(cli, ["doctor"])
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "FAIL  browser              none",
        "                           -> groundling install-browser",
        "The main job cannot run: browser.",
    ]


def test_a_hub_that_answers_anything_is_reachable(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    with play({}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        assert next(_checks.network()).state == "ok"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert next(_checks.network()).detail == "offline: HF_HUB_OFFLINE set"


def test_servers_are_listed_with_the_spec_to_use(monkeypatch):
    listed = {"data": [{"id": f"m{i}", "owned_by": "library"} for i in range(6)]}
    with play({"/v1/models": listed}) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        found = {check.name: check for check in _checks.servers()}["server Ollama"]
    assert (found.state, found.detail) == (
        "ok",
        "ollama:m0, ollama:m1, ollama:m2, ollama:m3 and 2 more",
    )


def test_an_extra_that_is_half_there_is_incomplete(monkeypatch):
    monkeypatch.setattr(_checks.machine, "versions_of", lambda extra: {"one": "1.0", "two": None})
    found = next(_checks.extras())
    assert found.detail == "incomplete, two missing"
    assert found.remedy == 'pip install "groundling[transformers]"'
