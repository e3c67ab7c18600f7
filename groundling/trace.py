"""What happened: one step with everything that led to it, and runs as JSON lines.

A line holds no secret: a secret is named, never written, and what goes into a password field counts
as one.
"""

import json
import re
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from groundling.actions import Action
from groundling.decision import Decision
from groundling.elements import ElementSnapshot, RawElement
from groundling.errors import DataError
from groundling.verify import Outcome

TYPED = "[typed]"
"""Stands where a page showed what was typed."""
_CANDIDATES = 25
"""Candidates that a line keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One step: decision, action, outcome. Truthy only when it succeeded."""

    action: Action
    outcome: Outcome
    instruction: str = ""
    task_type: str = "find_any"
    element: RawElement | None = None
    """What was acted on; None when nothing was found or the action needs no element."""
    decision: Decision | None = None
    """None when the caller gave the element, or the action needs none."""
    error: str = ""
    """Why the step ended early, in one line; empty when it ran to its end."""
    touched: bool = False
    """Whether the action may have reached the page, so that doing it again could do it twice."""
    snapshot: ElementSnapshot | None = field(default=None, repr=False)
    """The page before the action, where the element had to be found."""
    url: str = ""
    """Address before the step."""
    url_after: str = ""
    new_pages: tuple[Any, ...] = ()
    """Playwright pages that the step opened."""
    stages_ms: dict[str, float] = field(default_factory=dict)
    """Wall time of each stage, in milliseconds, in order."""
    screenshot: bytes | None = field(default=None, repr=False)
    """PNG of the viewport before the action, where asked for."""
    viewport: tuple[int, int] = (0, 0)
    """Width and height in CSS pixels."""
    model: str = ""
    attempts: tuple["StepResult", ...] = field(default=(), repr=False)
    """Earlier attempts at the same step, oldest first."""
    change: str = ""
    """What this attempt did otherwise than the one before."""
    healed_by: str = ""
    """How the element was found when not by a decision: `cache` or `selector`."""

    def __bool__(self) -> bool:
        return not self.error and bool(self.outcome)

    @property
    def verified(self) -> bool:
        """Whether the effect was seen."""
        return not self.error and self.outcome.status == "verified"

    @property
    def confidence(self) -> float | None:
        """Probability that the element is the one meant, in [0, 1]."""
        return self.decision.selection.confidence if self.decision else None

    @property
    def total_ms(self) -> float:
        """Wall time of the step, in milliseconds."""
        return sum(self.stages_ms.values())

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens read and written by the model."""
        return self.decision.tokens if self.decision else (0, 0)

    def __str__(self) -> str:
        return " · ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        if self.element is not None:
            e = self.element
            name = e.text or e.label or e.placeholder
            yield f"{self.action.describe()}: {e.role or e.tag} {name[:60]!r}"
        else:
            yield self.action.describe()
        if self.confidence is not None and self.decision is not None:
            yield f"{self.decision.selection.method} {self.confidence:.2f}"
        yield f"{self.total_ms:.0f} ms"
        if self.decision is not None:
            yield f"{sum(self.tokens)} tokens"
        yield f"failed: {self.error}" if self.error else str(self.outcome)

    def to_json(self) -> dict[str, Any]:
        """Return the step as plain JSON, without pictures and secrets."""
        d = self.decision
        return {
            "action": self.action.to_json(),
            "instruction": self.instruction,
            "task_type": self.task_type,
            "url": self.url,
            "url_after": self.url_after,
            "status": "failed" if self.error else self.outcome.status,
            "success": bool(self),
            "evidence": list(self.outcome.evidence),
            "error": self.error,
            "change": self.change,
            "element": _element_json(self.element),
            "confidence": self.confidence,
            "method": d.selection.method if d else self.healed_by,
            "model": self.model,
            "candidates": _candidates_json(d),
            "prompt": d.prompt.text if d and d.prompt else "",
            "tokens": list(self.tokens),
            "stages_ms": {k: round(v, 2) for k, v in self.stages_ms.items()},
            "attempts": [a.to_json() for a in self.attempts],
        }


def without_secret(action: Action, element: RawElement | None) -> Action:
    """Return the action as it may be written down: what goes into a password field is a secret."""
    text = getattr(action, "text", "")
    hidden = element is not None and element.input_type == "password"
    if hidden and text and not getattr(action, "secret", ""):
        return replace(action, secret="password")  # type: ignore[call-arg]
    return action


def _element_json(e: RawElement | None) -> dict[str, Any] | None:
    if e is None:
        return None
    box = e.bbox
    return {
        "id": e.id,
        "role": e.role or e.tag,
        "name": e.text or e.label or e.placeholder,
        "context": e.context[:200],
        "heading": e.heading,
        "landmark": e.landmark,
        "frame": e.frame,
        "bbox": [box.x, box.y, box.width, box.height],
    }


def _candidates_json(decision: Decision | None) -> list[dict[str, Any]]:
    if decision is None or decision.choice is None or decision.prompt is None:
        return []
    labels = decision.prompt.labels
    p = dict(zip(decision.choice.labels, decision.choice.probabilities or (), strict=False))
    return [
        {**(_element_json(c.element) or {}), "label": label, "p": p.get(label)}
        for label, c in zip(labels, decision.candidates[:_CANDIDATES], strict=False)
    ]


class Trace:
    """Writes steps to a file, one JSON line each, as they happen."""

    def __init__(self, path: Path | str, *, pages: bool = False) -> None:
        """Append to `path`, which is made on the first step.

        Args:
            path: The file.
            pages: Keep with each step the page that it was decided on, which `groundling train
                collect` needs. What fields hold is left out, and so is every text that was typed
                through this trace, wherever a page shows it again.
        """
        self.path, self.pages = Path(path), pages
        self._typed: set[str] = set()
        self._secrets: set[str] = set()

    def write(self, step: StepResult) -> None:
        """Append one step.

        Raises:
            DataError: If the file cannot be written.
        """
        told = {"time": round(time.time(), 3), **self._clean(step)}
        line = json.dumps(told, ensure_ascii=True)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise DataError(f"cannot write the trace {self.path} ({error}): choose another") from (
                error
            )

    def _clean(self, step: StepResult) -> dict[str, Any]:
        """Return the step without secrets, which a page may show again, and perhaps its page."""
        for action in (step.action, *(a.action for a in step.attempts)):
            text = getattr(action, "text", "")
            self._typed |= {text}
            self._secrets |= {text} if getattr(action, "secret", "") else set()
        told = step.to_json()
        kept = {k: told[k] for k in ("action", "status")}
        told = {**scrubbed(told, self._secrets), **kept}
        if self.pages and step.snapshot is not None:
            told["page"] = scrubbed(page_json(step.snapshot), self._typed)
        return told


def page_json(snapshot: ElementSnapshot) -> dict[str, Any]:
    """Return a page as plain JSON, without what text fields hold and without queries."""
    elements = tuple(_emptied(e) for e in snapshot.elements)
    url = snapshot.url.split("#")[0].split("?")[0]
    bare = replace(snapshot, elements=elements, texts=(), url=url, frames=())
    return bare.to_json()


def _emptied(e: RawElement) -> RawElement:
    typed = e.role in ("textbox", "searchbox", "spinbutton") or e.input_type is not None
    return replace(
        e, value=None if typed else e.value, href=e.href.split("#")[0].split("?")[0] or e.href[:1]
    )


def scrubbed(told: Any, typed: Collection[str]) -> Any:  # noqa: ANN401 - JSON
    """Return plain JSON with each of `typed` taken out of every text, also as part of an address.

    Texts of one or two characters are in half of all words and stay.
    """
    forms = {f for t in typed for f in (t, quote(t), quote_plus(t)) if len(t.strip()) > 2}
    if not forms:
        return told
    # The longest first, or a part of it would be left standing.
    pattern = re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))), re.I)

    def clean(value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, str):
            return pattern.sub(TYPED, value)
        if isinstance(value, dict):
            return {k: clean(v) for k, v in value.items()}
        return [clean(v) for v in value] if isinstance(value, list) else value

    return clean(told)


def read_trace(path: Path | str) -> list[dict[str, Any]]:
    """Return the steps of a trace file.

    Raises:
        DataError: If the file cannot be read or a line is no step.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the trace {path} ({error}): check the path") from error
    steps = []
    for number, line in enumerate(lines, start=1):
        try:
            step = json.loads(line)
            _ = step["action"]["do"], step["status"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}, line {number} is no step of a trace: {error!r}") from error
        steps.append(step)
    return steps
