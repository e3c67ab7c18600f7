"""`groundling bench miniwob`: figures by hand, a run of one page, and taking a run up again."""

import json

import pytest
from click.testing import CliRunner

from groundling.bench.miniwob_run import EpisodeRow
from groundling.bench.miniwob_summary import lines, summarise
from groundling.cli.bench_miniwob import command


def row(task, kind, reward, *, claimed=False, n_steps=1, ms=100.0, tokens=0):
    steps = ("click",) * n_steps
    return EpisodeRow(
        task=task, kind=kind, split="train", seed=1, ended=True, reward=reward, claimed=claimed,
        steps=steps, ms=ms, prompt_tokens=tokens,
    )  # fmt: skip


ROWS = [
    row("a", "click1", 1.0, claimed=True, n_steps=1, ms=100.0),
    row("a", "click1", 0.5, claimed=True, n_steps=3, ms=300.0),
    row("b", "drag", -1.0, claimed=True, n_steps=2, ms=200.0, tokens=40),
    row("c", "drag", 0.0, n_steps=2, ms=200.0),
]


def test_partial_credit_and_full_reward_are_told_apart():
    result = summarise(ROWS)
    assert (result["all"]["positive"], result["all"]["full"]) == (0.5, 0.25)
    assert (result["dom"]["n"], result["dom"]["positive"], result["dom"]["full"]) == (2, 1.0, 0.5)
    assert result["by_class"]["drag"]["positive"] == 0
    assert result["by_task"]["a"] == {"n": 2, "positive": 2, "full": 1}


def test_steps_times_tokens_and_false_claims_are_counted():
    figures = summarise(ROWS)["all"]
    assert (figures["steps_mean"], figures["ms_p50"], figures["tokens_mean"]) == (2.0, 200.0, 10.0)
    assert figures["false_claims"] == 1


def test_the_table_names_what_was_not_solved():
    told = "\n".join(lines(summarise(ROWS)))
    assert "b: 0 of 1" in told
    assert "a: 2 of 2" not in told


def test_a_row_survives_its_way_through_a_file():
    assert EpisodeRow.from_json(json.loads(json.dumps(ROWS[2].to_json()))) == ROWS[2]


@pytest.mark.usefixtures("chromium")
def test_a_run_is_kept_and_taken_up_again(in_thread, tmp_path):
    out = tmp_path / "rows.jsonl"
    args = ["--tasks", "enter-text", "--json", "--out", str(out)]

    first = in_thread(lambda: CliRunner().invoke(command, args))
    kept = out.read_text()
    again = in_thread(lambda: CliRunner().invoke(command, [*args, "--resume"]))

    assert json.loads(first.stdout)["all"]["full"] == 1
    assert json.loads(again.stdout)["by_task"] == {"enter-text": {"n": 1, "positive": 1, "full": 1}}
    assert out.read_text() == kept


def test_resume_without_a_file_is_refused():
    result = CliRunner().invoke(command, ["--resume"])
    assert result.exit_code == 2
    assert "--resume needs --out" in result.output
