"""The trainer of language models: what it learns from, and that an interruption changes nothing."""

import json
import math
import random
import resource
from contextlib import contextmanager

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

import labelled_pages
import torch
from click.testing import CliRunner
from tiny_models import pair, saved

from groundling.cli.main import cli
from groundling.errors import DataError
from groundling.llm import load_llm
from groundling.train.data import read_data, refuse_leaks
from groundling.train.lora.artefact import write_model
from groundling.train.lora.checkpoint import load_checkpoint, save_checkpoint
from groundling.train.lora.config import LoraSettings
from groundling.train.lora.examples import (
    asked,
    build,
    drawn,
    split,
    trainable,
)
from groundling.train.lora.loop import Limits, is_done, train
from groundling.train.lora.network import Network, loss_of
from groundling.train.lora.profiling import ask_all, fit_profile

TINY = LoraSettings(
    base="hf:tiny", head="lines", rank=2, alpha=4, candidates=3, epochs=2, batch=4,
    evaluate_every=3, learning_rate=0.01, head_learning_rate=0.01, validation_tasks=4,
)  # fmt: skip
WORDS = ("Save", "Cancel", "Print")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pages(tmp_path):
    return read(tmp_path, [labelled_pages.page(f"s{i}", WORDS) for i in range(4)])


def read(folder, pages):
    labelled_pages.write(folder / "pages.jsonl", pages)
    return read_data(folder / "pages.jsonl")


def test_empty_data_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no tasks"):
        read(tmp_path, [])
    with pytest.raises(DataError, match="holds no tasks"):
        read(tmp_path, [{**labelled_pages.page("a"), "tasks": []}])


def test_a_label_that_names_no_element_is_refused_by_name(tmp_path):
    page = labelled_pages.page("a")
    page["tasks"][0]["accept_ids"] = [77]
    with pytest.raises(DataError, match=r"task a-Save names element 77, which page a-home"):
        read(tmp_path, [page])


def test_validation_pages_that_were_trained_on_are_refused_and_named(tmp_path):
    (a,) = read(tmp_path, [labelled_pages.page("a")])
    copy = labelled_pages.page("a")
    copy |= {"site": "other", "page": "other-home"}
    (b,) = read(tmp_path, [copy])
    with pytest.raises(DataError, match=r"site.*\(a\)"):
        refuse_leaks([a], [a])
    with pytest.raises(DataError, match=r"page content.*\(other-home\)"):
        refuse_leaks([a], [b])


def test_sites_are_left_out_whole_and_copies_stay_together(tmp_path):
    twin = {**labelled_pages.page("s0"), "site": "twin", "page": "twin-home"}
    found = read(tmp_path, [twin, *(labelled_pages.page(f"s{i}") for i in range(5))])
    for seed in range(8):
        settings = LoraSettings(base="hf:x", validation_share=0.4, seed=seed)
        seen, unseen = ({p.site for p in part} for part in split(found, settings))
        assert seen | unseen == {"twin", "s0", "s1", "s2", "s3", "s4"}
        assert not seen & unseen
        assert ("twin" in seen) == ("s0" in seen)
    with pytest.raises(DataError, match="add another site"):
        split(found[:2], LoraSettings(base="hf:x"))


def test_a_question_without_its_target_is_answered_by_none(pages):
    save = build(pages, 3)[0]
    question = asked(save, TINY)
    (right,) = question.right
    place = question.prompt.labels.index(right)
    assert question.prompt.candidates[place].element.text == "Save s0"
    always = LoraSettings(base="hf:x", candidates=3, none_share=0.999)
    without = drawn(save, always, random.Random(1))
    assert without.right == {without.prompt.none_label}
    assert "Save" not in [c.element.text.split()[0] for c in without.prompt.candidates]


def test_a_target_that_was_not_read_teaches_nothing(tmp_path):
    page = labelled_pages.page("a")
    page["tasks"][0]["accept_ids"] = []  # expected, but the reader lists no such element
    found = read(tmp_path, [page])
    kept = [e.id for e in trainable(build(found, 5), found)]
    assert kept == [f"a-{w}" for w in labelled_pages.WORDS[1:]]


def test_the_loss_is_minus_the_log_of_all_right_labels_together(pages):
    examples = build(pages, 3)
    network = Network(TINY, loaded=pair("qwen2", 1024))
    from groundling.train.lora.batches import sample

    one = sample(network.llm, asked(examples[0], TINY), TINY)
    scores = torch.tensor([[0.5, 0.25, 0.25]]).log()
    both = type(one)(one.encoded, (), one.known, (True, False, True))
    assert float(loss_of(scores, [both])) == pytest.approx(-math.log(0.75))


def trained(pages, checkpoint, settings=TINY, *stops):
    """Train on two sites; each of `stops` interrupts the run after so many steps."""
    for stop in (*stops, None):
        network = Network(settings, loaded=pair("qwen2", 1024))
        limits = Limits(checkpoint_minutes=0)

        def interrupt(state, _total, stop=stop):
            if state.step == stop:
                raise KeyboardInterrupt

        examples, held = build(pages[:3], 3), build(pages[3:], 3)
        try:
            state = train(
                network, examples, held, checkpoint, limits=limits, data="d", progress=interrupt
            )
        except KeyboardInterrupt:
            continue
    return network, state


def test_an_interrupted_run_goes_on_to_the_same_weights(pages, tmp_path):
    straight, a = trained(pages, tmp_path / "a.pt")
    broken, b = trained(pages, tmp_path / "b.pt", TINY, 2, 3)
    assert a.step == b.step == 4
    assert a.history == b.history
    assert is_done(a, 9, TINY)
    mine, theirs = straight.state(), broken.state()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_the_checkpoint_of_another_run_is_refused(pages, tmp_path):
    trained(pages, tmp_path / "a.pt", LoraSettings(**{**vars_of(TINY), "epochs": 1}))
    with pytest.raises(DataError, match="other settings or data"):
        trained(pages, tmp_path / "a.pt")


def vars_of(settings):
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


@contextmanager
def disk_of(n_bytes):
    """Let no file grow beyond `n_bytes`, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_checkpoint_before_and_no_half_model(tmp_path):
    path = tmp_path / "work" / "checkpoint.pt"
    save_checkpoint({"step": 1}, path)
    with disk_of(4096), pytest.raises(DataError, match="free some space"):
        save_checkpoint({"step": 2, "w": torch.zeros(100_000)}, path)
    assert load_checkpoint(path) == {"step": 1}
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint.pt"]
    network = Network(TINY, loaded=pair("qwen2", 1024))
    with disk_of(4096), pytest.raises(DataError, match="cannot be saved"):
        write_model(network, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_answers_are_judged_under_a_profile_of_other_sites(pages):
    class Sure:
        """Says the last candidate, whatever is asked, with the probability 0.9."""

        def log_scores(self, prompts):
            return [
                tuple(math.log(0.9 if i == len(p.candidates) - 1 else 0.05) for i in
                      range(len(p.labels)))
                for p in prompts
            ]  # fmt: skip

    examples = build(pages, 3)
    questions = [asked(e, TINY) for e in examples]
    found = fit_profile(Sure(), questions, ask_all(Sure(), questions), [e.site for e in examples])
    # Its habit is the label's prior: taken out, all candidates are alike and it is never sure.
    assert max(a.confidence for a in found.answers) < 0.8
    assert found.profile.log_prior["B"] > found.profile.log_prior["A"]


def invoke(*arguments):
    return CliRunner().invoke(cli, ["train", "lora", *map(str, arguments)])


def test_the_command_refuses_what_it_would_overwrite(tmp_path):
    labelled_pages.write(tmp_path / "pages.jsonl", [labelled_pages.page("a")])
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("dear diary")
    common = ("--model", "hf:x", "--data", tmp_path / "pages.jsonl")
    refused = invoke(*common, "--out", tmp_path / "notes")
    assert refused.exit_code == 1
    assert "no tuned model" in refused.output
    (tmp_path / "new.work").mkdir()
    (tmp_path / "new.work" / "checkpoint.pt").write_bytes(b"")
    refused = invoke(*common, "--out", tmp_path / "new")
    assert "--resume" in refused.output
    assert invoke(*common, "--out", tmp_path / "x", "--rank", "0").exit_code == 2


@pytest.mark.runtimes
@pytest.mark.parametrize("head", ["letters", "lines"])
def test_the_command_leaves_a_model_that_answers_as_in_training(tmp_path, head):
    labelled_pages.write(tmp_path / "p.jsonl", [labelled_pages.page(f"s{i}") for i in range(6)])
    base = saved(tmp_path / "base", window=1024)
    common = (
        "--model", f"hf:{base}", "--data", tmp_path / "p.jsonl", "--out", tmp_path / "made",
        "--head", head, "--candidates", 5, "--batch", 4, "--learning-rate", 0.01,
        "--evaluate-every", 10, "--device", "cpu",
    )  # fmt: skip
    done = invoke(*common, "--epochs", 4, *(["--merge"] if head == "letters" else []))
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["done"]
    assert not (tmp_path / "made.work").exists()
    llm = load_llm(told["load"])
    assert llm.profile.temperature != 1.0
    training = json.loads((tmp_path / "made" / "training.json").read_text())
    settings = LoraSettings(**training["settings"])
    _, unseen = split(read_data(tmp_path / "p.jsonl"), settings)
    questions = [asked(e, settings) for e in build(unseen, 5)]
    best = min(training["measured"], key=lambda m: m["loss"])
    losses = [
        -math.log(sum(math.exp(s) for lb, s in zip(r.labels, r.log_scores, strict=True)
                      if lb in r.right))
        for r in ask_all(llm, questions)
    ]  # fmt: skip
    # The files and the network in training say the same, the adapter's rounding apart.
    assert sum(losses) / len(losses) == pytest.approx(best["loss"], abs=2e-3)
    if head == "letters":
        merged = load_llm(f"hf:{tmp_path / 'made' / 'merged'}")
        prompt = questions[0].prompt
        assert merged.log_scores([prompt])[0] == pytest.approx(
            llm.log_scores([prompt])[0], abs=1e-3
        )
        return
    # A run that learns nothing is worse, and the good model stays.
    before = (tmp_path / "made" / "training.json").read_bytes()
    poor = invoke(*common, "--epochs", 1, "--batch", 30, "--learning-rate", 0)
    assert poor.exit_code == 1
    assert "stays: new model is worse" in poor.output
    assert (tmp_path / "made" / "training.json").read_bytes() == before
