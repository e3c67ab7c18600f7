"""What is remembered of a page between readings: which id belongs to which node."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from groundling.browser.devtools import Tools
from groundling.elements import RawElement

Twin = tuple[int, str | None, str]
"""Frame, role and name."""


@dataclass(slots=True)
class PageState:
    """Ids of the nodes of one page, forgotten with its main document."""

    main: str = ""
    """Key of the main frame's document."""
    ids: dict[tuple[str, int], int] = field(default_factory=dict)
    homes: dict[int, tuple[Any, str, int]] = field(default_factory=dict)
    """id -> (frame, document, node)."""
    frames: list[Any] = field(default_factory=list)
    """The frames of the last snapshot, by index."""
    twins: set[Twin] = field(default_factory=set)
    """What more than one element of the last snapshot has."""
    hooked: bool | None = None
    """Whether our hook ran before the document's scripts; None before the first reading."""
    own_world: bool = False
    """Whether the document could only be read from a world of our own."""
    owners: dict[tuple[Any, str], int] = field(default_factory=dict)
    """(frame, parent's document) -> number of the frame's element there."""
    tools: Tools | None = None
    tools_asked: bool = False
    crashed: bool = False

    def note_crash(self) -> None:
        """Remember that the page's renderer is gone; the page never answers again."""
        self.crashed = True

    def enter(self, document: str) -> None:
        """Forget everything that belonged to another main document."""
        if document != self.main:
            self.main = document
            self.ids, self.homes, self.frames, self.twins = {}, {}, [], set()
            self.owners = {}

    def id_for(self, frame: Any, document: str) -> Callable[[int], int]:  # noqa: ANN401
        """Return the function from a node's number to its id, which gives new ids where needed."""
        ids, homes = self.ids, self.homes

        def id_of(node: int) -> int:
            found = ids.get((document, node))
            if found is None:
                found = ids[(document, node)] = len(ids) + 1
                homes[found] = (frame, document, node)
            return found

        return id_of

    def note_twins(self, elements: Iterable[RawElement]) -> None:
        """Remember which roles and names do not tell elements apart."""
        seen: set[Twin] = set()
        self.twins = set()
        for e in elements:
            key = (e.frame, e.role, e.text)
            (self.twins if key in seen else seen).add(key)


_STATES: "WeakKeyDictionary[Any, PageState]" = WeakKeyDictionary()


def state_of(page: Any) -> PageState:  # noqa: ANN401
    """Return what is remembered of a Playwright page, by any adapter."""
    state: PageState = _STATES.setdefault(page, PageState())
    return state
