"""Which elements are worth a model's time: the design guide's `ElementFilter`.

Two jobs. `offer` drops what can never be the answer and says why; the ranking decides the rest.
`filter_by_task`, `top_k_by_importance`, `compress_element` and `prepare_for_llm` are the guide's
own steps, for callers who build prompts themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from groundling.elements import ElementSnapshot, RawElement
from groundling.ranking import rank, role_group

_TASK_GROUPS = {
    "find_input": {"field", "select", "slider"},
    "find_button": {"button", "tab", "menuitem", "switch"},
    "find_link": {"link"},
    "select_from_list": {"select", "menuitem", "radio", "link", "button", "tab"},
}
_FIELD_TAGS = {"input", "textarea", "select"}
_TEXT_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Dropped:
    """An element that is not offered to the model, and why."""

    element: RawElement
    reason: str


class ElementFilter:
    """Filter and compress elements for small context windows."""

    @staticmethod
    def offer(
        elements: Iterable[RawElement],
    ) -> tuple[tuple[RawElement, ...], tuple[Dropped, ...]]:
        """Split elements into those that could be the answer, and the others with the reason.

        Elements outside the viewport stay: they are scrolled to. Disabled ones stay, too: they may
        be what is asked for, and acting on one is an error that says so.
        """
        kept: list[RawElement] = []
        dropped: list[Dropped] = []
        for element in elements:
            reason = _why_not(element)
            if reason:
                dropped.append(Dropped(element, reason))
            else:
                kept.append(element)
        return tuple(kept), tuple(dropped)

    @staticmethod
    def filter_by_task(elements: Iterable[RawElement], task_type: str) -> list[RawElement]:
        """Return the visible elements whose role fits the task, in the order given.

        Args:
            elements: All page elements.
            task_type: `find_input`, `find_button`, `find_link`, `select_from_list`; any other one
                keeps every visible element.
        """
        groups = _TASK_GROUPS.get(task_type)
        visible = [e for e in elements if e.is_visible]
        if groups is None:
            return visible
        return [e for e in visible if _fits(e, task_type, groups)]

    @staticmethod
    def top_k_by_importance(elements: Iterable[RawElement], k: int = 20) -> list[RawElement]:
        """Return the `k` most important elements; page order where importance is the same."""
        return sorted(elements, key=lambda e: -e.importance_score)[: max(0, k)]

    @staticmethod
    def compress_element(element: RawElement) -> dict[str, Any]:
        """Return the few fields that the design guide's prompt prints."""
        box = element.bbox
        return {
            "id": element.id,
            "role": element.role or element.tag,
            "text": (element.text or element.label or element.placeholder)[:_TEXT_LIMIT],
            "bbox": {
                "x": int(box.x),
                "y": int(box.y),
                "w": int(box.width),
                "h": int(box.height),
            },
            "clickable": element.is_clickable,
            "visible": element.is_visible,
            "score": round(element.importance_score, 2),
        }

    @staticmethod
    def prepare_for_llm(
        snapshot: ElementSnapshot,
        task_type: str,
        max_elements: int = 15,
        instruction: str = "",
    ) -> dict[str, Any]:
        """Return the page as the design guide's prompt wants it: filter, rank, compress.

        Args:
            snapshot: A page.
            task_type: As in `filter_by_task`.
            max_elements: Elements at most.
            instruction: What to find; with it elements are ranked by how well they fit, and those
                of other roles stay in the running. Without it importance decides.

        Returns:
            `url`, `viewport`, `elements` (see `compress_element`) and `count`.
        """
        kept, _ = ElementFilter.offer(snapshot.elements)
        if instruction:
            ranked = rank(kept, instruction, task_type)[: max(0, max_elements)]
            chosen: Sequence[RawElement] = [c.element for c in ranked]
        else:
            fitting = ElementFilter.filter_by_task(kept, task_type)
            chosen = ElementFilter.top_k_by_importance(fitting, max_elements)
        return {
            "url": snapshot.url,
            "viewport": dict(snapshot.viewport),
            "elements": [ElementFilter.compress_element(e) for e in chosen],
            "count": len(chosen),
        }


def _why_not(element: RawElement) -> str:
    if not element.is_visible and element.input_type != "file":
        return "not visible"
    if element.tag in ("html", "body"):
        return "the whole page"
    return ""


def _fits(element: RawElement, task_type: str, groups: set[str]) -> bool:
    if role_group(element) in groups:
        return element.is_clickable or task_type in ("find_input", "find_link")
    return task_type == "find_input" and element.role is None and element.tag in _FIELD_TAGS
