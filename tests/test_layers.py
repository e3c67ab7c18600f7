"""Imports point one way: a module imports only from rooms to its left."""

import ast
import subprocess
import sys
from pathlib import Path

ROOMS = [
    {"errors"},
    {"driver"},
    {"elements"},
    {"prompts"},
    {"ranking"},
    {"filtering"},
    {"parsing", "grammar"},
    {"llm"},
    {"decision"},
    {"actions"},
    {"browser"},
    {"verify"},
    {"cache", "policy", "trace"},
    {"agent"},
    {"planner"},
    {"report", "demo", "bench", "scale", "serve"},
    {"train"},
    {"cli"},
]
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}
PACKAGE = Path(__file__).parents[1] / "groundling"


def imports(path, *, at_import_time):
    """Yield the dotted names that a file imports; optionally only those outside functions."""
    todo = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while todo:
        node = todo.pop()
        inside_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        only_for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if at_import_time and (inside_function or only_for_types):
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        todo.extend(ast.iter_child_nodes(node))


def test_every_room_is_known():
    found = {p.relative_to(PACKAGE).with_suffix("").parts[0] for p in PACKAGE.rglob("*.py")}
    assert found - {"__init__", "__main__"} - set(LEVEL) == set()


def test_imports_point_left():
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in PACKAGE.rglob("*.py")
        if (room := path.relative_to(PACKAGE).with_suffix("").parts[0]) in LEVEL
        for name in imports(path, at_import_time=False)
        if name.startswith("groundling.")
        and (target := name.split(".")[1]) != room
        and LEVEL[target] >= LEVEL[room]
    ]
    assert wrong == []


def test_a_heavy_package_is_imported_only_where_it_is_used():
    heavy = {"torch", "transformers", "onnxruntime", "tokenizers", "numpy", "PIL", "openai"}
    light_rooms = ("errors", "driver", "elements", "prompts", "parsing", "actions", "__init__")
    wrong = [
        f"{room}.py imports {name}"
        for room in light_rooms
        if (path := PACKAGE / f"{room}.py").exists()
        for name in imports(path, at_import_time=True)
        if name.split(".")[0] in heavy
    ]
    assert wrong == []


def test_importing_the_package_takes_less_than_a_third_of_a_second():
    code = "import time; t = time.perf_counter(); import groundling; print(time.perf_counter() - t)"
    # Best of three: other programs on the machine must not decide this.
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(times) < 0.3
