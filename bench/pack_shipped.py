"""Pack the small benchmark that ships with the package; the same input gives the same bytes.

    python bench/pack_shipped.py DIR    # DIR holds tasks.jsonl, pages/ and sources.md

Which pages: groundling/bench/data/held_out.txt. A page is refused unless `sources.md` says that it
may be shipped.
"""

import argparse
import json
import zipfile
from pathlib import Path

DATA = Path(__file__).parents[1] / "groundling" / "bench" / "data"
LICENCE = "Apache-2.0"


def main() -> None:
    """Write groundling/bench/data/pages.zip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    names = (DATA / "held_out.txt").read_text(encoding="utf-8").split()
    for line in (folder / "sources.md").read_text(encoding="utf-8").splitlines():
        cells = [c.strip() for c in line.split("|")]
        if len(cells) > 5 and cells[1] in names:
            assert cells[5] == LICENCE, f"{cells[1]} is {cells[5]}: it cannot be shipped"
    lines = (folder / "tasks.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["page"] in names]
    with zipfile.ZipFile(DATA / "pages.zip", "w") as archive:
        _add(archive, "tasks.jsonl", "".join(kept))
        for name in names:
            page = folder / "pages" / f"{name}.html"
            _add(archive, f"pages/{name}.html", page.read_text(encoding="utf-8"))
    print(json.dumps({"pages": len(names), "tasks": len(kept)}))


def _add(archive: zipfile.ZipFile, name: str, text: str) -> None:
    # A fixed date, the same for all: the archive changes only when the data does.
    entry = zipfile.ZipInfo(name, date_time=(2026, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, text, compresslevel=9)


if __name__ == "__main__":
    main()
