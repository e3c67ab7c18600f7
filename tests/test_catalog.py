"""The models known, what they need, and whether they can be used on a machine."""

import json

import pytest
from click.testing import CliRunner

from groundling.cli.main import cli
from groundling.errors import UnknownModelError
from groundling.llm import available as module
from groundling.llm import backends
from groundling.llm.available import available
from groundling.llm.catalog import MODELS, CatalogModel, find_model, require_spec
from groundling.llm.embedded import EmbeddedLLM
from groundling.llm.machine import Gpu, Machine, parse_nvidia

TINY = CatalogModel(
    name="Tiny",
    group="light",
    hf="own/tiny",
    ollama="tiny:1b",
    n_parameters=1_000_000_000,
    context_window=2048,
    licence="MIT",
    kv_bytes=4 * 16 * 2 * 64,
)


def machine(free_gb, gpus=(), *, fast_bf16=True):
    free = None if free_gb is None else int(free_gb * 1e9)
    return Machine("Linux x86_64", 4, free, free, gpus, fast_bf16)


@pytest.fixture
def installed(monkeypatch):
    """Pretend which modules are installed and which weights are in the cache."""

    def pretend(*modules, cached=()):
        monkeypatch.setattr(module, "find_spec", lambda m: m if m in modules else None)
        monkeypatch.setattr(module, "cached_weights", lambda n: n if n in cached else None)
        monkeypatch.setattr(module, "cached_gguf", lambda n: n if n in cached else None)

    return pretend


def test_memory_is_weights_and_the_tokens_kept_and_the_runtime():
    # 2 bytes a weight; 8,192 bytes for each of 2,048 tokens, the window; 300 MiB for the rest.
    assert TINY.memory_bytes("bf16") == 2_000_000_000 + 8192 * 2048 + 300 * 2**20
    assert TINY.memory_bytes("int8", n_ctx=0) == 1_000_000_000 + 300 * 2**20
    # 4.85 bits a weight.
    assert TINY.weights_bytes("int4") == 606_250_000


def test_the_embedded_model_is_as_large_as_the_list_says():
    # Its weights take one byte each, scales and biases a little more.
    files = sum(file.stat().st_size for file in EmbeddedLLM().folder.glob("*.onnx"))
    assert find_model("embedded").weights_bytes("int8") == pytest.approx(files, rel=0.1)


def test_every_model_of_the_guide_is_listed():
    guide = {
        "Qwen/Qwen2.5-3B-Instruct",
        "Qwen/Qwen2.5-7B-Instruct",
        "google/gemma-2-2b-it",
        "google/gemma-2-9b-it",
        "microsoft/Phi-3-mini-4k-instruct",
        "meta-llama/Llama-3.1-8B-Instruct",
    }
    assert guide <= {model.hf for model in MODELS}
    # The guide's "Llama 3.2 8B" does not exist.
    assert "3.2 8B" not in "".join(model.name for model in MODELS)


def test_every_spec_names_a_backend_and_no_two_are_the_same():
    specs = [spec for model in MODELS for spec in model.specs]
    assert len(set(specs)) == len(specs)
    assert {spec.partition(":")[0] for spec in specs} <= set(backends())


def test_models_are_found_by_name_and_by_spec():
    assert find_model("gemma 2 2b") is find_model("ollama:gemma2:2b")
    assert find_model("hf:own/unknown") is None
    assert require_spec("hf:own/unknown") == "hf:own/unknown"
    with pytest.raises(UnknownModelError, match="Gemma 2 2B comes as hf:google/gemma-2-2b-it"):
        require_spec("Gemma 2 2B")


def test_each_spec_says_what_is_missing(installed):
    installed()
    states = [(a.state, a.remedy) for a in available(TINY, machine(16), None)]
    pip = 'pip install "groundling[transformers]"'
    assert states == [("extra", pip), ("server", "ollama serve")]
    installed("torch")
    states = [(a.state, a.remedy) for a in available(TINY, machine(16), ())]
    pull = "groundling pull "
    assert states == [("pull", f"{pull}hf:own/tiny"), ("pull", f"{pull}ollama:tiny:1b")]
    installed("torch", cached=["own/tiny"])
    states = [a.state for a in available(TINY, machine(16), ["tiny:1b"])]
    assert states == ["ready", "ready"]


@pytest.mark.parametrize(
    ("has", "state"),
    [
        (machine(2.4), "ready"),  # 2.3 GB in bfloat16
        (machine(2.2), "memory"),
        (machine(2.4, fast_bf16=False), "memory"),  # 4.3 GB in float32
        (machine(1, (Gpu("NVIDIA L4", 24 * 2**30, "cuda"),), fast_bf16=False), "ready"),
        (machine(None), "ready"),  # unknown memory refuses nothing
    ],
)
def test_a_model_that_does_not_fit_is_called_big(installed, has, state):
    installed("torch", cached=["own/tiny"])
    assert available(TINY, has, None)[0].state == state


def test_nvidia_lists_its_cards():
    found = parse_nvidia("NVIDIA L4, 23034\nNVIDIA GB10, [N/A]\n")
    assert found == (Gpu("NVIDIA L4", 23034 * 2**20, "cuda"), Gpu("NVIDIA GB10", None, "cuda"))


def test_the_command_lists_what_is_ready(monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    done = CliRunner().invoke(cli, ["models", "--ready", "--json"])
    assert done.exit_code == 0, done.output
    first = json.loads(done.stdout)[0]
    assert (first["name"], first["specs"][0]["state"]) == ("embedded", "ready")
    done = CliRunner().invoke(cli, ["models"])
    assert "Qwen 2.5 3B Instruct" in done.stdout
    assert "server ollama:qwen2.5:3b" in done.stdout
