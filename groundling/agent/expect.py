"""The caller's own proof that a step worked: an address, a text, or any check."""

import inspect
import re
from typing import Any

from groundling.browser.limits import limited
from groundling.browser.perform import url_pattern
from groundling.driver import PageCall, Steps
from groundling.verify import Expectation, Outcome

_POLLS = 25
_PAUSE_MS = 120.0
_LIMIT_S = 5.0
_SHOWS = """text => {
  const plain = t => t.replace(/\\s+/g, ' ').toLowerCase();
  return plain(document.body ? document.body.innerText : '').includes(plain(text));
}"""


def expected(page: Any, expect: Expectation, outcome: Outcome) -> Steps[Outcome]:  # noqa: ANN401
    """Return the outcome by the caller's expectation, which is looked at for three seconds.

    Args:
        page: A Playwright page.
        expect: Address pattern, text or check.
        outcome: What was seen without it; its evidence is kept.
    """
    said = expect if isinstance(expect, str) else getattr(expect, "__name__", "the check")
    why = ""
    for turn in range(_POLLS):
        if page.is_closed():
            why = ": the page is closed"
            break
        met, why = yield from _met(page, expect)
        if met:
            evidence = (f"as expected: {said}", *outcome.evidence)
            return Outcome("verified", evidence[:6], outcome.effect_needed)
        if turn < _POLLS - 1:
            yield PageCall(lambda: page.wait_for_timeout(_PAUSE_MS))
    evidence = (f"not as expected: {said}{why}", *outcome.evidence)
    return Outcome("failed", evidence[:6], outcome.effect_needed)


def is_address(expect: str) -> bool:
    """Return whether a text expectation is an address pattern."""
    return expect.startswith(("/", "*")) or "://" in expect


def _met(page: Any, expect: Expectation) -> Steps[tuple[bool, str]]:  # noqa: ANN401
    try:
        if isinstance(expect, str):
            if is_address(expect):
                return re.match(url_pattern(expect), page.url) is not None, f": it is {page.url}"
            shows = yield limited(page.main_frame, "evaluate", _SHOWS, expect, timeout_s=_LIMIT_S)
            return bool(shows), ""
        found = yield PageCall(lambda: expect(page))
        if inspect.isawaitable(found):
            found = yield PageCall(lambda: found)
    except AssertionError as error:
        return False, f": {_first(error)}"
    except Exception as error:  # noqa: BLE001 - the page may be between two documents
        return False, f": {_first(error)}"
    # Playwright's `expect(...)` raises or returns None.
    return found is None or bool(found), ""


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__
