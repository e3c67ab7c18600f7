"""Recall of the ranking on form fields of real pages with human labels (Formasaurus, MIT).

    pip download --no-deps formasaurus==0.10.0
    python bench/formasaurus.py formasaurus-0.10.0-py2.py3-none-any.whl --out result.json

The pages and labels are inside the wheel. Instructions are made of the labels: "Type the e-mail
address in the registration form". Only domains whose SHA-1 is even are used, the others are left to
judge, and of these the eighth that `groundling.train.formasaurus` keeps out of all training. Fields
whose name is on several controls of their form are skipped; controls of a page that are asked for
in the same words are one task. Pages are read without scripts, pictures and style sheets of their
own (a content security policy forbids them). `--folder` keeps what was built, a labelled folder as
`groundling bench grounding --data` takes it; `--every 4` reads only every fourth page. The last
line printed is JSON.
"""

import argparse
import json
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from groundling.bench.floor import word_overlap
from groundling.bench.labelled import LabelledPage, load_tasks, page_of, read_page
from groundling.bench.metrics import bootstrap, share
from groundling.browser.launch import launch_sync
from groundling.errors import GroundlingError
from groundling.filtering import ElementFilter
from groundling.ranking import PageIndex, rank
from groundling.ranking.certain import certain_case
from groundling.train.formasaurus import build

AT = (1, 5, 10, 15, 20, 40)


def pages(folder: Path, unread: list[str]) -> Iterator[LabelledPage]:
    """Yield the pages as our reader sees them; those that cannot be read are noted."""
    with launch_sync() as browser:
        for name, tasks in load_tasks(folder).items():
            try:
                yield page_of(read_page(browser, folder / "pages" / f"{name}.html", tasks))
            except GroundlingError as error:
                unread.append(f"{name}: {error}")


def measure(folder: Path) -> dict[str, Any]:
    """Return recall over tasks, floor, and the rules' precision."""
    unread: list[str] = []
    places: list[int | None] = []
    sites, overlap, rules, sizes = [], [], [], []
    not_listed = 0
    for page in pages(folder, unread):
        offered, _ = ElementFilter.offer(page.snapshot.elements)
        if not offered:
            continue
        index = PageIndex.build(offered)
        sizes.append(len(offered))
        for task in page.tasks:
            ranked = rank(index, task.instruction, task.task_type)
            hit = (i for i, c in enumerate(ranked, 1) if c.element.id in task.accept_ids)
            places.append(next(hit, None))
            sites.append(page.site)
            not_listed += not task.accept_ids
            first = word_overlap(offered, task.instruction)
            overlap.append(first is not None and first.id in task.accept_ids)
            certain = certain_case(offered, task.instruction, task.task_type)
            if certain:
                rules.append(certain[0].id in task.accept_ids)
    out: dict[str, Any] = {
        "n": len(places),
        "n_pages": len(sizes),
        "n_domains": len(set(sites)),
        "unread_pages": unread,
        "not_listed_by_the_reader": not_listed,
        "elements_p50": sorted(sizes)[len(sizes) // 2],
        "word_overlap_first": round(share(overlap).value, 4),
        "by_rule": [sum(rules), len(rules)],
    }
    for k in AT:
        hits = [p is not None and p <= k for p in places]
        listed = [p <= k for p in places if p is not None]
        low, high = bootstrap([*map(float, hits)], sites)
        out[f"recall_at_{k}"] = {
            "value": round(share(hits).value, 4),
            "interval_by_domain": [round(low, 4), round(high, 4)],
            "of_those_listed": round(share(listed).value, 4),
        }
    return out


def main() -> None:
    """Build, read and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--folder", type=Path, help="keep the labelled folder here")
    parser.add_argument("--every", type=int, default=1, help="read every nth page only")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        build(given.wheel, folder, every=given.every, part="judge", merge=True)
        result = {
            **measure(folder),
            "every": given.every,
            "bar": "recall_at_20 at least 0.97",
            "command": f"python bench/formasaurus.py {given.wheel.name} --every {given.every}",
            "machine": f"{platform.machine()}, Python {platform.python_version()}",
        }
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
