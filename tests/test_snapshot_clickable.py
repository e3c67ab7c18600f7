"""What reacts to a click is found, and nothing else, on the labelled page of the bench."""

import importlib.util
from pathlib import Path

import pytest

import groundling
from groundling.browser import adapt
from groundling.driver import run_sync

pytestmark = pytest.mark.browser

BENCH = Path(__file__).parent.parent / "bench" / "clickable.py"


@pytest.fixture(scope="module")
def bench():
    if not BENCH.exists():
        pytest.skip("bench/ is not part of the source distribution")
    spec = importlib.util.spec_from_file_location("clickable", BENCH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def first(bench, chromium):
    return bench.measure(chromium, late=False)


def test_98_of_100_labelled_elements_are_found_and_no_labelled_negative(first):
    result = first
    assert result["labelled"] >= 100
    assert result["recall"] >= 0.98, result["missed"]
    assert result["negatives"] >= 50
    assert result["false_positives"] == []


def test_a_page_that_was_open_before_loses_at_most_3_percent(bench, chromium, first):
    late = bench.measure(chromium, late=True)
    assert late["labelled"] == first["labelled"]
    assert late["recall"] >= 0.97 * first["recall"], late["missed"]
    assert late["false_positives"] == []


def test_the_labels_can_fail(bench, page):
    page.set_content('<button data-gt="0:wrong">A</button><p data-gt="1:missed">B</p>')
    result = bench.judge(page)
    assert result["false_positives"] == ["wrong"]
    assert result["missed"] == ["button in closed shadow", "missed"]


def test_an_element_that_lost_its_react_handler_is_no_target(page):
    run_sync(adapt(page).install())
    page.goto("about:blank")
    page.set_content("<div id=a>A</div><div id=b>B</div><div id=c>C</div>")
    page.evaluate(
        "a.__reactProps$x = {}; a.onclick = function () {};"
        "b.__reactProps$x = {onClick() {}}; b.onclick = function () {};"
        "c.__reactProps$x = {}; c.onclick = () => { document.title = 'own'; }"
    )
    assert [e.text for e in groundling.snapshot(page)] == ["B", "C"]
