import pytest

pytest.importorskip("torch")

import torch
import transformers
from tiny_models import pair, prompt, saved

from groundling.errors import MissingExtraError, ModelFilesError, ModelMemoryError
from groundling.llm import _weights
from groundling.llm.transformers import LocalLLM


@pytest.fixture
def folder(tmp_path):
    return saved(tmp_path)


def test_auto_takes_the_first_accelerator_present(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert _weights.pick_device("auto") == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert _weights.pick_device("auto") == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert _weights.pick_device("auto") == "cuda"


def test_a_device_that_is_not_there_is_refused_with_the_remedy(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelMemoryError, match=r"'cuda' is not on this machine: use .*cpu"):
        LocalLLM("any", device="cuda")


def test_half_precision_on_the_cpu_only_where_it_is_native(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", bool, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert _weights.pick_dtype("cpu") == torch.bfloat16
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", bool, raising=False)
    assert _weights.pick_dtype("cpu") == torch.float32
    assert _weights.pick_dtype("mps") == torch.float16


def out_of_memory(*_, **__):
    raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 5.75 GiB.\nmore")


def test_too_little_memory_names_the_sizes_and_both_remedies(monkeypatch):
    monkeypatch.setattr(_weights, "_load", out_of_memory)
    expected = r"5\.75 GiB.*load_in_4bit=True needs a quarter, device=\"cpu\""
    with pytest.raises(ModelMemoryError, match=expected):
        LocalLLM("Qwen/Qwen2.5-3B-Instruct", device="cpu")


def test_falling_back_to_the_cpu_happens_only_where_allowed(monkeypatch, caplog):
    asked = []

    def load(name, device, options, *, local_files_only):
        asked.append(device)
        return pair("qwen2") if device == "cpu" else out_of_memory()

    monkeypatch.setattr(_weights, "_load", load)
    with pytest.raises(ModelMemoryError):
        _weights.load_weights("big", "cuda", {})
    model, _ = _weights.load_weights("big", "cuda", {"allow_cpu": True})
    assert (asked, model.device.type) == (["cuda", "cuda", "cpu"], "cpu")
    assert "big does not fit cuda: falling back to the CPU as allowed" in caplog.text


def test_a_model_larger_than_its_memory_limit_works_from_the_disk(folder):
    pytest.importorskip("accelerate")
    if transformers.__version__.startswith("4."):
        pytest.skip("transformers 4 cannot put the only weight file on the disk")
    full = LocalLLM(folder, device="cpu", dtype=torch.float32)
    limited = LocalLLM(folder, "cpu", {"cpu": "60KB"}, dtype=torch.float32)
    assert limited.model.hf_device_map == {"": "disk"}
    expected = full.choose(prompt()).probabilities
    assert limited.choose(prompt()).probabilities == pytest.approx(expected, abs=1e-5)


def test_memory_that_runs_out_while_choosing_is_named_and_the_next_choice_works(monkeypatch):
    llm = LocalLLM("tiny", loaded=pair("qwen2"))
    forward = llm.model.forward
    expected = llm.choose(prompt()).probabilities
    monkeypatch.setattr(llm.model, "forward", out_of_memory)
    with pytest.raises(ModelMemoryError, match="tiny does not fit"):
        llm.choose(prompt("another"))
    monkeypatch.setattr(llm.model, "forward", forward)
    assert llm.choose(prompt()).probabilities == pytest.approx(expected, abs=1e-5)


def test_four_bits_on_the_cpu_are_refused_with_what_works_instead(folder):
    with pytest.raises(ValueError, match=r"use `load_in_8bit=True`, or a 4-bit GGUF file"):
        LocalLLM(folder, device="cpu", load_in_4bit=True)


def test_four_and_eight_bits_together_are_refused(folder):
    with pytest.raises(ValueError, match="choose one of"):
        LocalLLM(folder, device="cpu", load_in_4bit=True, load_in_8bit=True)


def test_missing_packages_are_named_with_their_pip_line(monkeypatch):
    monkeypatch.setattr(_weights.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "groundling\[transformers\]"'):
        LocalLLM("any")
    with pytest.raises(MissingExtraError, match="pip install torchao"):
        _weights._quantization("cpu", {"load_in_8bit": True})
    with pytest.raises(MissingExtraError, match="pip install bitsandbytes"):
        _weights._quantization("cuda", {"load_in_4bit": True})


def test_a_package_the_model_itself_needs_is_named(monkeypatch):
    def needs(*_, **__):
        raise ImportError("Please install gguf>=0.10.0 to load a GGUF checkpoint.\nmore")

    monkeypatch.setattr(_weights, "_load", needs)
    with pytest.raises(MissingExtraError, match=r"tiny needs a package .* install gguf>=0\.10\.0"):
        LocalLLM("tiny", device="cpu")


def test_a_gated_model_says_how_to_get_access(monkeypatch):
    def gated(*_, **__):
        raise OSError("You are trying to access a gated repo.\nMake sure to have access")

    monkeypatch.setattr(_weights, "_load", gated)
    with pytest.raises(ModelFilesError, match="is gated: accept its licence"):
        LocalLLM("google/gemma-2-2b-it", device="cpu", local_files_only=True)


@pytest.mark.runtimes
def test_eight_bit_weights_keep_the_answers(folder):
    pytest.importorskip("torchao")
    full = LocalLLM(folder, device="cpu", dtype=torch.float32)
    small = LocalLLM(folder, device="cpu", dtype=torch.float32, load_in_8bit=True)
    kinds = {type(p.data).__name__ for p in small.model.parameters()}
    assert any("Int8" in kind or "Affine" in kind for kind in kinds)
    expected = full.choose(prompt()).probabilities
    assert small.choose(prompt()).probabilities == pytest.approx(expected, abs=0.1)
