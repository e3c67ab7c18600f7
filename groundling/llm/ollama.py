"""Ollama through its own protocol: its OpenAI route takes no window and cuts prompts unseen.

Ollama gives a model 4,096 tokens unless told otherwise, drops the front of a longer prompt, and
counts only what was left (https://github.com/ollama/ollama/issues/17889). Here each request names
a window that its prompt fits, forbids cutting, and the count that comes back is checked anyway.
"""

from collections.abc import Callable, Mapping
from typing import Any

from groundling.errors import ModelFilesError, ServerError, UnknownModelError
from groundling.llm._http import HttpError, JsonHttp
from groundling.llm._transports import Answer, Ask, messages
from groundling.llm.servers import ollama_address

FIRST_WINDOW = 4096
"""Ollama's own default. Another window reloads the model, so it grows by doubling, and seldom."""
_BYTES_PER_TOKEN = 2
"""At least that in all but a few scripts, so a window chosen by it is too large, not too small."""
_TEMPLATE_TOKENS = 128
_PULL_TIMEOUT_S = 600.0


class OllamaTransport:
    """Ollama's `/api/chat`."""

    def __init__(self, model: str, http: JsonHttp, window: int) -> None:
        """Remember the model; nothing is sent yet.

        Args:
            model: Its tag.
            http: Where Ollama is.
            window: Tokens up to which the window may grow.
        """
        self._model, self._http, self._limit = model, http, window
        self._window = min(FIRST_WINDOW, window)
        self._about: Mapping[str, Any] | None = None

    @property
    def window(self) -> int:
        """Tokens up to which the window may grow; the model's own limit once it is known."""
        return self._limit

    def ask(self, question: Ask) -> Answer:
        """Send a question."""
        about = self._show()
        self._make_room(question)
        body: dict[str, Any] = {
            "model": self._model,
            "messages": messages(question),
            "stream": False,
            "truncate": False,
            "options": {
                "temperature": question.temperature,
                "num_predict": question.max_tokens,
                "num_ctx": self._window,
                **question.extra,
            },
        }
        if "thinking" in (about.get("capabilities") or ()):
            body["think"] = False
        if question.schema is not None:
            body["format"] = question.schema
        if question.n_tops:
            body |= {"logprobs": True, "top_logprobs": question.n_tops}
        return _answer(self._http.post("/api/chat", body))

    def close(self) -> None:
        """Nothing stays open."""

    def _show(self) -> Mapping[str, Any]:
        """Return what Ollama knows of the model: its own window, and whether it thinks."""
        if self._about is None:
            about = self._http.post("/api/show", {"model": self._model})
            own = [
                int(value)
                for key, value in (about.get("model_info") or {}).items()
                if key.endswith(".context_length")
            ]
            self._limit = min(self._limit, *own) if own else self._limit
            self._window = min(self._window, self._limit)
            self._about = about
        return self._about

    def _make_room(self, question: Ask) -> None:
        n_bytes = len((question.prompt + question.system).encode())
        wanted = n_bytes // _BYTES_PER_TOKEN + question.max_tokens + _TEMPLATE_TOKENS
        while self._window < min(wanted, self._limit):
            self._window = min(2 * self._window, self._limit)


def _answer(raw: Mapping[str, Any]) -> Answer:
    message = raw["message"]
    first = (raw.get("logprobs") or [{}])[0]
    return Answer(
        content=message.get("content") or "",
        reasoning=message.get("thinking"),
        n_read=raw.get("prompt_eval_count"),
        n_written=raw.get("eval_count"),
        tops=tuple((t["token"], t["logprob"]) for t in first.get("top_logprobs") or ()),
    )


def pull(tag: str, on_progress: Callable[[int, int], None]) -> None:
    """Let the Ollama of this machine download a model.

    Args:
        tag: E.g. `qwen2.5:3b`.
        on_progress: Called with the bytes done and the bytes known so far.

    Raises:
        ServerError: If no Ollama listens.
        UnknownModelError: If Ollama's library has no such model.
        ModelFilesError: If the download fails.
    """
    address = ollama_address()
    layers: dict[str, tuple[int, int]] = {}
    try:
        for line in JsonHttp(address, timeout_s=_PULL_TIMEOUT_S).lines(
            "/api/pull", {"model": tag, "stream": True}
        ):
            if "error" in line:
                raise _pull_error(tag, str(line["error"]))
            if line.get("digest") and line.get("total"):
                layers[line["digest"]] = (int(line.get("completed", 0)), int(line["total"]))
                done, total = map(sum, zip(*layers.values(), strict=True))
                on_progress(done, total)
    except HttpError as error:
        raise _pull_error(tag, str(error)) from error
    except ConnectionError as error:
        raise ServerError(
            f"no Ollama listens at {address}: run `ollama serve`, then `ollama pull {tag}`"
        ) from error
    except (TimeoutError, OSError, ValueError) as error:
        raise _pull_error(tag, str(error)) from error


def _pull_error(tag: str, said: str) -> Exception:
    first = " ".join(said.split())[:160]
    if "does not exist" in first or "not found" in first:
        return UnknownModelError(f"Ollama's library has no model {tag!r}: {first}")
    return ModelFilesError(f"Ollama could not pull {tag} ({first}): run the command again")
