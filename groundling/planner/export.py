"""A script as a plain Playwright test in Python, which needs neither this package nor a model."""

import json
import keyword
import re
from collections.abc import Callable, Iterator, Mapping

from groundling.actions import (
    Action,
    Check,
    Click,
    Drag,
    Fill,
    Goto,
    Press,
    Scroll,
    SelectOption,
    SelectText,
    Type,
    Uncheck,
    Upload,
    WaitFor,
)
from groundling.cache.fingerprint import Fingerprint
from groundling.errors import DataError
from groundling.planner.script import Script, ScriptStep

_HEAD = '''"""{goal}

Written by `groundling replay --export`; needs only `playwright` and `pytest`.
"""

import os
import re

from playwright.sync_api import Page, expect, sync_playwright

URL = os.environ.get("TEST_URL", {url})


def test_{name}() -> None:
    with sync_playwright() as playwright:
        # Without a path, the browser that `playwright install chromium` brings.
        path = os.environ.get("BROWSER_PATH") or None
        browser = playwright.chromium.launch(executable_path=path)
        try:
            steps(browser.new_page())
        finally:
            browser.close()


def steps(page: Page) -> None:
    page.goto(URL)
'''
_ROLES = frozenset(
    "button checkbox combobox link listbox menuitem menuitemcheckbox menuitemradio option radio "
    "searchbox slider spinbutton switch tab textbox treeitem heading img row cell".split()
)


def exported(script: Script) -> str:
    """Return the test's text.

    Raises:
        DataError: If a step cannot be written as one: its element is in a frame or has nothing
            that a locator could use.
    """
    goal = script.goal.replace("\\", "\\\\").replace('"""', "'''")
    goal = goal.rstrip('"') if goal.endswith('"') else goal
    head = _HEAD.format(goal=" ".join(goal.split()), url=_text(script.url), name=_name(script.goal))
    lines: list[str] = []
    for n, step in enumerate(script.steps, start=1):
        lines += [f"    {line}" for line in _lines(step, n)]
    body = "\n".join(lines)
    if "re.compile" not in body:
        head = head.replace("import re\n", "")
    if "expect(" not in body:
        head = head.replace("Page, expect, sync", "Page, sync")
    return f"{head}{body}\n"


def _name(goal: str) -> str:
    words = re.findall(r"[a-z0-9]+", goal.lower())[:6]
    name = "_".join(words) or "script"
    return f"{name}_" if keyword.iskeyword(name) else name


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _lines(step: ScriptStep, n: int) -> Iterator[str]:
    action = step.action
    element = step.target.element if step.target else None
    where = _locator(element, n) if element is not None else ""
    yield f"# {n}. {action.verb}{f': {step.instruction}' if step.instruction else ''}"
    write = next((w for kind, w in _WRITERS.items() if isinstance(action, kind)), None)
    if write is None or (action.needs_element and not where):
        raise DataError(f"step {n}, {action.describe()}, cannot be written as a plain test")
    yield from write(action, where, step)
    if step.url_after:
        path = re.sub(r"^\w+://[^/]*", "", step.url_after).split("?")[0].split("#")[0]
        yield f"expect(page).to_have_url(re.compile({_text(re.escape(path) + '([?#].*)?$')}))"
    elif step.shows:
        yield f"expect(page.get_by_text({_text(step.shows)}).first).to_be_visible()"


def _locator(e: Fingerprint, n: int) -> str:
    """Return a locator by what people would use: role and name, label, test id, id."""
    if e.frame:
        raise DataError(f"step {n} is in a frame, {e.frame}: a plain test of it is not supported")
    named = bool(e.name) and not e.name.startswith("~")
    nth = f".nth({e.twin - 1})" if e.n_twins > 1 else ""
    if e.test_id and "test_id" in e.anchors:
        return f"page.get_by_test_id({_text(e.test_id)})"
    if e.role in _ROLES and named and e.input_type != "password":
        return f"page.get_by_role({_text(e.role)}, name={_text(e.name)}, exact=True){nth}"
    if e.id and "id" in e.anchors:
        return f"page.locator({_text(f'[id={json.dumps(e.id)}]')})"
    if e.attr_name and "attr_name" in e.anchors:
        return f"page.locator({_text(f'{e.tag}[name={json.dumps(e.attr_name)}]')})"
    if named and e.input_type == "password":
        return f"page.get_by_label({_text(e.name)}, exact=True){nth}"
    if e.placeholder:
        return f"page.get_by_placeholder({_text(e.placeholder)}, exact=True){nth}"
    if named:
        return f"page.get_by_text({_text(e.name)}, exact=True){nth or '.first'}"
    raise DataError(f"step {n} has an element without a name or id: it cannot be found by a test")


Writer = Callable[[Action, str, ScriptStep], Iterator[str]]


def _click(a: Action, where: str, step: ScriptStep) -> Iterator[str]:
    assert isinstance(a, Click)
    given = [f'button="{a.button}"'] if a.button != "left" else []
    given += [f"modifiers={list(a.modifiers)!r}"] if a.modifiers else []
    yield f"{where}.{'dblclick' if a.count == 2 else 'click'}({', '.join(given)})"


def _typed(a: Action, where: str, step: ScriptStep) -> Iterator[str]:
    assert isinstance(a, Fill | Type)
    name = step.value or a.secret
    text = f"os.environ[{_text(variable(name))}]" if name else _text(a.text)
    yield f"{where}.{'fill' if isinstance(a, Fill) else 'press_sequentially'}({text})"
    if isinstance(a, Fill):
        yield f"expect({where}).to_have_value({text})"


def variable(name: str) -> str:
    """Return the environment variable that an exported test reads a named text from."""
    return re.sub(r"\W+", "_", name.strip()).upper()


def _checked(a: Action, where: str, step: ScriptStep) -> Iterator[str]:
    on = isinstance(a, Check)
    yield f"{where}.{'check' if on else 'uncheck'}()"
    yield f"expect({where}).{'to_be_checked' if on else 'not_to_be_checked'}()"


def _select(a: Action, where: str, step: ScriptStep) -> Iterator[str]:
    assert isinstance(a, SelectOption)
    if step.target is not None and step.target.element.tag == "select":
        yield f"{where}.select_option({list(a.options)!r})"
        return
    for option in a.options:
        yield f"{where}.click()"
        yield f'page.get_by_role("option", name={_text(option)}, exact=True).click()'


def _press(a: Action, where: str, step: ScriptStep) -> Iterator[str]:
    assert isinstance(a, Press)
    yield f"{where or 'page.keyboard'}.press({_text(a.key)})"


def _scroll(a: Action, where: str, step: ScriptStep) -> Iterator[str]:
    assert isinstance(a, Scroll)
    if a.until:
        yield f"page.get_by_text({_text(a.until)}).first.scroll_into_view_if_needed()"
    elif where:
        yield f"{where}.scroll_into_view_if_needed()"
    else:
        key = {"top": "Home", "bottom": "End", "up": "PageUp"}.get(a.direction, "PageDown")
        yield f"page.keyboard.press({_text(key)})"


def _drag(a: Action, where: str, step: ScriptStep) -> Iterator[str]:
    assert isinstance(a, Drag)
    if a.value is not None:
        yield f"{where}.fill({_text(f'{a.value:g}')})"
        return
    if step.to is None:
        raise DataError("a drag by pixels cannot be written as a plain test")
    yield f"{where}.drag_to({_locator(step.to.element, 0)})"


def _wait(a: Action, where: str, step: ScriptStep) -> Iterator[str]:
    assert isinstance(a, WaitFor)
    if a.text:
        state = "to_be_hidden" if a.gone else "to_be_visible"
        yield f"expect(page.get_by_text({_text(a.text)}).first).{state}()"
    if a.url:
        yield f"page.wait_for_url({_text(a.url)})"


def _plain(a: Action, where: str, step: ScriptStep) -> Iterator[str]:
    if isinstance(a, Goto):
        yield f"page.goto({_text(a.url)})"
    elif isinstance(a, Upload):
        yield f"{where}.set_input_files({list(a.paths)!r})"
    elif isinstance(a, SelectText):
        yield f"{where}.select_text()"
    elif a.verb == "back":
        yield "page.go_back()"
    else:
        yield f"{where}.{a.verb}()"


_WRITERS: Mapping[type[Action] | tuple[type[Action], ...], Writer] = {
    Click: _click,
    (Fill, Type): _typed,
    SelectOption: _select,
    Press: _press,
    Scroll: _scroll,
    Drag: _drag,
    WaitFor: _wait,
    (Check, Uncheck): _checked,
    Action: _plain,
}
