"""What an instruction says about the element: words, ordinal, relation, negation, state, role."""

import re
from dataclasses import dataclass
from functools import lru_cache

from groundling.ranking.words import STOP, stem, words

_ORDINALS = {
    **{w: n for n, w in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split(),
        start=1,
    )},
    "top": 1, "topmost": 1, "uppermost": 1, "leftmost": 1, "initial": 1, "opening": 1,
    "last": -1, "final": -1, "bottom": -1, "rightmost": -1, "lowest": -1, "bottommost": -1,
    "middle": 0, "next-to-last": -2, "penultimate": -2,
}  # fmt: skip
# Said of places, too, or names of their own: these stay among the words to match.
_NUMBERING = frozenset(_ORDINALS) - {"top", "bottom", "middle", "final", "initial", "opening"}
_NUMERAL = re.compile(r"\b(\d{1,3})(?:st|nd|rd|th)\b|(?:\b(?:number|no\.?|nr\.?)|#)\s*(\d{1,3})\b")
_BEFORE_LAST = re.compile(
    r"\b(?:(second|third|fourth) (?:to|from(?: the)?) (?:last|bottom|end)|next[- ]to[- ]last|"
    r"last but (one|two))\b"
)
_NEGATIONS = re.compile(
    r"\b(?:not|isn't|is not|aren't|no|without|except(?: for)?|excluding|instead of|rather than|"
    r"other than|apart from|besides|never|non)\b[\s-]*"
)
_CLAUSE_END = re.compile(r"[,;.()]|\bbut\b|\band\b(?! not)")
_RELATIONS = re.compile(
    r"\b(?:next to|beside|besides|right of|left of|near|close to|belonging to|inside|within|"
    r"underneath|under|below|beneath|above|over|after|before|behind|following|between|from|in|on|"
    r"at|of|for|with|by|whose|that says|about|to|as)\b"
)
_QUOTED = re.compile(r"[\"“”„«»]([^\"“”„«»]{1,120})[\"“”„«»]|(?<!\w)'([^']{1,120})'(?!\w)")

ROLE_WORDS = {
    "button": {"button", "icon", "arrow", "dots", "cross", "pencil", "bin", "toggle"},
    "link": {"link", "result", "article", "page", "entry", "post", "headline", "story", "url"},
    "field": {"field", "box", "input", "textbox", "textarea", "searchbox", "blank", "form"},
    "select": {
        "dropdown", "drop", "select", "menu", "combo", "combobox", "list", "picker", "choose",
    },
    "checkbox": {"checkbox", "tick", "check", "untick", "uncheck", "tickbox"},
    "radio": {"radio", "option", "choice"},
    "switch": {"switch", "toggle"},
    "tab": {"tab", "panel"},
    "menuitem": {"menu", "item"},
    "slider": {"slider", "knob", "handle"},
    "image": {"picture", "photo", "image", "logo", "icon", "thumbnail", "cover"},
    "heading": {"heading", "accordion", "section", "header"},
}  # fmt: skip
"""Words with which people name a group of roles."""

STATE_WORDS = {
    "checked": "ticked checked selected chosen active on enabled marked preselected already",
    "unchecked": "unticked unchecked unselected empty off inactive unmarked",
    "disabled": "disabled greyed grayed grey unavailable unusable inactive cannot can't dead "
    "locked",
    "expanded": "open opened expanded unfolded",
    "collapsed": "closed collapsed folded",
    "current": "current currently active selected open now showing shown highlighted are",
    "required": "required mandatory must compulsory obligatory",
    "filled": "filled prefilled contains says reads already typed",
    "empty": "empty blank unfilled",
    "invalid": "invalid wrong error red",
}
_STATE_SETS = {name: frozenset(text.split()) for name, text in STATE_WORDS.items()}
_AD = frozenset(
    "ad ads advert adverts advertisement advertisements sponsored sponsor promoted".split()
)
_ORGANIC = frozenset("organic unsponsored natural real".split())

PLACES = {
    "top": {"top", "header", "upper", "banner", "topbar", "masthead"},
    "bottom": {"bottom", "footer", "lower", "foot"},
    "left": {"left", "sidebar", "leftmost"},
    "right": {"right", "rightmost", "sidebar"},
    "nav": {"menu", "navigation", "nav", "navbar", "bar", "breadcrumb", "pager", "pagination"},
    "main": {"main", "article", "content", "body", "text"},
    "dialog": {"dialog", "popup", "modal", "overlay", "window", "banner", "notice"},
    "table": {"table", "row", "column", "cell", "grid"},
}


@dataclass(frozen=True, slots=True)
class Query:
    """An instruction, taken apart."""

    text: str
    wanted: tuple[str, ...]
    """Stems that describe the element: all but stop words and what is negated."""
    head: tuple[str, ...]
    """Of these, the ones before the first relation ("Delete" in "Delete in Ann's row")."""
    scope: tuple[str, ...]
    """The ones after it ("Ann", "row")."""
    unwanted: tuple[str, ...]
    """Stems of what is negated ("ad" in "the first result, not an ad")."""
    quoted: tuple[str, ...]
    """Quoted text, lower case."""
    ordinal: int | None
    """1 for the first, -1 for the last, 0 for the middle one; None without an ordinal."""
    words: frozenset[str]
    """All words, lower case, as written."""
    roles: frozenset[str]
    """Groups of roles that a word names."""
    states: frozenset[str]
    places: frozenset[str]
    no_ads: bool
    """Asks for something that is no advertisement."""


@lru_cache(maxsize=1024)
def parse_query(instruction: str) -> Query:
    """Take an instruction apart; never fails, an unclear part stays among the wanted words."""
    text = " ".join(instruction.replace("’", "'").split())
    low = text.lower()
    kept, negated = _without_negations(low)
    ordinal = _ordinal(kept)
    split = _first_relation(kept)
    head, scope = _content(kept[:split]), _content(kept[split:])
    if not head:
        head, scope = scope, ()
    spoken = frozenset(words(low))
    kept_words = frozenset(words(kept))
    quoted = tuple((a or b).strip().lower() for a, b in _QUOTED.findall(text))
    return Query(
        text=text,
        wanted=head + scope,
        head=head,
        scope=scope,
        unwanted=_content(negated),
        quoted=quoted,
        ordinal=ordinal,
        words=spoken,
        roles=frozenset(r for r, ws in ROLE_WORDS.items() if ws & kept_words),
        states=_states(low, kept_words),
        places=frozenset(p for p, ws in PLACES.items() if ws & kept_words),
        no_ads=bool(_AD & frozenset(words(negated)) or _ORGANIC & spoken),
    )


def _without_negations(low: str) -> tuple[str, str]:
    """Split into what is wanted and what is not."""
    kept, negated, at = [], [], 0
    quotes = [m.span() for m in _QUOTED.finditer(low)]
    for match in _NEGATIONS.finditer(low):
        inside = any(a < match.start() < b for a, b in quotes)
        # "No" or "Not ..." at the start is more likely a name or the whole wish than an exception.
        if inside or match.start() < at or match.start() == 0:
            continue
        end = _CLAUSE_END.search(low, match.end())
        stop = end.start() if end else len(low)
        kept.append(low[at : match.start()])
        negated.append(low[match.end() : stop])
        at = stop
    kept.append(low[at:])
    return " ".join(kept), " ".join(negated)


def _ordinal(low: str) -> int | None:
    match = _BEFORE_LAST.search(low)
    if match:
        named = {"second": -2, "third": -3, "fourth": -4, "one": -2, "two": -3}
        return named.get(match.group(1) or match.group(2) or "second", -2)
    match = _NUMERAL.search(low)
    if match:
        return int(match.group(1) or match.group(2))
    found = [(low.find(w), n) for w, n in _ORDINALS.items() if re.search(rf"\b{w}\b", low)]
    # "top" and "bottom" name a place more often than a rank: only where nothing else ranks.
    places = {low.find(w) for w in ("top", "bottom", "middle", "opening", "final")}
    strong = [f for f in found if f[0] not in places]
    return min(strong or found)[1] if found else None


def _first_relation(low: str) -> int:
    for match in _RELATIONS.finditer(low):
        if match.start() and _content(low[: match.start()]):
            return match.start()
    return len(low)


def _content(text: str) -> tuple[str, ...]:
    seen = dict.fromkeys(stem(w) for w in words(text) if w not in STOP and w not in _NUMBERING)
    return tuple(seen)


def _states(low: str, kept: frozenset[str]) -> frozenset[str]:
    found = {name for name, ws in _STATE_SETS.items() if ws & kept}
    if re.search(r"\b(?:not|isn't|is not|un)\s?-?(?:ticked|checked|selected|yet)\b", low):
        found.add("unchecked")
        found.discard("checked")
    if re.search(r"\bcan(?:not|'t)\b|\bnot (?:available|usable)\b", low):
        found.add("disabled")
    return frozenset(found)
