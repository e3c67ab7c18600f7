"""Accessible names and roles against W3C's web platform tests; needs a checkout of those tests.

    python bench/wpt.py --root DIR --scorer DIR/score.py --json bench/results/wpt.json

`--root` holds accname/, html-aam/, wai-aria/ and svg-aam/; `--scorer` is the script that opens each
test page, notes what it expects, and asks `window.axOf(element)`. This bench hands it the reader's
functions as they are shipped. Not measured: descriptions, and what the snapshot adds to names.
"""

import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from groundling.browser import script

_GLUE = """
{
  const api = globalThis.__groundling;
  window.axOf = e => ({ name: api.name(e), role: api.role(e) });
}
"""


def main() -> None:
    """Run the scorer on the shipped script and keep its totals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--scorer", type=Path, required=True)
    parser.add_argument("--fails", type=int, default=0, help="print this many failures")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        glue = Path(folder) / "reader.js"
        glue.write_text(script.init_script() + _GLUE, encoding="utf-8")
        command = [sys.executable, str(args.scorer), str(args.root), "--js", str(glue)]
        done = subprocess.run(
            [*command, "--fails", str(args.fails)], check=True, capture_output=True, text=True
        )
    print(done.stdout)
    total = re.search(r"TOTAL (\d+)/(\d+)", done.stdout)
    groups = re.findall(r"^(\S+)\s+(name|role)\s+(\d+)/\s*(\d+)", done.stdout, re.MULTILINE)
    if total is None:
        sys.exit("the scorer printed no total")
    result = {
        "bench": "wpt",
        "passed": int(total[1]),
        "tests": int(total[2]),
        "groups": {f"{g} {kind}": [int(k), int(n)] for g, kind, k, n in groups},
        "machine": f"{platform.machine()}, {platform.system()}",
    }
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
