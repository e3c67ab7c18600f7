"""Models behind a server: OpenAI, Anthropic, and everything that speaks OpenAI's protocol.

`choose` uses the strongest way the server has, found out on the first question and remembered:
log-probabilities of one token, a JSON schema that allows only the labels, or free text that is
parsed. Retries on 429, 5xx and lost connections are the clients' own, with backoff.
"""

import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, Literal
from urllib.parse import urlsplit

from groundling.errors import (
    AuthenticationError,
    MissingExtraError,
    ModelAnswerError,
    PromptTooLongError,
    ServerError,
    UnknownModelError,
)
from groundling.llm.base import BaseLLM, Choice, LLMResponse
from groundling.parsing import ResponseParser
from groundling.prompts import ChoicePrompt, PromptBuilder

log = logging.getLogger(__name__)

Provider = Literal["openai", "anthropic", "compatible"]
Way = Literal["logprobs", "schema", "generate"]

_WINDOWS = {"openai": 128_000, "anthropic": 200_000, "compatible": 8192}
_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
_TOP = 20
_ANSWER_TOKENS = 64
_LEAST_MASS = 0.5
"""Labels must hold this share of the probability, else the model wanted to say something else."""
_CUT = 0.5
"""A server that counts fewer prompt tokens than this share of our estimate has cut the prompt."""


class CloudLLM(BaseLLM):
    """A model that a server runs, in the cloud or on this machine."""

    def __init__(  # noqa: PLR0913 - the names of the design guide, and what a server needs
        self,
        provider: Provider = "openai",
        model: str = "gpt-4o-mini",
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout_s: float = 60.0,
        max_retries: int = 2,
        context_window: int | None = None,
    ) -> None:
        """Prepare the client; nothing is sent yet.

        Args:
            provider: `openai`, `anthropic`, or `compatible` for any server with OpenAI's protocol.
            model: As the server names it.
            api_key: By default from `OPENAI_API_KEY` or `ANTHROPIC_API_KEY`.
            base_url: The server's address, needed for `compatible`.
            timeout_s: Limit for one request.
            max_retries: On 429, 5xx and lost connections, with backoff.
            context_window: In tokens; by default 128,000, 200,000 and 8,192.

        Raises:
            ValueError: If the provider is unknown, or `compatible` has no address.
            MissingExtraError: If the client package is not installed.
            AuthenticationError: If there is no key.
        """
        if provider not in _WINDOWS:
            known = ", ".join(_WINDOWS)
            raise ValueError(f"unknown provider {provider!r}: known are {known}")
        if provider == "compatible" and not base_url:
            raise ValueError(
                "provider 'compatible' needs `base_url`, e.g. http://127.0.0.1:8000/v1"
            )
        package = "anthropic" if provider == "anthropic" else "openai"
        if find_spec(package) is None:
            raise MissingExtraError(
                f'{provider} needs the package {package}: pip install "groundling[cloud]"'
            )
        self.provider, self.model = provider, model
        self.name = f"{provider}:{model}"
        self.base_url = base_url
        self._window = context_window or _WINDOWS[provider]
        self._way: Way | None = "schema" if provider == "anthropic" else None
        key = api_key or os.environ.get(_KEYS.get(provider, ""), "")
        if not key and provider != "compatible":
            raise AuthenticationError(
                f"there is no key for {provider}: set {_KEYS[provider]} or give `api_key`"
            )
        options = {"api_key": key or "none", "timeout": timeout_s, "max_retries": max_retries}
        self._client = _client(package, {**options, "base_url": base_url})

    def __repr__(self) -> str:
        # Never the client: it holds the key.
        return f"CloudLLM({self.name!r})"

    @property
    def identity(self) -> str:
        """The model and where it runs, for caches."""
        return f"{self.name}@{self.base_url or self.provider}"

    def generate(
        self,
        prompt: str,
        system_prompt: str = "",
        *,
        max_new_tokens: int = 512,
        temperature: float = 0.0,
        schema: dict[str, Any] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> LLMResponse:
        """Answer `prompt` with text, held to a JSON schema where one is given.

        Args:
            prompt: What the user says.
            system_prompt: Instructions.
            max_new_tokens: Longest answer.
            temperature: 0 picks the likeliest.
            schema: JSON schema of the answer.
            **kwargs: Passed to the client, e.g. `response_format` or `reasoning_effort`.

        Raises:
            ServerError: If the server fails or its answer is none.
            AuthenticationError: If it refuses the key.
            ModelAnswerError: If the answer is empty.
            PromptTooLongError: If it does not fit, or the server cut it.
        """
        self._check_length(system_prompt + prompt, max_new_tokens)
        started = time.perf_counter()
        limits = {"max_tokens": max_new_tokens, "temperature": temperature, **kwargs}
        if self.provider == "anthropic":
            answer = self._ask_anthropic(prompt, system_prompt, limits, schema)
        else:
            if schema is not None:
                limits["response_format"] = _format(schema)
            answer = self._ask_openai(prompt, system_prompt, limits)[0]
        if not answer.content.strip():
            raise ModelAnswerError(f"{self.name} answered with nothing: raise `max_new_tokens`")
        return replace(answer, latency_ms=(time.perf_counter() - started) * 1000)

    def choose(self, prompt: ChoicePrompt, labels: Sequence[str] | None = None) -> Choice:
        """Pick one label, by the strongest way the server has.

        Raises:
            ServerError: If the server fails.
            AuthenticationError: If it refuses the key.
            ModelAnswerError: If the answer names no label.
            PromptTooLongError: If it does not fit, or the server cut it.
        """
        self._check_length(prompt.system + prompt.text, _ANSWER_TOKENS)
        allowed, started = tuple(labels or prompt.labels), time.perf_counter()
        for way in (self._way,) if self._way else ("logprobs", "schema", "generate"):
            try:
                found = self._by(way)(prompt, allowed)
            except _NotSupportedError as error:
                log.info("%s cannot choose by %s: %s", self.name, way, error)
                continue
            self._way = way
            return replace(found, latency_ms=(time.perf_counter() - started) * 1000)
        raise ServerError(f"{self.name} refused every way of asking: look at the server's log")

    def _by(self, way: str) -> Callable[[ChoicePrompt, tuple[str, ...]], Choice]:
        ways = {
            "logprobs": self._choose_logprobs,
            "schema": self._choose_schema,
            "generate": self._choose_text,
        }
        return ways[way]

    def _choose_logprobs(self, prompt: ChoicePrompt, allowed: tuple[str, ...]) -> Choice:
        limits = {"max_tokens": 1, "temperature": 0.0, "logprobs": True, "top_logprobs": _TOP}
        answer, raw = self._ask_openai(prompt.text, prompt.system, limits, probe=True)
        mass = dict.fromkeys(allowed, 0.0)
        for token, logprob in _tops(raw):
            label = token.strip().strip("\"'*(")
            if label in mass:
                mass[label] += math.exp(logprob)
        total = sum(mass.values())
        if total < _LEAST_MASS:
            raise _NotSupportedError(f"labels hold {total:.2f} of the probability of one token")
        p = tuple(mass[label] / total for label in allowed)
        best = max(allowed, key=lambda label: mass[label])
        return self._choice(allowed, best, "logprobs", answer, p)

    def _choose_schema(self, prompt: ChoicePrompt, allowed: tuple[str, ...]) -> Choice:
        schema = {
            "type": "object",
            "properties": {"choice": {"type": "string", "enum": list(allowed)}},
            "required": ["choice"],
            "additionalProperties": False,
        }
        text = PromptBuilder.build_json_choice(prompt, allowed)
        limits: dict[str, Any] = {"max_tokens": _ANSWER_TOKENS, "temperature": 0.0}
        if self.provider == "anthropic":
            answer = self._ask_anthropic(text, prompt.system, limits, schema)
        else:
            limits["response_format"] = _format(schema)
            answer = self._ask_openai(text, prompt.system, limits, probe=True)[0]
        return self._parsed(answer, allowed, "schema")

    def _choose_text(self, prompt: ChoicePrompt, allowed: tuple[str, ...]) -> Choice:
        text = PromptBuilder.build_json_choice(prompt, allowed)
        limits: dict[str, Any] = {"max_tokens": _ANSWER_TOKENS, "temperature": 0.0}
        answer, _ = self._ask_openai(text, prompt.system, limits)
        return self._parsed(answer, allowed, "generate")

    def _parsed(self, answer: LLMResponse, allowed: tuple[str, ...], method: Any) -> Choice:  # noqa: ANN401
        label = ResponseParser.extract_label(answer.content, allowed)
        if label is None:
            raise ModelAnswerError(
                f"{self.name} named none of {', '.join(allowed)}: {answer.content[:80]!r}"
            )
        return self._choice(allowed, label, method, answer, None)

    def _choice(
        self,
        allowed: tuple[str, ...],
        best: str,
        method: Any,  # noqa: ANN401
        answer: LLMResponse,
        probabilities: tuple[float, ...] | None,
    ) -> Choice:
        return Choice(
            labels=allowed,
            probabilities=probabilities,
            best=best,
            method=method,
            model=self.name,
            prompt_tokens=answer.prompt_tokens or 0,
            completion_tokens=answer.tokens_used or 0,
            latency_ms=0.0,
        )

    def _ask_openai(
        self, prompt: str, system: str, limits: dict[str, Any], *, probe: bool = False
    ) -> tuple[LLMResponse, Any]:
        messages = [{"role": "user", "content": prompt}]
        if system:
            messages.insert(0, {"role": "system", "content": system})
        try:
            raw = self._client.chat.completions.create(
                model=self.model, messages=messages, **limits
            )
            choice = raw.choices[0]
            content = choice.message.content or ""
            usage = raw.usage
        except Exception as error:
            raise self._named(error, probe=probe) from error
        n_prompt = getattr(usage, "prompt_tokens", None)
        self._check_uncut(system + prompt, n_prompt)
        n_written = getattr(usage, "completion_tokens", None)
        return LLMResponse(content=content, tokens_used=n_written, prompt_tokens=n_prompt), choice

    def _ask_anthropic(
        self, prompt: str, system: str, limits: dict[str, Any], schema: dict[str, Any] | None
    ) -> LLMResponse:
        # Its client takes no temperature.
        asked = {k: v for k, v in limits.items() if k != "temperature"}
        if system:
            asked["system"] = system
        if schema is not None:
            # A tool that must be called is how this server holds an answer to a schema.
            tool = {"name": "answer", "description": "Give the answer.", "input_schema": schema}
            asked |= {"tools": [tool], "tool_choice": {"type": "tool", "name": "answer"}}
        messages = [{"role": "user", "content": prompt}]
        try:
            raw = self._client.messages.create(model=self.model, messages=messages, **asked)
            content = "".join(_block(b) for b in raw.content)
            n_read, n_written = raw.usage.input_tokens, raw.usage.output_tokens
        except Exception as error:
            raise self._named(error) from error
        return LLMResponse(content=content, tokens_used=n_written, prompt_tokens=n_read)

    def _named(self, error: Exception, *, probe: bool = False) -> Exception:
        status = getattr(error, "status_code", None)
        said = " ".join(str(error).split())[:200]
        if status in (401, 403):
            return AuthenticationError(f"{self.name} refused the key (HTTP {status}): check it")
        if status == 404:
            return UnknownModelError(f"the server knows no model {self.model!r}: {said}")
        if status == 400 and any(
            w in said.lower() for w in ("context length", "too long", "n_ctx")
        ):
            return PromptTooLongError(f"{self.name}: {said}: lower `max_elements`")
        if status in (400, 422, 501) and probe:
            return _NotSupportedError(said)
        if status is not None:
            return ServerError(f"{self.name} answered HTTP {status}: {said}")
        if "timed out" in said.lower() or "Timeout" in type(error).__name__:
            return ServerError(f"{self.name} did not answer in time: raise `timeout_s`")
        if "Connection" in type(error).__name__:
            where = self.base_url or self.provider
            return ServerError(f"{where} is out of reach: start the server or check the address")
        return ServerError(f"{self.name} answered with something that is no answer: {said}")

    def _check_length(self, text: str, n_answer: int) -> None:
        n = self.count_tokens(text) + n_answer
        if n > self._window:
            raise PromptTooLongError(
                f"the prompt and answer are about {n} tokens, the window of {self.name} is "
                f"{self._window}: lower `max_elements` or give `context_window`"
            )

    def _check_uncut(self, text: str, n_read: int | None) -> None:
        n = self.count_tokens(text)
        if n_read and n > 200 and n_read < _CUT * n:
            raise PromptTooLongError(
                f"{self.name} read {n_read} tokens of about {n}: the server cuts prompts unseen;"
                " raise its context (Ollama: num_ctx or OLLAMA_CONTEXT_LENGTH)"
            )

    def supports_json_mode(self) -> bool:
        """Return whether answers can be held to a JSON schema, as far as is known."""
        return self._way != "generate"

    @property
    def context_window(self) -> int:
        """Maximum context length in tokens."""
        return self._window

    @property
    def is_local(self) -> bool:
        """Whether the server is this machine."""
        host = urlsplit(self.base_url or "").hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()


class _NotSupportedError(Exception):
    """The server refused a way of asking, not the question."""


def _client(package: str, options: dict[str, Any]) -> Any:  # noqa: ANN401
    if package == "anthropic":
        from anthropic import Anthropic

        return Anthropic(**options)
    from openai import OpenAI

    return OpenAI(**options)


def _format(schema: dict[str, Any]) -> dict[str, Any]:
    named = {"name": "answer", "schema": schema, "strict": True}
    return {"type": "json_schema", "json_schema": named}


def _tops(choice: Any) -> list[tuple[str, float]]:  # noqa: ANN401
    logprobs = getattr(choice, "logprobs", None)
    content = getattr(logprobs, "content", None) if logprobs else None
    if not content:
        raise _NotSupportedError("the answer has no log-probabilities")
    return [(t.token, t.logprob) for t in content[0].top_logprobs]


def _block(block: Any) -> str:  # noqa: ANN401
    import json

    if block.type == "tool_use":
        return json.dumps(block.input)
    return block.text if block.type == "text" else ""


def load_openai(rest: str, **options: Any) -> CloudLLM:  # noqa: ANN401
    """Return the model for `openai:gpt-4o-mini`."""
    return CloudLLM("openai", rest or "gpt-4o-mini", **options)


def load_anthropic(rest: str, **options: Any) -> CloudLLM:  # noqa: ANN401
    """Return the model for `anthropic:NAME`."""
    if not rest:
        raise UnknownModelError("name a model: anthropic:NAME")
    return CloudLLM("anthropic", rest, **options)


def load_compatible(rest: str, **options: Any) -> CloudLLM:  # noqa: ANN401
    """Return the model for `compatible:http://host:8000/v1#model`."""
    address, _, model = rest.partition("#")
    if "://" not in address or not model:
        raise UnknownModelError(f"write compatible:http://host:8000/v1#model, not {rest!r}")
    return CloudLLM("compatible", model, base_url=address, **options)


load_vllm = load_compatible


def load_ollama(rest: str, **options: Any) -> CloudLLM:  # noqa: ANN401
    """Return the model for `ollama:qwen2.5:3b`, on this machine's Ollama."""
    if not rest:
        raise UnknownModelError("name a model: ollama:qwen2.5:3b")
    # Ollama's own default window; its server cuts longer prompts in silence.
    options.setdefault("context_window", 4096)
    host = os.environ.get("OLLAMA_HOST", "127.0.0.1:11434")
    address = host if "://" in host else f"http://{host}"
    return CloudLLM("compatible", rest, base_url=f"{address}/v1", **options)
