"""Local models through Hugging Face transformers: one forward pass, one token, a probability.

`choose` reads the logits of the last position only; nothing is generated, so nothing can fail to
parse. The keys and values of the last prompt are kept, so a second decision on the same page reads
only what is new.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from string import ascii_uppercase
from typing import Any, TypeVar, Unpack

from groundling.errors import ModelFilesError
from groundling.llm._chat import ChatFormat, Messages, split_thinking, thinking_is_open
from groundling.llm._chooser import ChooserOptions, LogitLLM, Scores
from groundling.llm._labels import Branches, LabelTokens
from groundling.llm._weights import load_weights, memory_error, pick_device, require_packages
from groundling.llm.base import LLMResponse

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_LETTERS = tuple(ascii_uppercase)
# Tokens in one padded batch, padding included; bounds the memory of a batch.
_BATCH_TOKENS = 16_384
_NO_WINDOW = 10**8


class LocalOptions(ChooserOptions, total=False):
    """Options of `LocalLLM` beyond the design guide's three."""

    load_in_4bit: bool
    """Four-bit weights, nf4 with double quantization (bitsandbytes, CUDA only)."""
    load_in_8bit: bool
    """Eight-bit weights: bitsandbytes on CUDA, torchao on the CPU."""
    trust_remote_code: bool
    """Run code that comes with the model; False by default."""
    gguf_file: str
    """Name of a GGUF file inside the folder or repository."""
    dtype: Any
    """A torch dtype; by default half precision where it is fast."""
    allow_cpu: bool
    """Fall back to the CPU when the device has too little memory; False by default."""
    local_files_only: bool
    """Never ask the hub, not even for a model that is not here yet."""
    loaded: tuple[Any, Any]
    """A model and its tokenizer, loaded already."""
    reuse_prefix: bool
    """Keep keys and values for the next prompt; True by default."""


class LocalLLM(LogitLLM):
    """Local LLM implementation using Hugging Face transformers."""

    def __init__(
        self,
        model_name: str = "Qwen/Qwen2.5-3B-Instruct",
        device: str = "auto",
        max_memory: dict[int | str, str] | None = None,
        **options: Unpack[LocalOptions],
    ) -> None:
        """Load the model and check its template and labels.

        Args:
            model_name: Hub identifier or folder.
            device: `auto`, `cpu`, `cuda` or `mps`.
            max_memory: Limit for each device, e.g. `{0: "6GiB", "cpu": "16GiB"}`.
            options: See `LocalOptions`.

        Raises:
            MissingExtraError: If torch or transformers is not installed.
            UnknownModelError: If the hub has no such model.
            ModelFilesError: If the files are missing, corrupt, gated or out of reach.
            ModelMemoryError: If the weights do not fit the device.
        """
        require_packages()
        self.model_name = model_name
        self.name = f"hf:{model_name}"
        if "loaded" in options:
            self.model, self.tokenizer = options["loaded"]
        else:
            wanted: dict[str, Any] = {**options, "max_memory": max_memory}
            self.model, self.tokenizer = load_weights(model_name, pick_device(device), wanted)
        self._set_up_choosing(options)
        self._lock = threading.Lock()
        self._set_up(reuse_prefix=options.get("reuse_prefix", True))
        _log.info("loaded %s on %s, %s", model_name, self.model.device, self.model.dtype)

    def _set_up(self, *, reuse_prefix: bool) -> None:
        from groundling.llm._forward import Forward

        tokenizer = self.tokenizer
        self._window = _window(self.model.config, tokenizer, self.model_name)
        self._stop = _stop_tokens(self.model, tokenizer)
        self._end = self._stop[0]
        self._pad = _first(tokenizer.pad_token_id, tokenizer.eos_token_id, self._stop[0])
        self._forward = Forward(self.model, self._pad, reuse_prefix=reuse_prefix)
        control = _control_tokens(tokenizer)
        self._format = ChatFormat(
            _template(tokenizer), lambda text: (t for t in control if t in text), self.model_name
        )
        head = self._format.render("", "x", answer_now=True)
        self._labels = LabelTokens(
            self._encode_rendered,
            head,
            self.model_name,
            before=self._format.before_label,
            unknown=tokenizer.unk_token_id,
        )
        letters = self._labels.sequences(_LETTERS)
        self._forward.head.cover(token for tokens in letters for token in tokens)
        self._grammar_tokenizer: Any = None

    def generate(self, prompt: str, system_prompt: str = "", **kwargs: Any) -> LLMResponse:  # noqa: ANN401
        """Answer `prompt` with text.

        Args:
            prompt: The question.
            system_prompt: Instructions; folded into the question if the template has no such role.
            kwargs: `max_new_tokens` (512), `temperature` (0: the most likely token each time),
                `schema` (a JSON schema that the answer is held to), and whatever
                transformers' own `generate` takes.

        Raises:
            PromptTooLongError: If prompt and answer do not fit the context window together.
            ModelAnswerError: If the answer is empty, or thinking used up the budget.
            MissingExtraError: If `schema` is given and no grammar package is installed.
        """
        started = time.perf_counter()
        rendered = self._format.render(system_prompt, prompt)
        ids = self._encode_rendered(rendered)
        max_new_tokens = int(kwargs.pop("max_new_tokens", 512))
        self._check_fits(len(ids), max_new_tokens)
        arguments = self._generation_arguments(len(ids), max_new_tokens, kwargs)
        new = self._guarded(lambda: self._generate_ids(ids, arguments))
        text = self.tokenizer.decode(new, skip_special_tokens=True)
        opened = thinking_is_open(rendered)
        reasoning, content = split_thinking(text, len(new), opened=opened)
        return LLMResponse(
            content=content,
            reasoning=reasoning,
            tokens_used=len(new),
            prompt_tokens=len(ids),
            latency_ms=(time.perf_counter() - started) * 1000,
        )

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of `text`, without any special tokens."""
        return len(self.tokenizer.encode(text, add_special_tokens=False))

    def supports_json_mode(self) -> bool:
        """Return whether a grammar package is installed that holds answers to a JSON schema."""
        from groundling.llm._constrained import is_available

        return is_available()

    @property
    def context_window(self) -> int:
        """Maximum context length in tokens, from the model's own config."""
        return self._window

    def close(self) -> None:
        """Free the weights and the cached prompt."""
        self._forward.reset()
        self._forward.model = self.model = None

    def _read_forks(self, ids: list[int], forks: Branches) -> Scores:
        return self._guarded(lambda: self._logits_at(ids, forks))

    def _logits_at(self, ids: list[int], forks: Branches) -> Scores:
        found: Scores = {(): self._forward.after_prompt(ids, forks[()])}
        deeper = {prefix: ways for prefix, ways in forks.items() if prefix}
        return found | self._forward.after_tails(ids, deeper) if deeper else found

    def _read_roots(
        self, encoded: Sequence[list[int]], ways: Sequence[Sequence[int]]
    ) -> list[dict[int, float]]:
        rows: dict[int, dict[int, float]] = {}
        for group in _groups([len(ids) for ids in encoded]):
            prompts, each = [encoded[i] for i in group], [ways[i] for i in group]
            found = self._guarded(partial(self._batch, prompts, each))
            rows |= dict(zip(group, found, strict=True))
        return [rows[i] for i in range(len(encoded))]

    def _batch(self, prompts: list[list[int]], ways: list[Sequence[int]]) -> list[dict[int, float]]:
        if len(prompts) == 1:
            return [self._forward.after_prompt(prompts[0], ways[0])]
        return self._forward.after_each(prompts, ways)

    def _encode_rendered(self, text: str) -> list[int]:
        # A template writes its own BOS; letting the tokenizer add one would double it.
        add = not self._format.has_template
        return list(self.tokenizer.encode(text, add_special_tokens=add))

    def _generation_arguments(
        self, n_prompt: int, max_new_tokens: int, extra: dict[str, Any]
    ) -> dict[str, Any]:
        temperature = float(extra.pop("temperature", 0.0))
        schema = extra.pop("schema", None)
        arguments: dict[str, Any] = {
            "max_new_tokens": max_new_tokens,
            "do_sample": temperature > 0,
            "eos_token_id": list(self._stop),
            "pad_token_id": self._pad,
        }
        if temperature > 0:
            arguments["temperature"] = temperature
        if schema is not None:
            arguments["logits_processor"] = [self._schema_processor(schema, n_prompt)]
        return {**arguments, **extra}

    def _schema_processor(self, schema: dict[str, Any], n_prompt: int) -> Any:  # noqa: ANN401
        from groundling.llm._constrained import SchemaProcessor, grammar_tokenizer

        if self._grammar_tokenizer is None:
            size = self.model.config.get_text_config().vocab_size
            self._grammar_tokenizer = grammar_tokenizer(self.tokenizer, size, self._stop)
        return SchemaProcessor(self._grammar_tokenizer, schema, n_prompt)

    def _generate_ids(self, ids: list[int], arguments: dict[str, Any]) -> list[int]:
        import torch

        row = torch.tensor([ids], device=self._forward.device)
        # Several beams or answers would each want a cache of their own.
        one = arguments.keys().isdisjoint({"num_beams", "num_return_sequences"})
        cache = self._forward.lend(ids) if one else None
        kept = {} if cache is None else {"past_key_values": cache}
        try:
            with torch.inference_mode():
                out = self.model.generate(
                    input_ids=row, attention_mask=torch.ones_like(row), **kept, **arguments
                )
        except BaseException:
            self._forward.reset()  # a half-written cache must not be reused
            raise
        if kept:
            self._forward.take_back(ids)
        return [int(token) for token in out[0, len(ids) :]]

    def _guarded(self, work: Callable[[], _T]) -> _T:
        """Run `work` alone, because the cache belongs to one caller at a time."""
        import torch

        if self.model is None:
            raise ModelFilesError(f"{self.name} is closed: load it again")
        with self._lock:
            try:
                return work()
            except torch.cuda.OutOfMemoryError as error:
                self._forward.reset()
                raise memory_error(self.model_name, error) from error


def load(name: str, **options: Any) -> LocalLLM:  # noqa: ANN401
    """Load `hf:NAME`; entry point of the group `groundling.models`."""
    return LocalLLM(name or "Qwen/Qwen2.5-3B-Instruct", **options)


def _template(tokenizer: Any) -> Callable[[Messages], str] | None:  # noqa: ANN401
    if not getattr(tokenizer, "chat_template", None):
        return None

    def apply(messages: Messages) -> str:
        text: str = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        return text

    return apply


def _stop_tokens(model: Any, tokenizer: Any) -> tuple[int, ...]:  # noqa: ANN401
    """Return the model's own stop tokens: its generation config first, then the tokenizer's."""
    wanted = getattr(model.generation_config, "eos_token_id", None)
    listed = wanted if isinstance(wanted, list) else [wanted]
    ids = [int(i) for i in (*listed, tokenizer.eos_token_id) if i is not None]
    return tuple(dict.fromkeys(ids))


def _window(config: Any, tokenizer: Any, name: str) -> int:  # noqa: ANN401
    window = getattr(config.get_text_config(), "max_position_embeddings", None)
    # Recurrent models have no limit of their own; tokenizers write 1e30 for "unknown".
    window = window or min(tokenizer.model_max_length, _NO_WINDOW)
    if window >= _NO_WINDOW:
        raise ModelFilesError(f"neither config nor tokenizer of {name} names a context window")
    return int(window)


def _control_tokens(tokenizer: Any) -> list[str]:  # noqa: ANN401
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    every = {*tokenizer.all_special_tokens, *(t.content for t in added if t.special)}
    return sorted((t for t in every if len(t) > 1), key=len, reverse=True)


def _first(*values: int | None) -> int:
    return next(v for v in values if v is not None)


def _groups(lengths: Sequence[int]) -> list[list[int]]:
    """Return indices in batches of similar length, each at most `_BATCH_TOKENS` with padding.

    At most a quarter of a batch is padding: on a CPU padding costs what tokens cost.
    """
    groups: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        last = groups[-1] if groups else []
        longest = lengths[last[0]] if last else 0
        if longest and longest * (len(last) + 1) <= _BATCH_TOKENS and 4 * lengths[i] >= 3 * longest:
            last.append(i)
        else:
            groups.append([i])
    return groups
