"""From rows to figures: what is lost where, the ceiling, and two runs side by side."""

import pytest

from groundling.bench.cases import Row
from groundling.bench.summary import compare, lost, summarise
from groundling.bench.table import compared, lines

CHOSEN = {"hit": True, "element": 1, "method": "model", "rank": 1, "offered": True}


def row(name, **fields):
    usual = {
        "page": "p",
        "site": name[0],
        "kind": "exact",
        "task_type": "find_any",
        "expect_none": False,
        "hit": False,
        "n_elements": 9,
        "n_accepted": 1,
    }
    return Row(id=name, **{**usual, **fields})


RIGHT = row("a1", **CHOSEN, confidence=0.9, likeliest_hit=True, stages_ms={"rank": 2, "model": 6})
WRONG = row("a2", element=2, method="model", confidence=0.6, rank=3, offered=True, overlap_hit=True)
MISSED = row("b1", element=2, method="model", confidence=0.5, rank=22, kind="ordinal")
NONE = row("b2", expect_none=True, hit=True, n_accepted=0, confidence=0.8, likeliest_hit=True)


def test_the_main_figures():
    found = summarise([RIGHT, WRONG, MISSED, NONE])
    assert (found["n"], found["n_sites"], found["accuracy"]) == (4, 2, 0.5)
    assert found["accuracy_exists"] == pytest.approx(1 / 3)
    assert found["accuracy_none"] == 1.0
    # Of three elements meant, two are among the best 15 of the ranking, and all among 25.
    assert found["recall_at_15"] == pytest.approx(2 / 3)
    assert found["recall"]["25"] == 1.0
    # Only 0.9 is right all the way down.
    assert found["coverage_at_95_precision"] == 0.25
    # Each answer has a bin of its own: 0.1 + 0.6 + 0.5 + 0.2 over four.
    assert found["ece"] == pytest.approx(1.4 / 4)
    assert found["by_kind"]["ordinal"]["k"] == 0


def test_the_baselines_show_what_the_model_could_do():
    found = summarise([RIGHT, WRONG, MISSED, NONE])["baselines"]
    # One of nine elements or none is right: a tenth each time.
    assert found["chance"] == pytest.approx(0.1)
    assert found["word_overlap"] == 0.25
    assert found["ranker_first"] == 0.25
    assert found["perfect_chooser"] == 0.75
    assert summarise([RIGHT, WRONG, MISSED, NONE], offered=25)["baselines"]["perfect_chooser"] == 1


def test_times_are_those_of_the_decisions_that_have_the_stage():
    found = summarise([RIGHT, WRONG])["ms"]
    assert found["model"] == {"n": 1, "p50": 6, "p95": 6}
    assert found["decision"]["p50"] == 4.0


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"error": "ModelAnswerError: no"}, "no usable answer"),
        ({"expect_none": True, "element": 4, "method": "model"}, "chose, none expected"),
        ({"expect_none": True, "element": 4, "method": "rule"}, "rule chose, none expected"),
        ({"element": 4, "method": "rule"}, "rule chose another"),
        ({"n_accepted": 0}, "not read"),
        ({"rank": 16}, "not ranked"),
        ({"rank": 3}, "not offered"),
        ({"rank": 3, "offered": True, "element": 4}, "chose another"),
        ({"rank": 3, "offered": True}, "said none"),
        ({"rank": 3, "offered": True, "likeliest_hit": True}, "held back, right"),
    ],
)
def test_every_loss_has_one_cause(fields, why):
    assert lost(row("x", **fields)) == why


def test_runs_are_compared_on_the_tasks_they_share():
    better = [RIGHT, row("a2", **CHOSEN), MISSED]
    found = compare([RIGHT, WRONG, MISSED, NONE], better)
    assert (found["n"], found["only_in_one"]) == (3, 1)
    assert (found["only_a"], found["only_b"]) == (0, 1)
    assert found["by_kind"]["exact"]["difference"] == 0.5
    told = "\n".join(compared(found, ["old", "new"]))
    assert "B minus A +33.3" in told
    assert "1 tasks are in one of the two only" in told
    assert "p=1.000" in told


def test_a_tiny_chance_is_not_printed_as_none():
    # Twelve tosses on one side: 2 / 2^12 = 0.0005.
    names = [f"a{i}" for i in range(12)]
    found = compare([row(n) for n in names], [row(n, **CHOSEN) for n in names])
    assert "p<0.001" in "\n".join(compared(found, ["old", "new"]))


def test_the_table_tells_all_of_it():
    told = "\n".join(lines(summarise([RIGHT, WRONG, MISSED, NONE])))
    assert told.startswith("accuracy 50.0%, 95 % interval 15.0 to 85.0 %")
    assert "k=15 66.7%" in told
    assert "1  chose another" in told
    assert "1  not ranked" in told
    assert "75.0%  a model that errs on nothing offered" in told


def test_a_run_without_confidence_or_elements_has_a_table_too():
    told = "\n".join(lines(summarise([row("a1", expect_none=True, hit=True, n_accepted=0)])))
    assert "calibration error" not in told
    assert "best k" not in told
