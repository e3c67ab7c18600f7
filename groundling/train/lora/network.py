"""The model under training: a frozen base, low-rank adapters, and a head; scores for labels."""

import logging
import math
import random
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from groundling.errors import DataError, MissingExtraError, ModelMemoryError
from groundling.llm._line_head import LineHead
from groundling.llm.transformers import LocalLLM
from groundling.llm.tuned import WIDTH, Card, cut_layers, decoder, load_base
from groundling.train.lora.batches import Sample, sample
from groundling.train.lora.config import LoraSettings
from groundling.train.lora.examples import Example, asked

log = logging.getLogger(__name__)

_LOOKED_AT = 48
"""Examples from which the lines head learns the spread of the hidden states."""


class Network(nn.Module):
    """Base, adapters and head; `scores` is all that training needs."""

    def __init__(
        self, settings: LoraSettings, *, device: str = "auto", loaded: tuple[Any, Any] | None = None
    ) -> None:
        """Load the base, freeze it and give it adapters, seeded.

        Raises:
            MissingExtraError: If peft is not installed.
            ModelError: If the base cannot be loaded.
        """
        super().__init__()
        try:
            from peft import LoraConfig, get_peft_model
        except ImportError as error:
            raise MissingExtraError(
                'training needs peft: pip install "groundling[train]"'
            ) from error
        torch.manual_seed(settings.seed)
        options = {"load_in_4bit": True} if settings.load_in_4bit else {}
        model, tokenizer = loaded or load_base(settings.base, device, **options)
        n_layers = cut_layers(model, settings.layers)
        self.settings = settings
        self.card = Card(base=settings.base, head=settings.head, layers=n_layers)
        self.llm = LocalLLM(settings.base, loaded=(model, tokenizer))
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        config = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=_targets(model, n_layers - (settings.tuned_layers or n_layers)),
            task_type="CAUSAL_LM",
        )
        with warnings.catch_warnings():
            # PEFT still reads an attribute that transformers 5 renamed.
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            self.peft = get_peft_model(model, config)
        hidden = model.config.get_text_config().hidden_size
        self.head = LineHead(hidden, WIDTH) if settings.head == "lines" else None
        if self.head is not None:
            self.head.to(model.device)
        self.place = model.device

    def trained(self) -> dict[str, nn.Parameter]:
        """Return what is trained, by name."""
        return {n: p for n, p in self.named_parameters() if p.requires_grad}

    def state(self) -> dict[str, Tensor]:
        """Return a copy of everything that training changes, on the CPU."""
        kept = self.trained()
        buffers = {n: b for n, b in self.named_buffers() if n.startswith("head.")}
        return {n: t.detach().cpu().clone() for n, t in {**kept, **buffers}.items()}

    def put(self, state: dict[str, Tensor]) -> None:
        """Take over what `state` returned."""
        own = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        with torch.no_grad():
            for name, tensor in state.items():
                own[name].copy_(tensor)

    def scores(self, samples: Sequence[Sample]) -> Tensor:
        """Return log-probabilities, shape `(batch, labels)`; minus infinity where there is none.

        Raises:
            ModelMemoryError: If the device is too small.
        """
        try:
            raw = self._lines(samples) if self.head is not None else self._letters(samples)
        except (torch.cuda.OutOfMemoryError, MemoryError) as error:
            raise _too_large(self.settings, error) from error
        except RuntimeError as error:  # the CPU's allocator has no class of its own
            if "allocate memory" not in str(error):
                raise
            raise _too_large(self.settings, error) from error
        return torch.log_softmax(raw, -1)

    def _lines(self, samples: Sequence[Sample]) -> Tensor:
        assert self.head is not None
        width = max(len(s.encoded.ids) for s in samples)
        # Right padding needs no mask: no real token looks at what comes after it.
        rows = [[*s.encoded.ids, *[0] * (width - len(s.encoded.ids))] for s in samples]
        n_lines = max(len(s.known) for s in samples)
        blank = (0.0,) * len(samples[0].known[0])
        extra = [[*s.known, *[blank] * (n_lines - len(s.known))] for s in samples]
        body = decoder(self.peft.get_base_model())
        ids = torch.tensor(rows, device=self.place)
        states = body(input_ids=ids, use_cache=False).last_hidden_state
        ends = [len(s.encoded.ids) - 1 for s in samples]
        known = torch.tensor(extra, device=self.place)
        found: Tensor = self.head(states, [s.encoded.spans for s in samples], known, ends)
        return found

    def _letters(self, samples: Sequence[Sample]) -> Tensor:
        width = max(len(s.encoded.ids) for s in samples)
        pads = [width - len(s.encoded.ids) for s in samples]
        pad = self.llm._pad
        rows = [[*[pad] * n, *s.encoded.ids] for n, s in zip(pads, samples, strict=True)]
        places = torch.arange(width)[None, :] - torch.tensor(pads)[:, None]
        logits = (
            self.peft(
                input_ids=torch.tensor(rows, device=self.place),
                attention_mask=(places >= 0).long().to(self.place),
                position_ids=places.clamp(min=0).to(self.place),
                use_cache=False,
                logits_to_keep=1,
            )
            .logits[:, -1]
            .float()
        )
        n_labels = max(len(s.ways) for s in samples)
        ways = torch.tensor([[*s.ways, *[-1] * (n_labels - len(s.ways))] for s in samples])
        ways = ways.to(self.place)
        found: Tensor = logits.gather(1, ways.clamp(min=0)).masked_fill(ways < 0, -math.inf)
        return found

    @torch.no_grad()
    def look_at(self, examples: Sequence[Example]) -> None:
        """Let the lines head learn mean and spread of the states it will read.

        Raises:
            DataError: If the states of different lines are all the same, so nothing can be learnt.
        """
        if self.head is None:
            return
        picked = random.Random(self.settings.seed).sample(
            list(examples), min(_LOOKED_AT, len(examples))
        )
        body = decoder(self.peft.get_base_model())
        seen = []
        for example in picked:
            s = sample(self.llm, asked(example, self.settings), self.settings)
            ids = torch.tensor([s.encoded.ids], device=self.place)
            states = body(input_ids=ids, use_cache=False).last_hidden_state.float()
            pooled, last, _ = self.head.pool(states, [s.encoded.spans], [len(s.encoded.ids) - 1])
            seen += [pooled[0], last[0]]
        every = torch.cat(seen)
        if float(every.std(0).max()) < 1e-6:
            raise DataError(f"the hidden states of {self.settings.base} are the same on every line")
        self.head.standardise(every)


def loss_of(scores: Tensor, samples: Sequence[Sample]) -> Tensor:
    """Return minus the log-probability that a right label is named, summed over the samples."""
    n = scores.shape[1]
    right = torch.tensor(
        [[*s.right, *[False] * (n - len(s.right))] for s in samples], device=scores.device
    )
    return -torch.logsumexp(scores.masked_fill(~right, -math.inf), -1).sum()


def _targets(model: Any, first: int) -> list[str]:  # noqa: ANN401
    """Return the names of all linear modules in the layers from `first` on."""
    body = decoder(model)
    wanted = {id(m) for layer in body.layers[first:] for m in layer.modules()}
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and id(module) in wanted
    ]


def _too_large(settings: LoraSettings, error: BaseException) -> ModelMemoryError:
    first = str(error).split("\n", maxsplit=1)[0][:120]
    return ModelMemoryError(
        f"a pass of {settings.pass_tokens} tokens does not fit the memory ({first}): lower "
        "`--pass-tokens`, `--candidates` or, on CUDA, add `--load-in-4bit`; the last checkpoint is "
        "kept"
    )
