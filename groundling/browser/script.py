"""The page reader's JavaScript: source files in `js/`, joined in order without a bundler."""

from functools import cache
from importlib.resources import files

_PARTS = (
    "base",
    "roles",
    "names",
    "evidence",
    "lists",
    "tables",
    "context",
    "state",
    "walk",
    "read",
    "resolve",
    "api",
)


def _part(name: str) -> str:
    return (files(__package__) / "js" / f"{name}.js").read_text(encoding="utf-8")


@cache
def hook() -> str:
    """Return the script that must run before any script of the page."""
    return _part("hook")


@cache
def reader() -> str:
    """Return an expression: the reader's functions, installed once per document."""
    parts = "\n".join(_part(name) for name in _PARTS)
    return f"(globalThis.__groundling || (function () {{\n'use strict';\n{parts}\n}})())"


@cache
def judge() -> str:
    """Return an expression: the judging rules of the labelled data, for documents with a reader."""
    return f"(function () {{\n'use strict';\n{_part('judge')}\n}})()"


def scan(limit: int) -> str:
    """Return an expression for the developer tools: note listeners of at most `limit` elements."""
    return f"{_part('scan').rstrip()}({limit})"


@cache
def init_script() -> str:
    """Return what to give to `add_init_script`: the hook, then the reader."""
    return f"{hook()};\n{reader()};"


def call(function: str) -> str:
    """Return a function of one argument that calls `api.<function>`; null without a reader."""
    return f"o => globalThis.__groundling ? globalThis.__groundling.{function}(o) : null"


def install_and_call(function: str) -> str:
    """Return the same for documents where the reader may be missing."""
    return f"o => {reader()}.{function}(o)"
