"""Tiny random models with the quirks of real families: template, BOS, stop tokens, window."""

from dataclasses import dataclass
from typing import Any

from groundling.elements import RawElement
from groundling.prompts import Candidate, ChoicePrompt

CORPUS = [
    "Task: find the button that saves the draft of the letter",
    "A button Save draft\nB link Cancel\nC textbox Search for pages\nD none of these",
    "Answer with one letter. System instructions come first. Which element?",
]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

QWEN = (
    "{%- if messages[0]['role'] == 'system' -%}{{- '<|im_start|>system\\n' + "
    "messages[0]['content'] + '<|im_end|>\\n' -}}{%- else -%}"
    "{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' -}}{%- endif -%}"
    "{%- for m in messages -%}{%- if m.role != 'system' -%}"
    "{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' -}}{%- endif -%}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}{% for m in messages %}"
    "{% if m['role'] == 'assistant' %}{% set role = 'model' %}{% else %}"
    "{% set role = m['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\\n' + m['content'] | trim + '<end_of_turn>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)
PHI = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>\\n' + m['content'] + '<|end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)
LLAMA = (
    "{{- bos_token }}{%- if messages[0]['role'] == 'system' %}"
    "{%- set system = messages[0]['content'] %}{%- set messages = messages[1:] %}"
    "{%- else %}{%- set system = '' %}{%- endif %}"
    "{{- '<|start_header_id|>system<|end_header_id|>\\n\\nCutting Knowledge Date: December 2023\\n'"
    " + system + '<|eot_id|>' }}{%- for m in messages %}"
    "{{- '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' + m['content'] | trim"
    " + '<|eot_id|>' }}{%- endfor %}{%- if add_generation_prompt %}"
    "{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"
)


@dataclass(frozen=True)
class Family:
    """What makes one model family special."""

    template: str | None
    special: tuple[str, ...]
    stop: tuple[str, ...]
    """As in the family's generation config; the first is not the tokenizer's EOS."""
    bos: str | None
    adds_bos: bool
    swallows_newline: bool = False
    metaspace: bool = False


FAMILIES = {
    "qwen2": Family(
        QWEN,
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
        ("<|im_end|>", "<|endoftext|>"),
        None,
        False,
    ),
    "gemma2": Family(
        GEMMA,
        ("<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"),
        ("<end_of_turn>", "<eos>"),
        "<bos>",
        True,
    ),
    "phi3": Family(
        PHI,
        ("<|endoftext|>", "<s>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
        ("<|end|>", "<|endoftext|>"),
        "<s>",
        False,
        swallows_newline=True,
        metaspace=True,
    ),
    "llama": Family(
        LLAMA,
        (
            "<|end_of_text|>",
            "<|begin_of_text|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eot_id|>",
        ),
        ("<|eot_id|>", "<|end_of_text|>"),
        "<|begin_of_text|>",
        True,
    ),
}


def tokenizer(family: Family, extra: tuple[str, ...] = ()) -> Any:
    """Train a small tokenizer: byte-level BPE, or metaspace as in Llama 2."""
    from tokenizers import (
        AddedToken,
        Tokenizer,
        decoders,
        models,
        pre_tokenizers,
        processors,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE(unk_token="<unk>" if family.metaspace else None))
    if family.metaspace:
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
        steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        made.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)])
        alphabet = [chr(c) for c in range(32, 127)] + ["\n", "▁"]
        first = ["<unk>"]
    else:
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        alphabet, first = pre_tokenizers.ByteLevel.alphabet(), []
    size = {"vocab_size": 420, "initial_alphabet": alphabet, "show_progress": False}
    letters = [" ".join(LETTERS)] * 3
    trainer = trainers.BpeTrainer(special_tokens=first, **size)
    made.train_from_iterator(CORPUS + letters, trainer)
    marks = (*family.special, *extra)
    made.add_special_tokens(
        [AddedToken(t, special=True, rstrip=family.swallows_newline) for t in marks]
    )
    if family.adds_bos:
        bos = (family.bos, made.token_to_id(family.bos))
        made.post_processor = processors.TemplateProcessing(
            single=f"{family.bos} $A", special_tokens=[bos]
        )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=made,
        eos_token=family.special[0],
        bos_token=family.bos,
        unk_token="<unk>" if family.metaspace else None,
    )
    fast.chat_template = family.template
    return fast


def model(name: str, vocabulary: Any, window: int = 512) -> Any:
    """Make a random model of the family, three layers, seeded."""
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    torch.manual_seed(7)
    family = FAMILIES[name]
    sizes = {
        "vocab_size": len(vocabulary),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": window,
        "bos_token_id": vocabulary.bos_token_id,
        "eos_token_id": vocabulary.eos_token_id,
        "pad_token_id": None,
        # Large weights, so that random models have opinions.
        "initializer_range": 0.3,
    }
    if name == "gemma2":
        sizes |= {"head_dim": 8, "sliding_window": 64, "query_pre_attn_scalar": 8}
    if name == "phi3":
        sizes |= {"sliding_window": 48}
    made = AutoModelForCausalLM.from_config(CONFIG_MAPPING[name](**sizes))
    made.generation_config.eos_token_id = vocabulary.convert_tokens_to_ids(list(family.stop))
    return made.eval()


def pair(name: str, window: int = 512) -> tuple[Any, Any]:
    """Return a random model and its tokenizer."""
    vocabulary = tokenizer(FAMILIES[name])
    return model(name, vocabulary, window), vocabulary


def saved(folder: Any, name: str = "qwen2", window: int = 512) -> str:
    """Write a random model and its tokenizer into a folder, and return its path."""
    for part in pair(name, window):
        part.save_pretrained(folder)
    return str(folder)


def prompt(
    text: str = "Which one?", n: int = 3, system: str = "Answer with one letter.", **changes: Any
) -> ChoicePrompt:
    """Return a question with `n` candidates and "none"."""
    elements = [RawElement(id=i, tag="button", role="button", text=f"Save {i}") for i in range(n)]
    labels = changes.get("labels", tuple(LETTERS[: n + 1]))
    lines = "\n".join(f"{lb} button {e.text}" for lb, e in zip(labels, elements, strict=False))
    return ChoicePrompt(
        instruction=text,
        task_type="find_button",
        system=system,
        text=f"Task: {text}\n{lines}\n{labels[-1]} none of these",
        labels=labels,
        candidates=tuple(Candidate(element=e, score=0.0) for e in elements),
        none_label=labels[-1],
    )
