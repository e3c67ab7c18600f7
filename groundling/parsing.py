"""`ResponseParser`: find the answer in what a model wrote."""

import json
import logging
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Protocol

log = logging.getLogger(__name__)

_THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_TRAILING_COMMA = re.compile(r",\s*([}\]])")
_BARE_KEY = re.compile(r"([{,]\s*)([A-Za-z_]\w*)(\s*:)")
_PYTHON_WORDS = {"True": "true", "False": "false", "None": "null"}
_WORD = re.compile(r"\b(True|False|None)\b")
_QUOTES = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'"})
_LABEL = re.compile(r"[A-Za-z]{1,3}")
_LONGEST_ANSWER = 100_000


class _Answer(Protocol):
    @property
    def content(self) -> str: ...


class ResponseParser:
    """Parse and validate what a model answered."""

    @staticmethod
    def extract_json(response: str) -> dict[str, Any] | None:
        """Return the last JSON object in `response`, or None.

        Understands code fences, talk around the object, thinking blocks, trailing commas, single
        quotes, bare keys and Python's words. The last object counts, because models that think
        aloud correct themselves.
        """
        text = _THINKING.sub(" ", response[:_LONGEST_ANSWER]).strip()
        found = None
        for chunk in _objects(text):
            parsed = _loads(chunk)
            if parsed is not None:
                found = parsed
        return found

    @staticmethod
    def validate_element_selection(parsed: dict[str, Any], available_ids: Collection[int]) -> bool:
        """Return whether `parsed["id"]` names an element on offer; `"42"` counts as 42."""
        selected = as_id(parsed.get("id"))
        return selected is not None and selected in available_ids

    @staticmethod
    def safe_parse(response: _Answer, available_ids: Collection[int]) -> dict[str, Any] | None:
        """Return the parsed answer, its id an int, or None if it names no element on offer."""
        parsed = ResponseParser.extract_json(response.content)
        if parsed is None:
            log.warning("no JSON object in the model's answer: %.120r", response.content)
            return None
        if not ResponseParser.validate_element_selection(parsed, available_ids):
            log.warning("the model chose id %r, which is not on offer", parsed.get("id"))
            return None
        return {**parsed, "id": as_id(parsed["id"])}

    @staticmethod
    def extract_label(response: str, labels: Sequence[str]) -> str | None:
        """Return the one label that `response` names, or None if it names none or several.

        Reads `{"choice": "B"}`, a bare `B`, `B.`, `**B**` and `Answer: B`.
        """
        parsed = ResponseParser.extract_json(response)
        if parsed is not None:
            named = next(
                (parsed[k] for k in ("choice", "label", "answer", "letter") if k in parsed), None
            )
            text = str(named).strip() if named is not None else ""
            return text if text in labels else None
        text = _THINKING.sub(" ", response).strip()
        bare = text.strip("*`'\"()[]. \n:")
        if bare in labels:
            return bare
        lead = re.match(
            r"(?:the )?(?:answer|letter|choice)(?: is)?\s*[:=]?\s*[\"'*(]*", text, re.IGNORECASE
        )
        rest = text[lead.end() :] if lead else text
        first = _LABEL.match(rest)
        ends = first and not rest[first.end() :][:1].isalnum()
        # "A button that ..." is talk: a label must be followed by punctuation or the end.
        if (
            first
            and ends
            and first.group() in labels
            and re.match(r"[\s]*(?:[.):*\"'`\n]|$)", rest[first.end() :])
        ):
            return first.group()
        return None


def as_id(value: Any) -> int | None:  # noqa: ANN401
    """Return an element id as an int: 42, "42", 42.0, "[42]"; None if it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        match = re.fullmatch(r"\s*[\[#]?\s*(-?\d{1,12})\s*\]?\s*", value)
        return int(match.group(1)) if match else None
    return None


def _objects(text: str) -> Iterator[str]:
    """Yield every outermost `{...}`, strings respected; in linear time."""
    depth, start, quoted, escaped = 0, 0, False, False
    for i, c in enumerate(text):
        if quoted:
            quoted = escaped or c != '"'
            escaped = c == "\\" and not escaped
        elif c == '"' and depth:
            quoted = True
        elif c == "{":
            start = i if not depth else start
            depth += 1
        elif c == "}" and depth:
            depth -= 1
            if not depth:
                yield text[start : i + 1]
    if depth:
        # Cut off by the token limit: close it, the id often stands before the cut.
        yield text[start:] + ('"' if quoted else "") + "}" * depth


def _loads(chunk: str) -> dict[str, Any] | None:
    for attempt in (chunk, _repaired(chunk), _repaired(chunk).replace("'", '"')):
        try:
            parsed = json.loads(attempt)
        except (json.JSONDecodeError, RecursionError):
            continue
        if isinstance(parsed, dict):
            return parsed
    return None


def _repaired(chunk: str) -> str:
    text = _TRAILING_COMMA.sub(r"\1", chunk.translate(_QUOTES))
    text = _BARE_KEY.sub(r'\1"\2"\3', text)
    return _WORD.sub(lambda m: _PYTHON_WORDS[m.group()], text)
