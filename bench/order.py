"""Accuracy of a model when the same candidates stand in another order; no rules, no retries.

    python bench/order.py dev.jsonl --model embedded --out bench/results/order.json

The file holds labelled pages as `python -m groundling.bench.labelled` writes them. Each task is
asked once in the page's order and once in each of four shuffles (seeds 1 to 4). `spread` is the
largest accuracy of a shuffle less the smallest; `same_answer` the share of tasks that are answered
alike in all five. The last line printed is JSON.
"""

import argparse
import json
import platform
import random
from pathlib import Path
from typing import Any

from groundling.bench.labelled import LabelledPage, LabelledTask, read_lines
from groundling.bench.metrics import bootstrap, share
from groundling.decision import first_question
from groundling.llm import load_llm
from groundling.llm.base import BaseLLM
from groundling.prompts import ChoicePrompt, PromptBuilder

SHUFFLES = (1, 2, 3, 4)


def shuffled(prompt: ChoicePrompt, seed: int) -> ChoicePrompt:
    """Return the same question with its candidates in another order; "none" stays last."""
    candidates = list(prompt.candidates)
    random.Random(seed).shuffle(candidates)
    return PromptBuilder.rebuild(prompt, candidates)


def answers(page: LabelledPage, task: LabelledTask, llm: BaseLLM) -> list[int | None]:
    """Return the element chosen, None for none, in the page's order and in each shuffle."""
    first = first_question(page.snapshot, task.instruction, task.task_type, llm)
    prompts = [first, *(shuffled(first, seed) for seed in SHUFFLES)]
    return [
        None
        if choice.best == prompt.none_label
        else prompt.candidates[prompt.labels.index(choice.best)].element.id
        for prompt, choice in zip(prompts, llm.choose_many(prompts), strict=True)
    ]


def is_right(task: LabelledTask, element_id: int | None) -> bool:
    """Whether an answer counts."""
    return task.expect_none if element_id is None else element_id in task.accept_ids


def measure(path: Path, llm: BaseLLM) -> dict[str, Any]:
    """Return accuracy by order, their spread, and how often the order changes the answer."""
    given = [(p.site, t, answers(p, t, llm)) for p in read_lines(path) for t in p.tasks]
    by_order = [[is_right(t, said[i]) for _, t, said in given] for i in range(len(SHUFFLES) + 1)]
    values = [share(hits).value for hits in by_order]
    same = [len(set(said)) == 1 for _, _, said in given]
    sites = [site for site, _, _ in given]
    low, high = bootstrap([*map(float, by_order[0])], sites)
    return {
        "n": len(given),
        "accuracy_in_page_order": round(values[0], 4),
        "accuracy_interval_by_site": [round(low, 4), round(high, 4)],
        "accuracy_by_shuffle": [round(v, 4) for v in values[1:]],
        "spread": round(max(values[1:]) - min(values[1:]), 4),
        "same_answer": round(share(same).value, 4),
    }


def main() -> None:
    """Measure one model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    result = {
        **measure(given.pages, load_llm(given.model)),
        "bar": "spread at most 0.02",
        "model": given.model,
        "command": f"python bench/order.py {given.pages.name} --model {given.model}",
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
