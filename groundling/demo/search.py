"""The demonstration's ranking: BM25 over titles and leads, with word endings removed.

Small and real: a query about nothing in the collection still gets pages, and they say that they
are only loosely related.
"""

import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from groundling.demo.content import Document, Topic, documents, topics

_WORD = re.compile(r"\w+")
_STOP = frozenset(
    {"a", "an", "and", "are", "as", "at", "for", "from", "how", "in", "is", "it", "my", "of"}
    | {"on", "or", "the", "to", "what", "with"}
)
_TITLE_WEIGHT = 3
_K1, _B = 1.2, 0.75


@dataclass(frozen=True, slots=True)
class Results:
    """What the engine found."""

    documents: tuple[Document, ...]
    """Best first; never empty."""
    n_matching: int
    """How many of them share a word with the query; they come first."""
    topic: Topic | None
    """The topic that the query names, if it names one."""


def stem(word: str) -> str:
    """Return `word` in lower case without a common English ending."""
    word = word.lower()
    for ending in ("ing", "ers", "ors", "er", "or", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def words(text: str) -> list[str]:
    """Return the stems that carry meaning, in order."""
    return [stem(w) for w in _WORD.findall(text.lower()) if w not in _STOP]


def search(query: str) -> Results:
    """Rank every document for `query`; equal scores keep an order that depends on the query."""
    asked = set(words(query))
    scores = [_bm25(n, asked) for n in range(len(documents()))]
    order = sorted(range(len(scores)), key=lambda n: (-scores[n], _tie(query, n, scores[n])))
    ranked = tuple(documents()[n] for n in order)
    return Results(ranked, sum(s > 0 for s in scores), _named_topic(asked))


def suggest(query: str, limit: int = 8) -> list[str]:
    """Return completions of what was typed so far."""
    typed = " ".join(query.lower().split())
    if not typed:
        return []
    names = [t.name.lower() for t in topics()]
    hits = [n for n in names if n.startswith(typed)] + [n for n in names if f" {typed}" in f" {n}"]
    last = typed.split()[-1]
    hits += [f"{typed} {n}" for n in names if last in ("visiting", "learn", "best", "about")]
    hits += [typed[: -len(last)] + n for n in names if n.startswith(last)]
    return list(dict.fromkeys(hits))[:limit]


def _bm25(n: int, asked: set[str]) -> float:
    counts, length = _index()[n]
    score = 0.0
    for word in asked & counts.keys():
        frequency = counts[word]
        damped = frequency + _K1 * (1 - _B + _B * length / _mean_length())
        score += _idf()[word] * frequency * (_K1 + 1) / damped
    return score


def _tie(query: str, n: int, score: float) -> int:
    """File order among matches; among pages that match nothing, a shuffle fixed by the query."""
    if score > 0:
        return n
    return zlib.crc32(f"{query}\0{n}".encode("utf-8", "surrogatepass"))


def _named_topic(asked: set[str]) -> Topic | None:
    named = [t for t in topics() if set(words(t.name)) <= asked]
    return max(named, key=lambda t: len(t.name), default=None)


@cache
def _index() -> Sequence[tuple[Counter[str], int]]:
    texts = [words(d.title) * _TITLE_WEIGHT + words(d.lead) for d in documents()]
    return [(Counter(text), len(text)) for text in texts]


@cache
def _mean_length() -> float:
    return sum(length for _, length in _index()) / len(_index())


@cache
def _idf() -> dict[str, float]:
    n_with = Counter(word for counts, _ in _index() for word in counts)
    total = len(_index())
    return {w: math.log(1 + (total - n + 0.5) / (n + 0.5)) for w, n in n_with.items()}
