"""The Sentience SDK in real Chromium: both packages, sync and async, and their snapshots."""

import asyncio
import importlib
import tempfile

import pytest
from sdk_browsers import extension_arguments

from groundling.agent import LocalLLMWebAgent
from groundling.browser import adapt
from groundling.browser import sentience as adapter_module
from groundling.browser.sentience import from_sdk_snapshot
from groundling.decision import decide_now
from groundling.errors import PageClosedError, WrongSdkError
from groundling.llm.scripted import ScriptedLLM

PACKAGES = ("predicate", "sentience")
PAGE = """<title>Inbox</title>
<label>Search mail <input id=q></label><input type=checkbox aria-label="Select all" checked>
<div style="height:1500px"></div>
<button onclick="document.title='Archived'; note.textContent='Archived.'">Archive</button>
<p id=note role=status></p>
<iframe srcdoc="<button>Inside</button>" width=300 height=80></iframe>"""


@pytest.mark.sdk
@pytest.mark.parametrize("sdk", PACKAGES)
def test_a_sync_browser_of_the_sdk_is_read_and_clicked(sdk, serve, in_thread):
    url = serve(PAGE)

    def body():
        from playwright.sync_api import sync_playwright

        browser_class = importlib.import_module(sdk).SentienceBrowser
        with sync_playwright() as p, tempfile.TemporaryDirectory() as profile:
            context = p.chromium.launch_persistent_context(profile, **extension_arguments(sdk))
            try:
                browser = browser_class.from_existing(context)
                browser.page.goto(url)
                agent = LocalLLMWebAgent(ScriptedLLM(["Archive"]))
                assert adapt(browser).library == "sentience"
                result = agent.find_and_click_element(browser, "find_button", "archive it")
                found = agent.find(browser, "Search mail", task_type="find_input")
                return result.outcome.status, browser.page.title(), found.element
            finally:
                context.close()

    status, title, field = in_thread(body)
    assert (status, title) == ("verified", "Archived")
    assert (field.role, field.text) == ("textbox", "Search mail")


@pytest.mark.sdk
@pytest.mark.parametrize("sdk", PACKAGES)
def test_an_async_browser_of_the_sdk_is_read_and_clicked(sdk, serve, in_thread):
    url = serve(PAGE)

    async def run():
        from playwright.async_api import async_playwright

        browser_class = importlib.import_module(sdk).AsyncSentienceBrowser
        async with async_playwright() as p:
            with tempfile.TemporaryDirectory() as profile:
                context = await p.chromium.launch_persistent_context(
                    profile, **extension_arguments(sdk)
                )
                try:
                    browser = await browser_class.from_existing(context)
                    await browser.page.goto(url)
                    agent = LocalLLMWebAgent(ScriptedLLM(["Archive"]))
                    result = await agent.afind_and_click_element(
                        browser, "find_button", "archive it"
                    )
                    return result.outcome.status, await browser.page.title()
                finally:
                    await context.close()

    assert in_thread(lambda: asyncio.run(run())) == ("verified", "Archived")


@pytest.mark.parametrize("sdk", PACKAGES)
def test_a_browser_that_was_not_started_says_so(sdk):
    browser = importlib.import_module(sdk).SentienceBrowser()
    with pytest.raises(PageClosedError, match="SentienceBrowser has no page: start it"):
        adapt(browser)


def test_sentience_python_is_refused_with_the_name_of_the_right_package(monkeypatch):
    monkeypatch.setattr(adapter_module, "_installed", lambda name: name == "sentience-python")
    browser = importlib.import_module("sentience").SentienceBrowser()
    with pytest.raises(WrongSdkError, match="pip install predicate-runtime"):
        adapt(browser)


def sdk_element(element_id, role, text, **fields):
    box = {"x": 1, "y": 2, "width": 30, "height": 10}
    cues = {"is_primary": False, "is_clickable": True}
    base = {"id": element_id, "role": role, "text": text, "importance": 0, "bbox": box}
    return {**base, "visual_cues": cues, **fields}


SNAPSHOT = {
    "status": "success",
    "url": "http://x/",
    "viewport": {"width": 800, "height": 600},
    "elements": [
        sdk_element(1, "button", "Save"),
        sdk_element(7, "link", "Help", in_viewport=False, href="/help"),
        sdk_element(9, "checkbox", "", name="Agree", checked=True, importance=40),
    ],
}


@pytest.mark.parametrize("sdk", PACKAGES)
def test_a_snapshot_of_the_sdk_can_be_decided_on(sdk):
    model = importlib.import_module(sdk).Snapshot
    for given in (SNAPSHOT, model(**SNAPSHOT)):
        snapshot = from_sdk_snapshot(given)
        link, box = snapshot.elements[1:]
        assert (link.is_visible, link.in_viewport, link.href) == (True, False, "/help")
        assert (box.text, box.checked, box.importance_score) == ("Agree", "true", 40.0)
        decision = decide_now(snapshot, "help", "find_link", ScriptedLLM(["Help"]))
        assert decision.selection.id == 7


def test_what_is_no_snapshot_is_refused():
    with pytest.raises(WrongSdkError, match="list is no snapshot"):
        from_sdk_snapshot([])
    with pytest.raises(WrongSdkError, match="failed: no extension"):
        from_sdk_snapshot({**SNAPSHOT, "status": "error", "error": "no extension"})
