"""Models behind a server: OpenAI, Anthropic, Ollama, and everything with OpenAI's protocol.

`choose` uses the strongest way the server has, found out on the first question and remembered:
probabilities of exactly the labels (llama.cpp), log-probabilities of one token, a JSON schema that
allows only the labels, or free text that is parsed. Requests are repeated on 429, 5xx and lost
connections, with backoff, a bounded number of times.
"""

import logging
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, Literal

from groundling.errors import (
    AuthenticationError,
    MissingExtraError,
    ModelAnswerError,
    PromptTooLongError,
    ServerError,
    UnknownModelError,
)
from groundling.llm._http import JsonHttp, is_loopback
from groundling.llm._server_errors import NotSupportedError, named_error
from groundling.llm._transports import (
    Answer,
    AnthropicTransport,
    Ask,
    CompatibleTransport,
    OpenAITransport,
    Transport,
)
from groundling.llm.base import BaseLLM, Choice, ChoiceMethod, LLMResponse
from groundling.llm.ollama import OllamaTransport
from groundling.llm.servers import DEFAULTS, ollama_address
from groundling.parsing import ResponseParser
from groundling.prompts import ChoicePrompt, PromptBuilder

log = logging.getLogger(__name__)

Provider = Literal["openai", "anthropic", "ollama", "compatible"]
Way = Literal["labels", "logprobs", "schema", "generate"]

_WINDOWS = {"openai": 128_000, "anthropic": 200_000, "ollama": 8192, "compatible": 8192}
_WAYS: Mapping[str, tuple[Way, ...]] = {
    "openai": ("logprobs", "schema", "generate"),
    "anthropic": ("schema",),
    "ollama": ("logprobs", "schema", "generate"),
    "compatible": ("labels", "logprobs", "schema", "generate"),
}
_KEYS = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "ollama": "OLLAMA_API_KEY",
}
_NEED_KEYS = ("openai", "anthropic")
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
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Prepare the client; nothing is sent yet.

        Args:
            provider: `openai`, `anthropic`, `ollama`, or `compatible` for any server with OpenAI's
                protocol.
            model: As the server names it.
            api_key: By default from `OPENAI_API_KEY`, `ANTHROPIC_API_KEY` or `OLLAMA_API_KEY`.
            base_url: The server's address, needed for `compatible`; Ollama's by default from
                `OLLAMA_HOST`.
            timeout_s: Limit for one request.
            max_retries: On 429, 5xx and lost connections, with backoff.
            context_window: In tokens; by default 128,000, 200,000 and 8,192. Ollama's model gets a
                window that the prompt fits, up to this.
            extra: Sent with every request, e.g. `{"seed": 1}`; for Ollama, its options.

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
        key = api_key or os.environ.get(_KEYS.get(provider, ""), "")
        if not key and provider in _NEED_KEYS:
            raise AuthenticationError(
                f"there is no key for {provider}: set {_KEYS[provider]} or give `api_key`"
            )
        self.provider, self.model = provider, model
        self.name = f"{provider}:{model}"
        self.base_url = base_url or (ollama_address() if provider == "ollama" else None)
        self._window = context_window or _WINDOWS[provider]
        self._way: Way | None = None
        self._extra = dict(extra or {})
        limits = {"timeout_s": timeout_s, "max_retries": max_retries}
        self._transport = self._connect(key, limits)

    def _connect(self, key: str, limits: dict[str, Any]) -> Transport:
        if self.provider in ("ollama", "compatible"):
            http = JsonHttp(self.base_url or "", key=key, **limits)
            if self.provider == "ollama":
                return OllamaTransport(self.model, http, self._window)
            return CompatibleTransport(self.model, http)
        package = self.provider
        if find_spec(package) is None:
            raise MissingExtraError(
                f'{self.provider} needs the package {package}: pip install "groundling[cloud]"'
            )
        options = {
            "api_key": key,
            "timeout": limits["timeout_s"],
            "max_retries": limits["max_retries"],
            "base_url": self.base_url,
        }
        transport = AnthropicTransport if package == "anthropic" else OpenAITransport
        return transport(self.model, options)

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
            **kwargs: Passed to the client, e.g. `response_format` or `reasoning_effort`; for
                Ollama, its options.

        Raises:
            ServerError: If the server fails or its answer is none.
            AuthenticationError: If it refuses the key.
            ModelAnswerError: If the answer is empty, or thinking used up the budget.
            PromptTooLongError: If it does not fit, or the server cut it.
        """
        started = time.perf_counter()
        question = Ask(
            prompt=prompt,
            system=system_prompt,
            max_tokens=max_new_tokens,
            temperature=temperature,
            schema=schema,
            extra=kwargs,
        )
        answer = self._ask(question)
        if not answer.content.strip():
            spent = "thinking used up the budget" if answer.reasoning else "answered with nothing"
            raise ModelAnswerError(f"{self.name}: {spent}: raise `max_new_tokens`")
        return LLMResponse(
            content=answer.content,
            reasoning=answer.reasoning,
            tokens_used=answer.n_written,
            prompt_tokens=answer.n_read,
            latency_ms=(time.perf_counter() - started) * 1000,
        )

    def choose(self, prompt: ChoicePrompt, labels: Sequence[str] | None = None) -> Choice:
        """Pick one label, by the strongest way the server has.

        Raises:
            ServerError: If the server fails.
            AuthenticationError: If it refuses the key.
            ModelAnswerError: If the answer names no label.
            PromptTooLongError: If it does not fit, or the server cut it.
        """
        allowed, started = tuple(labels or prompt.labels), time.perf_counter()
        ways = _WAYS[self.provider]
        for way in ways[ways.index(self._way) :] if self._way else ways:
            try:
                found = self._by(way)(prompt, allowed)
            except NotSupportedError as error:
                log.info("%s cannot choose by %s: %s", self.name, way, error)
                continue
            # A way that worked once is tried again, even if one question needed a weaker one.
            self._way = self._way or way
            return replace(found, latency_ms=(time.perf_counter() - started) * 1000)
        raise ServerError(f"{self.name} refused every way of asking: look at the server's log")

    def _by(self, way: Way) -> Callable[[ChoicePrompt, tuple[str, ...]], Choice]:
        ways: dict[Way, Callable[[ChoicePrompt, tuple[str, ...]], Choice]] = {
            "labels": self._choose_labels,
            "logprobs": self._choose_logprobs,
            "schema": self._choose_schema,
            "generate": self._choose_text,
        }
        return ways[way]

    def _choose_labels(self, prompt: ChoicePrompt, allowed: tuple[str, ...]) -> Choice:
        question = Ask(
            prompt=prompt.text,
            system=prompt.system,
            max_tokens=1,
            n_tops=len(allowed),
            only=allowed,
        )
        answer = self._ask(question, probe=True)
        found = dict(answer.probs)
        if not found.keys() >= set(allowed):
            raise NotSupportedError("the answer has no probability for each label")
        return self._choice(allowed, answer, "logprobs", found)

    def _choose_logprobs(self, prompt: ChoicePrompt, allowed: tuple[str, ...]) -> Choice:
        question = Ask(prompt=prompt.text, system=prompt.system, max_tokens=1, n_tops=_TOP)
        answer = self._ask(question, probe=True)
        if not answer.tops:
            raise NotSupportedError("the answer has no log-probabilities")
        mass = dict.fromkeys(allowed, 0.0)
        for token, logprob in answer.tops:
            label = token.strip().strip("\"'*(")
            if label in mass:
                mass[label] += math.exp(logprob)
        if sum(mass.values()) < _LEAST_MASS:
            raise NotSupportedError(f"labels hold {sum(mass.values()):.2f} of the probability")
        return self._choice(allowed, answer, "logprobs", mass)

    def _choose_schema(self, prompt: ChoicePrompt, allowed: tuple[str, ...]) -> Choice:
        schema = {
            "type": "object",
            "properties": {"choice": {"type": "string", "enum": list(allowed)}},
            "required": ["choice"],
            "additionalProperties": False,
        }
        return self._choose_json(prompt, allowed, "schema", schema)

    def _choose_text(self, prompt: ChoicePrompt, allowed: tuple[str, ...]) -> Choice:
        return self._choose_json(prompt, allowed, "generate", None)

    def _choose_json(
        self,
        prompt: ChoicePrompt,
        allowed: tuple[str, ...],
        method: ChoiceMethod,
        schema: dict[str, Any] | None,
    ) -> Choice:
        text = PromptBuilder.build_json_choice(prompt, allowed)
        question = Ask(prompt=text, system=prompt.system, max_tokens=_ANSWER_TOKENS, schema=schema)
        answer = self._ask(question, probe=schema is not None)
        label = ResponseParser.extract_label(answer.content, allowed)
        if label is None and answer.reasoning and not answer.content.strip():
            raise ModelAnswerError(
                f"{self.name} thinks instead of choosing: switch thinking off with `extra`, see "
                "docs/servers.md"
            )
        if label is None:
            raise ModelAnswerError(
                f"{self.name} named none of {', '.join(allowed)}: {answer.content[:80]!r}"
            )
        return self._choice(allowed, answer, method, None, label)

    def _choice(
        self,
        allowed: tuple[str, ...],
        answer: Answer,
        method: ChoiceMethod,
        mass: Mapping[str, float] | None,
        best: str = "",
    ) -> Choice:
        p = None if mass is None else tuple(mass[x] / sum(mass.values()) for x in allowed)
        return Choice(
            labels=allowed,
            probabilities=p,
            best=best if p is None else allowed[p.index(max(p))],
            method=method,
            model=self.name,
            prompt_tokens=answer.n_read or 0,
            completion_tokens=answer.n_written or 0,
            latency_ms=0.0,
        )

    def _ask(self, question: Ask, *, probe: bool = False) -> Answer:
        text = question.system + question.prompt
        self._check_length(text, question.max_tokens)
        question = replace(question, extra={**self._extra, **question.extra})
        try:
            answer = self._transport.ask(question)
        except Exception as error:
            where = self.base_url or self.provider
            raise named_error(
                error, name=self.name, model=self.model, where=where, probe=probe
            ) from error
        self._check_uncut(text, answer.n_read)
        return answer

    def _check_length(self, text: str, n_answer: int) -> None:
        n = self.count_tokens(text) + n_answer
        if n > self.context_window:
            raise PromptTooLongError(
                f"the prompt and answer are about {n} tokens, the window of {self.name} is "
                f"{self.context_window}: lower `max_elements` or give `context_window`"
            )

    def _check_uncut(self, text: str, n_read: int | None) -> None:
        n = self.count_tokens(text)
        if n_read and n > 200 and n_read < _CUT * n:
            raise PromptTooLongError(
                f"{self.name} read {n_read} tokens of about {n}: the server cuts prompts unseen;"
                " raise its context (Ollama: spec ollama:TAG, or OLLAMA_CONTEXT_LENGTH)"
            )

    def supports_json_mode(self) -> bool:
        """Return whether answers can be held to a JSON schema, as far as is known."""
        return self._way != "generate"

    @property
    def context_window(self) -> int:
        """Maximum context length in tokens; Ollama's model may lower it with the first answer."""
        return getattr(self._transport, "window", self._window)

    @property
    def is_local(self) -> bool:
        """Whether the server is this machine."""
        return is_loopback(self.base_url or "")

    def close(self) -> None:
        """Close the client's connections."""
        self._transport.close()


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


def load_vllm(rest: str, **options: Any) -> CloudLLM:  # noqa: ANN401
    """Return the model for `vllm:URL#MODEL`, or `vllm:MODEL` on vLLM's own port of this machine."""
    here = f"{DEFAULTS['vLLM']}/v1#{rest}"
    return load_compatible(rest if "://" in rest or not rest else here, **options)


def load_ollama(rest: str, **options: Any) -> CloudLLM:  # noqa: ANN401
    """Return the model for `ollama:qwen2.5:3b`; `OLLAMA_HOST` says where, else this machine."""
    if not rest:
        raise UnknownModelError("name a model: ollama:qwen2.5:3b")
    return CloudLLM("ollama", rest, **options)
