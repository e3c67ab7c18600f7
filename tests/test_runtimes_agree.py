"""SmolLM2-135M-Instruct, real weights, through every local path."""

import pytest
from tiny_models import prompt

from groundling.grammar import answer_schema
from groundling.llm import llamacpp

pytestmark = pytest.mark.runtimes

PROMPTS = [
    prompt("click Save 1"),
    prompt("click the second button", n=5),
    prompt("open the shopping cart", n=8),
    prompt("find the search box", n=2, system="You choose elements of a web page."),
]


@pytest.fixture(scope="module")
def gguf():
    pytest.importorskip("xllamacpp")
    llm = llamacpp.load_smollm2()
    yield llm
    llm.close()


@pytest.fixture(scope="module")
def hf(gguf):
    torch = pytest.importorskip("torch")
    from groundling.llm.transformers import LocalLLM

    folder, name = str(gguf.path.parent), gguf.path.name
    return LocalLLM(folder, device="cpu", gguf_file=name, dtype=torch.float32)


def test_both_runtimes_read_the_same_tokens(hf, gguf):
    for p in PROMPTS:
        assert hf._prompt_ids(p) == gguf._prompt_ids(p)


def test_both_runtimes_agree_within_what_quantized_activations_explain(hf, gguf):
    # llama.cpp rounds activations to 8 bits before each product, transformers does not.
    for p in PROMPTS:
        assert gguf.choose(p).best == hf.choose(p).best
        assert gguf.choose(p).probabilities == pytest.approx(hf.choose(p).probabilities, abs=0.06)


def test_a_batch_equals_one_by_one_on_real_weights(hf):
    one_by_one = [hf.choose(p).probabilities for p in PROMPTS]
    for choice, expected in zip(hf.choose_many(PROMPTS), one_by_one, strict=True):
        assert choice.probabilities == pytest.approx(expected, abs=1e-3)


def test_prefix_reuse_does_not_change_real_answers(hf):
    hf._forward.reset()
    fresh = hf.choose(PROMPTS[1]).probabilities
    hf.choose(PROMPTS[0])
    assert hf.choose(PROMPTS[1]).probabilities == pytest.approx(fresh, abs=1e-4)
    assert hf._forward.n_reused > 10


def test_schema_answers_are_valid_in_both(hf, gguf):
    pytest.importorskip("llguidance")
    schema = answer_schema([3, 17], max_reasoning=30)
    for llm in (hf, gguf):
        answer = llm.generate("3: button, 17: search box?", schema=schema, max_new_tokens=80)
        assert answer.to_json()["id"] in (3, 17)
