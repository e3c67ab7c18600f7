"""MiniWoB++ pages: the driver, and single steps of the agent that the page itself rewards."""

import re

import pytest

from groundling.agent.web import LocalLLMWebAgent
from groundling.bench.miniwob import VIEWPORT, chosen_tasks, serve, start, tasks
from groundling.errors import DataError, NavigationError
from groundling.llm import load_llm

SEEDS = (1, 2)


@pytest.fixture(scope="module")
def site():
    with serve() as url:
        yield url


@pytest.fixture(scope="module")
def agent():
    return LocalLLMWebAgent(load_llm("embedded"))


@pytest.fixture(scope="module")
def small_page(chromium):
    context = chromium.new_context(viewport=VIEWPORT)
    yield context.new_page()
    context.close()


def quoted(goal):
    return re.search(r'"(.*)"', goal).group(1)


def click_the_only_button(agent, episode):
    return agent.find_and_click_element(episode.page, "find_button", episode.goal)


def click_the_button_named(agent, episode):
    return agent.find_and_click_element(episode.page, "find_button", quoted(episode.goal))


def click_the_link_named(agent, episode):
    return agent.find_and_click_element(episode.page, "find_link", quoted(episode.goal))


def click_the_field(agent, episode):
    return agent.find_and_click_element(episode.page, "find_input", episode.goal)


def enter_and_submit(agent, episode):
    filled = agent.fill(episode.page, "the text field", quoted(episode.goal))
    return filled, agent.click(episode.page, "Submit")


def select_and_submit(agent, episode):
    wanted = re.match("Select (.*) from the list", episode.goal).group(1)
    asked = f"the list with {wanted}"
    selected = agent.select(episode.page, asked, wanted, task_type="select_from_list")
    return selected, agent.click(episode.page, "Submit")


SOLVED_BY = {
    "click-test": click_the_only_button,
    "click-button": click_the_button_named,
    "click-link": click_the_link_named,
    "focus-text": click_the_field,
    "enter-text": enter_and_submit,
    "choose-list": select_and_submit,
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("task", SOLVED_BY)
def test_the_agent_earns_the_full_reward(agent, small_page, site, task, seed):
    episode = start(small_page, site, task, seed)

    result = SOLVED_BY[task](agent, episode)

    status = episode.status()
    assert (status.done, status.reward) == (True, 1), f"{episode.goal}: {result}"


def test_a_wrong_click_is_not_rewarded(agent, small_page, site):
    episode = start(small_page, site, "click-test-2", 1)
    assert episode.goal == "Click button ONE."
    assert episode.status().done is False

    agent.find_and_click_element(small_page, "find_button", "TWO")

    assert (episode.status().done, episode.status().reward) == (True, -1)


def test_a_seed_names_one_problem(small_page, site):
    goals = [start(small_page, site, "enter-text", seed).goal for seed in (5, 6, 5)]
    assert goals[0] == goals[2] != goals[1]


def test_the_agent_sees_neither_goal_nor_reward(agent, small_page, site):
    start(small_page, site, "click-test", 1)
    decision = agent.decide(small_page, "Click Me!")
    assert [c.element.text for c in decision.candidates] in ([], ["Click Me!"])
    assert decision.selection.element.text == "Click Me!"


def test_no_clock_ends_an_episode(small_page, site):
    episode = start(small_page, site, "click-test", 1)
    assert small_page.evaluate("core.EPISODE_MAX_TIME") == 2**31 - 1
    small_page.wait_for_timeout(50)
    assert episode.status().done is False


def test_pages_without_a_charset_are_read_as_utf8(small_page, site):
    assert start(small_page, site, "unicode-test", 1).goal == 'Click on the "Cancél" button.'


def test_an_unknown_task_is_refused(small_page, site):
    with pytest.raises(NavigationError, match="no task 'click-nothing'"):
        start(small_page, site, "click-nothing", 1)
    with pytest.raises(DataError, match="click-nothing"):
        chosen_tasks(("click-nothing",))


def test_the_list_has_125_tasks_on_two_sides():
    assert len(tasks()) == 125
    assert [len(chosen_tasks(split=s)) for s in ("train", "test")] == [62, 63]
    dom = {"click1", "clickN", "type", "widget", "nav"}
    assert sum(t.kind in dom for t in chosen_tasks(split="train")) == 41
