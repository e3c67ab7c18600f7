"""The embedded model's recipe on a tiny random model: order, interruption, choice of candidates."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from groundling.errors import DataError  # noqa: E402
from groundling.train import embedded  # noqa: E402
from groundling.train.calibrate_embedded import calibrate  # noqa: E402
from groundling.train.card import Answered, card  # noqa: E402
from groundling.train.listwise import Listwise, ListwiseConfig  # noqa: E402
from groundling.train.questions import Example, Texts, forward, offered  # noqa: E402

N_FEATURES = 3
SIZES = ListwiseConfig(
    n_features=N_FEATURES, hidden=24, heads=2, inner=48, lower=1, upper=1, vocabulary=50,
    positions=12, width=16, set_layers=1,
)  # fmt: skip


def model():
    torch.manual_seed(3)
    made = Listwise(SIZES)
    made.lower.requires_grad_(False)
    return made


def data(n_tasks=24):
    """Tasks whose right candidate carries the word of the instruction as its name."""
    texts, found = Texts(), []
    for i in range(n_tasks):
        word = 10 + i % 4
        items = [texts.index([5, 10 + k, 6], [1, 2, 1]) for k in range(4)]
        right = np.array([k == i % 4 for k in range(4)])
        features = np.zeros((4, N_FEATURES), np.float32)
        base = np.zeros(4, np.float32)
        task = texts.index([1, word, 2])
        found.append(
            Example(f"t{i}", f"site{i % 3}", "exact", task, np.array(items), features, base, right)
        )
    return texts, found


def trained(tmp_path, name, monkeypatch=None, stop_at=None):
    texts, found = data()
    net = model()
    texts.read(net)
    if stop_at is not None:
        learn, seen = embedded._learn, []

        def interrupted(*given):
            if len(seen) == stop_at:
                raise KeyboardInterrupt
            seen.append(1)
            return learn(*given)

        monkeypatch.setattr(embedded, "_SAVE_EVERY_S", 0.0)
        monkeypatch.setattr(embedded, "_learn", interrupted)
    work = tmp_path / name
    work.mkdir(exist_ok=True)
    curve = embedded.fit(net, texts, found, found[:6], work, epochs=3, k=4)
    return net, curve


def test_an_interrupted_run_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    whole, _ = trained(tmp_path, "whole")
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, "halves", monkeypatch, stop_at=3)
    monkeypatch.undo()
    halves, curve = trained(tmp_path, "halves")
    assert curve[-1]["step"] == 6
    for name, value in whole.state_dict().items():
        assert torch.equal(value, halves.state_dict()[name]), name


def test_a_checkpoint_of_other_data_is_refused(tmp_path):
    trained(tmp_path, "one")
    texts, found = data(20)
    net = model()
    texts.read(net)
    with pytest.raises(DataError, match="other data or settings"):
        embedded.fit(net, texts, found, found, tmp_path / "one", epochs=3, k=4)


def test_the_order_of_the_candidates_does_not_change_their_scores():
    texts, (example, *_) = data()
    net = model().eval()
    texts.read(net)
    order = np.array([2, 0, 3, 1])
    with torch.inference_mode():
        straight, _ = forward(net, texts, [example], [np.arange(4)])
        shuffled, right = forward(net, texts, [example], [order])
    assert shuffled[0, :4].numpy() == pytest.approx(straight[0, order].numpy(), abs=1e-5)
    assert right[0].tolist() == [0, 1, 0, 0, 0]


def test_a_missing_target_is_put_among_the_candidates_only_in_training():
    _, (*_, example) = data()
    assert example.right.tolist() == [False, False, False, True]
    assert offered(example, 2, None).tolist() == [0, 1]
    draws = [offered(example, 2, np.random.default_rng(i)).tolist() for i in range(60)]
    assert draws.count([0, 3]) > 40
    # The rest are "none" cases: the target is taken away.
    assert draws.count([0, 1]) == 60 - draws.count([0, 3]) > 0


def test_calibration_finds_the_temperature_of_overconfident_answers():
    # Three of four answers at 2 : 0 are right: 75 % is the honest confidence.
    sure = np.array([2.0, 0.0, -9.0])
    right, wrong = np.array([True, False]), np.array([False, True])
    found = calibrate([(right, True, sure)] * 30 + [(wrong, True, sure)] * 10)
    z = sure[:2] / found["temperature"]
    assert np.exp(z[0]) / np.exp(z).sum() == pytest.approx(0.75, abs=0.06)
    assert "0.95" not in found["thresholds"]


def test_the_card_counts_by_kind_and_names_the_worst_site():
    profile = {"n_train": 90, "epochs": 3, "seed": 7, "n_left_out": 4}
    answered = [
        Answered("typo", "a", True),
        Answered("typo", "a", True),
        Answered("state", "b", False),
    ]
    said = card(profile, answered, {"pages.jsonl": "ff00"})
    assert "| typo | 2 | 100.0 % |" in said
    assert "| all | 3 | 66.7 % |" in said
    assert "Worst sites: b 0 %" in said
    assert "`ff00`" in said
