"""Labelled pages to train on: read, checked, and kept apart from those that judge."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from groundling.bench.labelled import LabelledPage, read_labelled, read_lines
from groundling.errors import DataError


def read_data(path: Path) -> list[LabelledPage]:
    """Read a folder of labelled pages (in a browser), or a file of pages read before.

    Raises:
        DataError: If it holds nothing, or a label names no element.
    """
    pages = list(read_labelled(path) if path.is_dir() else read_lines(path))
    if not sum(len(p.tasks) for p in pages):
        raise DataError(f"{path} holds no tasks: write or collect at least one for each kind")
    for page in pages:
        known = {e.id for e in page.snapshot.elements}
        for task in page.tasks:
            lost = sorted(task.accept_ids - known)
            if lost:
                raise DataError(
                    f"{path}: task {task.id} names element {lost[0]}, which page {page.page} "
                    f"(ids 1 to {max(known, default=0)}) lacks: correct the label"
                )
    return pages


def refuse_leaks(
    train: Sequence[LabelledPage], validation: Sequence[LabelledPage], *, same_sites: bool = False
) -> None:
    """Refuse validation pages that the training has seen, by site, by name or by content.

    Args:
        train: Pages that are learnt from.
        validation: Pages that judge.
        same_sites: Other pages of the same sites may judge: the model is meant for these sites.

    Raises:
        DataError: Naming them.
    """
    keys = {
        "site": lambda p: p.site,
        "page": lambda p: f"{p.site} {p.page}",
        "page content": content_hash,
    }
    for what, key in list(keys.items())[same_sites:]:
        seen = {key(p) for p in train}
        both = sorted({p.site if what == "site" else p.page for p in validation if key(p) in seen})
        if both:
            raise DataError(
                f"{len(both)} of the validation data's {what}s are in the training data, too "
                f"({', '.join(both[:5])}): remove them from one of the two"
            )


def content_hash(page: LabelledPage) -> str:
    """Return a hash of what a page says, whatever it is called."""
    said = [(e.role, e.text, e.label, e.placeholder) for e in page.snapshot.elements]
    return hashlib.sha256(repr(said).encode()).hexdigest()
