"""Stops a step that would be done again and again on a page that stays the same."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from groundling.actions import Action
from groundling.elements import ElementSnapshot, RawElement
from groundling.errors import ActionError


@dataclass(slots=True)
class LoopGuard:
    """Counts the steps done on each state of each page."""

    limit: int = 3
    """Times that the same action may be done to the same element on the same state."""
    _counts: "WeakKeyDictionary[Any, Counter[str]]" = field(default_factory=WeakKeyDictionary)

    def check(self, page: Any, step: str) -> None:  # noqa: ANN401
        """Raise when a step would be done too often.

        Args:
            page: The page.
            step: What `step_key` returned.

        Raises:
            ActionError: If the step was done `limit` times on this state already.
        """
        if self._counts.setdefault(page, Counter())[step] >= self.limit:
            raise ActionError(
                f"the same was done {self.limit} times on this page, which is as before: the step "
                "is not repeated"
            )

    def count(self, page: Any, step: str) -> None:  # noqa: ANN401
        """Note that a step was done."""
        self._counts.setdefault(page, Counter())[step] += 1


def step_key(snapshot: ElementSnapshot, action: Action, element: RawElement | None) -> str:
    """Return what makes two steps the same: page state, action and element."""
    return f"{state_key(snapshot)} {action!r} {element and (element.id, element.text)}"


def state_key(snapshot: ElementSnapshot) -> str:
    """Return a digest of what a person would see of a page: address, elements, texts."""
    digest = hashlib.blake2b(snapshot.url.encode(), digest_size=12)
    for e in snapshot.elements:
        told = (e.role, e.text, e.value, e.checked, e.selected, e.pressed, e.expanded, e.disabled)
        digest.update(repr(told).encode("utf-8", "replace"))
    for text in snapshot.texts:
        digest.update(text.encode("utf-8", "replace"))
    return digest.hexdigest()
