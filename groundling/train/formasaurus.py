"""Labelled pages to learn from: Formasaurus (954 real pages whose forms people labelled, MIT).

    pip download --no-deps formasaurus==0.10.0
    python -m groundling.train.formasaurus WHEEL --out DIR --instructions training/formasaurus.jsonl

writes a labelled folder of the pages of the domains whose SHA-1 is even; the others judge. One in
eight of the even ones is kept apart (`--part judge`). Tasks are made of the labels ("Type the
e-mail address in the registration form"; fields whose name is on several controls of their form are
skipped) and, with `--instructions`, of lines that a large language model wrote after reading the
page: page, kind, task_type, instruction, accept (CSS paths, none where nothing fits). Pages are to
be read without scripts, pictures and style sheets of their own (a content security policy forbids
them).
"""

import hashlib
import json
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from groundling.train.sites import same_site

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
    return _number(name) % 2 == 0


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


def judges(name: str) -> bool:
    """Whether a domain of the half for development is kept apart from the training."""
    return _number(name) // 2 % 8 == 0


def _number(name: str) -> int:
    return int(hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest(), 16)


def build(  # noqa: PLR0913 - a folder is described by that much
    wheel: Path, folder: Path, *, every: int = 1, part: str = "all", apart_from: Iterable[str] = (),
    instructions: Path | None = None, merge: bool = False,
) -> int:  # fmt: skip
    """Write a labelled folder of the pages of the even domains; returns the number of tasks.

    Args:
        wheel: Formasaurus as it comes from PyPI.
        folder: Where `pages` and `tasks.jsonl` go.
        every: Only each nth page.
        part: `learn`, `judge` or `all` of the domains.
        apart_from: Sites of which nothing must be in it.
        instructions: Lines written for these pages.
        merge: Controls of a page that are asked for in the same words are one task, and any of them
            is right: a login form in the header, one below. One label in five is such.
    """
    others = tuple(apart_from)
    written = defaultdict[str, list[dict[str, Any]]](list)
    if instructions is not None:
        for line in instructions.read_text(encoding="utf-8").splitlines():
            told = json.loads(line)
            written[told["page"]].append(told)
    (folder / "pages").mkdir(parents=True, exist_ok=True)
    tasks: list[dict[str, Any]] = []
    with zipfile.ZipFile(wheel) as archive:
        index = json.loads(archive.read("formasaurus/data/index.json"))
        types = json.loads(archive.read("formasaurus/data/config.json"))
        forms, fields = (
            {t["short"]: t["full"] for t in types[k]["types"]}
            for k in ("form_types", "field_types")
        )
        kept = {"learn": (False,), "judge": (True,), "all": (False, True)}[part]
        chosen = [
            path
            for path, info in sorted(index.items())
            if is_even(site := domain(info["url"]))
            and judges(site) in kept
            and not any(same_site(site, other) for other in others)
        ]
        for path in chosen[::every]:
            html = archive.read(f"formasaurus/data/{path}").decode("utf-8", "replace")
            info = index[path]
            marked, found = _marked(_DROPPED.sub("", html), info, forms, fields)
            name = Path(path).stem
            found = merged(found) if merge else found
            found += [_task(line) for line in written[name]]
            (folder / "pages" / f"{name}.html").write_text(_POLICY + marked, encoding="utf-8")
            tasks += [
                {**t, "id": f"{name}-{i}", "page": name, "site": domain(info["url"])}
                for i, t in enumerate(found)
            ]
    lines = "".join(json.dumps(t) + "\n" for t in tasks)
    (folder / "tasks.jsonl").write_text(lines, encoding="utf-8")
    return len(tasks)


def merged(tasks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one task for each instruction, which accepts what any of its tasks accepts."""
    out: dict[str, dict[str, Any]] = {}
    for task in tasks:
        known = out.setdefault(task["instruction"], {**task, "accept": []})
        known["accept"] = [*known["accept"], *task["accept"]]
    return list(out.values())


def _task(line: dict[str, Any]) -> dict[str, Any]:
    accept = [{"css": css} for css in line["accept"]]
    return {
        **{k: line[k] for k in ("instruction", "task_type", "kind")},
        "accept": accept,
        "expect_none": not accept,
    }


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


@click.command()
@click.argument("wheel", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--instructions", type=click.Path(exists=True, path_type=Path))
@click.option("--part", type=click.Choice(("learn", "judge", "all")), default="learn")
@click.option("--merge", is_flag=True, help="One task for each instruction on a page.")
@click.option(
    "--apart-from",
    "folders",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    help="A labelled folder; nothing of its sites is written.",
)
def main(
    wheel: Path,
    out: Path,
    instructions: Path | None,
    part: str,
    merge: bool,
    folders: tuple[Path, ...],
) -> None:
    """Write a labelled folder of Formasaurus pages."""
    sites = {
        json.loads(line)["site"]
        for folder in folders
        for line in (folder / "tasks.jsonl").read_text(encoding="utf-8").splitlines()
    }
    n = build(wheel, out, part=part, apart_from=sites, instructions=instructions, merge=merge)
    click.echo(f"{out}: {n} tasks", err=True)


if __name__ == "__main__":
    main()
