"""How a question travels to a server and the answer back: one class per protocol."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from groundling.llm._http import JsonHttp

BIAS = 100.0
"""Larger than any logit, so that nothing but the labels can be sampled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request."""

    prompt: str
    system: str = ""
    max_tokens: int
    temperature: float = 0.0
    schema: dict[str, Any] | None = None
    """JSON schema that the answer is held to."""
    n_tops: int = 0
    """How many log-probabilities of the first token are wanted."""
    only: tuple[str, ...] = ()
    """Labels that the first token is held to, with their probabilities among each other."""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    content: str
    reasoning: str | None = None
    n_read: int | None = None
    n_written: int | None = None
    tops: tuple[tuple[str, float], ...] = ()
    """Token and its natural log-probability, for the first token."""
    probs: tuple[tuple[str, float], ...] = ()
    """Token and its probability among the labels of `Ask.only`, where the server obeyed it."""


class Transport(Protocol):
    """Speaks to one server."""

    def ask(self, question: Ask) -> Answer:
        """Send a question; raises whatever its client raises."""

    def close(self) -> None:
        """Close the connections."""


class CompatibleTransport:
    """OpenAI's chat completions, on any server that speaks them; needs no package."""

    def __init__(self, model: str, http: JsonHttp) -> None:
        self._model, self._http = model, http

    def ask(self, question: Ask) -> Answer:
        """Send a question."""
        body = _completion(self._model, question)
        extra = body.pop("extra_body", {})
        return _completed(self._http.post("/chat/completions", {**body, **extra}))

    def close(self) -> None:
        """Nothing stays open."""


class OpenAITransport:
    """OpenAI itself, through its own package."""

    def __init__(self, model: str, options: Mapping[str, Any]) -> None:
        self._model, self._options = model, options

    @cached_property
    def _client(self) -> Any:  # noqa: ANN401
        # Imported with the first question: the package takes a second.
        from openai import OpenAI

        return OpenAI(**self._options)

    def ask(self, question: Ask) -> Answer:
        """Send a question."""
        raw = self._client.chat.completions.create(**_completion(self._model, question))
        return _completed(raw.model_dump())

    def close(self) -> None:
        """Close the connections."""
        if "_client" in self.__dict__:
            self._client.close()


def _completed(raw: Mapping[str, Any]) -> Answer:
    choice, usage = raw["choices"][0], raw.get("usage") or {}
    tokens = (choice.get("logprobs") or {}).get("content") or [{}]
    message = choice["message"]
    return Answer(
        content=message.get("content") or "",
        reasoning=message.get("reasoning_content") or message.get("reasoning"),
        n_read=usage.get("prompt_tokens"),
        n_written=usage.get("completion_tokens"),
        tops=tuple((t["token"], t["logprob"]) for t in tokens[0].get("top_logprobs") or ()),
        probs=tuple((t["token"], t["prob"]) for t in tokens[0].get("top_probs") or ()),
    )


def _completion(model: str, question: Ask) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "model": model,
        "messages": messages(question),
        "max_tokens": question.max_tokens,
        "temperature": question.temperature,
    }
    if question.schema is not None:
        named = {"name": "answer", "schema": question.schema, "strict": True}
        arguments["response_format"] = {"type": "json_schema", "json_schema": named}
    if question.n_tops:
        arguments |= {"logprobs": True, "top_logprobs": question.n_tops}
    if question.only:
        # llama.cpp's own: a bias by text, and probabilities after it. As `LlamaCppLLM` asks.
        arguments["temperature"] = 1.0
        arguments["extra_body"] = {
            "logit_bias": [[label, BIAS] for label in question.only],
            "post_sampling_probs": True,
            "samplers": [],
            "cache_prompt": True,
            "chat_template_kwargs": {"enable_thinking": False},
        }
    extra = dict(question.extra)
    body = {**arguments.pop("extra_body", {}), **extra.pop("extra_body", {})}
    return {**arguments, **extra, **({"extra_body": body} if body else {})}


class AnthropicTransport:
    """Anthropic's messages."""

    def __init__(self, model: str, options: Mapping[str, Any]) -> None:
        self._model, self._options = model, options

    @cached_property
    def _client(self) -> Any:  # noqa: ANN401
        from anthropic import Anthropic

        return Anthropic(**self._options)

    def ask(self, question: Ask) -> Answer:
        """Send a question."""
        # No temperature: its newer clients take none.
        asked: dict[str, Any] = {"max_tokens": question.max_tokens, **question.extra}
        if question.system:
            asked["system"] = question.system
        if question.schema is not None:
            # A tool that must be called is how this server holds an answer to a schema.
            tool = {
                "name": "answer",
                "description": "Give the answer.",
                "input_schema": question.schema,
            }
            asked |= {"tools": [tool], "tool_choice": {"type": "tool", "name": "answer"}}
        messages = [{"role": "user", "content": question.prompt}]
        raw = self._client.messages.create(model=self._model, messages=messages, **asked)
        return Answer(
            content="".join(_block(b) for b in raw.content),
            n_read=raw.usage.input_tokens,
            n_written=raw.usage.output_tokens,
        )

    def close(self) -> None:
        """Close the connections."""
        if "_client" in self.__dict__:
            self._client.close()


def _block(block: Any) -> str:  # noqa: ANN401
    if block.type == "tool_use":
        return json.dumps(block.input)
    return block.text if block.type == "text" else ""


def messages(question: Ask) -> list[dict[str, str]]:
    """Return the question as a chat."""
    system = [{"role": "system", "content": question.system}] if question.system else []
    return [*system, {"role": "user", "content": question.prompt}]
