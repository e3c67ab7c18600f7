"""What every grounding bench writes: one row for each task."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What became of one task."""

    id: str
    page: str
    site: str
    kind: str
    task_type: str
    expect_none: bool
    hit: bool
    """The element chosen is accepted; or none was chosen and none is expected."""
    element: int | None = None
    """Id of the element chosen."""
    method: str = ""
    """rule, model or escalated."""
    confidence: float | None = None
    """Probability of the likeliest answer, in [0, 1]."""
    likeliest_hit: bool = False
    """Whether the likeliest answer is right, "none" included, before any abstention."""
    reason: str = ""
    """Why nothing was chosen."""
    error: str = ""
    """Why there was no answer at all."""
    rank: int | None = None
    """Place of the first accepted element in our ranking, from 1; None if it is not in it."""
    offered: bool = False
    """An accepted element was among the candidates of the question that counted."""
    n_elements: int = 0
    n_accepted: int = 0
    overlap_hit: bool = False
    """Word overlap has it right."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    read_ms: float = 0.0
    """Reading the page, once for all its tasks."""
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    """Wall time of each stage of the decision."""

    @property
    def answered(self) -> bool:
        """An element was chosen."""
        return self.element is not None

    @property
    def ms(self) -> float:
        """The decision, without reading the page."""
        return sum(self.stages_ms.values())

    def to_json(self) -> dict[str, Any]:
        """Return a plain dict; floats with six digits."""
        plain = asdict(self)
        plain["stages_ms"] = {k: round(v, 3) for k, v in self.stages_ms.items()}
        plain["read_ms"] = round(self.read_ms, 3)
        if self.confidence is not None:
            plain["confidence"] = round(self.confidence, 6)
        return plain

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Row":
        """Rebuild a row; fields of later versions are left out.

        Raises:
            TypeError: If a field without default is missing.
        """
        return cls(**{k: v for k, v in data.items() if k in _ROW_FIELDS})


_ROW_FIELDS = {f.name for f in fields(Row)}
