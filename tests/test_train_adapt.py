"""Adapting the embedded model: it learns a user's own words, and never gets worse unseen."""

import json
import shutil

import labelled_pages
import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("onnx")

from groundling.bench.labelled import read_lines
from groundling.cli.main import cli
from groundling.errors import DataError
from groundling.llm import load_llm
from groundling.train.adapt import SHIPPED, read_cases
from groundling.train.correction import (
    Asked,
    build_in,
    choose_penalty,
    cross_fitted,
    fit,
    folds,
    loss_of,
)
from groundling.train.data import read_data, refuse_leaks


def asked(group, logits, right, features=None, task=(0, 0), items=None):
    k = len(logits) - 1
    return Asked(
        group=group,
        logits=np.array(logits, float),
        features=np.array(features if features is not None else np.zeros((k, 1)), float),
        task=np.array(task, float),
        items=np.array(items if items is not None else np.zeros((k, len(task))), float),
        right=np.array([i == right for i in range(k + 1)]),
    )


def by_feature(n):
    """Two candidates that the model cannot tell apart; the one with the feature is right."""
    return [
        asked(f"page {i % 10}", [0.0, 0.0, -40.0], i % 2, [[float(k == i % 2)] for k in range(2)])
        for i in range(n)
    ]


def test_a_huge_penalty_leaves_the_model_as_it_was():
    tasks = by_feature(40)
    found = fit(tasks, 1e9)
    assert found.logits(tasks[0]) == pytest.approx(tasks[0].logits, abs=1e-5)


def test_a_feature_that_tells_the_right_one_gets_its_weight():
    tasks = by_feature(40)
    found = fit(tasks, 1.0)
    assert all(np.argmax(found.logits(a)) == np.flatnonzero(a.right)[0] for a in tasks)
    # The feature's mean is 1/2 and its spread 1/2, so it is +1 or -1: with the weight w the right
    # one has the odds exp(2w), and at the optimum the penalty's pull w is 40 * 2 * p(wrong).
    w = found.weights[0]
    assert w == pytest.approx(80 / (1 + np.exp(2 * w)), rel=1e-3)


def test_a_pair_that_was_right_before_lifts_its_like_on_another_page():
    basket, other = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
    words = {"a": (1.0, 0.0, 0.0), "b": (0.0, 0.0, 1.0)}
    tasks = [
        asked(f"page {i % 5}", [0.0, 0.0, -4.0], int(w == "b"), None, words[w], [basket, other])
        for i in range(20)
        for w in "ab"
    ]
    for a, logits in zip(tasks, cross_fitted(tasks), strict=True):
        assert np.argmax(logits) == np.flatnonzero(a.right)[0]


def test_noise_is_held_tightest_and_a_signal_less():
    draw = np.random.default_rng(3)
    noise = [
        asked(f"page {i % 10}", [0.0, 0.0, -40.0], i % 2, draw.normal(size=(2, 30)))
        for i in range(40)
    ]
    assert choose_penalty(noise) >= 100.0
    assert choose_penalty(by_feature(40)) == 3.0


def test_pages_are_left_out_whole_and_one_page_is_refused():
    tasks = by_feature(40)
    for learnt, left_out in folds(tasks, 3):
        assert not {tasks[i].group for i in learnt} & {tasks[i].group for i in left_out}
        assert sorted(learnt + left_out) == list(range(40))
    with pytest.raises(DataError, match="second one"):
        folds([asked("one", [0.0, 0.0], 0)] * 3, 3)


def test_the_loss_counts_all_right_labels_together():
    logits = np.log([0.5, 0.3, 0.2])
    assert loss_of(logits, np.array([True, False, True])) == pytest.approx(-np.log(0.7))


OWN_WORDS = ("bork", "flum", "wizzle", "gronk", "plim", "zarf")


def site_pages(n):
    """Pages of one site whose tasks use words of its own for the same few buttons."""
    pages = []
    for i in range(n):
        page = labelled_pages.page("inhouse")
        page["page"] = f"inhouse-{i}"
        for element in page["snapshot"]["elements"]:
            element["text"] = f"{element['text'].split()[0]} entry {i}"
        for task, word in zip(page["tasks"], OWN_WORDS, strict=True):
            task |= {"id": f"{i}-{word}", "instruction": f"{word} number {i}"}
        pages.append(page)
    return pages


def invoke(*arguments):
    return CliRunner().invoke(cli, ["train", "embedded", *map(str, arguments)])


def test_the_files_answer_as_the_correction_was_fitted(tmp_path):
    labelled_pages.write(tmp_path / "p.jsonl", site_pages(2))
    cases = read_cases(list(read_lines(tmp_path / "p.jsonl")), load_llm("embedded"))
    found = fit([c.asked for c in cases], 3.0)
    assert found.weights.any()
    for name in ("encoder.onnx", "tokenizer.json", "profile.json"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    build_in(found, SHIPPED / "chooser.onnx", tmp_path / "chooser.onnx")
    again = read_cases(list(read_lines(tmp_path / "p.jsonl")), load_llm(f"embedded:{tmp_path}"))
    for old, new in zip(cases, again, strict=True):
        # float32 against float64
        assert new.asked.logits == pytest.approx(found.logits(old.asked), abs=1e-3)


def test_words_of_a_site_are_learnt_and_hold_on_its_other_pages(tmp_path):
    labelled_pages.write(tmp_path / "train.jsonl", site_pages(5))
    base = tmp_path / "base"
    shutil.copytree(SHIPPED, base)
    before = {f.name: f.read_bytes() for f in base.iterdir()}
    common = ("--data", tmp_path / "train.jsonl", "--base", base, "--out", tmp_path / "mine")
    done = invoke(*common)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["after"] > told["before"]
    assert told["loss"] < told["loss_before"]
    assert "each page left out" in told["judged_on"]
    assert {f.name: f.read_bytes() for f in base.iterdir()} == before
    assert load_llm(told["load"]).profile.temperature > 0
    again = invoke(*common)
    assert again.exit_code == 1
    assert "--validation" in again.output


def test_the_shipped_folder_and_foreign_folders_are_never_written(tmp_path):
    labelled_pages.write(tmp_path / "p.jsonl", site_pages(1))
    refused = invoke("--data", tmp_path / "p.jsonl", "--out", SHIPPED)
    assert refused.exit_code == 1
    assert "name a new folder" in refused.output
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("dear diary")
    refused = invoke("--data", tmp_path / "p.jsonl", "--out", tmp_path / "notes")
    assert "no embedded model" in refused.output


def test_too_little_data_is_refused_with_the_number_needed(tmp_path):
    labelled_pages.write(tmp_path / "p.jsonl", site_pages(1))
    refused = invoke("--data", tmp_path / "p.jsonl", "--out", tmp_path / "mine")
    assert "at least 20" in refused.output
    assert not (tmp_path / "mine").exists()


def test_other_pages_of_the_site_may_judge_but_not_the_same_page(tmp_path):
    labelled_pages.write(tmp_path / "p.jsonl", site_pages(2))
    first, second = read_data(tmp_path / "p.jsonl")
    refuse_leaks([first], [second], same_sites=True)
    with pytest.raises(DataError, match="inhouse-0"):
        refuse_leaks([first], [first], same_sites=True)
    with pytest.raises(DataError, match="site"):
        refuse_leaks([first], [second])
