"""What only a CUDA device can show; skipped elsewhere."""

import pytest

pytest.importorskip("torch")

import torch
from tiny_models import prompt, saved

from groundling.llm.transformers import LocalLLM

pytestmark = [
    pytest.mark.runtimes,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.fixture
def folder(tmp_path):
    return saved(tmp_path)


def test_the_gpu_answers_as_the_cpu_does(folder):
    on_gpu = LocalLLM(folder, device="cuda", dtype=torch.float32)
    on_cpu = LocalLLM(folder, device="cpu", dtype=torch.float32)
    for p in (prompt("save"), prompt("save the draft")):
        expected = on_cpu.choose(p).probabilities
        assert on_gpu.choose(p).probabilities == pytest.approx(expected, abs=1e-3)
    assert on_gpu._forward.n_reused > 0


def test_a_batch_on_the_gpu_equals_one_by_one(folder):
    llm = LocalLLM(folder, device="cuda", dtype=torch.float32)
    prompts = [prompt("save"), prompt("cancel it all " * 9, n=5)]
    one_by_one = [llm.choose(p).probabilities for p in prompts]
    for choice, expected in zip(llm.choose_many(prompts), one_by_one, strict=True):
        assert choice.probabilities == pytest.approx(expected, abs=1e-3)


def test_four_bit_weights_load_and_choose(folder):
    pytest.importorskip("bitsandbytes")
    llm = LocalLLM(folder, device="cuda", load_in_4bit=True)
    assert sum(llm.choose(prompt()).probabilities) == pytest.approx(1)
