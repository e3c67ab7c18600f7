"""A sentence that fills a form: "crime movies directed by Curry from 1995" over three fields.

    slots("crime movies directed by Curry from year 1995", [genre, director, year])
    -> {genre: "crime", director: "Curry", year: "1995"}

Values are pieces of the sentence. A piece goes to the field whose name its preposition, its
participle or its first word says, or whose kind it has. If fewer than two fields are named, the
sentence is no form, and the caller takes it as a whole.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from groundling.elements import RawElement
from groundling.planner.dates import date_of
from groundling.ranking.words import stem, words

_CUE = re.compile(
    r"(?:^|(?<=\s))(?:(?P<participle>\w+(?:ed|ing)|written|made|sung|shot|led|built)\s+)?"
    r"(?P<word>from|to|by|in|on|at|for|with|named|called|titled|under|as|of|between)"
    r"(?:\s*:\s*|\s+)(?:(?:the|a|an)\s+)?",
    re.IGNORECASE,
)
_ALIKE = 5
"""Letters that "directed" and "Director" have in common, at least."""
_DATED = frozenset("date day when departure depart arrival arrive return check checkin checkout "
                   "released release year published".split())  # fmt: skip
_NAMED = 3
_OF_KIND = 2


@dataclass(frozen=True, slots=True)
class _Piece:
    cue: tuple[str, ...]
    """Preposition and participle, lower case; empty for what the sentence begins with."""
    said: str


def slots(sentence: str, fields: Sequence[RawElement]) -> Mapping[int, str]:
    """Return the text for each field by its id; empty if fewer than two fields are named.

    Args:
        sentence: What is looked for or ordered, without the verb.
        fields: Text fields and lists, in page order.
    """
    pieces = _pieces(sentence)
    found: dict[int, str] = {}
    kept: list[_Piece] = []
    head: _Piece | None = None
    for piece in pieces:
        if not piece.cue:
            head = piece
            continue
        free = [f for f in fields if f.id not in found]
        scored = [(_fit(piece, f), -n, f) for n, f in enumerate(free)]
        score, _, best = max(scored, key=lambda s: s[:2], default=(0, 0, None))
        if best is None or not score:
            # "The Lord of the Rings": no field of its own, so it goes on with what came before.
            kept.append(piece)
            continue
        found[best.id] = _without_name(piece.said, best)
    if len(found) < 2:
        return {}
    free = [f for f in fields if f.id not in found]
    if kept and len(free) != 1:
        return {}
    if head is not None and (best := _field_of_head(head.said, free)) is not None:
        text = " ".join([_without_kind(head.said, best), *(f"{p.cue[-1]} {p.said}" for p in kept)])
        found[best.id] = text
    return found


def _pieces(sentence: str) -> list[_Piece]:
    found: list[_Piece] = []
    marks = list(_CUE.finditer(sentence))
    first = sentence[: marks[0].start()] if marks else sentence
    if first.strip(" ,"):
        found.append(_Piece((), first.strip(" ,")))
    for n, mark in enumerate(marks):
        end = marks[n + 1].start() if n + 1 < len(marks) else len(sentence)
        cue = tuple(w.lower() for w in mark.group("participle", "word") if w)
        found.append(_Piece(cue, sentence[mark.end() : end].strip(" ,")))
    return [p for p in found if p.said]


def _own_words(f: RawElement) -> set[str]:
    names = (f.text, f.label, f.placeholder, str(f.attributes.get("name", "")))
    return {w for name in names for w in words(name.lower())}


def _fit(piece: _Piece, field: RawElement) -> int:
    """Return 3 where the piece names the field, 2 where it is of its kind, else 0."""
    own = _own_words(field)
    if set(piece.cue) & own or any(_alike(c, w) for c in piece.cue for w in own):
        return _NAMED
    first = words(piece.said.lower())[:1]
    if first and {stem(first[0])} & {stem(w) for w in own} and len(piece.said.split()) > 1:
        return _NAMED
    dated = bool(own & _DATED) or field.input_type in ("date", "datetime-local", "month")
    if dated and (date_of(piece.said) or re.fullmatch(r"(?:year )?(?:1|2)\d{3}", piece.said)):
        return _OF_KIND
    return 0


def _alike(a: str, b: str) -> bool:
    return len(a) >= _ALIKE and len(b) >= _ALIKE and a[:_ALIKE] == b[:_ALIKE]


def _without_name(said: str, field: RawElement) -> str:
    """Drop a first word that only names the field, or its kind: "year 1995"."""
    first, _, rest = said.partition(" ")
    names = {stem(w) for w in _own_words(field)} | {"year"} if rest else set()
    return rest if stem(first.lower()) in names and rest[:1].isdigit() else said


def _field_of_head(said: str, free: Sequence[RawElement]) -> RawElement | None:
    own = {stem(w) for w in words(said.lower())}
    named = [f for f in free if own & {stem(w) for w in _own_words(f)}]
    if len(named) == 1:
        return named[0]
    return free[0] if len(free) == 1 else None


def _without_kind(said: str, field: RawElement) -> str:
    """Drop a last word that says what kind of thing is looked for: "crime movies"."""
    before, _, last = said.rpartition(" ")
    plural = last.lower().endswith("s") and not last.lower().endswith("ss")
    named = stem(last.lower()) in {stem(w) for w in _own_words(field)}
    return before if before and (plural or named) else said
