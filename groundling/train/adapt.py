"""`groundling train embedded`: adapt the embedded model to your own pages, in minutes, on a CPU.

The encoder stays as it is. A small correction is fitted to labelled pages and built into a copy of
the comparing network (`groundling.train.correction`), so the result is a folder like any other:
`load_llm("embedded:FOLDER")`. It is written only if it is better on tasks it has not seen.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from groundling.bench.cases import Row
from groundling.bench.labelled import LabelledPage, LabelledTask
from groundling.decision import first_question
from groundling.errors import DataError, EmptyPageError
from groundling.llm import embedded
from groundling.llm.embedded import EmbeddedLLM
from groundling.train.calibrate_embedded import calibrate
from groundling.train.correction import (
    Asked,
    Correction,
    Floats,
    build_in,
    choose_penalty,
    cross_fitted,
    fit,
    loss_of,
)
from groundling.train.data import read_data, refuse_leaks
from groundling.train.gate import Verdict, judge, place_folder

SHIPPED = embedded._FOLDER
_FEW_PAGES = 5
"""With fewer, single tasks are left out instead of whole pages."""
_FEW_TASKS = 20


@dataclass(frozen=True, slots=True)
class Case:
    """A labelled task and what the model makes of it."""

    page: LabelledPage
    task: LabelledTask
    asked: Asked

    def row(self, logits: Floats, none_bias: float) -> Row:
        """Return what comes of `logits` as a row of a bench."""
        scores = logits.copy()
        scores[-1] += none_bias
        best = int(np.argmax(scores))
        page, task = self.page, self.task
        # "None" is right only where the page lacks the element, not where the ranking lost it.
        hit = bool(self.asked.right[best]) if best < len(scores) - 1 else task.expect_none
        return Row(
            id=f"{page.page} {task.id}", page=page.page, site=page.site, kind=task.kind,
            task_type=task.task_type, expect_none=task.expect_none, hit=hit,
        )  # fmt: skip


class _Listening:
    """Stands before the comparing network and keeps what it was given and said last."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401
        self.session = session
        self.given: dict[str, npt.NDArray[np.float32]] = {}
        self.said: npt.NDArray[np.float32] = np.zeros(0, np.float32)

    def run(self, names: Any, given: dict[str, Any]) -> Any:  # noqa: ANN401
        """Pass on."""
        found = self.session.run(names, given)
        self.given, self.said = given, found[0]
        return found


def read_cases(
    pages: Sequence[LabelledPage],
    llm: EmbeddedLLM,
    on_task: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Case]:
    """Ask the model every task, with the candidates that an agent would offer.

    Tasks whose target the ranking lost before the model sees it are left out: it cannot learn them.

    Args:
        pages: With tasks.
        llm: The model that is adapted.
        on_task: Called with the tasks asked and their number.

    Raises:
        ModelError: If the model cannot work.
    """
    heard = _Listening(llm._chooser._comparer)
    llm._chooser._comparer = heard
    total, done = sum(len(p.tasks) for p in pages), 0
    whole = len({(p.site, p.page) for p in pages}) >= _FEW_PAGES
    out: list[Case] = []
    try:
        for page in pages:
            for task in page.tasks:
                asked = _asked(page, task, llm, heard, whole=whole)
                out += [] if asked is None else [Case(page, task, asked)]
                done += 1
                on_task(done, total)
    finally:
        llm._chooser._comparer = heard.session
    return out


def _asked(
    page: LabelledPage, task: LabelledTask, llm: EmbeddedLLM, heard: _Listening, *, whole: bool
) -> Asked | None:
    try:
        prompt = first_question(page.snapshot, task.instruction, task.task_type, llm)
    except EmptyPageError:
        return None
    hits = [c.element.id in task.accept_ids for c in prompt.candidates]
    if not any(hits) and not task.expect_none:
        return None
    llm.choose(prompt)
    given = {name: array.astype(np.float64) for name, array in heard.given.items()}
    weights = given["on"][..., None]
    return Asked(
        group=f"{page.site} {page.page}" if whole else f"{page.page} {task.id}",
        logits=heard.said.astype(np.float64),
        features=given["features"],
        task=given["task"][0].mean(0),
        items=(given["items"] * weights).sum(1) / weights.sum(1),
        right=np.array([*hits, not any(hits)]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapted:
    """What came of an adaptation."""

    verdict: Verdict
    """Against the model as it was; both with "none" balanced on the tasks that judge."""
    loss_before: float
    """Mean on tasks left out, natural log."""
    loss: float
    n_tasks: int
    n_pages: int
    penalty: float
    judged_on: str


def adapt(
    data: Path,
    base: Path,
    out: Path,
    validation: Path | None = None,
    on_task: Callable[[int, int], None] = lambda _done, _total: None,
) -> Adapted:
    """Fit a correction of the model in `base` to `data`, and write the whole model to `out`.

    Args:
        data: Labelled folder, or its pages as JSON lines.
        base: Weights of an embedded model; never changed.
        out: Folder of the new model.
        validation: Other pages, of the same sites or not, that judge; by default parts of `data`
            are left out in turn.
        on_task: Called with the tasks asked and their number.

    Raises:
        DataError: If the data is empty, too small, wrong or leaks; if the new model is not better
            on the tasks that judge (nothing is written then); if `out` must not be replaced, or
            cannot be written.
        ModelError: If the model in `base` cannot be used.
    """
    _refuse_place(base, out, validation)
    llm = EmbeddedLLM(base)
    pages = read_data(data)
    cases = _enough(read_cases(pages, llm, on_task), data)
    asked = [c.asked for c in cases]
    penalty = choose_penalty(asked)
    found = fit(asked, penalty)
    if validation is None:
        judges, logits = cases, cross_fitted(asked)
        unit = "page" if asked[0].group == f"{pages[0].site} {pages[0].page}" else "task"
        judged_on = f"{len(judges)} tasks, each {unit} left out in turn"
    else:
        others = read_data(validation)
        refuse_leaks(pages, others, same_sites=True)
        judges = _enough(read_cases(others, llm), validation)
        logits = [found.logits(c.asked) for c in judges]
        judged_on = f"{len(judges)} tasks of {validation.name}"
    before = [c.asked.logits for c in judges]
    was, now = _profile(judges, before), _profile(judges, logits)
    verdict = judge(_rows(judges, before, was), _rows(judges, logits, now), bench=judged_on)
    result = Adapted(
        verdict=verdict, loss_before=_mean_loss(judges, before), loss=_mean_loss(judges, logits),
        n_tasks=len(cases), n_pages=len({(c.page.site, c.page.page) for c in cases}),
        penalty=penalty, judged_on=judged_on,
    )  # fmt: skip
    if not verdict or result.loss >= result.loss_before:
        raise DataError(
            f"nothing is written: {verdict}; loss {result.loss:.3f} against "
            f"{result.loss_before:.3f}: label more pages"
        )
    _replace_own(out, judges, _rows(judges, logits, now), judged_on)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        _write(made, base, found, now, result)
        place_folder(made, out)
    return result


def _refuse_place(base: Path, out: Path, validation: Path | None) -> None:
    if out.resolve() in (base.resolve(), SHIPPED.resolve()):
        raise DataError(f"{out} holds the model that is adapted, and it stays: name a new folder")
    if not out.exists():
        return
    if not (out / "chooser.onnx").is_file() and (out.is_file() or any(out.iterdir())):
        raise DataError(f"{out} holds something that is no embedded model: name a new folder")
    if any(out.iterdir()) and validation is None:
        raise DataError(
            f"{out} holds a model that may have learnt these tasks: give pages that judge both "
            "with `--validation`, or name a new folder"
        )


def _replace_own(out: Path, judges: Sequence[Case], rows: Sequence[Row], bench: str) -> None:
    """Refuse to replace a model in `out` that is better on the tasks that judge."""
    if not (out / "chooser.onnx").is_file():
        return
    pages = list({id(c.page): c.page for c in judges}.values())
    old = {(c.page.page, c.task.id): c for c in read_cases(pages, EmbeddedLLM(out))}
    cases = [old[c.page.page, c.task.id] for c in judges]
    logits = [c.asked.logits for c in cases]
    verdict = judge(_rows(cases, logits, _profile(cases, logits)), rows, bench=bench)
    if not verdict:
        raise DataError(f"{out} stays: {verdict}")


def _enough(cases: list[Case], path: Path) -> list[Case]:
    if len(cases) < _FEW_TASKS:
        raise DataError(
            f"{path} holds {len(cases)} tasks that the model can learn from: it needs at least "
            f"{_FEW_TASKS}, and a few hundred to be worth it"
        )
    return cases


def _profile(cases: Sequence[Case], logits: Sequence[Floats]) -> dict[str, Any]:
    rows = [
        (c.asked.right[:-1], not c.task.expect_none, z) for c, z in zip(cases, logits, strict=True)
    ]
    return calibrate(rows)


def _rows(cases: Sequence[Case], logits: Sequence[Floats], profile: Mapping[str, Any]) -> list[Row]:
    pairs = zip(cases, logits, strict=True)
    return [case.row(z, profile["none_bias"]) for case, z in pairs]


def _mean_loss(cases: Sequence[Case], logits: Sequence[Floats]) -> float:
    pairs = zip(cases, logits, strict=True)
    return sum(loss_of(z, c.asked.right) for c, z in pairs) / len(cases)


def _write(
    folder: Path, base: Path, found: Correction, profile: Mapping[str, Any], result: Adapted
) -> None:
    """Write a whole model; the base's own files are copied."""
    for name in ("encoder.onnx", "tokenizer.json"):
        shutil.copyfile(base / name, folder / name)
    build_in(found, base / "chooser.onnx", folder / "chooser.onnx")
    told = json.loads((base / "profile.json").read_text(encoding="utf-8"))
    told |= {**profile, "adapted": _told(result)}
    (folder / "profile.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    (folder / "card.md").write_text(_card(result), encoding="utf-8")


def _told(result: Adapted) -> dict[str, Any]:
    r = result.verdict.result
    return {
        "n_tasks": result.n_tasks,
        "n_pages": result.n_pages,
        "judged_on": result.judged_on,
        "n_judged": r.n,
        "before": round(r.a, 4),
        "after": round(r.b, 4),
        "interval": [round(r.low, 4), round(r.high, 4)],
        "loss_before": round(result.loss_before, 4),
        "loss": round(result.loss, 4),
        "penalty": result.penalty,
    }


def _card(result: Adapted) -> str:
    return (
        "# The embedded model, adapted\n\n"
        f"A correction fitted to {result.n_tasks} tasks on {result.n_pages} pages with `groundling "
        "train embedded`; encoder and comparing network are those of the base.\n\n"
        f"{str(result.verdict).capitalize()}. Mean loss {result.loss:.3f}, before "
        f"{result.loss_before:.3f}. It holds vectors of the instructions and elements it learnt "
        "from, no text.\n"
    )


@click.command("embedded")
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True), required=True,
    help="Labelled folder, or JSON lines of `train collect`.",
)  # fmt: skip
@click.option(
    "--base", type=click.Path(path_type=Path, exists=True, file_okay=False), default=SHIPPED,
    show_default="the shipped model", help="Folder of an embedded model.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option(
    "--validation", type=click.Path(path_type=Path, exists=True),
    help="Other pages that judge; by default parts of the data are left out in turn.",
)  # fmt: skip
def command(data: Path, base: Path, out: Path, validation: Path | None) -> None:
    """Adapt the embedded model to your own labelled pages; load it with `embedded:OUT`.

    It is written only if it is better on tasks that it did not learn from. The model in the package
    is never changed. The last line printed is JSON.
    """
    with click.progressbar(length=100, label="Asking", file=sys.stderr) as bar:
        result = adapt(
            data, base, out, validation,
            on_task=lambda done, total: bar.update(100 * done // total - bar.pos),
        )  # fmt: skip
    click.echo(str(result.verdict), err=True)
    click.echo(json.dumps({"out": str(out), "load": f"embedded:{out}", **_told(result)}))
