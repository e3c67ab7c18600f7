"""Unpacked copies of GGUF models: exact, made once, never trusted unseen, never in the way."""

import json
import logging
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from safetensors.torch import save_file
from tiny_models import pair, prompt

from groundling.errors import ModelFilesError
from groundling.llm import _converted, tuned
from groundling.llm._converted import Source, converted, models_folder
from groundling.llm._weights import load_weights
from groundling.llm.calibration import Profile


class Unpacking:
    """Stands for transformers reading the GGUF file: a random model, and how often it was read."""

    def __init__(self, family="llama", n_layers=2):
        self.family, self.n_layers, self.n_calls = family, n_layers, 0

    def __call__(self):
        self.n_calls += 1
        model, tokenizer = pair(self.family)
        tuned.cut_layers(model, self.n_layers)
        return model, tokenizer


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    caplog.set_level(logging.INFO, "groundling")
    return tmp_path / "cache"


@pytest.fixture
def gguf(tmp_path):
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"GGUF weights")
    return file


def warnings(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def logits(model):
    with torch.inference_mode():
        return model(input_ids=torch.tensor([[5, 9, 30, 7]])).logits


@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_a_copy_answers_to_the_last_digit_like_what_it_was_made_from(gguf, family):
    unpack = Unpacking(family)
    model, tokenizer = unpack()
    copy, words = load_weights(str(converted(Source(gguf, 2), unpack)), "cpu", {})
    assert torch.equal(logits(copy), logits(model))
    assert copy.generation_config.eos_token_id == model.generation_config.eos_token_id
    assert words.chat_template == tokenizer.chat_template
    assert words("Save <|x|> the Draft").input_ids == tokenizer("Save <|x|> the Draft").input_ids


def test_it_is_made_once_and_says_so(gguf, caplog):
    unpack = Unpacking()
    first, second = (converted(Source(gguf, 2), unpack) for _ in range(2))
    assert (first, unpack.n_calls) == (second, 1)
    assert first.parent == models_folder()
    told = [r.getMessage() for r in caplog.records]
    assert [line.partition(" in")[0] for line in told] == [
        "unpacking tiny.gguf once",
        "unpacked tiny.gguf",
    ]


def test_another_file_of_the_same_size_and_time_makes_another_copy(gguf):
    first = converted(Source(gguf, 2), Unpacking())
    before = gguf.stat()
    gguf.write_bytes(b"GGUF weighty")
    os.utime(gguf, ns=(before.st_atime_ns, before.st_mtime_ns))
    second = converted(Source(gguf, 2), Unpacking())
    assert first != second
    assert first.exists()


def test_other_layers_or_another_transformers_make_another_copy(gguf, monkeypatch):
    found = [converted(Source(gguf, n), Unpacking(n_layers=n)) for n in (1, 2)]
    monkeypatch.setattr(_converted, "_version", lambda package: "99")
    found.append(converted(Source(gguf, 2), Unpacking()))
    assert len(set(found)) == 3


def flip(copy):
    file = copy / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def add_adapter(copy):
    (copy / "adapter_config.json").write_text("{}")


def claim_another_source(copy):
    told = json.loads((copy / "copy.json").read_text())
    told["card"]["sha256"] = "0" * 64
    (copy / "copy.json").write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (flip, "model.safetensors was changed"),
        (lambda copy: (copy / "tokenizer.json").write_text("{}"), "tokenizer.json was changed"),
        (lambda copy: (copy / "config.json").unlink(), "missing or added: config.json"),
        (add_adapter, "missing or added: adapter_config.json"),
        (claim_another_source, "made from something else"),
        (lambda copy: (copy / "copy.json").write_text("[]"), "copy.json: "),
        (lambda copy: (copy / "copy.json").unlink(), "copy.json: "),
        (lambda copy: shutil.rmtree(copy) or copy.write_text("no folder"), "copy.json: "),
    ],
)
def test_a_damaged_or_foreign_copy_is_noticed_and_made_anew(gguf, caplog, harm, why):
    copy = converted(Source(gguf, 2), Unpacking())
    whole = {p.name: p.read_bytes() for p in copy.iterdir()}
    harm(copy)
    again = Unpacking()
    assert converted(Source(gguf, 2), again) == copy
    assert again.n_calls == 1
    assert {p.name: p.read_bytes() for p in copy.iterdir()} == whole
    (line,) = warnings(caplog)
    assert f"is damaged ({why}" in line


def test_a_folder_that_cannot_be_written_costs_one_line_and_no_work(gguf, cache, caplog):
    cache.write_text("not a folder")
    unpack = Unpacking()
    assert converted(Source(gguf, 2), unpack) is None
    (line,) = warnings(caplog)
    assert line.startswith("no unpacked copy of tiny.gguf can be kept (")
    assert unpack.n_calls == 0


def test_a_disk_without_room_costs_one_line_and_is_left_as_it_was(gguf, caplog, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=40))
    unpack = Unpacking()
    assert converted(Source(gguf, 2), unpack) is None  # 12 bytes may take 48
    (line,) = warnings(caplog)
    assert "0.0 GB wanted, 0.0 GB free in" in line
    assert unpack.n_calls == 0
    assert list(models_folder().iterdir()) == []


def test_a_disk_that_fills_up_in_the_middle_costs_one_line_and_is_left_clean(gguf, caplog):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    try:
        found = converted(Source(gguf, 2), Unpacking())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert found is None
    (line,) = warnings(caplog)
    assert "can be kept (" in line
    assert list(models_folder().iterdir()) == []


def test_without_a_home_folder_there_is_no_copy_and_no_error(gguf, caplog, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert converted(Source(gguf, 2), Unpacking()) is None
    assert "(no home)" in warnings(caplog)[0]


def test_a_model_that_cannot_be_read_leaves_nothing_behind(gguf):
    def fail():
        raise ModelFilesError("no such weights")

    with pytest.raises(ModelFilesError, match="no such weights"):
        converted(Source(gguf, 2), fail)
    assert list(models_folder().iterdir()) == []


def test_who_starts_at_the_same_time_finds_one_whole_copy(gguf, caplog):
    together, found = threading.Barrier(3), []
    made = Unpacking()()

    def slow():
        together.wait(timeout=20)  # none of them saw a copy of another
        return made

    def start():
        found.append(converted(Source(gguf, 2), slow))

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert list(models_folder().iterdir()) == [found[0]]
    again = Unpacking()
    assert converted(Source(gguf, 2), again) == found[0]
    assert again.n_calls == 0
    assert warnings(caplog) == []


def test_only_copies_that_nobody_uses_are_deleted(gguf):
    month_ago = time.time() - 31 * 86_400
    used, unused = (converted(Source(gguf, n), Unpacking(n_layers=n)) for n in (1, 2))
    other, left = models_folder() / "mine", models_folder() / ".unfinished-x"
    for folder in (other, left):
        folder.mkdir()
    for folder in (used, unused, other, left):
        os.utime(folder, (month_ago, month_ago))
    assert converted(Source(gguf, 1), Unpacking()) == used
    assert set(models_folder().iterdir()) == {used, other}


@pytest.fixture
def folder(tmp_path, gguf, monkeypatch):
    """A tuned folder on a base that stands for SmolLM2: two of three layers, letters."""
    made = tmp_path / "mine"
    (made / "adapter").mkdir(parents=True)
    tuned.Card(base="smollm2", head="letters", layers=2).save(made)
    Profile().save(made / "profile.json")
    torch.manual_seed(3)
    place = "base_model.model.model.layers.1.mlp.up_proj"
    weights = {f"{place}.lora_A.weight": torch.randn(2, 32),
               f"{place}.lora_B.weight": torch.randn(64, 2)}  # fmt: skip
    save_file(weights, made / "adapter" / "adapter_model.safetensors")
    (made / "adapter" / "adapter_config.json").write_text(json.dumps({"lora_alpha": 4, "r": 2}))
    monkeypatch.setattr(tuned, "smollm2_file", lambda: gguf)
    return made


@pytest.fixture
def reads(monkeypatch):
    """How often the base model is unpacked."""
    unpack = Unpacking(n_layers=3)
    monkeypatch.setattr(tuned, "load_base", lambda *args, **options: unpack())
    return unpack


def test_a_tuned_model_is_unpacked_once_and_answers_the_same(folder, reads, cache):
    cache.write_text("nothing can be kept")
    slow = tuned.load(str(folder)).choose(prompt()).probabilities
    cache.unlink()
    first, second = (tuned.load(str(folder)) for _ in range(2))
    assert reads.n_calls == 2  # without a copy, and for the copy
    assert len(second.model.model.layers) == 2
    assert first.choose(prompt()).probabilities == slow
    assert second.choose(prompt()).probabilities == slow


def test_a_copy_that_cannot_be_loaded_is_passed_by_and_named(folder, reads, monkeypatch, caplog):
    def broken(name, device, options):
        raise ModelFilesError(f"{name} holds no usable model")

    monkeypatch.setattr(tuned, "load_weights", broken)
    assert tuned.load(str(folder)).choose(prompt()).best in "ABCD"
    (line,) = warnings(caplog)
    assert "holds no usable model: unpacking tiny.gguf instead" in line


def test_quantized_weights_do_not_come_from_a_copy(folder, reads):
    tuned.load(str(folder), load_in_8bit=True)
    tuned.load(str(folder), load_in_8bit=True)
    assert reads.n_calls == 2
    assert not models_folder().exists()
