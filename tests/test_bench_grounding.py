"""`groundling bench grounding`: data of both kinds, resuming, comparing, what is printed."""

import json
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from click.testing import CliRunner
from fixed_models import button, page_of

from groundling.bench.labelled import load_tasks
from groundling.bench.sources import open_source, spread
from groundling.cli import cli
from groundling.llm.calibration import Profile

KEYS = {
    "n", "accuracy", "accuracy_exists", "accuracy_none", "recall_at_15",
    "coverage_at_95_precision", "ece", "ms_p50", "prompt_tokens_mean",
}  # fmt: skip


def task(name, instruction, kind="functional", accept=()):
    return {
        "id": name,
        "instruction": instruction,
        "task_type": "other",
        "kind": kind,
        "expect_none": not accept,
        "accept_ids": list(accept),
    }


@pytest.fixture
def captured(tmp_path):
    """Two pages of two buttons: three tasks with an element, one without."""
    path = tmp_path / "pages.jsonl"
    pages = [
        ("one", [task("a", "set it in motion", accept=[1]), task("b", "Stop", "exact", [2])]),
        ("two", [task("c", "halt the thing", accept=[2]), task("d", "the map", "absent")]),
    ]
    snapshot = page_of(button(1, "Go"), button(2, "Stop")).to_json()
    path.write_bytes(
        b"".join(
            orjson.dumps({"page": name, "site": name, "snapshot": snapshot, "tasks": tasks}) + b"\n"
            for name, tasks in pages
        )
    )
    return path


def run(*args):
    return CliRunner().invoke(cli, ["bench", "grounding", *map(str, args)])


def figures(*args):
    done = run(*args, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_the_figures_are_of_whole_decisions(captured):
    # The rule takes "Stop"; the model answers the rest: right, wrong, "none" and right.
    found = figures("--data", captured, "--model", "scripted:Go|Go|")
    assert found.keys() >= KEYS
    assert (found["n"], found["accuracy"], found["accuracy_none"]) == (4, 0.75, 1.0)
    assert found["accuracy_exists"] == pytest.approx(2 / 3)
    assert found["recall_at_15"] == 1.0
    assert found["rules"]["precision"]["k"] == 1
    assert found["losses"] == {"chose another": 1}
    assert found["run"]["data"] == "pages.jsonl"


def test_without_rules_the_model_is_asked_everything(captured):
    found = figures("--data", captured, "--model", "scripted:Go|Go|Stop|", "--no-rules")
    assert found["rules"]["coverage"] == 0
    assert found["accuracy"] == 0.75


def test_an_unsure_answer_is_held_back(captured):
    args = ("--data", captured, "--model", "scripted:Go|Stop|", "--min-confidence", "0.98")
    assert figures(*args)["losses"] == {"held back, right": 2}


def test_the_table_is_for_people(captured):
    done = run("--data", captured, "--model", "scripted:Go|Stop|")
    assert done.stdout.startswith("accuracy 100.0%")
    assert "4 tasks on 2 pages of 2 sites" in done.stdout


def test_a_run_goes_on_where_it_was_cut_off(captured, tmp_path):
    out = tmp_path / "rows.jsonl"
    args = ("--data", captured, "--model", "scripted:Go|Stop|", "--out", out)
    whole = figures(*args)
    header, first, second, third, _ = out.read_text().splitlines(keepends=True)
    # The third row was being written when the power went; a header names the model as it was asked.
    out.write_text(header.replace("Go|Stop|", "Stop|") + first + second + third[:20])
    again = figures("--data", captured, "--model", "scripted:Stop|", "--out", out, "--resume")
    assert again["accuracy"] == whole["accuracy"] == 1.0
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()[1:]] == list("abcd")


def test_a_finished_run_is_not_run_again(captured, tmp_path):
    out = tmp_path / "rows.jsonl"
    args = ("--data", captured, "--model", "scripted:Go|Stop|", "--out", out)
    figures(*args)
    written = out.read_text()
    assert figures(*args, "--resume")["n"] == 4
    assert out.read_text() == written


def test_rows_are_neither_overwritten_nor_mixed(captured, tmp_path):
    out = tmp_path / "rows.jsonl"
    args = ("--data", captured, "--model", "scripted:Go|Stop|", "--out", out)
    figures(*args)
    assert "add --resume to go on with it" in run(*args).stderr
    other = run(*args, "--resume", "--max-elements", "1")
    assert other.exit_code == 1
    assert "is of another run (max_elements 15, now 1)" in other.stderr
    assert run("--data", captured, "--resume").exit_code == 2
    profile = tmp_path / "profile.json"
    Profile(temperature=2.0).save(profile)
    recalibrated = run(*args, "--resume", "--profile", profile)
    assert "is of another run (model_identity" in recalibrated.stderr


def test_two_runs_are_compared_task_by_task(captured, tmp_path):
    for name, script in (("a", "Go|Go|"), ("b", "Go|Stop|")):
        figures("--data", captured, "--model", f"scripted:{script}", "--out", tmp_path / name)
    found = figures("--compare", tmp_path / "a", tmp_path / "b")
    assert (found["n"], found["only_a"], found["only_b"], found["p"]) == (4, 0, 1, 1.0)
    assert found["difference"] == 0.25
    told = run("--compare", tmp_path / "a", tmp_path / "b").stdout
    assert "B minus A +25.0" in told
    assert "model: A 'scripted:Go|Go|', B 'scripted:Go|Stop|'" in told


def test_runs_on_other_tasks_cannot_be_compared(captured, tmp_path):
    figures("--data", captured, "--model", "scripted:Go|Go|", "--out", tmp_path / "a")
    captured.write_bytes(captured.read_bytes().replace(b"halt the thing", b"stop the thing"))
    figures("--data", captured, "--model", "scripted:Go|Go|", "--out", tmp_path / "b")
    assert "with other tasks" in run("--compare", tmp_path / "a", tmp_path / "b").stderr
    done = run("--compare", tmp_path / "a", tmp_path / "b", "--limit", "3")
    assert "--compare runs nothing: leave out --limit" in done.stderr


def test_kinds_and_a_limit_choose_tasks(captured):
    args = ("--data", captured, "--model", "scripted:Go|Stop")
    assert figures(*args, "--kind", "functional")["n"] == 2
    # One of four is the first, and a limit above the number takes all.
    assert figures(*args, "--limit", "1")["by_kind"].keys() == {"functional"}
    done = run(*args, "--kind", "funny")
    assert "no tasks of kind 'funny': known are absent, exact, functional" in done.stderr


def test_a_limit_spreads_over_the_data():
    assert spread("abcdefgh", 4) == ("a", "c", "e", "g")
    assert spread("abc", 2) == ("a", "b")
    assert spread("ab", 9) == ("a", "b")


def test_data_that_is_none_is_refused_in_one_line(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"page": "one"}\n')
    done = run("--data", path)
    assert done.exit_code == 1
    assert "is no labelled data" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "holds no tasks.jsonl" in run("--data", tmp_path).stderr


@pytest.mark.usefixtures("chromium")
def test_a_labelled_folder_is_read_in_a_browser(tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "one.html").write_text("<button>Go</button><a href=/x>Stop</a>")
    (tmp_path / "pages" / "two.html").write_text("never read: --limit leaves its task out")
    lines = [
        {**task("a", "set it in motion"), "page": "one", "accept": [{"css": "button"}]},
        {**task("b", "the map"), "page": "two", "accept": []},
    ]
    lines[0]["expect_none"] = False
    (tmp_path / "tasks.jsonl").write_text("\n".join(map(json.dumps, lines)))
    args = ("--data", tmp_path, "--model", "scripted:Go", "--limit", "1")
    # The session's browser keeps an event loop in this thread.
    with ThreadPoolExecutor(1) as threads:
        found = threads.submit(figures, *args).result(60)
    assert (found["n"], found["accuracy"]) == (1, 1.0)


def test_the_shipped_benchmark_is_whole():
    with open_source(None) as source:
        pages = load_tasks(source.path)
        assert (len(pages), len(source.ids())) == (20, 529)
        folder = source.path
    assert not folder.exists()


@pytest.mark.usefixtures("chromium")
def test_a_label_that_names_nothing_is_told_with_its_page(tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "one.html").write_text("<button>Go</button>")
    line = {**task("a", "the map"), "page": "one", "accept": [{"css": "#map"}]}
    (tmp_path / "tasks.jsonl").write_text(json.dumps({**line, "expect_none": False}))
    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(run, "--data", tmp_path, "--model", "scripted:Go").result(60)
    assert done.exit_code == 1
    assert "task a names '#map', which is nothing in one.html" in done.stderr


def test_benches_are_commands_of_their_group_alone():
    assert "grounding" in CliRunner().invoke(cli, ["bench", "--help"]).stdout
    assert "bench-grounding" not in CliRunner().invoke(cli, ["--help"]).stdout
    assert CliRunner().invoke(cli, ["bench", "nothing"]).exit_code == 2
