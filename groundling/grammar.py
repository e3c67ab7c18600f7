"""A closed set of answers, in every notation a runtime may ask for.

Regex, GBNF (llama.cpp) and JSON schema say the same: one of these labels and nothing else. The
server options wrap them in the field each server reads.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Literal

Server = Literal["openai", "vllm", "llamacpp", "ollama"]

_SPACE_RULE = re.compile(r"^space ::= .*$", re.MULTILINE)


def choice_regex(labels: Sequence[str]) -> str:
    """Return a regular expression that matches exactly the labels.

    Raises:
        ValueError: If there are no labels, or one is empty or there twice.
    """
    # Longest first: engines without backtracking would stop at `A` when `AB` is meant.
    ordered = sorted(_checked(labels), key=len, reverse=True)
    return f"({'|'.join(map(re.escape, ordered))})"


def choice_gbnf(labels: Sequence[str]) -> str:
    """Return a llama.cpp grammar whose root matches exactly the labels."""
    quoted = (json.dumps(label, ensure_ascii=False) for label in _checked(labels))
    return f"root ::= {' | '.join(quoted)}"


def choice_schema(labels: Sequence[str], key: str = "choice") -> dict[str, Any]:
    """Return the schema of an object whose only field `key` is one of the labels."""
    return _closed_object({key: {"type": "string", "enum": list(_checked(labels))}})


def answer_schema(ids: Sequence[int], max_reasoning: int = 160) -> dict[str, Any]:
    """Return the schema of the design guide's answer: reasoning, then one of the element ids.

    Args:
        ids: Element ids on offer.
        max_reasoning: Limit of the reasoning in characters. It stands before the id, so that the
            model thinks first.
    """
    if not ids:
        raise ValueError("an answer needs at least one id to choose from")
    return _closed_object(
        {
            "reasoning": {"type": "string", "maxLength": max_reasoning},
            "id": {"type": "integer", "enum": list(ids)},
        }
    )


def compact_gbnf(grammar: str) -> str:
    """Forbid white space between the parts of a grammar made from a JSON schema.

    Small models otherwise spend the whole budget on line breaks between two fields.
    """
    return _SPACE_RULE.sub('space ::= ""', grammar)


def server_options(server: Server, labels: Sequence[str]) -> dict[str, Any]:
    """Return the request fields that hold a server's answer to one of the labels.

    Args:
        server: `openai` for OpenAI itself and servers that take its `response_format`.
        labels: The answers allowed.
    """
    schema = choice_schema(labels)
    if server == "vllm":
        return {"structured_outputs": {"choice": list(labels)}}
    if server == "llamacpp":
        return {"grammar": choice_gbnf(labels)}
    if server == "ollama":
        return {"format": schema}
    wrapped = {"name": "choice", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": wrapped}}


def _checked(labels: Sequence[str]) -> Sequence[str]:
    if not labels or not all(labels) or len(set(labels)) < len(labels):
        raise ValueError(f"labels must be different and not empty, got {list(labels)}")
    return labels


def _closed_object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
