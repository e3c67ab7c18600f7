"""One self-contained HTML file that shows what a run saw, chose and did.

No scripts and nothing fetched: pictures are inside the file. Page text is untrusted, so every
value goes through Jinja's escaping.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined

from groundling.elements import BBox, RawElement
from groundling.errors import DataError
from groundling.trace import StepResult

OutcomeStatus = Literal["verified", "unverified", "failed"]
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportCandidate:
    """One element that was offered to the model."""

    label: str
    """The label the model answers with."""
    role: str
    name: str
    bbox: BBox | None = None
    """In CSS pixels of the screenshot's viewport; None when it has no box."""
    probability: float | None = None
    """In [0, 1]; None when the model knows only its answer."""
    context: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportStep:
    """One decision, its action and what came of it."""

    instruction: str
    action: str
    url: str
    outcome: OutcomeStatus
    evidence: Sequence[str] = ()
    """What was seen that supports the outcome."""
    candidates: Sequence[ReportCandidate] = ()
    chosen: str | None = None
    """Label of the candidate chosen; None when nothing was."""
    confidence: float | None = None
    """Probability of the answer, in [0, 1]."""
    none_probability: float | None = None
    """Probability of "none of these", in [0, 1]."""
    method: str = ""
    """How the answer was found: rule, model, escalated or cache."""
    prompt: str = ""
    dropped: Sequence[tuple[str, str]] = ()
    """Elements not offered, each with the reason."""
    stages_ms: Sequence[tuple[str, float]] = ()
    """Wall time of each stage, in milliseconds, in order."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    screenshot: bytes | None = None
    """PNG of the viewport before the action."""
    viewport: tuple[int, int] = (1280, 720)
    """Width and height in CSS pixels."""

    def __post_init__(self) -> None:
        """Refuse values that would draw a report which says something else than the run did."""
        labels = [c.label for c in self.candidates]
        if self.chosen is not None and self.chosen not in labels:
            raise DataError(
                f"chosen label {self.chosen!r} is none of {labels}: pass the candidates offered"
            )
        if self.screenshot is not None and not self.screenshot.startswith(_PNG):
            raise DataError(
                f"screenshot starts with {self.screenshot[:8]!r}, not with a PNG signature: "
                "take it with type='png'"
            )

    @property
    def total_ms(self) -> float:
        """Wall time of all stages, in milliseconds."""
        return sum(ms for _, ms in self.stages_ms)

    @property
    def picture(self) -> str:
        """The screenshot as a data URI; empty when there is none."""
        if self.screenshot is None:
            return ""
        return "data:image/png;base64," + base64.b64encode(self.screenshot).decode("ascii")

    def drawn(self) -> list[tuple[ReportCandidate, BBox]]:
        """Return the candidates whose box touches the picture, the chosen one last, on top."""
        boxes = [(c, c.bbox) for c in self.candidates if c.bbox and self._on_picture(c.bbox)]
        return sorted(boxes, key=lambda pair: pair[0].label == self.chosen)

    def _on_picture(self, box: BBox) -> bool:
        width, height = self.viewport
        across = box.x < width and box.x + box.width > 0
        return across and box.y < height and box.y + box.height > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run, ready to be written."""

    title: str
    model: str
    steps: Sequence[ReportStep]

    @property
    def n_verified(self) -> int:
        """Steps whose effect was seen."""
        return sum(step.outcome == "verified" for step in self.steps)

    @property
    def total_ms(self) -> float:
        """Wall time of all steps, in milliseconds."""
        return sum(step.total_ms for step in self.steps)

    @property
    def n_tokens(self) -> int:
        """Tokens read and written by the model."""
        return sum(step.prompt_tokens + step.completion_tokens for step in self.steps)


def report_of(results: Sequence[StepResult], *, title: str, model: str = "") -> Report:
    """Return the report of steps done, each attempt a step of its own."""
    steps = [s for r in results for s in (*r.attempts, r)]
    return Report(
        title=title,
        model=model or next((r.model for r in results), ""),
        steps=[_step_of(r) for r in steps],
    )


def _step_of(result: StepResult) -> ReportStep:
    d = result.decision
    candidates, chosen, none = _candidates_of(result)
    width, height = result.viewport
    return ReportStep(
        instruction=result.instruction,
        action=result.action.describe(),
        url=result.url,
        outcome="failed" if result.error else result.outcome.status,
        evidence=result.outcome.evidence,
        candidates=candidates,
        chosen=chosen,
        confidence=result.confidence,
        none_probability=none,
        method=d.selection.method if d else "",
        prompt=d.prompt.text if d and d.prompt else "",
        dropped=[(_name(x.element), x.reason) for x in d.dropped] if d else [],
        stages_ms=list(result.stages_ms.items()),
        prompt_tokens=result.tokens[0],
        completion_tokens=result.tokens[1],
        screenshot=result.screenshot,
        viewport=(width or 1280, height or 720),
    )


def _candidates_of(result: StepResult) -> tuple[list[ReportCandidate], str | None, float | None]:
    """Return the candidates, the chosen one's label, and the probability of "none of these"."""
    d, element = result.decision, result.element
    if d is None or d.prompt is None or d.choice is None:
        if element is None:
            return [], None, None
        return [_candidate_of("*", element, result.confidence)], "*", None
    odds = dict(zip(d.choice.labels, d.choice.probabilities or (), strict=False))
    offered = list(zip(d.prompt.labels, d.prompt.candidates, strict=False))
    listed = [_candidate_of(label, c.element, odds.get(label)) for label, c in offered]
    chosen = next((lb for lb, c in offered if element and c.element.id == element.id), None)
    return listed, chosen, odds.get(d.prompt.none_label)


def _candidate_of(label: str, element: RawElement, p: float | None) -> ReportCandidate:
    return ReportCandidate(
        label=label,
        role=element.role or element.tag,
        name=_name(element),
        bbox=element.bbox,
        probability=p,
        context=element.context[:200],
    )


def _name(element: RawElement) -> str:
    return element.text or element.label or element.placeholder


def render_report(report: Report) -> str:
    """Return the report as one HTML document."""
    return _environment().get_template("report.html").render(report=report)


def write_report(report: Report, path: Path) -> None:
    """Write the report as one HTML file.

    Raises:
        DataError: If the file cannot be written.
    """
    # A page can hold lone surrogates, which UTF-8 cannot: they show as question marks.
    html = render_report(report).encode("utf-8", "replace")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(html)
    except OSError as error:
        raise DataError(f"cannot write the report to {path} ({error}): choose another path") from (
            error
        )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("groundling", "report_templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = _percent
    return environment


def _percent(probability: float | None) -> str:
    """Show a probability; one that is merely close to certain never reads as 100 %."""
    if probability is None:
        return "unknown"
    if 0.999 < probability < 1:
        return ">99.9 %"
    return f"{probability * 100:.1f} %"
