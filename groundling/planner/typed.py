"""Read clauses that type something: which value, into which field."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from groundling.planner.clause import (
    FIELD_WORDS,
    LONE_TEXT,
    VALUE,
    Clause,
    field_of,
    valued,
    without_article,
)
from groundling.planner.keys import key_of

_VAGUE = re.compile(
    r"^(?:(?:the|a|an|this|that|your|following|correct)\s+)*(?:(?:text|word|words|value|string|"
    r"phrase|sentence|number|characters?|input|it|them|following)\b\s*:?\s*)*$",
    re.IGNORECASE,
)  # fmt: skip
"""Words before a value that name no field."""
_FIELDS = re.compile(rf"^(?:the\s+)?(?:text\s+|input\s+)?(?:{FIELD_WORDS})(?:e?s)?$", re.IGNORECASE)
"""Words behind a value that name no field in particular."""


def fill(verb: str, rest: str, part: str) -> Iterator[Clause]:
    """Yield one clause for each value, or for each field that is named without one."""
    rest = (
        re.sub(r"^(?:in|out|up|down)\s+(?!(?:the\s+)?\w+\s*$)", "", rest)
        if verb == "fill"
        else rest
    )
    if verb == "type" and (key := key_of(rest)) and not re.search(VALUE, rest):
        yield Clause(verb="press", value=key[0], targets=key[1])
        return
    if found := _ENDS.search(rest):
        field = re.match(rf"\s*{_INTO}\s+(.+)$", rest[found.end() :], re.IGNORECASE)
        clause = valued(Clause(verb="fill", targets=field_of(field and field.group(1))), found[1])
        yield replace(clause, ending=found[2] or "")
        return
    n = len(re.findall(VALUE, rest))
    if n > 1:
        pieces = _with_value(re.split(r"\s*(?:,\s*and\b|,|\band\b|&|;)\s*", rest))
        for piece in pieces:
            yield from _one_value(verb, piece)
    else:
        yield from _one_value(verb, rest)


def _with_value(pieces: list[str]) -> list[str]:
    """Join pieces until each holds a value."""
    found: list[str] = []
    held = ""
    for piece in pieces:
        held = f"{held} and {piece}" if held else piece
        if re.search(VALUE, held):
            found.append(held)
            held = ""
    if held and found:
        found[-1] += f" and {held}"
    return found


_CASE = re.compile(
    r"(?:in|using|with)\s+(?:all\s+)?(lower|upper|capital)(?:[ -]?case)?(?:\s+letters)?\b\s*", re.I
)
_ENDS = re.compile(
    rf"(?:that\s+|which\s+)?(?:starts?|begins?|starting|beginning)\s+with\s+({VALUE})"
    rf"(?:\s*,?\s*and\s+(?:that\s+)?(?:ends?|ending)\s+(?:with|in)\s+({VALUE}))?",
    re.IGNORECASE,
)
_INTO = r"(?:into|in|to|on|onto|as|for|inside|at|under)"


def _one_value(verb: str, rest: str) -> Iterator[Clause]:
    found = re.search(VALUE, rest)
    if not found:
        yield from _unquoted(verb, rest)
        return
    before, after = rest[: found.start()].strip(), rest[found.end() :].strip()
    given = found.group()
    clause = valued(Clause(verb="fill"), given)
    if said := _CASE.match(after):
        case: Literal["lower", "upper"] = "upper" if said.group(1)[0] in "uUcC" else "lower"
        clause, after = replace(clause, case=case), after[said.end() :]
    behind = re.match(rf"{_INTO}\s+(.+)$", after, re.IGNORECASE)
    if behind and (_VAGUE.match(before) or not _FIELDS.match(behind.group(1))):
        yield replace(clause, targets=(without_article(behind.group(1)),))
        return
    # "the user name field with Q", "name: Q", "the password to Q".
    before = re.sub(
        r"\s*(?:\b(?:with|to|as|is|of|equal to)(?:\s+the\s+(?:text|value|word))?|=|:)\s*$",
        "",
        before,
    )
    if after and _VAGUE.match(before):
        # A field may be named behind its value: 'type "x" name field' is rare, but harmless.
        before = after
    if _VAGUE.match(before):
        target = (clause.name,) if clause.name else ()
        yield replace(clause, targets=target)
        return
    yield replace(clause, targets=(without_article(before),))


def _unquoted(verb: str, rest: str) -> Iterator[Clause]:
    """Read a fill whose value is not quoted."""
    if source := _copied(rest):
        yield Clause(verb="fill", source=source[0], targets=source[1])
        return
    if verb in ("set", "change", "fill"):
        found = re.match(r"(.+?)\s+(?:to|with|as|=)\s+(?:be\s+)?(.+)$", rest, re.IGNORECASE)
        if found:
            field = without_article(found.group(1))
            yield Clause(verb="fill", targets=(field,), value=found.group(2))
            return
    found = re.match(rf"(.+?)\s+{_INTO}\s+((?:the|a|an|your)\s+.+)$", rest, re.IGNORECASE)
    if found and not re.match(r"(?:it|them|this|that)$", found.group(1), re.I):
        target = without_article(found.group(2))
        yield Clause(verb="fill", targets=(target,), value=found.group(1))
        return
    found = re.match(rf"(?:it|them|this|that)\s+{_INTO}\s+(.+)$", rest, re.IGNORECASE)
    if found:
        yield Clause(verb="fill", targets=(without_article(found.group(1)),))
        return
    if re.match(r"(?:the|a|an|your|my|his|her|their)\s", rest, re.IGNORECASE):
        # Fields without values: the caller's `values` may have them.
        for target in re.split(r"\s*(?:,\s*(?:and\b)?|\band\b|&)\s*", rest):
            field = without_article(target)
            yield Clause(verb="fill", targets=(field,), name=field)
        return
    yield Clause(verb="fill", value=rest)


_COPIED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(.+?\b(?:shown|displayed|written|given|listed|printed|seen)\b(?:\s+(?:above|below|here|"
        rf"on\s+(?:the|this)\s+page|in\s+(?:the\s+)?[\w ]+?))?)(?:\s+{_INTO}\s+(.+))?$",
        rf"({LONE_TEXT})(?:\s+{_INTO}\s+(.+))?$",
        r"((?:the\s+)?(?:text|value|contents?|number|code|same)\b.*?\b(?:from|of|as)\s+.+?)"
        r"(?:\s+(?:into|to|in)\s+(.+))?$",
    )
)


def _copied(rest: str) -> tuple[str, tuple[str, ...]] | None:
    """Return what to copy from the page and where to, or None when nothing is to be copied."""
    found = next(filter(None, (pattern.match(rest) for pattern in _COPIED)), None)
    if not found:
        return None
    return without_article(found.group(1)), field_of(found.group(2))
