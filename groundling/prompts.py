"""The only place with prompt text."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice, product
from string import ascii_lowercase, ascii_uppercase
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from groundling.elements import RawElement

Layout = Literal["task_first", "page_first"]
"""`page_first` states the task once, behind the list: decisions on one page share its tokens."""

_LETTERS = ascii_uppercase + ascii_lowercase
_NAME_CHARS = 60
_AROUND_CHARS = 40


@dataclass(frozen=True, slots=True)
class Candidate:
    """An element kept for the prompt."""

    element: RawElement
    score: float
    """Rank score, higher is better; comparable only within one ranking."""
    features: tuple[float, ...] = ()
    """The ranker's features, in the order of `ranking.FEATURES`; empty if not ranked by us."""


@dataclass(frozen=True, slots=True)
class ChoicePrompt:
    """A question with labelled answers.

    Runtimes that read text use `system` and `text`; the embedded encoder reads `instruction` and
    `candidates`.
    """

    instruction: str
    task_type: str
    system: str
    text: str
    labels: tuple[str, ...]
    """One label for each candidate, in order, then `none_label`."""
    candidates: tuple[Candidate, ...]
    none_label: str


class PromptBuilder:
    """Prompts for small models: lettered lists for choosing, the design guide's JSON prompts.

    Page text is data: control characters and line breaks are taken out of it, so an element cannot
    forge another line of the list.
    """

    SYSTEM_PROMPTS: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "default": "You are a web automation assistant. Respond ONLY with valid JSON.",
            "compact": "Web automation agent. Output JSON only.",
            "choice": "Pick the page element the task means. Answer with its letter.",
        }
    )
    NONE = "none of these"

    @staticmethod
    def build_choice(
        instruction: str,
        task_type: str,
        candidates: Sequence[Candidate],
        *,
        layout: Layout = "task_first",
    ) -> ChoicePrompt:
        """Write the candidates as a lettered list, "none of these" last.

        Args:
            instruction: What to find, in plain words.
            task_type: One of `TASK_TYPES`, or anything else for no hint.
            candidates: On offer, in the order of the list.
            layout: `task_first` states the task before the list and repeats it behind, which
                causal models need to read the options with the task in mind.
        """
        labels = tuple(islice(labels_in_order(), len(candidates) + 1))
        lines = [
            f"{label} {line}"
            for label, line in zip(
                labels, element_lines([c.element for c in candidates]), strict=False
            )
        ]
        lines.append(f"{labels[-1]} {PromptBuilder.NONE}")
        task = f"{_TASK_WORDS.get(task_type, 'Task')}: {_plain(instruction)}"
        before = f"{task}\n\n" if layout == "task_first" else ""
        return ChoicePrompt(
            instruction=instruction,
            task_type=task_type,
            system=PromptBuilder.SYSTEM_PROMPTS["choice"],
            text=f"{before}{chr(10).join(lines)}\n\n{task}\nLetter:",
            labels=labels,
            candidates=tuple(candidates),
            none_label=labels[-1],
        )

    @staticmethod
    def rebuild(prompt: ChoicePrompt, candidates: Sequence[Candidate]) -> ChoicePrompt:
        """Return the same question about `candidates`, e.g. in another order."""
        layout: Layout = "task_first" if prompt.text.count("\n\n") > 1 else "page_first"
        return PromptBuilder.build_choice(
            prompt.instruction, prompt.task_type, candidates, layout=layout
        )

    @staticmethod
    def build_task_prompt(
        task_type: str, compressed_elements: Mapping[str, Any], additional_context: str = ""
    ) -> str:
        """Return the design guide's prompt, for models that can only generate JSON.

        Args:
            task_type: One of `TASK_TYPES`.
            compressed_elements: What `ElementFilter.prepare_for_llm` returned.
            additional_context: What to find.

        Raises:
            ValueError: If the task type is unknown.
        """
        if task_type not in _GUIDE:
            raise ValueError(f"unknown task type {task_type!r}: known are {', '.join(_GUIDE)}")
        task, rules, extra = _GUIDE[task_type]
        context = _plain(additional_context)
        numbered = "\n".join(f"{i}. {r.format(context)}" for i, r in enumerate(rules, 1))
        listed = _guide_lines(compressed_elements["elements"])
        return (
            f"Task: {task.format(context or 'element')}\n\n"
            f"Elements (id, role, text, bbox, score):\n{listed}\n\n"
            f"Instructions:\n{numbered}\n"
            f"{len(rules) + 1}. If no element fits, output id -1\n\n"
            f'Output JSON:\n{{\n  "id": <element_id>,\n{extra}  "reasoning": "<brief reason>"\n}}'
        )

    @staticmethod
    def build_json_choice(prompt: ChoicePrompt, labels: Sequence[str]) -> str:
        """Return `prompt` as text for a model that answers with JSON instead of one letter."""
        body = prompt.text.removesuffix("\nLetter:")
        allowed = ", ".join(labels)
        return f'{body}\n\nOutput JSON: {{"choice": "<one of {allowed}>"}}'


TASK_TYPES = ("find_input", "find_button", "find_link", "select_from_list", "find_any")
"""The design guide's task types, and `find_any` for everything else."""
_TASK_WORDS = {
    "find_input": "Input",
    "find_button": "Button",
    "find_link": "Link",
    "select_from_list": "Select",
}
_FITTING = ('Match text to "{}" (partial match OK)', "Prefer exact match over partial")
_GUIDE: dict[str, tuple[str, tuple[str, ...], str]] = {
    "find_input": (
        "Find the {} to type into.",
        ("Find an element that takes text", 'Match its label to "{}"'),
        "",
    ),
    "find_button": (
        'Find the "{}" button.',
        ('Find button with text matching "{}" (case-insensitive)', "Must be clickable"),
        "",
    ),
    "find_link": (
        "Select a link. {}",
        ('Find role="link"', "Avoid advertisements", "Elements are in page order"),
        "",
    ),
    "select_from_list": (
        "Select {} from the list.",
        (*_FITTING, "Must be clickable"),
        '  "match_quality": "<exact|partial>",\n',
    ),
    "find_any": ("Find the element: {}.", _FITTING, ""),
}


def labels_in_order() -> Iterator[str]:
    """Yield A to Z, a to z, then AA, AB and so on."""
    for length in count(1):
        yield from ("".join(letters) for letters in product(_LETTERS, repeat=length))


def element_lines(elements: Sequence[RawElement]) -> list[str]:
    """Return one short line for each element: role, name, and only what tells it from the rest."""
    twins = Counter((e.role, _name(e).lower()) for e in elements)
    return [_line(e, alone=twins[e.role, _name(e).lower()] == 1) for e in elements]


def _line(e: RawElement, *, alone: bool) -> str:
    parts = [
        _SHORT_ROLES.get(e.role or "", e.role or e.tag or "element"),
        _cut(_name(e), _NAME_CHARS),
    ]
    parts += _states(e)
    if e.value and e.value != e.text:
        parts.append(f"= {_cut(e.value, 24)}")
    if not alone or len(_name(e)) < 3:
        parts.append(f"| {_cut(_around(e), _AROUND_CHARS)}")
    return _plain(" ".join(p for p in parts if p and p != "| "))


_SHORT_ROLES = {
    "textbox": "input",
    "searchbox": "input",
    "combobox": "select",
    "spinbutton": "input",
    "clickable": "item",
}


def _name(e: RawElement) -> str:
    return e.text or e.label or e.placeholder or " ".join(e.icons)


def _states(e: RawElement) -> Iterator[str]:
    if "true" in (e.checked, e.pressed):
        yield "(on)"
    elif e.checked is not None:
        yield "(off)"
    if e.selected or e.current:
        yield "(current)"
    if e.expanded:
        yield "(open)"
    if e.disabled:
        yield "(disabled)"


def _around(e: RawElement) -> str:
    place = f"{e.places[0].index} of {e.places[0].size}" if e.places else ""
    told = e.row_header or e.context or e.dialog or e.heading or e.landmark
    return f"{place} {told}".strip()


def _cut(text: str, limit: int) -> str:
    # An ellipsis says that there is more; the element itself keeps its whole text.
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _guide_lines(elements: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(
        f"[{e['id']}] {e['role']:12} '{_cut(_plain(e['text']), 50)}' "
        f"({e['bbox']['x']},{e['bbox']['y']},{e['bbox']['w']}x{e['bbox']['h']}) score={e['score']}"
        for e in elements
    )
