"""A new model takes the old one's place only if it is not worse."""

import pytest

from groundling.bench.cases import Row
from groundling.errors import DataError
from groundling.train.gate import judge, replace_folder


def rows(hits, kind="exact"):
    return [
        Row(
            id=f"t{i}",
            page="p",
            site=f"s{i % 5}",
            kind=kind,
            task_type="find_any",
            expect_none=False,
            hit=hit,
        )
        for i, hit in enumerate(hits)
    ]


def test_the_same_answers_are_not_worse():
    verdict = judge(rows([True, False] * 10), rows([True, False] * 10), bench="twenty")
    assert verdict
    assert verdict.kinds == ()
    assert verdict.result.difference == 0


def test_six_losses_and_no_gain_are_worse_and_named_by_kind():
    # One side of six tosses: 1/64 = 0.016, below 0.05.
    verdict = judge(rows([True] * 20), rows([False] * 6 + [True] * 14), bench="twenty")
    assert not verdict
    assert verdict.chance == pytest.approx(1 / 64)
    assert "-30.0 points" in str(verdict)
    assert "exact -6 of 20" in str(verdict)


def test_a_loss_within_one_point_that_luck_explains_is_not_worse():
    old, new = rows([True] * 200), rows([False] + [True] * 199)
    assert judge(old, new, bench="two hundred")
    assert not judge(old, new, bench="two hundred", max_loss=0.0)


def test_runs_on_different_tasks_are_refused():
    with pytest.raises(DataError, match="1 tasks are in one run only"):
        judge(rows([True] * 3), rows([True] * 4), bench="mixed")
    with pytest.raises(DataError, match="no tasks"):
        judge([], [], bench="empty")


def test_a_worse_model_leaves_the_old_folder_as_it_is(tmp_path):
    old, new = tmp_path / "model", tmp_path / "made"
    for folder, text in ((old, "old"), (new, "new")):
        folder.mkdir()
        (folder / "weights").write_text(text)
    worse = judge(rows([True] * 20), rows([False] * 20), bench="twenty")
    with pytest.raises(DataError, match="stays: new model is worse"):
        replace_folder(new, old, worse)
    assert (old / "weights").read_text() == "old"
    replace_folder(new, old, judge(rows([True]), rows([True]), bench="one"))
    assert (old / "weights").read_text() == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["made", "model"]


def test_a_full_disk_leaves_the_old_folder_as_it_is(tmp_path, monkeypatch):
    old = tmp_path / "model"
    old.mkdir()
    (old / "weights").write_text("old")

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("groundling.train.gate.shutil.copytree", full)
    with pytest.raises(DataError, match="No space left"):
        replace_folder(tmp_path, old, judge(rows([True]), rows([True]), bench="one"))
    assert (old / "weights").read_text() == "old"
