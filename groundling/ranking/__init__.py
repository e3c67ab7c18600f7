"""How well each element of a page fits an instruction, before any model is asked."""

from collections.abc import Sequence

import numpy as np

from groundling.elements import RawElement
from groundling.prompts import TASK_TYPES, Candidate
from groundling.ranking.features import FEATURES, features, role_group
from groundling.ranking.index import Floats, PageIndex
from groundling.ranking.query import Query, parse_query
from groundling.ranking.trees import shipped_trees

__all__ = [
    "FEATURES", "LISTED", "TASK_TYPES", "PageIndex", "Query", "features", "parse_query", "rank",
    "role_group",
]  # fmt: skip

LISTED = 64
"""Elements that the trees compare; the rest follows in the order of the hand-set weights."""
_COLUMN = {name: j for j, name in enumerate(FEATURES)}
_HAND_WEIGHTS = {
    "in_name": 3.0, "in_label": 2.0, "in_value": 1.0, "in_context": 1.0, "in_heading": 0.6,
    "in_list": 0.4, "in_landmark": 0.3, "in_link": 0.6, "in_hints": 0.6, "in_role": 0.3,
    "name_or_label": 2.0, "anywhere": 2.0, "name_explained": 1.0, "exact_name": 2.0,
    "name_in_instruction": 1.0, "instruction_in_name": 1.0, "quoted_name": 3.0,
    "quoted_anywhere": 1.0, "unwanted_in_name": -2.0, "unwanted_near": -0.7, "near_name": 2.0,
    "near_all": 1.0, "near_soft": 2.0, "near_scope": 0.5, "task_fit": 1.5, "role_said": 0.5,
    "state_agrees": 1.0, "ordinal_item": 0.5, "ordinal_any": 0.5, "ordinal_match": 0.7,
    "ordinal_list_named": 0.7, "place_agrees": 0.6, "no_ad": 3.0, "first_of_item": 0.1,
    "in_viewport": 0.1, "primary": 0.1, "importance": 0.3,
}  # fmt: skip


def hand_scores(matrix: Floats) -> Floats:
    """Return a score for each row of features by weights set by hand; the floor to beat."""
    weights = np.zeros(len(FEATURES), np.float32)
    for name, weight in _HAND_WEIGHTS.items():
        weights[_COLUMN[name]] = weight
    scores: Floats = matrix @ weights
    return scores


def rank(
    elements: Sequence[RawElement] | PageIndex, instruction: str, task_type: str = "find_any"
) -> tuple[Candidate, ...]:
    """Return all elements as candidates, the best first; ties keep the page's order.

    Scores come from boosted trees over `FEATURES`, trained on pages of other sites.
    """
    index = elements if isinstance(elements, PageIndex) else PageIndex.build(elements)
    if not index.elements:
        return ()
    matrix = features(index, parse_query(instruction), task_type)
    by_hand = hand_scores(matrix)
    order = np.argsort(-by_hand, kind="stable")
    # The trees were trained on such short lists, and the other elements hardly ever matter.
    listed = order[:LISTED]
    scores = by_hand - by_hand.max(initial=0.0) - 100.0
    scores[listed] = shipped_trees().scores(matrix[listed])
    order[: len(listed)] = listed[np.argsort(-scores[listed], kind="stable")]
    rows, plain = matrix.tolist(), scores.tolist()
    return tuple([Candidate(index.elements[i], plain[i], tuple(rows[i])) for i in order.tolist()])
