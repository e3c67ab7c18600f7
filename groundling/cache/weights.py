"""Weights of the action cache's signals, in nats, and the thresholds; measured, not guessed.

Printed by `python bench/cache_drift.py --fit` from the ten pages of its dev half; docs/cache.md
says how they did on the other half. A weight is the logarithm of how much likelier that comparison
is between an element and itself on a changed page than between two elements of like roles. What
speaks against an element is cut at -2: a page may lose any signal in a way no bench has seen.
"""

ACCEPT = -1.0
"""Least sum. On the dev half no wrong element that the rules let through reached -3."""
MARGIN = 2.0
"""Least distance to the second best."""
WEIGHTS = {
    "attr_name:differs": -2.0, "attr_name:lost": -2.0, "attr_name:same": 2.22,
    "classes:differs": -1.03, "classes:like": -2.0, "classes:lost": -2.0, "classes:same": 1.43,
    "context:differs": -2.0, "context:like": 0.55, "context:lost": -1.53, "context:same": 2.94,
    "form:differs": -0.05, "form:like": -0.8, "form:lost": -2.0, "form:same": 1.87,
    "heading:differs": -2.0, "heading:like": 1.15, "heading:lost": -2.0, "heading:same": 1.13,
    "href:differs": -2.0, "href:like": -1.44, "href:same": 4.0,
    "id:differs": -1.73, "id:lost": -2.0, "id:same": 4.0,
    "label:differs": -1.17, "label:like": 2.89, "label:lost": -2.0, "label:same": 4.0,
    "landmark:differs": -1.96, "landmark:like": -2.0, "landmark:lost": -0.46, "landmark:same": 0.79,
    "list:differs": -2.0, "list:like": 0.75, "list:lost": -1.4, "list:same": 1.09,
    "name:differs": -2.0, "name:like": 1.6, "name:only": 6.0, "name:same": 0.97,
    "neighbours:differs": -2.0, "neighbours:like": 1.04, "neighbours:lost": -2.0,
    "neighbours:same": 3.64,
    "place:differs": -1.42, "place:like": 0.08, "place:lost": -1.27, "place:same": 2.64,
    "role:differs": -2.0, "role:same": 0.03,
    "row:lost": -2.0, "row:same": 1.15,
    "tag:differs": -0.51, "tag:same": 0.02,
    "test_id:differs": 4.0, "test_id:lost": -2.0, "test_id:same": 4.0,
    "type:differs": -2.0, "type:lost": -2.0, "type:same": 0.31,
}  # fmt: skip
