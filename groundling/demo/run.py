"""The main job: a local model searches, picks the first result that is no advertisement, opens it.

The four steps are the design guide's demonstration. Each is decided by the model, checked before it
runs and verified afterwards; the first that is not verified ends the run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from groundling.actions import Click, Fill, Press
from groundling.agent import LocalLLMWebAgent, StepResult

HOME_BOX = "search box"
FIRST_RESULT = "the first search result that is not an advertisement"


@dataclass(frozen=True, slots=True)
class DemoStep:
    """One line of the demonstration."""

    said: str
    """What the step is for, in the words of the instruction."""
    result: StepResult


def search_and_open(
    agent: LocalLLMWebAgent,
    page: Any,  # noqa: ANN401
    query: str,
    *,
    expect: str | None = None,
) -> Iterator[DemoStep]:
    """Run the four steps on a search engine's home page that is open in `page`.

    Args:
        agent: Who finds the elements.
        page: A synchronous Playwright page.
        query: What to search for.
        expect: Address pattern that the page opened last must match, e.g. `/page/*`.

    Yields:
        Each step as it is done; the first that did not succeed is the last.
    """
    box = agent.find_and_click_element(page, "find_input", HOME_BOX)
    yield DemoStep(f"find the {HOME_BOX} and click it", box)
    if not box:
        return
    typed = agent.act(page, Fill(query), element=box.element)
    yield DemoStep(f"type {query!r}", typed)
    if not typed:
        return
    entered = agent.act(page, Press("Enter"), element=box.element)
    yield DemoStep("press Enter", entered)
    if not verified(entered):
        return
    opened = agent.act(page, Click(), FIRST_RESULT, task_type="find_link", expect=expect)
    yield DemoStep(f"click {FIRST_RESULT}", opened)


def verified(result: StepResult) -> bool:
    """Return whether the effect of a step was seen; the demonstration asks for no less."""
    return result.outcome.status == "verified"
