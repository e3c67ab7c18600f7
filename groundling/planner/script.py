"""A finished run as a script: readable JSON, each step with the fingerprint of its element.

A script holds no text of a password field, no secret and no text that the caller gave in `values`:
it names them, and asks for them again when it is replayed.
"""

import ast
import base64
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from groundling.actions import Action, Drag, action_from_json
from groundling.agent.goal import Past, RunResult
from groundling.cache.fingerprint import Fingerprint, Known, fingerprint, known
from groundling.elements import ElementSnapshot, RawElement
from groundling.errors import DataError
from groundling.trace import StepResult

VERSION = 1
_SHOWS = re.compile(r"the page shows ('.*'|\".*\")$", re.DOTALL)
_NOTHING = Known(frozenset(), (frozenset(), frozenset(), frozenset()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An element as it was when the step on it was verified."""

    element: Fingerprint
    page: Known = field(default=_NOTHING, repr=False)
    """What else was on the page."""

    @classmethod
    def of(cls, element: RawElement, snapshot: ElementSnapshot) -> "Target":
        """Return what is remembered of an element."""
        return cls(element=fingerprint(element, snapshot), page=known(element, snapshot))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON; what else was on the page is packed."""
        packed = base64.b64encode(zlib.compress(self.page.to_bytes(), 9)).decode()
        return {**self.element.to_json(), "others": packed}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Target":
        """Rebuild what `to_json` returned; without `others`, nothing else is remembered."""
        data = dict(data)
        packed = data.pop("others", "")
        page = Known.from_bytes(zlib.decompress(base64.b64decode(packed))) if packed else _NOTHING
        return cls(element=Fingerprint.from_json(data), page=page)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptStep:
    """One step of a script."""

    action: Action
    instruction: str = ""
    task_type: str = "find_any"
    value: str = ""
    """Name of the value to type; empty where the action holds its text."""
    target: Target | None = None
    to: Target | None = None
    """Where something is dragged to."""
    shows: str = ""
    """A text that the page showed because of the step."""
    url_after: str = ""
    """Address after the step, where the step changed it."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON, what is empty left out."""
        do = self.action.to_json()
        if self.value:
            do.pop("text", None)
        told = {
            "action": do,
            "instruction": self.instruction,
            "task_type": self.task_type if self.task_type != "find_any" else "",
            "value": self.value,
            "shows": self.shows,
            "url_after": self.url_after,
            "element": self.target.to_json() if self.target else None,
            "to": self.to.to_json() if self.to else None,
        }
        return {k: v for k, v in told.items() if v}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ScriptStep":
        """Rebuild what `to_json` returned."""
        texts = {
            k: str(data[k])
            for k in ("instruction", "task_type", "value", "shows", "url_after")
            if k in data
        }
        do = dict(data["action"])
        # Where a drag goes is an element of its own, which is found again when it is replayed.
        onto = isinstance(do.pop("to", None), dict)
        action = action_from_json(do)
        return cls(
            action=replace(action, to="") if onto and isinstance(action, Drag) else action,
            target=Target.from_json(data["element"]) if data.get("element") else None,
            to=Target.from_json(data["to"]) if data.get("to") else None,
            **texts,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The steps of a finished run."""

    goal: str
    url: str
    """Address that the run started on."""
    steps: tuple[ScriptStep, ...]

    @classmethod
    def of(cls, result: RunResult) -> "Script":
        """Return the steps of a run that reached its goal.

        Raises:
            DataError: If it did not.
        """
        if not result:
            raise DataError(f"a run that is not done cannot be saved as a script: {result.reason}")
        done = [p for p in result.history if p.result]
        goal = without_secrets(result.goal, result.steps)
        return cls(goal=goal, url=done[0].result.url, steps=tuple(map(_step, done)))

    def save(self, path: Path | str) -> None:
        """Write the script as JSON.

        Raises:
            DataError: If the file cannot be written.
        """
        told = {"groundling_script": VERSION, "goal": self.goal, "url": self.url}
        steps = [s.to_json() for s in self.steps]
        data = orjson.dumps({**told, "steps": steps}, option=orjson.OPT_INDENT_2)
        try:
            Path(path).write_bytes(data + b"\n")
        except OSError as error:
            raise DataError(f"cannot write the script {path} ({error}): choose another") from error

    @classmethod
    def load(cls, path: Path | str) -> "Script":
        """Read a script.

        Raises:
            DataError: If the file cannot be read or is no script.
        """
        try:
            data = orjson.loads(Path(path).read_bytes())
            if data["groundling_script"] != VERSION:
                raise ValueError(f"version {data['groundling_script']!r}, known is {VERSION}")
            steps = tuple(ScriptStep.from_json(s) for s in data["steps"])
            return cls(goal=str(data["goal"]), url=str(data["url"]), steps=steps)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, zlib.error) as error:
            raise DataError(f"{path} is no script ({error!r}): write one with --save") from error


def without_secrets(goal: str, steps: Sequence[StepResult]) -> str:
    """Return a goal with the texts that were typed as secrets replaced by their names."""
    for step in steps:
        text, secret = getattr(step.action, "text", ""), getattr(step.action, "secret", "")
        if text and secret:
            goal = goal.replace(text, f"{{{secret}}}")
    return goal


def _step(past: Past) -> ScriptStep:
    planned, result = past.planned, past.result
    snapshot = result.snapshot or past.snapshot
    target = to = None
    action = result.action
    if snapshot is not None and result.element is not None:
        target = Target.of(result.element, snapshot)
    if snapshot is not None and isinstance(action, Drag) and isinstance(action.to, RawElement):
        to = Target.of(action.to, snapshot)
    return ScriptStep(
        action=action,
        instruction=result.instruction,
        task_type=result.task_type,
        value=planned.value,
        target=target,
        to=to,
        shows=next(_shown(result.outcome.evidence), ""),
        url_after=result.url_after if result.url_after != result.url else "",
    )


def _shown(evidence: Sequence[str]) -> Iterator[str]:
    for said in evidence:
        if found := _SHOWS.search(said):
            yield str(ast.literal_eval(found.group(1)))
