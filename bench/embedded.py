"""The embedded model's costs and steadiness: time, memory, order, threads, 8-bit weights.

    python bench/embedded.py dev.jsonl --checkpoint checkpoint.pt --out bench/results/embedded.json

The file holds labelled pages as `python -m groundling.bench.labelled` writes them. Accuracy here is
the model's alone, its candidates the ranker's first 15, no rules; `groundling bench grounding`
measures the whole decision. "First" is the first decision on a page, "next" any later one, which
reads the page's texts no more. The last line printed is JSON.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from groundling.bench.labelled import LabelledPage, LabelledTask, read_lines
from groundling.bench.metrics import quantile
from groundling.filtering import ElementFilter
from groundling.llm.embedded import EmbeddedLLM
from groundling.prompts import ChoicePrompt, PromptBuilder
from groundling.ranking import rank

Asked = tuple[LabelledPage, LabelledTask, ChoicePrompt]
_LOAD = """
import resource, sys, time
before = int(open("/proc/self/statm").read().split()[1])
started = time.perf_counter()
from groundling.llm.embedded import EmbeddedLLM
llm = EmbeddedLLM({folder!r})
llm.warm_up()
print(1000 * (time.perf_counter() - started))
from groundling.prompts import Candidate, PromptBuilder
from groundling.elements import RawElement
from groundling.ranking import rank
elements = [RawElement(id=i, tag="button", role="button", text=f"Button {{i}}") for i in range(15)]
for i in range(5):
    llm.choose(PromptBuilder.build_choice(f"button {{i}}", "find_button",
                                          rank(elements, f"button {{i}}", "find_button")))
after = int(open("/proc/self/statm").read().split()[1])
print((after - before) * resource.getpagesize() / 2**20)
"""


def questions(path: Path, k: int) -> list[Asked]:
    """Return every task as the model is asked it, with `k` candidates."""
    out = []
    for page in read_lines(path):
        offered, _ = ElementFilter.offer(page.snapshot.elements)
        for task in page.tasks:
            best = rank(offered, task.instruction, task.task_type)[:k]
            out.append(
                (page, task, PromptBuilder.build_choice(task.instruction, task.task_type, best))
            )
    return out


def right(task: LabelledTask, prompt: ChoicePrompt, label: str) -> bool:
    """Return whether a label is an accepted element, or none where none is expected."""
    if label == prompt.none_label:
        return task.expect_none
    return prompt.candidates[prompt.labels.index(label)].element.id in task.accept_ids


def times(asked: list[Asked], folder: str | None) -> dict[str, Any]:
    """Return milliseconds of the first and of later decisions on a page."""
    llm = EmbeddedLLM(folder)
    llm.warm_up()
    first, later, before = [], [], ""
    for page, _, prompt in asked:
        if page.page != before:
            llm = EmbeddedLLM(folder)
            llm.warm_up()
        took = llm.choose(prompt).latency_ms
        (later if page.page == before else first).append(took)
        before = page.page
    return {
        name: {"n": len(ms), "p50": quantile(ms, 0.5), "p95": quantile(ms, 0.95)}
        for name, ms in (("first", first), ("next", later))
    }


def accuracy(asked: list[Asked], llm: EmbeddedLLM, shuffle: int | None = None) -> float:
    """Return the share of right answers, the candidates in order or shuffled by a seed."""
    hits = []
    for i, (_, task, prompt) in enumerate(asked):
        given = prompt
        if shuffle is not None:
            order = list(prompt.candidates)
            random.Random(f"{shuffle} {i}").shuffle(order)
            given = PromptBuilder.rebuild(prompt, order)
        hits.append(right(task, given, llm.choose(given).best))
    return float(np.mean(hits))


def threads_differ(asked: list[Asked], folder: str | None) -> dict[str, float]:
    """Return the largest differences of a probability: one against two threads, run against run."""
    one, two, again = (EmbeddedLLM(folder, threads=n) for n in (1, 2, 1))
    between = runs = 0.0
    for _, _, prompt in asked:
        a, b, c = (np.array(m.choose(prompt).probabilities) for m in (one, two, again))
        between = max(between, float(np.abs(a - b).max()))
        runs = max(runs, float(np.abs(a - c).max()))
    return {"one_thread_against_two": between, "run_against_run": runs}


def cold_load(folder: str | None) -> dict[str, float]:
    """Return milliseconds from import to ready, and the memory above Python, in a new process."""
    runs = []
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", _LOAD.format(folder=folder)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        runs.append([float(x) for x in done.stdout.split()])
    ms, mib = zip(*runs, strict=True)
    return {"load_ms": quantile(ms, 0.5), "resident_mib": quantile(mib, 0.5)}


def float32(asked: list[Asked], checkpoint: Path, folder: str | None) -> dict[str, float]:
    """Return the accuracy of the 32-bit weights beside that of the files, and how far they part."""
    import torch

    from groundling.train.listwise import Listwise, ListwiseConfig
    from groundling.train.questions import logits_of_prompt

    state = torch.load(checkpoint, weights_only=True)["model"]
    model = Listwise(ListwiseConfig(n_features=len(state["upper.mean"])))
    model.load_state_dict(state)
    model.eval()
    llm, hits, small_hits, worst = EmbeddedLLM(folder), [], [], []
    for _, task, prompt in asked:
        z = logits_of_prompt(model, llm, prompt)
        p = np.exp(z - z.max())
        hits.append(right(task, prompt, prompt.labels[int(np.argmax(z))]))
        small = llm.choose(prompt)
        small_hits.append(right(task, prompt, small.best))
        worst.append(float(np.abs(p / p.sum() - np.array(small.probabilities)).max()))
    return {
        "accuracy": float(np.mean(hits)),
        "accuracy_8_bit": float(np.mean(small_hits)),
        "difference_p50": quantile(worst, 0.5),
        "difference_p95": quantile(worst, 0.95),
    }


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captured", type=Path)
    parser.add_argument("--folder", help="other weights than the package's")
    parser.add_argument("--checkpoint", type=Path, help="compare with the 32-bit weights")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    asked = questions(given.captured, 15)
    llm = EmbeddedLLM(given.folder)
    size = sum(f.stat().st_size for f in llm.folder.iterdir() if f.is_file())
    told: dict[str, Any] = {
        "command": " ".join(sys.argv),
        "machine": f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "when": time.strftime("%Y-%m-%d"),
        "n": len(asked),
        "size_mb": size / 1e6,
        **cold_load(given.folder),
        "ms_15": times(asked, given.folder),
        "ms_25": times(questions(given.captured, 25), given.folder),
        "accuracy": accuracy(asked, llm),
        "accuracy_shuffled": [accuracy(asked, llm, shuffle=s) for s in range(4)],
        "probability_differs": threads_differ(asked[:100], given.folder),
    }
    if given.checkpoint:
        told["float32"] = float32(asked, given.checkpoint, given.folder)
    text = json.dumps(told)
    if given.out:
        given.out.write_text(json.dumps(told, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()
