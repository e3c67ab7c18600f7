"""One run from labelled pages to a folder that `load_llm("tuned:FOLDER")` reads."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groundling.bench.labelled import LabelledPage
from groundling.errors import DataError, GroundlingError
from groundling.llm.fitting import answer
from groundling.llm.tuned import CARD, load
from groundling.train.data import read_data, refuse_leaks
from groundling.train.gate import Verdict, judge, place_folder
from groundling.train.lora.artefact import run_record, write_model, write_told
from groundling.train.lora.config import LoraSettings
from groundling.train.lora.examples import (
    Example,
    Question,
    asked,
    build,
    data_hash,
    read_scores,
    split,
    trainable,
)
from groundling.train.lora.loop import Limits, Progress, is_done, measured_examples, train
from groundling.train.lora.network import Network
from groundling.train.lora.profiling import Profiled, ask_all, bench_rows, fit_profile

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is trained on what, and where it goes."""

    settings: LoraSettings
    data: Path
    """Labelled folder, or its pages as JSON lines."""
    out: Path
    """Folder of the model; work lies beside it in `OUT.work` until the run is done."""
    validation: Path | None = None
    """Pages of other sites; without them some sites of `data` are left out."""
    scores: Path | None = None
    """Out-of-fold rank scores, for pages that the shipped ranker was trained on."""
    resume: bool = False
    """Go on from the checkpoint in `OUT.work`."""
    merge: bool = False
    """Write the whole model, too."""
    device: str = "auto"
    limits: Limits = field(default_factory=Limits)

    @property
    def work(self) -> Path:
        """Folder of the checkpoint and of a model that is not in place yet."""
        return self.out.with_name(self.out.name + ".work")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run came to."""

    told: dict[str, Any]
    """As in `training.json`."""
    verdict: Verdict | None
    """Against the model that was in `out`; None if there was none."""
    is_done: bool
    """False if it was stopped by its time limit: `resume` goes on."""


def run(job: Job, progress: Progress = lambda _state, _n: None) -> Finished:
    """Train, profile, compare with the model in `job.out` and take its place if not worse.

    Raises:
        DataError: If the data is empty, wrong or leaks; if there is a checkpoint and `resume` is
            not set, or it is of another run; if the new model is worse (it stays in `job.work`) or
            cannot be saved.
        ModelError: If the base cannot be loaded or does not fit.
    """
    checkpoint, settings = job.work / "checkpoint.pt", job.settings
    if checkpoint.exists() and not job.resume:
        raise DataError(
            f"{checkpoint} is of a run that was interrupted: go on with `--resume`, or remove "
            f"{job.work}"
        )
    _refuse_foreign(job.out)
    examples, left_out = read_examples(job)
    data = data_hash(examples)
    network = Network(settings, device=job.device)
    state = train(
        network, examples, left_out, checkpoint, limits=job.limits, data=data, progress=progress
    )
    made = job.work / "model"
    write_model(network, made, merge=job.merge)
    picked = measured_examples(left_out, settings)
    questions = [asked(e, settings) for e in picked]
    # Measured as it will be used: loaded from the files, the adapter added into the weights.
    llm = load(str(made), device=job.device)
    rows = ask_all(llm, questions)
    profiled = fit_profile(llm, questions, rows, [e.site for e in picked])
    told = run_record(network, state, profiled, data)
    write_told(made, told, profiled, bench_rows(picked, profiled.answers))
    verdict = _verdict(job, picked, questions, profiled)
    _put_in_place(made, job.out, verdict)
    done = is_done(state, len(examples), settings)
    if done:
        shutil.rmtree(job.work, ignore_errors=True)
    return Finished(told, verdict, done)


def read_examples(job: Job) -> tuple[list[Example], list[Example]]:
    """Return the examples to train on and those of the sites left out.

    Raises:
        DataError: If there are none, a label names no element, or the two share pages.
    """
    pages = read_data(job.data)
    if job.validation is None:
        seen, unseen = split(pages, job.settings)
    else:
        seen, unseen = pages, read_data(job.validation)
        refuse_leaks(seen, unseen)
    scores = read_scores(job.scores) if job.scores else None

    def built(of: Sequence[LabelledPage]) -> list[Example]:
        return build(of, job.settings.candidates, scores)

    return trainable(built(seen), seen), built(unseen)


def _verdict(
    job: Job, examples: Sequence[Example], questions: Sequence[Question], profiled: Profiled
) -> Verdict | None:
    """Compare with the model that is in `job.out`, if it is one."""
    if not (job.out / CARD).is_file():
        return None
    try:
        old = load(str(job.out), device=job.device)
        profile = old.profile
        answers = [answer(profile, row) for row in ask_all(old, questions)]
    except GroundlingError as error:
        raise DataError(
            f"{job.out} holds a model that cannot be compared ({error}): move it away; the new one "
            f"is in {job.work / 'model'}"
        ) from error
    bench = f"the sites left out ({len(questions)} tasks)"
    return judge(bench_rows(examples, answers), bench_rows(examples, profiled.answers), bench=bench)


def _refuse_foreign(out: Path) -> None:
    """Refuse a folder that holds something else: it would be replaced as a whole."""
    if out.exists() and not (out / CARD).is_file() and (out.is_file() or any(out.iterdir())):
        raise DataError(f"{out} holds something that is no tuned model: name a new folder")


def _put_in_place(made: Path, out: Path, verdict: Verdict | None) -> None:
    if verdict is not None and not verdict:
        raise DataError(f"{out} stays: {verdict}; the new model is in {made}")
    place_folder(made, out)
