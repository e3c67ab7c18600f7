"""What one step asks the action cache, and what the cache learns from its outcome."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from groundling.actions import Action, Fill, Type
from groundling.cache import ActionCache, Recall
from groundling.decision import Decision, DecisionConfig, Selection
from groundling.driver import ModelCall, Steps
from groundling.elements import ElementSnapshot, RawElement
from groundling.trace import StepResult

log = logging.getLogger(__name__)


def opened(cache: ActionCache | Path | str | bool | None) -> ActionCache | None:
    """Return the cache of an agent: one that is open, a file, True for the default file, or none.

    Raises:
        DataError: If the file cannot be used.
    """
    if cache is None or cache is False or isinstance(cache, ActionCache):
        return cache or None
    return ActionCache(None if cache is True else cache)


@dataclass(frozen=True, slots=True)
class _Asked:
    snapshot: ElementSnapshot
    instruction: str
    task_type: str
    found: Recall


class Memory:
    """The cache during one step; does nothing without a cache."""

    def __init__(
        self, cache: ActionCache | None, config: DecisionConfig, secrets: Iterable[str] = ()
    ) -> None:
        self.cache, self.least, self.secrets = cache, config.min_confidence, tuple(secrets)
        self.asked: list[_Asked] = []
        self.notes: tuple[str, ...] = ()
        """What of the elements found is not as remembered."""

    def recall(
        self, snapshot: ElementSnapshot, instruction: str, task_type: str
    ) -> Steps[Decision | None]:
        """Return a decision by the cache, or None where the model is to decide."""
        if self.cache is None:
            return None
        cache, started = self.cache, time.perf_counter()
        found: Recall = yield ModelCall(lambda: cache.find(snapshot, instruction, task_type))
        if found and found.confidence < self.least:
            found = Recall(element=None, entry=found.entry, reason="below `min_confidence`")
        self.asked.append(_Asked(snapshot, instruction, task_type, found))
        if not found:
            log.debug("%r is not taken from the cache: %s", instruction, found.reason)
            return None
        self.notes += tuple(f"remembered element: {change}" for change in found.changed)
        chosen = Selection(element=found.element, confidence=found.confidence, method="cache")
        return Decision(
            selection=chosen,
            instruction=instruction,
            task_type=task_type,
            n_elements=len(snapshot),
            stages_ms={"cache": (time.perf_counter() - started) * 1000},
        )

    def learn(self, result: StepResult, action: Action) -> Steps[None]:
        """Write what a verified step acted on; suspend, then remove, what failed.

        Args:
            result: The step.
            action: What was done, its text not yet hidden.
        """
        cache = self.cache
        if cache is None:
            return
        if isinstance(action, Fill | Type):
            cache.typed(action.text)
        elements = (result.element, getattr(action, "to", None))
        for asked, element in zip(self.asked, elements, strict=False):
            if result.verified and isinstance(element, RawElement):
                yield ModelCall(lambda a=asked, e=element: self._keep(a, e))  # type: ignore[misc]
            elif not result and _blamed(asked.found):
                yield ModelCall(lambda a=asked: cache.fail(a.found.entry))  # type: ignore[misc]

    def _keep(self, asked: _Asked, element: RawElement) -> None:
        if self.cache is not None:
            self.cache.keep(
                asked.snapshot, asked.instruction, asked.task_type, element, private=self.secrets
            )


def _blamed(found: Recall) -> bool:
    """Whether a failed step speaks against an entry: it was used, or is suspended already."""
    return found.entry is not None and (bool(found) or found.entry.failures > 0)
