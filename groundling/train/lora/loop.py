"""Train with checkpoints and early stopping; an interrupted run goes on to the same result."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from groundling.errors import DataError
from groundling.llm.calibration import Profile
from groundling.llm.fitting import Judged, answer, mean_loss
from groundling.train.lora.batches import Sample, n_steps, passes, sample, step_questions
from groundling.train.lora.checkpoint import load_checkpoint, save_checkpoint
from groundling.train.lora.config import LoraSettings
from groundling.train.lora.examples import Example, Question, asked, judged
from groundling.train.lora.network import Network, loss_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measured:
    """How the model does on the sites left out."""

    step: int
    loss: float
    """Mean over the questions, natural log."""
    accuracy: float
    """Share of answers that are right, lost targets counted as wrong."""
    train_loss: float
    """Mean since the last measurement."""


@dataclass(slots=True)
class State:
    """Where a run is; what a checkpoint holds beside weights and the optimizer."""

    step: int = 0
    history: list[Measured] = field(default_factory=list)
    since: list[float] = field(default_factory=list)
    """Training losses since the last measurement."""
    seconds: float = 0.0
    """Spent so far, interruptions left out."""

    @property
    def best(self) -> Measured | None:
        """The measurement with the least loss; loss, because it moves before accuracy does."""
        return min(self.history, key=lambda m: m.loss, default=None)

    def worn_out(self, patience: int) -> bool:
        """Return whether the last `patience` measurements brought nothing better."""
        best = self.best
        return best is not None and len(self.history) - 1 - self.history.index(best) >= patience


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends or interrupts a run without changing its result when it is taken up again."""

    checkpoint_minutes: float = 10.0
    max_minutes: float = math.inf
    """The run stops here and keeps its best weights."""


Progress = Callable[[State, int], None]
"""Called after each step with the state and the number of steps in all."""


def train(  # noqa: PLR0913 - a run has that many parts
    network: Network,
    examples: Sequence[Example],
    validation: Sequence[Example],
    checkpoint: Path,
    *,
    limits: Limits | None = None,
    data: str = "",
    progress: Progress = lambda _state, _n: None,
) -> State:
    """Train `network`, and leave the best weights in it.

    Args:
        network: Fresh.
        examples: To learn from.
        validation: Of other sites.
        checkpoint: File; if it is there, the run goes on from it.
        limits: When to save and to stop.
        data: Hash of the examples, so that a checkpoint of other data is refused.
        progress: Called after each step.

    Raises:
        DataError: If there are no examples, or the checkpoint is of another run, or cannot be
            saved (the one before stays).
        ModelMemoryError: If a pass does not fit.
    """
    settings, limits = network.settings, limits or Limits()
    if not examples or not validation:
        raise DataError(
            f"{len(examples)} examples to train on and {len(validation)} to validate: both need "
            "at least one"
        )
    run = _Run(network, examples, validation, settings.fingerprint(data), checkpoint)
    run.resume()
    total = n_steps(len(examples), settings)
    started = saved = time.monotonic()
    before = run.state.seconds
    while run.state.step < total and not run.state.worn_out(settings.patience):
        if run.state.step == 0 and not run.state.history:
            run.measure()
        run.step(total)
        if run.state.step % settings.evaluate_every == 0 or run.state.step == total:
            run.measure()
        now = time.monotonic()
        run.state.seconds = before + now - started
        progress(run.state, total)
        if now - saved > 60 * limits.checkpoint_minutes:
            run.save()
            saved = now
        if now - started > 60 * limits.max_minutes:
            log.warning("stopped after %.0f minutes, step %d of %d", (now - started) / 60,
                        run.state.step, total)  # fmt: skip
            break
    # Saved before the last look, which a run that is taken up again must not remember.
    run.save()
    if run.state.step % settings.evaluate_every and run.state.step < total:
        run.measure()
    network.put(run.best)
    return run.state


def is_done(state: State, n_examples: int, settings: LoraSettings) -> bool:
    """Return whether a run came to its end, by its last step or by stopping early."""
    return state.step >= n_steps(n_examples, settings) or state.worn_out(settings.patience)


class _Run:
    """A network with its optimizer, on its way."""

    def __init__(
        self,
        network: Network,
        examples: Sequence[Example],
        validation: Sequence[Example],
        fingerprint: str,
        checkpoint: Path,
    ) -> None:
        self.network, self.settings = network, network.settings
        self.examples = examples
        self.questions = [
            asked(e, self.settings) for e in measured_examples(validation, self.settings)
        ]
        self.fingerprint, self.checkpoint = fingerprint, checkpoint
        self.state = State()
        network.look_at(examples)
        self.best = network.state()
        named = network.trained().items()
        s = self.settings
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [p for n, p in named if not n.startswith("head.")],
                 "peak": s.learning_rate},
                {"params": [p for n, p in named if n.startswith("head.")],
                 "peak": s.head_learning_rate},
            ],
            weight_decay=s.weight_decay,
        )  # fmt: skip

    def step(self, total: int) -> None:
        """Make one step of the optimizer."""
        network, settings = self.network, self.settings
        network.train()
        questions = step_questions(self.examples, settings, self.state.step)
        samples = [sample(network.llm, q, settings) for q in questions]
        # Seeded for each step, so that dropout is the same in a run that was taken up.
        torch.manual_seed(settings.seed * 1_000_003 + self.state.step)
        self.optimizer.zero_grad(set_to_none=True)
        lost = 0.0
        for group in passes(samples, settings.pass_tokens):
            part = [samples[i] for i in group]
            loss = loss_of(network.scores(part), part)
            (loss / len(samples)).backward()
            lost += float(loss.detach())
        if not math.isfinite(lost):
            raise DataError(
                f"the loss is {lost} at step {self.state.step}: lower `--learning-rate`"
            )
        torch.nn.utils.clip_grad_norm_(list(network.trained().values()), 1.0)
        for group_of in self.optimizer.param_groups:
            group_of["lr"] = group_of["peak"] * _schedule(
                self.state.step, total, settings.warmup_share
            )
        self.optimizer.step()
        self.state.step += 1
        self.state.since.append(lost / len(samples))

    def measure(self) -> None:
        """Measure on the sites left out, and keep the weights if they are the best so far."""
        rows = scored(self.network, self.questions)
        loss, accuracy = loss_and_accuracy(rows)
        since = self.state.since
        mean = sum(since) / len(since) if since else loss
        best = self.state.best
        self.state.history.append(Measured(self.state.step, loss, accuracy, mean))
        self.state.since = []
        if best is None or loss < best.loss:
            self.best = self.network.state()

    def save(self) -> None:
        """Write a checkpoint."""
        told = {
            "fingerprint": self.fingerprint,
            "weights": self.network.state(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "state": asdict(self.state),
        }
        save_checkpoint(told, self.checkpoint)

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one.

        Raises:
            DataError: If it is of a run with other settings or data.
        """
        told: dict[str, Any] | None = load_checkpoint(self.checkpoint)
        if told is None:
            return
        if told["fingerprint"] != self.fingerprint:
            raise DataError(
                f"{self.checkpoint} is of a run with other settings or data: remove it, or choose "
                "another `--out`"
            )
        self.network.put(told["weights"])
        self.best = told["best"]
        self.optimizer.load_state_dict(told["optimizer"])
        kept = told["state"]
        self.state = State(**{**kept, "history": [Measured(**m) for m in kept["history"]]})
        log.info("going on from step %d", self.state.step)


def measured_examples(examples: Sequence[Example], settings: LoraSettings) -> list[Example]:
    """Return the examples that are measured, evenly picked if there are too many."""
    step = max(1.0, len(examples) / settings.validation_tasks)
    n = min(len(examples), settings.validation_tasks)
    return [examples[int(i * step)] for i in range(n)]


@torch.no_grad()
def scored(network: Network, questions: Sequence[Question]) -> list[Judged]:
    """Return the network's scores for questions."""
    settings = network.settings
    network.eval()
    samples: list[Sample] = [sample(network.llm, q, settings) for q in questions]
    rows: dict[int, Judged] = {}
    for group in passes(samples, settings.pass_tokens):
        scores = network.scores([samples[i] for i in group])
        for i, row in zip(group, scores.tolist(), strict=True):
            rows[i] = judged(questions[i], row[: len(samples[i].right)])
    return [rows[i] for i in range(len(questions))]


def loss_and_accuracy(
    rows: Sequence[Judged], profile: Profile | None = None
) -> tuple[float, float]:
    """Return the mean loss and the share of right answers."""
    profile = profile or Profile()
    hits = sum(answer(profile, row).is_right for row in rows)
    return mean_loss(profile, rows), hits / len(rows)


def _schedule(step: int, total: int, warmup_share: float) -> float:
    """Rise in a line, fall in a half cosine to a tenth."""
    warmup = max(1, round(warmup_share * total))
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * done))
