"""The seam between the package and a browser library: what an adapter must offer.

Adapters hold the only code that knows a library's calls and its milliseconds. Every method that
touches the page is a generator of requests (see `groundling.driver`).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from groundling.driver import Steps
from groundling.elements import ElementSnapshot, RawElement


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotOptions:
    """What to read of a page, and the limits; each limit that is hit is named in the snapshot."""

    near_viewport_px: int | None = None
    """Only elements within this distance of the viewport; None reads the whole page."""
    limit: int = 5000
    """Elements per frame."""
    max_nodes: int = 200_000
    """DOM nodes walked per frame."""
    budget_ms: float = 5000.0
    """Time in the page per frame, in milliseconds."""
    texts: bool = False
    """Also return the page's visible text blocks."""
    hit_test: bool = True
    """Look for elements covered by others."""
    developer_tools: bool = True
    """Ask Chromium's developer tools for listeners where the page was open before us."""
    frame_timeout_s: float = 1.5
    """How long a frame other than the main one may take to answer."""
    timeout_s: float = 10.0
    """How long the main frame may take to answer, e.g. while its scripts are busy."""


class PageAdapter(ABC):
    """One page of one browser library."""

    library: str
    """`playwright` or `sentience`, for traces."""
    is_async: bool
    """Whether the library's calls return coroutines; says which driver to use."""
    page: Any
    """The Playwright page underneath: both libraries have one."""

    def install(self) -> Steps[None]:
        """Let the reader into every document the page loads from now on; optional."""
        yield from ()

    @abstractmethod
    def snapshot(self, options: SnapshotOptions) -> Steps[ElementSnapshot]:
        """Read the page.

        Raises:
            PageClosedError: If the page is gone.
            PageTimeoutError: If the main frame does not answer in `options.timeout_s`.
            NavigationError: If the page keeps navigating away.
            SnapshotError: If the answer cannot be read.
        """

    @abstractmethod
    def resolve(self, element: RawElement) -> Steps[Any]:
        """Return a Playwright element handle that still shows `element`.

        Checks that the node is connected, in the same document, with the same role and name; if
        not, looks for the one element that matches role, name, context and frame.

        Raises:
            StaleElementError: If there is none, or more than one.
            PageClosedError: If the page is gone.
        """
