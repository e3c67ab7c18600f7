"""No failure is reported as success, hardly a true effect is missed: 200 scripted behaviours."""

import os

import behaviours
import pytest

MISSED = 0.03
"""Share of the true effects that may be missed."""


MOST_LOAD = 12.0
"""Waiting processes for each core above which the pages' own timers say nothing."""


@pytest.fixture(scope="module")
def ran(in_thread):
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    if load > MOST_LOAD:
        pytest.skip(f"{load:.0f} processes wait for each core: the pages' timers say nothing")
    return in_thread(behaviours.run_in_browser)


@pytest.mark.browser
def test_there_are_enough_behaviours_of_either_kind():
    works = [b for b in behaviours.ALL if b.works]
    assert len({b.name for b in behaviours.ALL}) == len(behaviours.ALL) >= 60
    assert min(len(works), len(behaviours.ALL) - len(works)) >= 60


@pytest.mark.browser
def test_no_failure_is_reported_as_success(ran):
    wrong = [r for r in ran if r.verified and not r.behaviour.works]
    assert [f"{r.behaviour.name}: {r.said}" for r in wrong] == []


@pytest.mark.browser
def test_hardly_a_true_effect_is_missed(ran, in_thread):
    works = [r for r in ran if r.behaviour.works]
    late = [r.behaviour for r in works if not r.verified]
    # Timers go wrong on a machine under load: what was missed is tried once more.
    again = in_thread(lambda: behaviours.run_in_browser(late)) if late else []
    missed = [f"{r.behaviour.name}: {r.said}" for r in again if not r.verified]
    assert len(missed) <= MISSED * len(works), missed


@pytest.mark.browser
def test_the_labels_are_what_the_page_or_the_server_saw(ran):
    failed_as_labelled = [r for r in ran if not r.behaviour.works and r.true]
    worked_as_labelled = [r for r in ran if r.behaviour.works and r.verified and r.true is False]
    assert [r.behaviour.name for r in failed_as_labelled + worked_as_labelled] == []


@pytest.mark.browser
def test_an_action_that_must_show_succeeds_only_when_verified(ran):
    loose = [r for r in ran if r.behaviour.action.has_effect and r.truthy != r.verified]
    assert [r.behaviour.name for r in loose] == []
