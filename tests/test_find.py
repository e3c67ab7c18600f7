"""`groundling find` and `groundling calibrate`, on pages in a real browser and on stored ones."""

import json
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from click.testing import CliRunner
from fixed_models import FixedLLM, button, page_of

from groundling.cli import cli
from groundling.llm.calibration import Profile

HTML = """<form><label>Search <input type=search></label><button>Go</button></form>
<a href=/terms>Terms of delivery</a><button style="display:none">Hidden</button>"""


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "page.json"
    snapshot = page_of(button(1, "Go"), button(2, "Stop"), button(3, "Gone", is_visible=False))
    path.write_bytes(orjson.dumps(snapshot.to_json()))
    return str(path)


def run(*args):
    return CliRunner().invoke(cli, [str(a) for a in args])


@pytest.mark.usefixtures("chromium")
def test_an_element_of_a_page_is_found(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(HTML)
    args = ("find", page, "conditions of delivery", "--model", "scripted:delivery", "--explain")
    # The session's browser keeps an event loop in this thread.
    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(run, *args).result(60)
    assert done.exit_code == 0, done.output
    assert "selected link 'Terms of delivery' (97%), by model" in done.stdout
    assert "C link Terms of delivery" in done.stdout


def test_the_selection_is_one_line(stored):
    done = run("find", stored, "stop it at once", "--model", "scripted:stop")
    assert done.stdout == "2\tbutton 'Stop' (97%)\tby model\n"


def test_a_certain_case_needs_no_model(stored):
    assert run("find", stored, "press Stop", "--model", "scripted:").stdout.endswith("by rule\n")
    done = run("find", stored, "press Stop", "--model", "scripted:", "--no-rules")
    assert done.exit_code == 1
    assert "Error: the script has no answer" in done.stderr


def test_nothing_found_is_exit_status_1_with_the_reason(stored):
    done = run("find", stored, "the map", "--model", "scripted:")
    assert done.exit_code == 1
    done = run(
        "find", stored, "stop it now", "--model", "scripted:stop", "--min-confidence", "0.99"
    )
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Nothing found: the likeliest is button 'Stop' with 0.97, below" in done.stderr


def test_json_is_the_whole_decision_where_asked(stored):
    args = ("find", stored, "stop it now", "--model", "scripted:stop", "--json")
    short, long = json.loads(run(*args).stdout), json.loads(run(*args, "--explain").stdout)
    assert (short["element"]["id"], short["confidence"]) == (2, pytest.approx(0.97))
    assert "attempts" not in short
    assert long["attempts"][0]["answer"] == "B"
    assert [d["reason"] for d in long["dropped"]] == ["not visible"]


def test_the_profile_holds_the_threshold_of_a_precision(stored, tmp_path):
    profile = tmp_path / "profile.json"
    Profile(thresholds={"0.9": 0.5, "0.99": 0.98}).save(profile)
    args = ("find", stored, "stop it now", "--model", "scripted:stop", "--profile", profile)
    assert run(*args, "--target-precision", "0.9").exit_code == 0
    held = run(*args, "--target-precision", "0.99")
    assert held.exit_code == 1
    assert "below the calibrated 0.98" in held.stderr
    without = run(*args[:5], "--target-precision", "0.9")
    assert "scripted was calibrated not at all" in without.stderr


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("nowhere.html", "'nowhere.html' is no file"),
        ("nowhere.json", "nowhere.json is no snapshot"),
    ],
)
def test_a_source_that_is_not_there_is_named(source, said):
    done = run("find", source, "stop", "--model", "scripted:")
    assert done.exit_code == 1
    assert said in done.stderr


def test_an_empty_instruction_is_a_usage_error(stored):
    assert run("find", stored, " ", "--model", "scripted:").exit_code == 2


class Overconfident(FixedLLM):
    """Says A with 0.98 each time."""

    def __init__(self):
        super().__init__("A", 0.98, name="overconfident")


def labelled_lines(n_sites, n_tasks):
    """Pages of two buttons; "pick this" means the first one in three tasks of four."""
    for site in range(n_sites):
        snapshot = page_of(button(1, "This"), button(2, "That")).to_json()
        tasks = [
            {
                "id": f"{site}-{i}",
                "instruction": "pick whatever is right",
                "task_type": "find_any",
                "kind": "",
                "expect_none": False,
                "accept_ids": [2 if i % 4 == 3 else 1],
            }
            for i in range(n_tasks)
        ]
        page = {"page": f"p{site}", "site": f"s{site}", "snapshot": snapshot, "tasks": tasks}
        yield orjson.dumps(page) + b"\n"


@pytest.fixture
def labelled(tmp_path):
    path = tmp_path / "pages.jsonl"
    path.write_bytes(b"".join(labelled_lines(6, 8)))
    return path


def test_calibration_brings_confidence_to_accuracy(labelled, tmp_path, monkeypatch):
    monkeypatch.setattr("groundling.llm.load_llm", lambda spec: Overconfident())
    out = tmp_path / "made" / "profile.json"
    done = run("calibrate", "--model", "any", "--data", labelled, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["n"], told["n_sites"], told["accuracy"]) == (48, 6, 0.75)
    # It says 0.98 and is right in 0.75 of the cases.
    assert told["ece_before"] == pytest.approx(0.23)
    assert told["ece"] < 0.05
    # 36 of 48 is 0.75: no precision that is looked for is reached.
    assert told["thresholds"] == {}
    profile = Profile.load(out)
    odds = profile.probabilities(("A", "B", "C"), (0.0, -4.6, -4.6), none_label="C")
    assert odds[0] == pytest.approx(0.75, abs=0.05)


def test_calibration_tells_people_what_it_found(labelled, tmp_path, monkeypatch):
    monkeypatch.setattr("groundling.llm.load_llm", lambda spec: Overconfident())
    done = run("calibrate", "--model", "any", "--data", labelled, "--out", tmp_path / "p.json")
    assert "48 questions on 6 sites, 75.0% right" in done.stdout
    assert "calibration error 0.230 before" in done.stdout


def test_data_without_tasks_is_an_error(tmp_path):
    empty = tmp_path / "pages.jsonl"
    empty.write_bytes(b"".join(labelled_lines(2, 0)))
    args = ("calibrate", "--model", "scripted:", "--data", empty, "--out", tmp_path / "p.json")
    done = run(*args)
    assert done.exit_code == 1
    assert "no task with a candidate" in done.stderr
