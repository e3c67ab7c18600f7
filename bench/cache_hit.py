"""Time of a cached decision (ms): key, SQLite and JSON; the model is a double and not measured.

    python bench/cache_hit.py PAGES.jsonl    # last line printed is JSON

PAGES.jsonl holds labelled pages as `python -m groundling.bench.labelled` writes them. Every task is
asked once, then 20 times again; a quarter of a million bytes of other answers lie beside them.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path

from groundling.bench.labelled import read_lines
from groundling.llm.cached import CachedLLM
from groundling.llm.scripted import ScriptedLLM
from groundling.prompts import ChoicePrompt, PromptBuilder
from groundling.ranking import rank


def questions(path: Path, limit: int) -> list[ChoicePrompt]:
    """Return one prompt of 15 candidates for each of the first tasks."""
    tasks = ((p, t) for p in read_lines(path) for t in p.tasks)
    return [
        PromptBuilder.build_choice(
            t.instruction, t.task_type, rank(p.snapshot.elements, t.instruction, t.task_type)[:15]
        )
        for (p, t), _ in zip(tasks, range(limit), strict=False)
    ]


def measure(prompts: list[ChoicePrompt]) -> dict[str, float]:
    """Return quantiles of the time of a hit, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        llm = CachedLLM(
            ScriptedLLM([lambda p: p.labels[0]] * len(prompts), texts=["x" * 250] * 1000),
            folder=folder,
        )
        for i in range(1000):
            llm.generate(f"filler {i}")
        llm.choose_many(prompts)
        times = []
        for prompt in prompts * 20:
            started = time.perf_counter()
            llm.choose(prompt)
            times.append((time.perf_counter() - started) * 1000)
        assert llm.hits >= len(times)
        llm.close()
    cuts = statistics.quantiles(times, n=100)
    return {"n": len(times), "hit_ms_p50": cuts[49], "hit_ms_p95": cuts[94], "hit_ms_p99": cuts[98]}


def main() -> None:
    """Print the quantiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", type=Path)
    parser.add_argument("--n", type=int, default=100, help="tasks")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = measure(questions(given.pages, given.n))
    out = {k: round(v, 4) for k, v in found.items()}
    text = json.dumps({**out, "command": "bench/cache_hit.py", "machine": platform.platform()})
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
