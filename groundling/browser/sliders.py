"""Bring a slider to a value: natively, by its keys, or with the mouse along its track.

The value is read from the slider (`aria-valuenow`) or, where it tells none, from the number that
the page shows beside it. What is read at the end decides whether the slider stands where it should.
"""

from functools import cache
from importlib.resources import files
from typing import Any

from groundling.driver import PageCall, Steps
from groundling.errors import ActionError

_MAX_KEYS = 400
_MAX_MOVES = 24
_MS = 30.0
"""For pages that show the value with the next frame."""
_SAME = 1e-9


def set_value(page: Any, value: float, handle: Any, timeout_ms: float) -> Steps[None]:  # noqa: ANN401
    """Set a native range at once, any other slider by its keys, else by the mouse.

    Args:
        page: A Playwright page.
        value: Where the slider shall stand.
        handle: The slider, or the part of it that moves.
        timeout_ms: Limit of a native fill.

    Raises:
        ActionError: If the slider shows no value, or does not go to this one.
    """
    if (yield PageCall(lambda: handle.evaluate("e => e.localName === 'input'"))):
        yield PageCall(lambda: handle.fill(f"{value:g}", timeout=timeout_ms))
        return
    now = yield from _number(handle)
    if now is None:
        raise ActionError("the slider shows no value: drag it by a distance")
    yield PageCall(handle.focus)
    reached, moves = yield from _by_keys(page, value, handle, now)
    if not reached and not moves:
        reached = yield from _by_mouse(page, value, handle)
    if not reached:
        now = yield from _number(handle)
        raise ActionError(f"the slider stands at {now:g} and does not go to {value:g}")


@cache
def number_script() -> str:
    """Return the functions that read the number of a slider, `numberOf` among them."""
    return (files(__package__) / "js" / "number.js").read_text(encoding="utf-8")


def _number(handle: Any) -> Steps[float | None]:  # noqa: ANN401
    code = f"e => {{ {number_script()}\nconst n = numberOf(e); return isNaN(n) ? null : n; }}"
    found = yield PageCall(lambda: handle.evaluate(code))
    return None if found is None else float(found)


def _by_keys(page: Any, value: float, handle: Any, now: float) -> Steps[tuple[bool, bool]]:  # noqa: ANN401
    """Return whether the value is reached, and whether the keys move the slider at all.

    One press tells the step; then as many are pressed as it takes. Where the keys turn out to leap
    over the value, the slider is left beside it.
    """
    pressed, moves = 0, abs(now - value) < _SAME
    step = 1.0
    for turn in range(4):
        if abs(now - value) < _SAME:
            return True, moves
        n = 1 if turn == 0 else max(1, round(abs(now - value) / step))
        if pressed + n > _MAX_KEYS:
            return False, False
        key = "ArrowRight" if now < value else "ArrowLeft"
        for _ in range(n):
            yield PageCall(lambda k=key: page.keyboard.press(k))  # type: ignore[misc]
        pressed += n
        was, now = now, (yield from _settled(page, handle, now))
        if now == was:
            return False, moves
        moves = True
        step = abs(now - was) / n
    return abs(now - value) < _SAME, moves


def _settled(page: Any, handle: Any, was: float) -> Steps[float]:  # noqa: ANN401
    """Return the number once it has changed, or after a short wait."""
    now = yield from _number(handle)
    if now is None or now == was:
        yield PageCall(lambda: page.wait_for_timeout(_MS))
        now = yield from _number(handle)
    return was if now is None else now


_TRACK = """e => {
  const r = x => x.getBoundingClientRect(), own = r(e);
  let track = e.parentElement;
  while (track && Math.max(r(track).width, r(track).height) < 2 * Math.max(own.width, own.height)) {
    track = track.parentElement;
  }
  const box = r(track || e), wide = box.width >= box.height;
  return { own: [own.x + own.width / 2, own.y + own.height / 2], wide,
    from: wide ? box.left : box.top, to: wide ? box.right : box.bottom };
}"""


def _by_mouse(page: Any, value: float, handle: Any) -> Steps[bool]:  # noqa: ANN401
    """Hold the slider, halve the way along its track until the number fits, and let go."""
    yield PageCall(handle.scroll_into_view_if_needed)
    track = yield PageCall(lambda: handle.evaluate(_TRACK))
    yield PageCall(lambda: page.mouse.move(*track["own"]))
    yield PageCall(page.mouse.down)
    try:
        reached = yield from _sought(page, value, handle, track)
    except Exception:
        yield PageCall(page.mouse.up)
        raise
    yield PageCall(page.mouse.up)
    return reached


def _sought(page: Any, value: float, handle: Any, track: Any) -> Steps[bool]:  # noqa: ANN401
    """Move the mouse, its button down, to where the slider shows the value."""
    low, high = float(track["from"]), float(track["to"])
    first = yield from _moved_to(page, low, handle, track)
    last = yield from _moved_to(page, high, handle, track)
    if not min(first, last) <= value <= max(first, last):
        return False
    for _ in range(_MAX_MOVES):
        middle = (low + high) / 2
        now = yield from _moved_to(page, middle, handle, track)
        if abs(now - value) < _SAME:
            return True
        if (now < value) == (first < last):
            low = middle
        else:
            high = middle
    return False


def _moved_to(page: Any, at: float, handle: Any, track: Any) -> Steps[float]:  # noqa: ANN401
    x, y = track["own"]
    place = (at, y) if track["wide"] else (x, at)
    yield PageCall(lambda: page.mouse.move(*place, steps=2))
    now = yield from _number(handle)
    return float("nan") if now is None else now
