"""How the embedded model sees an instruction and an element: short token lists, as in training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from groundling.elements import RawElement

MAX_INSTRUCTION = 32
"""Tokens of an instruction that the model reads; the task type is one of them."""
MAX_CANDIDATE = 36
"""Tokens of an element's line that it reads."""
UNKNOWN, START, END = 100, 101, 102
"""Ids of BERT's own tokens; 0 is padding."""
Encode = Callable[[Sequence[str]], list[list[int]]]
"""Maps texts to lists of token ids, without special tokens."""
_TASKS = {
    "find_input": "field",
    "find_button": "button",
    "find_link": "link",
    "select_from_list": "list",
}
_LONGEST_PART = 200


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an element's line."""

    text: str
    limit: int
    """Tokens at most."""
    mark: int = 1
    """2 for what the element is called, 1 for everything else."""


def instruction_text(instruction: str, task_type: str) -> str:
    """Return what the model reads of the task."""
    task = _TASKS.get(task_type)
    return f"{task} : {instruction}" if task else instruction


def instruction_tokens(instruction: str, task_type: str, encode: Encode) -> tuple[list[int], int]:
    """Return the ids of the instruction between its marks, and how many did not fit."""
    ids = encode([instruction_text(instruction, task_type)])[0]
    return [START, *ids[:MAX_INSTRUCTION], END], max(0, len(ids) - MAX_INSTRUCTION)


def candidate_parts(element: RawElement) -> list[Part]:
    """Return the parts of an element's line, the most telling first, each with its limit.

    The name comes first and whole sentences of context last, so that a long line loses least.
    """
    e = element
    name = e.text or e.label or e.placeholder or " ".join(e.icons) or _hint(e)
    parts = [Part(f"{_role(e)} {_states(e)}", 6), Part(name, 14, 2)]
    labels = " ".join(t for t in (e.label, e.placeholder, e.description) if t and t != name)
    value = e.value or next((o.text for o in e.options if o.selected), "")
    options = " ".join(o.text for o in e.options[:6] if not o.selected)
    place = f"{e.places[0].index} of {e.places[0].size}" if e.places else ""
    around = [
        ("=", f"{value} {options}", 8),
        ("#", place, 3),
        ("row", f"{e.row_header} {e.column_header}".strip() or e.context, 12),
        ("in", e.dialog or e.heading or e.fieldset or e.form, 7),
        ("at", e.landmark.split(" ")[0], 2),
    ]
    if labels.strip():
        parts.append(Part(f"| {labels}", 9, 2))
    return parts + [Part(f"{sign} {text}", n + 1) for sign, text, n in around if text.strip()]


def _role(e: RawElement) -> str:
    return e.role or e.tag or "element"


def _states(e: RawElement) -> str:
    marks = (
        ("ticked", e.checked == "true" or e.pressed == "true"),
        ("selected", bool(e.selected)),
        ("current", bool(e.current)),
        ("disabled", e.disabled),
        ("open", bool(e.expanded)),
        ("required", e.required),
    )
    return " ".join(word for word, holds in marks if holds)


def _hint(e: RawElement) -> str:
    return str(
        e.attributes.get("name") or e.attributes.get("id") or e.attributes.get("class") or ""
    )


def candidate_tokens(
    element: RawElement, encode: Encode, limit: int = MAX_CANDIDATE
) -> tuple[list[int], list[int]]:
    """Return the token ids of an element's line, never empty, and the mark of each."""
    parts = candidate_parts(element)
    ids: list[int] = []
    marks: list[int] = []
    for part, tokens in zip(parts, encode([p.text[:_LONGEST_PART] for p in parts]), strict=True):
        ids += tokens[: part.limit]
        marks += [part.mark] * len(tokens[: part.limit])
    return (ids[:limit], marks[:limit]) if ids else ([UNKNOWN], [2])


def encode_texts(tokenizer: Any) -> Encode:  # noqa: ANN401
    """Return a function from texts to lists of token ids, without special tokens."""

    def encode(texts: Sequence[str]) -> list[list[int]]:
        batch = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [e.ids for e in batch]

    return encode
