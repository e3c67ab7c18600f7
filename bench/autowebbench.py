"""Recall of the ranking on steps of real browsing (AutoWebBench), with the whole goal as the wish.

    python bench/autowebbench.py en=en_ind.json zh=zh_ind.json --out bench/results/autowebbench.json

The files come from THUDM/AutoWebGLM (repository Apache-2.0, data for research use: evaluate only).
A step holds a page as simplified HTML, `<tag[ID]| text <child ...> >`, the goal of the whole task
and the answer, e.g. `click('SD')`. Only steps on an element count. The page has no boxes, states,
types or addresses, so much of what the ranking knows is missing here. An element that wraps another
and nothing else counts as one with it, as in our reader. Steps of a task are drawn together for the
interval. The last line is JSON.
"""

import argparse
import json
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groundling.bench.floor import word_overlap
from groundling.bench.metrics import bootstrap, share
from groundling.elements import BBox, ListPlace, RawElement
from groundling.ranking import rank
from groundling.ranking.certain import certain_case

AT = (1, 5, 10, 15, 20, 25)
_TOKEN = re.compile(r"<(?:(\w+)(?:\[([A-Z]+)\])?\||(?=\s))|(>)")
_ANSWER = re.compile(r"(?:click|hover|select|type_string)\('([A-Z]+)'")
_ROLES = {
    "a": "link",
    "button": "button",
    "input": "textbox",
    "textarea": "textbox",
    "select": "combobox",
    "option": "option",
    "img": "img",
}
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


@dataclass(slots=True)
class Node:
    """A tag of the simplified page; one without a name groups others."""

    tag: str = ""
    name: str = ""
    """The id by which a step may name it."""
    parent: "Node | None" = None
    parts: "list[str | Node]" = field(default_factory=list)

    @property
    def text(self) -> str:
        """All its text."""
        found = (p if isinstance(p, str) else p.text for p in self.parts)
        return " ".join(" ".join(found).split())

    @property
    def children(self) -> "list[Node]":
        """Its tags and groups."""
        return [p for p in self.parts if isinstance(p, Node)]

    def walk(self) -> "Iterator[Node]":
        """Yield this node and all in it, in the page's order."""
        yield self
        for child in self.children:
            yield from child.walk()


def parse(page: str) -> Node:
    """Read simplified HTML; a closing sign too many is text."""
    root = at = Node()
    end = 0
    for match in _TOKEN.finditer(page):
        at.parts.append(page[end : match.start()])
        end = match.end()
        if match[3] and at.parent is not None:
            at = at.parent
        elif not match[3]:
            child = Node(match[1] or "", match[2] or "", at)
            at.parts.append(child)
            at = child
    at.parts.append(page[end:])
    return root


def elements(root: Node) -> tuple[list[RawElement], dict[str, int]]:
    """Return the elements with an id as our reader would list them, and their numbers by id."""
    out: list[RawElement] = []
    numbers: dict[str, int] = {}
    same: list[tuple[str, str]] = []
    heading = ""
    for node in root.walk():
        if node.tag in _HEADINGS:
            heading = node.text[:80]
        if not node.name:
            continue
        # The HTML joins an element's text and its title by a semicolon.
        name, _, rest = node.text.partition(";")
        one = _one_with(node)
        if one is not node:
            same.append((node.name, one.name))
            continue
        number = numbers[node.name] = len(out) + 1
        before, after = _beside(node)
        out.append(
            RawElement(
                id=number,
                tag=node.tag,
                role="checkbox"
                if name.strip() in ("true", "false")
                else _ROLES.get(node.tag, "clickable"),
                text=name.strip() or rest.strip(),
                description=rest.strip() if name.strip() else "",
                bbox=BBox(0, 20.0 * number, 100, 20),
                heading=heading,
                heading_path=(heading,) if heading else (),
                context=_around(node),
                before=before,
                after=after,
                label=after or before if node.tag in ("input", "select", "textarea") else "",
                places=_places(node),
            )
        )
    numbers.update((name, numbers[listed]) for name, listed in same)
    return out, numbers


def _one_with(node: Node) -> Node:
    """Return the element listed for this one and those that wrap it and nothing else.

    A click on either is the same; the link or control among them stands for all.
    """
    chain = [node]
    while (up := chain[0].parent) is not None and len(up.children) == 1 and up.text == node.text:
        chain.insert(0, up)
    while len(chain[-1].children) == 1 and chain[-1].children[0].text == node.text:
        chain.append(chain[-1].children[0])
    named = [n for n in chain if n.name]
    return next((n for n in named if n.tag in _ROLES and n.tag != "img"), named[0])


def _around(node: Node) -> str:
    """Return the text of the nearest group that says more than the element, its own taken out."""
    own, up = node.text, node.parent
    while up is not None and up.parent is not None:
        if len(up.text) > len(own) + 2:
            return up.text.replace(own, " ", 1)[:200] if own else up.text[:200]
        up = up.parent
    return ""


def _beside(node: Node) -> tuple[str, str]:
    if node.parent is None:
        return "", ""
    parts = [p for p in node.parent.parts if not isinstance(p, str) or p.strip()]
    at = next(i for i, p in enumerate(parts) if p is node)
    near = [_words_of(parts[i]) if 0 <= i < len(parts) else "" for i in (at - 1, at + 1)]
    return near[0], near[1]


def _words_of(part: "str | Node") -> str:
    if isinstance(part, str):
        return part.strip()[:80]
    return "" if any(n.name for n in part.walk()) else part.text[:80]


def _places(node: Node) -> tuple[ListPlace, ...]:
    """Return its place among its like; a group of three and more counts as a list."""
    out, at = [], node
    while at.parent is not None and len(out) < 2:
        like = [c for c in at.parent.children if c.tag == at.tag]
        if len(like) > 2:
            index = next(i for i, c in enumerate(like, 1) if c is at)
            out.append(ListPlace(id(at.parent), index, len(like)))
        at = at.parent
    return tuple(out)


@dataclass(frozen=True, slots=True)
class Step:
    """A page, the goal, and the element that comes next."""

    goal: str
    elements: list[RawElement]
    right: int | None


def steps(path: Path) -> Iterator[Step]:
    """Yield the steps on an element."""
    for row in json.loads(path.read_text(encoding="utf-8")):
        answer = _ANSWER.match(row["target"])
        if answer is None:
            continue
        page, _, told = row["source"].partition("You are a helpful assistant")
        goal = told.split("#Task:")[1].split("You should output")[0]
        found, numbers = elements(parse(page))
        yield Step(" ".join(goal.split()), found, numbers.get(answer[1]))


def measure(path: Path) -> dict[str, Any]:
    """Return recall, floor and the rules' precision of one file."""
    given = list(steps(path))
    places: list[int | None] = []
    overlap, rules = [], []
    for step in given:
        ranked = rank(step.elements, step.goal, "find_any")
        places.append(
            next((i for i, c in enumerate(ranked, 1) if c.element.id == step.right), None)
        )
        first = word_overlap(step.elements, step.goal)
        overlap.append(first is not None and first.id == step.right)
        certain = certain_case(step.elements, step.goal, "find_any")
        if certain:
            rules.append(certain[0].id == step.right)
    goals = [s.goal for s in given]
    out: dict[str, Any] = {
        "n": len(given),
        "n_tasks": len(set(goals)),
        "not_on_the_page": sum(s.right is None for s in given),
        "elements_p50": sorted(len(s.elements) for s in given)[len(given) // 2],
        "word_overlap_first": round(share(overlap).value, 4),
        "by_rule": [sum(rules), len(rules)],
    }
    for k in AT:
        hits = [p is not None and p <= k for p in places]
        low, high = bootstrap([*map(float, hits)], goals)
        out[f"recall_at_{k}"] = {
            "value": round(share(hits).value, 4),
            "interval_by_task": [round(low, 4), round(high, 4)],
        }
    return out


def main() -> None:
    """Measure each file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="NAME=FILE")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    named = [(n, Path(p)) for n, p in (f.split("=", 1) for f in given.files)]
    result = {
        "sets": {name: measure(path) for name, path in named},
        "bar": "recall_at_10 on en at least 0.88",
        "command": "python bench/autowebbench.py " + " ".join(f"{n}={p.name}" for n, p in named),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
    }
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
