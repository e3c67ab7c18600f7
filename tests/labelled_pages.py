"""Small labelled pages for the trainers: a shop's list, where the name says what is meant."""

import orjson

from groundling.elements import BBox, ElementSnapshot, RawElement

WORDS = ("Save", "Cancel", "Print", "Share", "Delete", "Archive")


def page(site: str, words=WORDS, *, n_none: int = 1) -> dict:
    """Return a page with one button for each word and one task for each, as `read_lines` reads it.

    The last `n_none` words have no button: "none" is right for them.
    """
    shown = words[: len(words) - n_none]
    elements = tuple(
        RawElement(
            id=i,
            tag="button",
            role="button",
            text=f"{word} {site}",
            bbox=BBox(10.0, 40.0 * i, 80.0, 30.0),
            node=i,
        )
        for i, word in enumerate(shown, start=1)
    )
    snapshot = ElementSnapshot(
        url=f"https://{site}.test/", viewport={"width": 1280, "height": 800}, elements=elements
    )
    tasks = [
        {
            "id": f"{site}-{word}",
            "instruction": f"{word.lower()} it",
            "task_type": "find_button",
            "kind": "exact",
            "expect_none": word not in shown,
            "accept_ids": [shown.index(word) + 1] if word in shown else [],
        }
        for word in words
    ]
    return {"page": f"{site}-home", "site": site, "snapshot": snapshot.to_json(), "tasks": tasks}


def write(path, pages) -> None:
    """Write pages as JSON lines."""
    path.write_bytes(b"".join(orjson.dumps(p) + b"\n" for p in pages))
