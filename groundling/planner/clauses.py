"""A goal in plain English, taken apart into clauses, without a model and without a page.

    clauses('Enter "ann" as the user name and press Submit')
    -> fill 'user name' with 'ann'; click 'Submit'

Values to type are only ever pieces of the goal, names in braces, or what a clause says is to be
copied from the page. Sentences that follow no pattern become one clause, `click`, whose target is
the whole sentence: then the model says which element it means.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from groundling.planner.clause import (
    FIRST,
    GERUNDS,
    QUOTED,
    VALUE,
    VERB,
    VERBS,
    Clause,
    without_article,
)
from groundling.planner.readers import READERS

_QUOTE = re.compile(
    r"\"([^\"]*)\"|“([^”]*)”|„([^“”]*)[“”]|«([^»]*)»|(?<![\w'])'((?:[^']|'(?=\w))*)'(?!\w)|"
    r"‘((?:[^’]|’(?=\w))*)’(?!\w)"
)
_SENTENCE = re.compile(r"(?<=[^.])[.!;](?:\s+(?!the\s+(?:style|colou?r|font)\b)|$)|\n+")
_THEN = re.compile(
    r",?\s*\b(?:and\s+then|then|and\s+finally|finally|(?:and\s+)?after\s+that|"
    r"(?:and\s+)?afterwards|(?:and|,)\s+next)\b,?\s+(?!page\b)",
    re.IGNORECASE,
)
_AND = re.compile(
    rf"(?:\s*,\s*(?:and\s+|&\s*)?|\s+and\s+(?:also\s+|to\s+)?|\s+&\s+)"
    rf"(?=(?:now\s+)?(?:{VERB}|{'|'.join(GERUNDS)})(?:\s|$))(?!(?:check|set|mark)\s*(?:,|$))",
    re.IGNORECASE,
)
_BY = re.compile(rf"\s+by\s+(?=(?:{'|'.join(GERUNDS)})\b)", re.IGNORECASE)
_BEFORE = re.compile(rf"\s+(?:before|and\s+before)\s+(?=(?:{'|'.join(GERUNDS)})\b)", re.IGNORECASE)
_LEAD = re.compile(
    r"^(?:(?:please|kindly|now|first(?:ly)?|secondly|just|also|next|then|and|finally|lastly|"
    r"(?:your task is|you (?:need|have|want)|i (?:want|need)(?: you)?|i'd like(?: you)?|try|"
    r"make sure|be sure|remember) to|can you|could you|would you|start by|begin by|go ahead and|"
    r"(?:after|once|when|by)(?= \w+ing\b))[,:]?\s+)+",
    re.IGNORECASE,
)
_INSIDE = re.compile(
    rf"^(?:in|on|from|under|within|inside|for|using|with)\s+(?:the\s+|a\s+)?(.+?),\s*(?=(?:{VERB})\b)",
    re.IGNORECASE,
)
_USE = re.compile(rf"^use\s+(?:the\s+|a\s+)?(.+?)\s+to\s+(?=(?:{VERB})\b)", re.IGNORECASE)
_TO_FIND = re.compile(r"^(.*?),?\s*\b(?:in order )?to\s+((?:find|locate|see)\b.*)$", re.IGNORECASE)
_DONE = re.compile(
    r",?\s+(?:when|once|as soon as)\s+(?:you(?:'re| are)\s+)?(?:done|finished|ready)$",
    re.IGNORECASE,
)
_PRONOUNS = (("it",), ("them",), ("that",))


def clauses(goal: str) -> tuple[Clause, ...]:
    """Take a goal apart; never empty for a goal that says something."""
    masked, quotes = _masked(goal)
    said: list[Clause] = []
    copied = ""
    for part in _parts(masked):
        if found := re.match(r"(?:copy|remember|note|read)\s+(.+)", part, re.IGNORECASE):
            copied = _unmasked(without_article(found.group(1)), quotes)
            continue
        for clause in _clause(part):
            told = _told(clause, quotes)
            if told.verb == "fill" and copied and not (told.value or told.name or told.source):
                told = replace(told, source=copied)
            said.append(told)
    return tuple(_joined(said))


def _masked(goal: str) -> tuple[str, list[str]]:
    """Put one character in the place of each quotation, so that its words are not read."""
    quotes: list[str] = []

    def take(match: re.Match[str]) -> str:
        quotes.append(next((g for g in match.groups() if g is not None), ""))
        return chr(FIRST + len(quotes) - 1)

    return _QUOTE.sub(take, goal.strip()), quotes


def _unmasked(text: str, quotes: list[str]) -> str:
    return re.sub(QUOTED, lambda m: f'"{quotes[ord(m.group()) - FIRST]}"', text).strip()


def _bare(text: str, quotes: list[str]) -> str:
    """Return a value: a quotation without its marks, anything else as it stands."""
    text = text.strip()
    if re.fullmatch(QUOTED, text):
        return quotes[ord(text) - FIRST]
    return re.sub(QUOTED, lambda m: quotes[ord(m.group()) - FIRST], text)


def _parts(masked: str) -> Iterator[str]:
    """Yield the pieces of a goal that each hold one verb."""
    for sentence in _SENTENCE.split(masked):
        for piece in _THEN.split(sentence.strip()):
            yield from _ordered(" ".join(piece.split()))


def _ordered(piece: str) -> Iterator[str]:
    """Split at "and" and commas before a verb; "before doing" keeps its order."""
    if found := _INSIDE.match(piece):
        first, *others = _ordered(piece[found.end() :])
        yield found.group() + first
        yield from others
        return
    if (found := _TO_FIND.match(piece)) and not re.search(VALUE, found.group(1)):
        # What must be opened on the way shows on the page.
        piece = found.group(2)
    turned = re.match(rf"before\s+((?:{'|'.join(GERUNDS)})\b.*?),\s*(.+)", piece, re.IGNORECASE)
    if turned:
        yield from _ordered(turned.group(2))
        yield from _ordered(turned.group(1))
        return
    for half in _BEFORE.split(piece):
        for part in _AND.split(half):
            way = _BY.split(_LEAD.sub("", part.strip()))
            # "Submit the form by clicking Send" is one thing to do, and said better at its end.
            part = way[-1] if len(way) > 1 and not re.search(VALUE, way[0]) else part
            part = _base(_DONE.sub("", _LEAD.sub("", part.strip()).strip(" ,:")))
            if part:
                yield part


def _base(part: str) -> str:
    first, _, rest = part.partition(" ")
    return f"{GERUNDS[first.lower()]} {rest}".strip() if first.lower() in GERUNDS else part


def _clause(part: str) -> Iterator[Clause]:
    """Read one piece; quotations are still masked."""
    within = ""
    for lead in (_INSIDE, _USE):
        if found := lead.match(part):
            within, part = found.group(1), part[found.end() :]
    low = part.lower()
    for pattern, verb_form in (
        (r"double[- ]click(?:ing)?\b", {"count": 2}),
        (r"right[- ]click(?:ing)?\b", {"button": "right"}),
    ):
        if found := re.match(pattern, low):
            rest = without_article(part[found.end() :])
            yield Clause(verb="click", targets=(rest,), within=within, **verb_form)
            return
    first, _, rest = part.partition(" ")
    read = READERS[VERBS.get(first.lower(), "click")]
    for clause in read(first.lower(), rest.strip(), part):
        yield replace(clause, within=clause.within or within)


def _told(c: Clause, quotes: list[str]) -> Clause:
    """Return the clause with its quotations put back."""
    return replace(
        c,
        targets=tuple(_unmasked(t, quotes) for t in c.targets),
        value=_in_case(_bare(c.value, quotes), c.case),
        ending=_bare(c.ending, quotes),
        source=_unmasked(c.source, quotes),
        within=_unmasked(c.within, quotes),
    )


def _in_case(text: str, case: str) -> str:
    return text.lower() if case == "lower" else text.upper() if case == "upper" else text


def _joined(said: list[Clause]) -> Iterator[Clause]:
    """Leave out what only finds the thing that the next clause clicks ("find X and click it")."""
    for n, clause in enumerate(said):
        after = said[n + 1] if n + 1 < len(said) else None
        if clause.verb == "click" and clause.targets == ("",):
            continue
        if clause.verb == "click" and after is not None and after.targets in _PRONOUNS:
            said[n + 1] = replace(after, targets=clause.targets, within=clause.within)
            if after.verb == "click":
                continue
        yield clause
