"""Carry out an action on a handle with Playwright, and say why when the page does not let it."""

import re
from pathlib import Path
from typing import Any

from groundling.actions import (
    Action,
    Back,
    Check,
    Clear,
    Click,
    Drag,
    Fill,
    Goto,
    Hover,
    Press,
    Scroll,
    SelectOption,
    SelectText,
    Type,
    Uncheck,
    Upload,
    WaitFor,
    said,
)
from groundling.browser.sliders import set_value
from groundling.driver import PageCall, Steps
from groundling.elements import RawElement
from groundling.errors import (
    ActionError,
    CoveredError,
    NavigationError,
    PageClosedError,
    PageTimeoutError,
    StaleElementError,
)

_TIMEOUT_MS = 5_000.0
_LOAD_MS = 30_000.0
_MAX_SCREENS = 100
_FETCH_MS = 120.0
_STILL = 4
"""Turns without any movement after which a scroll is at its end."""
_CHOOSER_MS = 1_500.0
_COVERED = re.compile(r"(<[^>]{1,120}>)[^\n]*intercepts pointer events")


def perform(
    page: Any,  # noqa: ANN401
    action: Action,
    element: RawElement | None,
    handle: Any | None,  # noqa: ANN401
    target: Any | None = None,  # noqa: ANN401
) -> Steps[None]:
    """Carry out `action`.

    Args:
        page: A Playwright page.
        action: What to do; validated before.
        element: What it is done to, for messages.
        handle: The element's handle.
        target: Handle of the element that a drag ends at.

    Raises:
        ActionError: If the element does not take the action, e.g. because it is covered.
        StaleElementError: If it is gone.
        NavigationError: If a page cannot be opened.
        PageTimeoutError: If what was waited for does not happen.
        PageClosedError: If the page is gone.
    """
    do = next(function for kinds, function in _PERFORMERS if isinstance(action, kinds))
    try:
        if isinstance(action, Drag):
            yield from _drag(page, action, handle, target)
        else:
            yield from do(page, action, handle)
    except ActionError:
        raise
    except Exception as error:
        raise _named(error, action, element) from error


def _named(error: Exception, action: Action, element: RawElement | None) -> Exception:
    text = str(error)
    what = said(element) if element else "the page"
    if "has been closed" in text or "Target closed" in text or "crashed" in text:
        return PageClosedError(f"the page went away during {action.verb} on {what}")
    if "not attached" in text or "detached" in text:
        return StaleElementError(f"{what} was replaced before {action.verb}: read the page anew")
    if isinstance(action, Goto):
        return NavigationError(f"{action.url} {_not_opened(text)}")
    if isinstance(action, WaitFor):
        return PageTimeoutError(f"{action.describe()}: not met in {action.timeout_s:g} s")
    covered = _COVERED.search(text)
    if covered:
        return CoveredError(f"{what} is covered by {covered.group(1)}: close that first")
    for sign, why in _REASONS:
        if sign in text:
            return ActionError(f"{what} {why}, so no {action.verb}")
    return ActionError(f"{what} did not take {action.verb}: {_first(text)}")


def _not_opened(text: str) -> str:
    if "Download is starting" in text:
        return "is a download and no page: click what leads to it"
    if "HTTP_RESPONSE_CODE_FAILURE" in text:
        return "was answered with an error status and no page"
    return f"could not be opened ({_first(text)}): check it"


_REASONS = (
    ("not visible", "is not visible"),
    ("not enabled", "is disabled"),
    ("not editable", "is read-only"),
    ("not stable", "keeps moving"),
    ("outside of the viewport", "is outside the viewport and cannot be scrolled to"),
    ("Malformed value", "does not take text of that form"),
)


def _first(text: str) -> str:
    line = next((part.strip() for part in text.splitlines() if part.strip()), "no reason given")
    return line.removeprefix("Error: ")[:160]


def _click(page: Any, action: Click, handle: Any) -> Steps[None]:  # noqa: ANN401
    modifiers = list(action.modifiers)
    yield PageCall(
        lambda: handle.click(
            button=action.button,
            click_count=action.count,
            modifiers=modifiers or None,
            timeout=_TIMEOUT_MS,
        )
    )


def _fill(page: Any, action: Fill, handle: Any) -> Steps[None]:  # noqa: ANN401
    if action.by_keys:
        yield PageCall(lambda: handle.click(timeout=_TIMEOUT_MS))
        yield PageCall(lambda: page.keyboard.press("ControlOrMeta+A"))
        yield PageCall(lambda: page.keyboard.press("Delete"))
        yield PageCall(lambda: page.keyboard.type(action.text))
        return
    yield PageCall(lambda: handle.fill(action.text, timeout=_TIMEOUT_MS))


def _clear(page: Any, action: Clear, handle: Any) -> Steps[None]:  # noqa: ANN401
    yield PageCall(lambda: handle.fill("", timeout=_TIMEOUT_MS))


_CARET_TO_END = """e => {
  if (e.isContentEditable) {
    const range = document.createRange(); range.selectNodeContents(e); range.collapse(false);
    const selection = getSelection(); selection.removeAllRanges(); selection.addRange(range);
  } else if ('selectionStart' in e && e.selectionStart !== null) {
    e.selectionStart = e.selectionEnd = e.value.length;
  }
}"""


def _type(page: Any, action: Type, handle: Any) -> Steps[None]:  # noqa: ANN401
    yield PageCall(lambda: handle.scroll_into_view_if_needed(timeout=_TIMEOUT_MS))
    yield PageCall(handle.focus)
    yield PageCall(lambda: handle.evaluate(_CARET_TO_END))
    yield PageCall(lambda: page.keyboard.type(action.text))


def _check(page: Any, action: Check | Uncheck, handle: Any) -> Steps[None]:  # noqa: ANN401
    want = isinstance(action, Check)
    state = yield PageCall(lambda: handle.evaluate(_CHECK_STATE))
    if state["native"] and state["shown"]:
        yield PageCall(lambda: handle.set_checked(want, timeout=_TIMEOUT_MS))
        return
    if state["on"] == want:
        return
    # A hidden native box behind a drawn one: people click the label.
    label = yield PageCall(lambda: handle.evaluate_handle("e => e.labels && e.labels[0] || e"))
    box = label.as_element() or handle
    force = not state["shown"] and not state["label"]
    yield PageCall(lambda: box.click(timeout=_TIMEOUT_MS, force=force))


_CHECK_STATE = """e => {
  const native = e.localName === 'input' && /^(checkbox|radio)$/.test(e.type);
  const box = e.getBoundingClientRect();
  const shown = box.width > 1 && box.height > 1 && getComputedStyle(e).visibility !== 'hidden'
    && getComputedStyle(e).opacity !== '0';
  const said = ['aria-checked', 'aria-pressed', 'aria-selected']
    .map(n => e.getAttribute(n)).find(Boolean);
  const on = native ? e.checked : said === 'true';
  return { native, shown, on, label: !!(e.labels && e.labels[0]) };
}"""

_FIND_OPTIONS = """(e, wanted) => {
  if (e.localName !== 'select') return null;
  const plain = t => String(t).trim().replace(/\\s+/g, ' ').toLowerCase();
  return wanted.map(w => [...e.options].findIndex(o => !o.disabled
    && (plain(o.label || o.text) === plain(w) || plain(o.value) === plain(w))));
}"""


def _select(page: Any, action: SelectOption, handle: Any) -> Steps[None]:  # noqa: ANN401
    wanted = list(action.options)
    found = yield PageCall(lambda: handle.evaluate(_FIND_OPTIONS, wanted))
    if found is None:
        yield from _select_custom(page, action, handle)
        return
    missing = [w for w, i in zip(wanted, found, strict=True) if i < 0]
    if missing:
        raise ActionError(f"the list has no option {missing[0]!r} that can be chosen")
    yield PageCall(lambda: handle.select_option(index=found, timeout=_TIMEOUT_MS))


def _select_custom(page: Any, action: SelectOption, handle: Any) -> Steps[None]:  # noqa: ANN401
    editable = yield PageCall(
        lambda: handle.evaluate("e => e.localName === 'input' && !e.readOnly")
    )
    frame = (yield PageCall(handle.owner_frame)) or page
    for wanted in action.options:
        option = _option(frame, wanted)
        if not (yield PageCall(option.is_visible)):
            yield PageCall(lambda: handle.click(timeout=_TIMEOUT_MS))
        if editable:
            yield PageCall(lambda w=wanted: handle.fill(w, timeout=_TIMEOUT_MS))  # type: ignore[misc]
        try:
            yield PageCall(lambda o=option: o.click(timeout=_TIMEOUT_MS))  # type: ignore[misc]
        except Exception as error:
            raise ActionError(
                f"no option {wanted!r} appeared in {_TIMEOUT_MS / 1000:g} s: {_first(str(error))}"
            ) from error


def _option(frame: Any, wanted: str) -> Any:  # noqa: ANN401
    exact = re.compile(rf"^\s*{re.escape(wanted)}\s*$", re.IGNORECASE)
    by_role = frame.get_by_role("option", name=exact)
    for role in ("menuitem", "menuitemradio", "treeitem", "radio", "button"):
        by_role = by_role.or_(frame.get_by_role(role, name=exact))
    listed = frame.locator("li, [role=listbox] *").filter(has_text=exact)
    return by_role.or_(listed).filter(visible=True).first


def _press(page: Any, action: Press, handle: Any | None) -> Steps[None]:  # noqa: ANN401
    if handle is not None:
        yield PageCall(lambda: handle.press(action.key, timeout=_TIMEOUT_MS, no_wait_after=True))
    else:
        yield PageCall(lambda: page.keyboard.press(action.key))


def _hover(page: Any, action: Hover, handle: Any) -> Steps[None]:  # noqa: ANN401
    yield PageCall(lambda: handle.hover(timeout=_TIMEOUT_MS))


_SCROLL = """(e, [direction, amount]) => {
  let box = e;
  const free = b => b.scrollHeight > b.clientHeight + 1 || b.scrollWidth > b.clientWidth + 1;
  const scrolls = s => /auto|scroll|overlay/.test(s.overflow + s.overflowY);
  while (box && !(free(box) && scrolls(getComputedStyle(box)))) box = box.parentElement;
  box = box || document.scrollingElement || document.documentElement;
  const dy = amount || box.clientHeight * 0.85, dx = amount || box.clientWidth * 0.85;
  const behavior = 'instant';
  if (direction === 'down') box.scrollBy({ top: dy, behavior });
  if (direction === 'up') box.scrollBy({ top: -dy, behavior });
  if (direction === 'right') box.scrollBy({ left: dx, behavior });
  if (direction === 'left') box.scrollBy({ left: -dx, behavior });
  if (direction === 'top') box.scrollTo({ top: 0, behavior });
  if (direction === 'bottom') box.scrollTo({ top: box.scrollHeight, behavior });
  return [box.scrollLeft, box.scrollTop, box.scrollHeight].join();
}"""
_SHOWS = """wanted => {
  const plain = t => t.replace(/\\s+/g, ' ').trim().toLowerCase(), text = plain(wanted);
  const holds = e => plain(e.textContent || '').includes(text);
  return [...document.body.querySelectorAll('*')].some(e => {
    if (!holds(e) || [...e.children].some(holds)) return false;
    const b = e.getBoundingClientRect();
    return b.width > 0 && b.bottom > 0 && b.top < innerHeight && b.right > 0 && b.left < innerWidth
      && e.checkVisibility({ checkVisibilityCSS: true });
  });
}"""
"""Whether a text shows within the viewport."""
_PLACE = "() => [scrollX, scrollY, document.documentElement.scrollHeight].join()"


def _scroll(page: Any, action: Scroll, handle: Any | None) -> Steps[None]:  # noqa: ANN401
    if not action.until:
        yield from _scroll_once(page, action, handle)
        return
    still = 0
    for _ in range(_MAX_SCREENS):
        if (yield PageCall(lambda: page.evaluate(_SHOWS, action.until))):
            return
        before = yield from _scroll_place(page, handle)
        yield from _scroll_once(page, action, handle)
        # Endless lists fetch more when their end comes near.
        yield PageCall(lambda: page.wait_for_timeout(_FETCH_MS))
        still = still + 1 if before == (yield from _scroll_place(page, handle)) else 0
        if still == _STILL:
            raise ActionError(f"the end is reached and {action.until!r} does not show")
    raise ActionError(f"{action.until!r} does not show after {_MAX_SCREENS} screens")


def _scroll_place(page: Any, handle: Any | None) -> Steps[Any]:  # noqa: ANN401
    if handle is None:
        return (yield PageCall(lambda: page.evaluate(_PLACE)))
    return (yield PageCall(lambda: handle.evaluate(f"e => ({_SCROLL})(e, ['stay', 0])")))


def _scroll_once(page: Any, action: Scroll, handle: Any | None) -> Steps[None]:  # noqa: ANN401
    wanted = [action.direction, action.amount_px]
    if action.direction == "into_view":
        if handle is None:
            raise ActionError("scroll into view needs an element: none was given")
        yield PageCall(lambda: handle.scroll_into_view_if_needed(timeout=_TIMEOUT_MS))
    elif handle is not None:
        yield PageCall(lambda: handle.evaluate(_SCROLL, wanted))
    else:
        yield PageCall(lambda: page.evaluate(f"w => ({_SCROLL})(null, w)", wanted))


def _drag(page: Any, action: Drag, handle: Any, target: Any | None) -> Steps[None]:  # noqa: ANN401
    if action.value is not None:
        yield from set_value(page, action.value, handle, _TIMEOUT_MS)
        return
    yield PageCall(lambda: handle.scroll_into_view_if_needed(timeout=_TIMEOUT_MS))
    start = yield from _middle(handle)
    if action.by is not None:
        end = start[0] + action.by[0], start[1] + action.by[1]
    else:
        if target is None:
            raise ActionError("drag needs the handle of its target: none was given")
        box = yield PageCall(target.bounding_box)
        if box is None:
            raise ActionError("the drag's target is not visible")
        share = {"onto": 0.5, "before": 0.1, "after": 0.9}[action.place]
        end = box["x"] + box["width"] / 2, box["y"] + box["height"] * share
    mouse = page.mouse
    yield PageCall(lambda: mouse.move(*start))
    yield PageCall(mouse.down)
    # Pages that drag by script look at several moves; one jump starts no drag.
    yield PageCall(lambda: mouse.move(start[0] + 4, start[1] + 4, steps=2))
    yield PageCall(lambda: mouse.move(*end, steps=12))
    yield PageCall(lambda: mouse.move(*end))
    yield PageCall(mouse.up)


def _middle(handle: Any) -> Steps[tuple[float, float]]:  # noqa: ANN401
    box = yield PageCall(handle.bounding_box)
    if box is None:
        raise ActionError("the element is not visible, so it cannot be dragged")
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


_SELECT_TEXT = """(e, wanted) => {
  if ('setSelectionRange' in e && 'value' in e) {
    const at = wanted ? e.value.indexOf(wanted) : 0;
    if (at < 0) return false;
    e.focus(); e.setSelectionRange(at, wanted ? at + wanted.length : e.value.length);
    return true;
  }
  const nodes = [], walker = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) nodes.push(walker.currentNode);
  const all = nodes.map(n => n.data).join('');
  const at = wanted ? all.indexOf(wanted) : 0;
  if (at < 0 || !nodes.length) return false;
  const point = offset => {
    for (const n of nodes) { if (offset <= n.length) return [n, offset]; offset -= n.length; }
    return [nodes.at(-1), nodes.at(-1).length];
  };
  const range = document.createRange();
  range.setStart(...point(at)); range.setEnd(...point(at + (wanted ? wanted.length : all.length)));
  const selection = getSelection(); selection.removeAllRanges(); selection.addRange(range);
  e.dispatchEvent(new MouseEvent('mouseup', { bubbles: true }));
  return true;
}"""


def _select_text(page: Any, action: SelectText, handle: Any) -> Steps[None]:  # noqa: ANN401
    found = yield PageCall(lambda: handle.evaluate(_SELECT_TEXT, action.text))
    if not found:
        raise ActionError(f"the element does not hold the text {action.text!r}")


_FILE_FIELD = """(e, near) => {
  if (e.localName === 'input' && e.type === 'file') return e;
  const label = e.closest('label');
  if (label && label.control && label.control.type === 'file') return label.control;
  for (let box = e; near && box; box = box.parentElement) {
    const found = box.querySelectorAll('input[type=file]');
    if (found.length === 1) return found[0];
    if (found.length > 1) return null;
  }
  return null;
}"""


def _upload(page: Any, action: Upload, handle: Any) -> Steps[None]:  # noqa: ANN401
    paths = list(action.paths)
    if missing := [p for p in paths if not Path(p).is_file()]:
        raise ActionError(f"there is no file {missing[0]!r} to upload: check the path")
    field = yield from _file_field(handle, near=False)
    if field is None:
        chooser = yield from _chooser(page, handle)
        if chooser is not None:
            yield PageCall(lambda: chooser.set_files(paths, timeout=_TIMEOUT_MS))
            return
        field = yield from _file_field(handle, near=True)
    if field is None:
        raise ActionError("no chooser opened, and no file field is near: choose the field itself")
    yield PageCall(lambda: field.set_input_files(paths, timeout=_TIMEOUT_MS))


def _file_field(handle: Any, *, near: bool) -> Steps[Any]:  # noqa: ANN401
    found = yield PageCall(lambda: handle.evaluate_handle(_FILE_FIELD, near))
    return found.as_element()


def _chooser(page: Any, handle: Any) -> Steps[Any]:  # noqa: ANN401
    """Click and return the file chooser that opens, or None."""
    opened: list[Any] = []

    def note(chooser: Any) -> None:  # noqa: ANN401
        opened.append(chooser)

    page.on("filechooser", note)
    try:
        yield PageCall(lambda: handle.click(timeout=_TIMEOUT_MS))
        for _ in range(int(_CHOOSER_MS / 50)):
            if opened:
                return opened[0]
            yield PageCall(lambda: page.wait_for_timeout(50))
    finally:
        page.remove_listener("filechooser", note)
    return None


def _goto(page: Any, action: Goto, handle: Any | None) -> Steps[None]:  # noqa: ANN401
    yield PageCall(lambda: page.goto(action.url, wait_until="domcontentloaded", timeout=_LOAD_MS))


def _back(page: Any, action: Back, handle: Any | None) -> Steps[None]:  # noqa: ANN401
    yield PageCall(lambda: page.go_back(wait_until="commit", timeout=_LOAD_MS))


def _wait_for(page: Any, action: WaitFor, handle: Any | None) -> Steps[None]:  # noqa: ANN401
    limit_ms = action.timeout_s * 1000
    if action.text:
        state = "hidden" if action.gone else "visible"
        text = page.get_by_text(action.text).first
        yield PageCall(lambda: text.wait_for(state=state, timeout=limit_ms))
    if action.url:
        pattern = re.compile(url_pattern(action.url))
        yield PageCall(
            lambda: page.wait_for_url(pattern, timeout=limit_ms, wait_until="domcontentloaded")
        )


def url_pattern(pattern: str) -> str:
    """Return a regular expression for an address pattern with `*`; a path matches any host."""
    body = ".*".join(map(re.escape, pattern.split("*")))
    start = r"[^/]*//[^/]*" if pattern.startswith("/") else ""
    return f"^{start}{body}$" if "*" in pattern or "://" in pattern else f"^{start}{body}([?#].*)?$"


_PERFORMERS: tuple[tuple[tuple[type[Action], ...], Any], ...] = (
    ((Click,), _click),
    ((Fill,), _fill),
    ((Type,), _type),
    ((Clear,), _clear),
    ((Check, Uncheck), _check),
    ((SelectOption,), _select),
    ((Press,), _press),
    ((Hover,), _hover),
    ((Scroll,), _scroll),
    ((Drag,), _drag),
    ((SelectText,), _select_text),
    ((Upload,), _upload),
    ((Goto,), _goto),
    ((Back,), _back),
    ((WaitFor,), _wait_for),
)
