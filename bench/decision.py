"""Time (ms) and tokens of one decision, beside the design guide's own pipeline on the same weights.

The Qwen weights are random: speed does not depend on them, accuracy is measured elsewhere. A round
times, one after the other, a bare forward pass over our prompt, our decision with a cold cache, the
second decision on the same page, eight at once, and the guide's prompt with the 42 tokens it
generates. Our prompt here is a plain lettered list.

    python bench/decision.py --shape qwen2.5-0.5b --rounds 8 --out bench/results/decision-cpu.json
    python bench/decision.py --smollm2 --rounds 8      # llama.cpp, real SmolLM2-135M-Instruct
    python bench/decision.py --tokens-only        # needs dashscope (the real Qwen vocabulary)

The last line printed is JSON.
"""

import argparse
import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from groundling.elements import BBox, ElementSnapshot, RawElement
from groundling.llm.base import BaseLLM
from groundling.llm.batch import lettered_question
from groundling.llm.llamacpp import LlamaCppLLM, load_smollm2
from groundling.llm.transformers import LocalLLM
from groundling.prompts import ChoicePrompt

SHAPES: dict[str, dict[str, int]] = {
    "smollm2-135m": {"hidden": 576, "ffn": 1536, "layers": 30, "heads": 9, "kv_heads": 3},
    "qwen2.5-0.5b": {"hidden": 896, "ffn": 4864, "layers": 24, "heads": 14, "kv_heads": 2},
    "qwen2.5-1.5b": {"hidden": 1536, "ffn": 8960, "layers": 28, "heads": 12, "kv_heads": 2},
    "qwen2.5-3b": {"hidden": 2048, "ffn": 11008, "layers": 36, "heads": 16, "kv_heads": 2},
}
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# The answer of the design guide's prompt: an id and a short reason.
GUIDE_ANSWER_TOKENS = 42
GUIDE = "Web automation agent. Output JSON only."
WORDS = ["save", "draft", "open", "cart", "search", "account", "help", "orders", "filter", "price"]


Part = tuple[Callable[[], object], Callable[[], object]]
"""What to do first, untimed, and what to time."""
PartsOfRound = Callable[[int], dict[str, Part]]


def main() -> None:
    """Measure, print a table, write JSON."""
    args = _arguments()
    tokenizer = qwen_tokenizer()
    result: dict[str, Any] = {"tokens": count_tokens(tokenizer)}
    if not args.tokens_only:
        parts, about = _smollm2() if args.smollm2 else _random_qwen(args, tokenizer)
        times = time_rounds(parts, args.rounds)
        named = {name: summary(spent) for name, spent in times.items()}
        result |= about | {"ms": named, "ratios": ratios(times)}
    result |= {"command": " ".join(["python", *sys.argv]), "machine": machine()}
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


def _random_qwen(
    args: argparse.Namespace,
    tokenizer: Any,  # noqa: ANN401
) -> tuple[PartsOfRound, dict[str, Any]]:
    model = random_model(args.shape, len(tokenizer), args.device)
    about = {"shape": args.shape, "dtype": str(model.dtype), "device": args.device}
    return transformers_parts(LocalLLM(args.shape, loaded=(model, tokenizer))), about


def _smollm2() -> tuple[PartsOfRound, dict[str, Any]]:
    llm = load_smollm2()
    return llamacpp_parts(llm), {"model": llm.path.name, "device": "cpu"}


def page(n: int, seed: int = 0) -> ElementSnapshot:
    """Make a page of `n` elements with names of one to four words."""
    draw = random.Random(seed)
    elements = tuple(
        RawElement(
            id=i + 1,
            tag="button",
            role=draw.choice(["button", "link", "textbox"]),
            text=" ".join(draw.choices(WORDS, k=draw.randint(1, 4))),
            bbox=BBox(draw.randint(0, 1200), 40 * i, 120, 32),
            importance_score=0.5,
        )
        for i in range(n)
    )
    return ElementSnapshot(
        url="http://localhost/", viewport={"width": 1280, "height": 720}, elements=elements
    )


def question(n: int, task: str, layout: str = "task_first", seed: int = 0) -> ChoicePrompt:
    """Write a lettered list of the first `n` elements of a page, the task before or behind it."""
    first = layout == "task_first"
    return lettered_question(task, "find_any", page(n, seed).elements, task_first=first)


def guide_prompt(n: int, task: str, seed: int = 0) -> str:
    """Write the design guide's prompt for a link among `n` elements."""
    lines = "\n".join(
        f"[{e.id}] {e.role or e.tag:12} '{e.text[:50]}' ({int(e.bbox.x)},{int(e.bbox.y)},"
        f"{int(e.bbox.width)}x{int(e.bbox.height)}) score={e.importance_score}"
        for e in page(n, seed).elements
    )
    return (
        f"Task: Select a link from search results. {task}\n\n"
        f"Elements (id, role, text, bbox, score):\n{lines}\n\nInstructions:\n"
        '1. Find role="link"\n2. Avoid text with "Ad" or "Sponsored"\n'
        "3. Prefer top-left position (lower y-coordinate)\n4. Must be visible\n\n"
        'Output JSON:\n{\n  "id": <element_id>,\n  "reasoning": "<brief reason>"\n}'
    )


def time_rounds(parts_of_round: PartsOfRound, n: int) -> dict[str, list[float]]:
    """Return milliseconds of each part, one entry for each of `n` rounds, after one warm-up."""
    times: dict[str, list[float]] = {}
    for i in range(n + 1):
        for name, (prepare, work) in parts_of_round(i).items():
            prepare()
            spent = _timed(work)
            if i:
                times.setdefault(name, []).append(spent)
    return times


def transformers_parts(llm: LocalLLM) -> PartsOfRound:
    """Return the parts for Hugging Face transformers, cold cache for each."""
    import torch

    ours = question(15, "open the shopping cart")
    ids = torch.tensor([llm._prompt_ids(ours)], device=llm.model.device)
    forget = llm._forward.reset

    def bare() -> None:
        with torch.inference_mode():
            llm.model(ids, logits_to_keep=1, use_cache=False)

    def generate(n_tokens: int) -> Callable[[], object]:
        exactly = {"max_new_tokens": n_tokens, "min_new_tokens": n_tokens}
        return lambda: llm.generate(guide_prompt(15, "open the shopping cart"), GUIDE, **exactly)

    parts = {
        "bare forward, our prompt": (forget, bare),
        "decision": (forget, lambda: llm.choose(ours)),
        **_page_parts(llm, forget, 0),
        "guide, prefill and one token": (forget, generate(1)),
        "guide": (forget, generate(GUIDE_ANSWER_TOKENS)),
    }
    return lambda i: parts


def llamacpp_parts(llm: LlamaCppLLM) -> PartsOfRound:
    """Return the parts for llama.cpp; a page of its own each round keeps its cache cold."""

    def nothing() -> None: ...

    def parts(i: int) -> dict[str, Part]:
        ours = question(15, "open the shopping cart", seed=i)
        guide = guide_prompt(15, "open the shopping cart", seed=i)
        exactly = {"max_new_tokens": GUIDE_ANSWER_TOKENS, "ignore_eos": True}
        return {
            "decision": (nothing, lambda: llm.choose(ours)),
            **_page_parts(llm, nothing, 1000 + i),
            "guide": (nothing, lambda: llm.generate(guide, GUIDE, **exactly)),
        }

    return parts


def _page_parts(llm: BaseLLM, forget: Callable[[], None], seed: int) -> dict[str, Part]:
    def ask(task: str, page_seed: int) -> ChoicePrompt:
        return question(40, task, "page_first", page_seed)

    first, second = ask("open the cart", seed), ask("search for help", seed)
    eight = [ask(f"open the {word}", seed + 10_000) for word in WORDS[:8]]

    def read_first() -> None:
        forget()
        llm.choose(first)

    return {
        "first decision, 40 candidates": (forget, lambda: llm.choose(first)),
        "second decision, 40 candidates": (read_first, lambda: llm.choose(second)),
        "eight decisions on a page": (forget, lambda: llm.choose_many(eight)),
    }


def _timed(work: Callable[[], object]) -> float:
    """Return the milliseconds `work` takes, the GPU's share included."""
    import torch

    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - started) * 1000


def ratios(times: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Return the ratios with their bars, each with a bootstrap 95 % interval."""
    decision = times["decision"]
    first, second = (times[f"{n} decision, 40 candidates"] for n in ("first", "second"))
    found = {
        "guide / decision (bar: at least 10 on CPU, 8 on GPU)": ratio(times["guide"], decision),
        "first / second on a page (bar: at least 4)": ratio(first, second),
    }
    bare = times.get("bare forward, our prompt")
    if bare:
        found["decision / bare forward (bar: at most 1.15)"] = ratio(decision, bare)
    return found


def ratio(a: list[float], b: list[float]) -> dict[str, float]:
    """Return the ratio of medians, paired by round, and its bootstrap interval."""
    draw = random.Random(0)

    def once(rounds: list[int]) -> float:
        return statistics.median(a[i] for i in rounds) / statistics.median(b[i] for i in rounds)

    everything = list(range(len(a)))
    resampled = sorted(once(draw.choices(everything, k=len(a))) for _ in range(2000))
    return {"median": once(everything), "low": resampled[50], "high": resampled[1949]}


def summary(times: list[float]) -> dict[str, float]:
    """Return n, median and 95th percentile."""
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return {"n": len(times), "p50": statistics.median(times), "p95": p95}


def count_tokens(tokenizer: Any) -> dict[str, float]:  # noqa: ANN401
    """Return tokens for each candidate line and the fixed part, ours and the guide's."""
    none, ours = question(1, "open the shopping cart"), question(31, "open the shopping cart")
    lines = [line for line in ours.text.splitlines() if line not in set(none.text.splitlines())]
    guide_lines = [s for s in guide_prompt(30, "").splitlines() if s.startswith("[")]
    size = [len(tokenizer.encode(line + "\n")) for line in lines]
    llm_text = tokenizer.apply_chat_template(
        [{"role": "system", "content": ours.system}, {"role": "user", "content": ours.text}],
        tokenize=False,
        add_generation_prompt=True,
    )
    return {
        "candidate line, median (bar: at most 9)": statistics.median(size),
        "fixed (bar: at most 90)": len(tokenizer.encode(llm_text)) - sum(size),
        "guide's element line, median": statistics.median(
            len(tokenizer.encode(s + "\n")) for s in guide_lines
        ),
    }


def qwen_tokenizer() -> Any:  # noqa: ANN401
    """Build the real Qwen tokenizer from the vocabulary in the dashscope wheel."""
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import TikTokenConverter

    source = files("dashscope").joinpath("resources/qwen.tiktoken")
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    made = TikTokenConverter(str(source), pattern=SPLIT, extra_special_tokens=marks).converted()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|im_end|>")
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    tokenizer.chat_template = CHATML
    return tokenizer


def random_model(shape: str, vocabulary_size: int, device: str) -> Any:  # noqa: ANN401
    """Make a Qwen2 model of a real shape with random weights, in the precision we would pick."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from groundling.llm._weights import pick_dtype

    s = SHAPES[shape]
    config = Qwen2Config(
        vocab_size=vocabulary_size,
        hidden_size=s["hidden"],
        intermediate_size=s["ffn"],
        num_hidden_layers=s["layers"],
        num_attention_heads=s["heads"],
        num_key_value_heads=s["kv_heads"],
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    torch.set_default_dtype(pick_dtype(device))
    try:
        return Qwen2ForCausalLM(config).to(device).eval()
    finally:
        torch.set_default_dtype(torch.float32)


def machine() -> dict[str, Any]:
    """Describe where this ran."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    cpu = _cpu_name() or platform.processor() or platform.machine()
    threads = torch.get_num_threads()
    return {"cpu": cpu, "threads": threads, "gpu": gpu, "torch": torch.__version__}


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Time one decision.")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="qwen2.5-0.5b")
    parser.add_argument("--device", choices=["cpu", "cuda", "mps"], default="cpu")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--smollm2", action="store_true", help="time llama.cpp instead")
    parser.add_argument("--tokens-only", action="store_true")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
