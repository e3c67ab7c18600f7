"""A value that the goal says is on the page: "the order number shown above"."""

import re
from itertools import pairwise

from groundling.agent.goal import RunView
from groundling.elements import RawElement
from groundling.planner.clause import LONE_TEXT
from groundling.ranking import rank
from groundling.ranking.words import STOP, words

_TEXT_OF = re.compile(
    r"^(?:(?:the\s+)?(?:text|value|contents?|word|number|code|same)\s+)?"
    r"(?:of|from|in|as(?: in)?)\s+(?:the\s+)?(.+)$",
    re.IGNORECASE,
)
_WHERE = re.compile(
    r"\s*\b(?:that is|which is)?\s*(?:shown|displayed|written|given|listed|printed|seen)\b.*$",
    re.IGNORECASE,
)


def copied(view: RunView, source: str) -> str:
    """Return the text that `source` describes, or an empty text when the page does not show it.

    A field is copied by its value, and "the order number" by what follows these words on the page.
    """
    if re.fullmatch(LONE_TEXT, source.strip(), re.IGNORECASE):
        return _lone(view)
    found = _TEXT_OF.match(source)
    what = _WHERE.sub("", found.group(1) if found else source).strip().strip('"')
    field = _field(view, what) if found else None
    return (field.value or field.text) if field is not None else _after_words(view, what)


def _lone(view: RunView) -> str:
    """Return the one text of the page that is no name of anything, or an empty text."""
    named = ((e.text, e.label, e.placeholder, e.heading) for e in view.snapshot.elements)
    own = {_as_name(name) for names in named for name in names}
    texts = {t.strip() for t in view.snapshot.texts if _as_name(t) not in own}
    return texts.pop() if len(texts) == 1 else ""


def of_label(view: RunView, name: str) -> str:
    """Return the text that stands next to a name on the page, as in a table of two columns."""
    texts, wanted = view.snapshot.texts, _as_name(name)
    names = {_as_name(t) for e in view.snapshot.elements for t in (e.text, e.label)}
    for text, after in pairwise(texts):
        if _as_name(text) == wanted and _as_name(after) not in names:
            return after.strip()
    return ""


def _as_name(text: str) -> str:
    return text.strip(" :*").casefold()


def _field(view: RunView, what: str) -> RawElement | None:
    held = [e for e in view.snapshot.elements if e.is_visible and e.value]
    ranked = rank(held, what, "find_input")
    return ranked[0].element if ranked else None


def _after_words(view: RunView, what: str) -> str:
    """Return what stands behind the words, in the same block of text or in the next one."""
    wanted = [w for w in words(what.lower()) if w not in STOP]
    texts = view.snapshot.texts
    for n, text in enumerate(texts):
        if not wanted or not set(wanted) <= set(words(text.lower())):
            continue
        at = max(m.end() for w in wanted for m in [*re.finditer(re.escape(w), text.lower())][-1:])
        rest = text[at:].strip(" :=-–—#").strip()
        rest = re.sub(r"^(?:is|was)\s*:?\s*", "", rest)
        if rest:
            return _first(rest)
        if n + 1 < len(texts):
            return texts[n + 1].strip()
    return ""


def _first(rest: str) -> str:
    """Return a value without the sentence that goes on behind it."""
    return re.split(r"(?<=\w)[.,;](?:\s|$)|\s{2,}", rest, maxsplit=1)[0].strip()
