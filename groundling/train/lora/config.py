"""What a training run is told; everything that changes its result is in here."""

import hashlib
import json
from dataclasses import asdict, dataclass

from groundling.llm.tuned import Head


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraSettings:
    """How a run trains; two runs with the same settings and data give the same weights."""

    base: str
    """`smollm2`, `hf:NAME` or `hf:FOLDER`."""
    head: Head = "letters"
    layers: int = 0
    """Layers of the base model that are kept, from the first; 0 keeps all (letters need all)."""
    tuned_layers: int = 0
    """Layers that get an adapter, from the last one kept; 0 gives one to all."""
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    candidates: int = 15
    """Elements in the prompt, as at run time."""
    epochs: int = 3
    batch: int = 16
    """Examples for each step of the optimizer."""
    pass_tokens: int = 4096
    """Tokens in one forward pass, padding included; bounds the memory, not the result's meaning."""
    learning_rate: float = 3e-4
    head_learning_rate: float = 1e-3
    warmup_share: float = 0.05
    weight_decay: float = 0.01
    none_share: float = 0.1
    """Of the examples with a target lose it, so that "none" becomes right."""
    shuffled_share: float = 0.25
    """Examples whose candidates come in random order."""
    rotated_share: float = 0.5
    """Examples whose candidates are rotated: every letter is right equally often, and most of the
    page's order, which "the third one" needs, stays. The rest is in page order."""
    validation_share: float = 0.1
    """Share of the sites left out, unless validation pages are given."""
    validation_tasks: int = 300
    """Tasks of the sites left out that are measured, at most."""
    evaluate_every: int = 50
    """Steps between two measurements."""
    patience: int = 4
    """Measurements without a better one before the run stops early."""
    load_in_4bit: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work."""
        for name in ("rank", "candidates", "epochs", "batch", "pass_tokens", "evaluate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` is {getattr(self, name)}: it must be at least 1")
        shares = ("none_share", "validation_share", "warmup_share", "dropout")
        for name in shares:
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"`{name}` is {getattr(self, name)}: it must be in [0, 1)")
        if self.shuffled_share + self.rotated_share > 1:
            raise ValueError("`shuffled_share` and `rotated_share` are above 1 together")
        if self.head == "letters" and self.layers:
            raise ValueError("`layers` cuts the model off, and letters need its last layer")

    def fingerprint(self, data: str) -> str:
        """Return a short hash of the settings and of `data`, itself a hash of the examples."""
        told = json.dumps([asdict(self), data], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]
