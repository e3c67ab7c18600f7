"""Recall of the ranking on the fields of 954 real pages with human labels (Formasaurus, MIT).

    pip download --no-deps formasaurus==0.10.0
    python bench/formasaurus.py formasaurus-0.10.0-py2.py3-none-any.whl --out result.json

The pages and labels are inside the wheel. Instructions are made of the labels: "Type the e-mail
address in the registration form". Only domains whose SHA-1 is even are used; the others are left to
judge. Fields whose name is on several controls of their form are skipped. Pages are read without
scripts, pictures and style sheets of their own (a content security policy forbids them). `--folder`
keeps what was built, a labelled folder as `groundling bench grounding --data` takes it; `--every 4`
reads only every fourth page. The last line printed is JSON.
"""

import argparse
import hashlib
import json
import platform
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from groundling.bench.floor import word_overlap
from groundling.bench.labelled import LabelledPage, load_tasks, page_of, read_page
from groundling.bench.metrics import bootstrap, share
from groundling.browser.launch import launch_sync
from groundling.errors import GroundlingError
from groundling.filtering import ElementFilter
from groundling.ranking import PageIndex, rank
from groundling.ranking.certain import certain_case

AT = (1, 5, 10, 15, 20, 40)
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)
_DROPPED = re.compile(r"</?noscript[^>]*>|<meta[^>]+http-equiv=[\"']?refresh[^>]*>", re.I)
_FORMS = {
    "search": "search form",
    "login": "login form",
    "registration": "registration form",
    "password/login recovery": "password recovery form",
    "contact/comment": "contact form",
    "join mailing list": "newsletter form",
    "order/add to cart": "order form",
}
_UNCLEAR = re.compile(r"^other|honeypot|not annotated|read-only|navigation", re.I)


class _Marker(HTMLParser):
    """Finds the controls of each form, and where a mark can be written into their tags."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=False)
        starts = [0, *(m.end() for m in re.finditer("\n", html))]
        self.found: list[tuple[int, str, str, str, int]] = []
        """Form, field name, tag, input type, place behind the tag's name."""
        self._starts, self._form, self._n_forms = starts, -1, 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form or a control."""
        given = dict(attrs)
        if tag == "form":
            self._form, self._n_forms = self._n_forms, self._n_forms + 1
        if tag not in ("input", "textarea", "select", "button") or self._form < 0:
            return
        kind = (given.get("type") or "").lower()
        if given.get("name") and kind != "hidden":
            line, column = self.getpos()
            place = self._starts[line - 1] + column + 1 + len(tag)
            self.found.append((self._form, str(given["name"]), tag, kind, place))

    def handle_endtag(self, tag: str) -> None:
        """Leave a form."""
        if tag == "form":
            self._form = -1


def domain(url: str) -> str:
    """Return the registered name: "example" of foo.example.co.uk."""
    parts = (urlsplit(url if "//" in url else f"http://{url}").hostname or url).split(".")
    parts.pop()
    if len(parts) > 1 and len(parts[-1]) <= 3 and parts[-1] != "www":
        parts.pop()
    return parts[-1] if parts else url


def is_even(name: str) -> bool:
    """Whether a domain belongs to the half for development."""
    return int(hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest(), 16) % 2 == 0


def instruction(field: str, tag: str, kind: str, form: str) -> tuple[str, str]:
    """Return what a person would ask for, and its task type."""
    name = re.split(r" ?[/(]", field)[0]
    within = f" in the {_FORMS[form]}" if form in _FORMS else ""
    if "button" in field:
        of = f" of the {_FORMS[form]}" if form in _FORMS else ""
        return f"Press the {name}{of}", "find_button"
    if tag == "select":
        return f"Choose the {name}{within}", "select_from_list"
    if kind in ("checkbox", "radio"):
        return f"Tick the {name}{within}", "other"
    return f"Type the {name}{within}", "find_input"


def build(wheel: Path, folder: Path, every: int) -> None:
    """Write a labelled folder of the pages of the even domains."""
    (folder / "pages").mkdir(parents=True, exist_ok=True)
    tasks: list[dict[str, Any]] = []
    with zipfile.ZipFile(wheel) as archive:
        index = json.loads(archive.read("formasaurus/data/index.json"))
        types = json.loads(archive.read("formasaurus/data/config.json"))
        forms, fields = (
            {t["short"]: t["full"] for t in types[k]["types"]}
            for k in ("form_types", "field_types")
        )
        chosen = sorted(p for p, info in index.items() if is_even(domain(info["url"])))
        for path in chosen[::every]:
            html = archive.read(f"formasaurus/data/{path}").decode("utf-8", "replace")
            info = index[path]
            marked, found = _marked(_DROPPED.sub("", html), info, forms, fields)
            name = Path(path).stem
            (folder / "pages" / f"{name}.html").write_text(_POLICY + marked, encoding="utf-8")
            tasks += [
                {**t, "id": f"{name}-{i}", "page": name, "site": domain(info["url"])}
                for i, t in enumerate(found)
            ]
    lines = "".join(json.dumps(t) + "\n" for t in tasks)
    (folder / "tasks.jsonl").write_text(lines, encoding="utf-8")


def _marked(
    html: str, info: dict[str, Any], forms: dict[str, str], fields: dict[str, str]
) -> tuple[str, list[dict[str, Any]]]:
    """Return the page with a mark on each labelled control, and the tasks."""
    controls = _Marker(html).found
    uses = Counter((form, name) for form, name, *_ in controls)
    tasks, marks = [], []
    for form, name, tag, kind, place in controls:
        if form >= len(info["forms"]) or uses[form, name] > 1:
            continue
        field = fields.get(info["visible_html_fields"][form].get(name, ""), "")
        form_type = forms.get(info["forms"][form], "")
        if not field or _UNCLEAR.search(field) or form_type in ("SKIP THIS FORM", "NOT ANNOTATED"):
            continue
        wish, task_type = instruction(field, tag, kind, form_type)
        marks.append(place)
        tasks.append(
            {
                "instruction": wish,
                "task_type": task_type,
                "kind": field,
                "accept": [{"css": f'[data-mark="{len(marks)}"]'}],
                "expect_none": False,
            }
        )
    for number, place in sorted(enumerate(marks, 1), key=lambda m: -m[1]):
        html = f'{html[:place]} data-mark="{number}"{html[place:]}'
    return html, tasks


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
        build(given.wheel, folder, given.every)
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
