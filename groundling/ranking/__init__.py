"""How well each element of a page fits an instruction, before any model is asked."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from groundling.elements import RawElement
from groundling.prompts import TASK_TYPES, Candidate
from groundling.ranking.columns import FEATURES, hand_scores
from groundling.ranking.features import features, role_group
from groundling.ranking.index import PageIndex
from groundling.ranking.query import Query, parse_query
from groundling.ranking.trees import shipped_trees

__all__ = [
    "FEATURES", "LISTED", "TASK_TYPES", "PageIndex", "Query", "features", "hand_scores",
    "parse_query", "rank", "role_group",
]  # fmt: skip

LISTED = 64
"""Elements that the trees compare; the rest follows in the order of the hand-set weights."""


def rank(
    elements: Sequence[RawElement] | PageIndex, instruction: str, task_type: str = "find_any"
) -> tuple[Candidate, ...]:
    """Return all elements as candidates, the best first; ties keep the page's order.

    Scores come from boosted trees over `FEATURES`, trained on pages of other sites.
    """
    index = elements if isinstance(elements, PageIndex) else _index_of(elements)
    if not index.elements:
        return ()
    matrix = features(index, parse_query(instruction), task_type)
    by_hand = hand_scores(matrix)
    order = np.argsort(-by_hand, kind="stable")
    # The trees were trained on such short lists, and the other elements hardly ever matter.
    listed = order[:LISTED]
    scores = by_hand - by_hand.max(initial=0.0) - 100.0
    scores[listed] = shipped_trees("trees.npz", FEATURES).scores(matrix[listed])
    order[: len(listed)] = listed[np.argsort(-scores[listed], kind="stable")]
    plain = scores.tolist()
    # Row by row: `matrix.tolist()` holds all numbers at once and takes twice as long in all.
    return tuple(
        [Candidate(index.elements[i], plain[i], tuple(matrix[i].tolist())) for i in order.tolist()]
    )


_recent: deque[PageIndex] = deque(maxlen=4)
"""Pages ranked last: several questions on one snapshot read its words once."""


def _index_of(elements: Sequence[RawElement]) -> PageIndex:
    for index in tuple(_recent):
        known = index.elements
        if len(known) == len(elements) and all(
            a is b for a, b in zip(known, elements, strict=True)
        ):
            return index
    index = PageIndex.build(elements)
    _recent.append(index)
    return index
