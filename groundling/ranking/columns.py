"""Names of the ranker's features, in their order, and weights for them that were set by hand."""

import numpy as np

from groundling.ranking.index import FIELDS, Floats

ROLE_GROUPS = {
    "button": {"button", "clickable"},
    "link": {"link"},
    "field": {"textbox", "searchbox", "spinbutton", "textarea", "input"},
    "select": {"combobox", "listbox", "select"},
    "checkbox": {"checkbox", "menuitemcheckbox"},
    "radio": {"radio", "menuitemradio"},
    "switch": {"switch"},
    "tab": {"tab"},
    "menuitem": {"menuitem", "option", "treeitem"},
    "slider": {"slider"},
    "image": {"img", "image"},
    "heading": {"heading"},
}
SERIES = ("in_series", "series_rank")
"""How likely an ordinal means the element, and how many elements are likelier (log scale)."""

FEATURES: tuple[str, ...] = (
    *(f"in_{f}" for f in FIELDS),
    *(f"head_in_{f}" for f in FIELDS[:8]),
    *(f"scope_in_{f}" for f in FIELDS[:8]),
    "anywhere", "anywhere_best", "name_or_label", "name_best", "name_explained", "exact_name",
    "name_in_instruction", "instruction_in_name", "quoted_name", "quoted_anywhere",
    "unwanted_in_name", "unwanted_near", "near_name", "near_all", "near_head", "near_scope",
    "near_soft", "near_value", "name_rank", "anywhere_rank", "near_rank",
    "task_fit", "role_said", "role_denied", "state_agrees", "state_asked",
    *(f"is_{g}" for g in ROLE_GROUPS), "is_other",
    "task_input", "task_button", "task_link", "task_list",
    "asks_ordinal", "asks_scope", "asks_not", "n_wanted", "found_share",
    "ordinal_item", "ordinal_any", "ordinal_role_form", "ordinal_role_heading",
    "ordinal_role_landmark", "ordinal_role_page", "ordinal_match", "ordinal_list_named",
    "place_agrees", "is_ad", "no_ad", "place_index", "place_size", "first_of_item",
    "y", "x", "order", "in_viewport", "area", "occluded", "disabled", "primary", "in_dialog",
    "dialog_open", "nameless", "name_words", "twins", "twin_rank", "importance", "has_value",
    "native", "header", "footer", "navigation", "n_elements", *SERIES,
)  # fmt: skip


COLUMN = {name: j for j, name in enumerate(FEATURES)}
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
        weights[COLUMN[name]] = weight
    scores: Floats = matrix @ weights
    return scores


def ranks_of(values: Floats) -> Floats:
    """Return how many are strictly better than each, on a scale that spreads the first few."""
    ordered = np.sort(-values)
    better = np.searchsorted(ordered, -values, side="left")
    ranks: Floats = np.log1p(better).astype(np.float32)
    return ranks
