"""Which elements the reader takes for clickable, on a page of our own with labels.

    python bench/clickable.py --json bench/results/clickable.json

`clickable/page.html` holds elements that react (label 1) and elements that do not (label 0), drawn
by plain scripts and by React, Preact, Vue, Svelte, Solid and jQuery (`clickable/README.md` says how
their bundle is built). An element counts as found if the snapshot lists that very node. The page is
read with our script there from the start, and attached to after it was loaded, where listeners
come from Chromium's developer tools. The last line printed is JSON.
"""

import argparse
import json
import platform
from pathlib import Path
from typing import Any

from groundling.browser import SnapshotOptions, adapt
from groundling.browser.launch import launch_sync
from groundling.driver import run_sync

PAGE = Path(__file__).parent / "clickable" / "page.html"

# Closed shadow roots are labelled, too: our hook keeps them, as it does for the reader.
_LABELS = """() => {
  const found = [], closed = globalThis.__groundlingHook && globalThis.__groundlingHook.closed;
  const walk = root => { for (const e of root.querySelectorAll('*')) {
    const label = e.getAttribute('data-gt');
    if (label) found.push([label, globalThis.__groundling.known(e)]);
    const shadow = e.shadowRoot || (closed && closed.get(e));
    if (shadow) walk(shadow);
  } };
  walk(document);
  return found;
}"""


IN_CLOSED = (("1:button in closed shadow", 0), ("0:text in closed shadow", 0))
"""What nobody reaches who came after the page: missed there."""


def judge(page: Any) -> dict[str, Any]:  # noqa: ANN401
    """Read an opened page and compare the snapshot with its labels."""
    snapshot = run_sync(adapt(page).snapshot(SnapshotOptions()))
    nodes = {e.node for e in snapshot}
    labels = dict(IN_CLOSED) | dict(page.evaluate(_LABELS))
    listed = {text: node in nodes for text, node in labels.items()}
    wanted = [text for text in listed if text.startswith("1:")]
    unwanted = [text for text in listed if text.startswith("0:")]
    found = sum(listed[text] for text in wanted)
    return {
        "labelled": len(wanted),
        "found": found,
        "recall": round(found / len(wanted), 4),
        "missed": [text[2:] for text in wanted if not listed[text]],
        "negatives": len(unwanted),
        "false_positives": [text[2:] for text in unwanted if listed[text]],
    }


def measure(browser: Any, *, late: bool) -> dict[str, Any]:  # noqa: ANN401
    """Open the page and judge it.

    Args:
        browser: A Playwright browser.
        late: Whether the page is loaded before the reader sees it.
    """
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    try:
        if not late:
            run_sync(adapt(page).install())
        page.goto(PAGE.resolve().as_uri())
        # Drawn by each framework in its second pass; then everything else is there.
        for name in ("react", "vue", "svelte", "solid"):
            page.wait_for_selector(f'[data-gt="1:{name} drawn later"]')
        return judge(page)
    finally:
        page.close()


def main() -> None:
    """Judge both ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with launch_sync() as browser:
        result = {
            "bench": "clickable",
            "from_the_start": measure(browser, late=False),
            "attached_late": measure(browser, late=True),
            "chromium": browser.version,
            "machine": f"{platform.machine()}, {platform.system()}",
        }
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
