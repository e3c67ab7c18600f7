"""What an entry is filed under: the instruction in normal form, the page's host and path shape.

Also says which instructions name no fixed element ("the first result", "the cheapest flight"):
their answer depends on what the page shows today, so a remembered element would be a wrong one.
"""

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from groundling.elements import RawElement
from groundling.ranking.words import words

_FILLER = re.compile(r"\b(?:please|the|an?)\b")
_EDGES = " \t.,:;!?"
_QUOTED = re.compile(r"[\"“”„«»][^\"“”„«»]*[\"“”„«»]|(?<!\w)'[^']*'(?!\w)")
_RELATIVE = re.compile(
    r"\b(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|\d+(?:st|nd|rd|th)|"
    r"(?:result|row|item|entry|line|card|option) (?:number |no\.? ?|#)?\d+|"
    r"last|middle|top|bottom|upper|lower|(?:left|right|top|bottom)most|final|penultimate|"
    r"most|least|best|worst|"
    r"cheap(?:er|est)|expensive|new(?:er|est)|lat(?:er|est)|old(?:er|est)|earl(?:ier|iest)|"
    r"high(?:er|est)|low(?:er|est)|large(?:r|st)|bigg(?:er|est)|small(?:er|est)|short(?:er|est)|"
    r"long(?:er|est)|fast(?:er|est)|near(?:er|est)|clos(?:er|est)|recent(?:ly)?|"
    r"today(?:'?s)?|tomorrow|yesterday|tonight|now|current(?:ly)?|"
    r"this (?:week|month|year)|random|another|other|remaining|"
    r"un(?:read|checked|ticked|selected|finished|paid|answered)|selected|checked|ticked|empty|"
    r"available|disabled|enabled|overdue|expired|highlighted|active|inactive)\b"
)
_ID = re.compile(
    r"\d+"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    r"|(?=[^/]*\d)[0-9a-f]{6,}"
    r"|[a-z]{1,5}[-_]?\d+"
    r"|\d[\d.,:_-]*"
    r"|.*@.*"
    r"|.{41,}",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[\w.~=-]{8,}|(?=.*\d)[\w~=]{16,}")
_SLUG_ID = re.compile(r"^\d{2,}(?=[-_.]\D)|(?<=\D[-_.])\d{2,}$")
_API_VERSION = re.compile(r"v\d{1,2}", re.IGNORECASE)
_MIN_PRIVATE = 3


def normalised(instruction: str) -> str:
    """Return the instruction in normal form: lower case, single spaces, no articles, no "please".

    Word order and all other words stay, so that different wishes never share an entry.
    """
    text = unicodedata.normalize("NFKC", instruction).casefold()
    return " ".join(_FILLER.sub(" ", text).split()).strip(_EDGES)


def page_of(url: str) -> tuple[str, str]:
    """Return host (with its port) and path shape of an address.

    A fragment counts where it is a route (`#/users/5`). The query does not: it holds what was
    searched for, and tokens.
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].casefold()
    route = parts.fragment.lstrip("!") if parts.fragment.lstrip("!").startswith("/") else ""
    shape = path_shape(parts.path) + (f"#{path_shape(route)}" if route else "")
    return host or parts.scheme, shape


def path_shape(path: str) -> str:
    """Return a path with the parts replaced that name one thing: `/user/5/edit` -> `/user/*/edit`.

    Replaced are numbers, UUIDs, dates, hexadecimal and mixed tokens, mail addresses, and parts of
    more than 40 characters; a number at an end of a readable part goes alone (`red-mug-1234` ->
    `red-mug-*`).
    """
    parts = [p for p in unquote(path.split("?")[0]).split("/") if p]
    return "/" + "/".join(_part_shape(p) for p in parts)


def _part_shape(part: str) -> str:
    if _API_VERSION.fullmatch(part):
        return part.casefold()
    if _ID.fullmatch(part) or _TOKEN.fullmatch(part):
        return "*"
    return _SLUG_ID.sub("*", part.casefold())


def href_shape(href: str) -> str:
    """Return the scheme, host or path shape of a link; never its query."""
    parts = urlsplit(href.strip())
    if parts.scheme and parts.scheme not in ("http", "https"):
        return f"{parts.scheme.casefold()}:"
    host = parts.netloc.rpartition("@")[2].casefold()
    shape = path_shape(parts.path) if parts.path else ""
    return host + shape + ("#" if parts.fragment else "")


def relative_word(instruction: str, element: RawElement) -> str:
    """Return the word that makes an instruction depend on what the page shows today, or "".

    Words in quotes and words of the element's own name ("First name") are names, not relations.
    """
    own = set(words(f"{element.text} {element.label} {element.placeholder}"))
    for found in _RELATIVE.finditer(_QUOTED.sub(" ", instruction.casefold())):
        if not set(words(found.group())) <= own:
            return found.group()
    return ""


def mentions(text: str, private: Iterable[str]) -> bool:
    """Whether `text` holds one of the private texts as whole words, in any case.

    Texts below three characters count only where they are all of `text`.
    """
    held = _plain(text)
    if not held:
        return False
    for secret in private:
        sought = _plain(secret)
        if sought and (held == sought or (len(sought) >= _MIN_PRIVATE and _within(sought, held))):
            return True
    return False


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _within(sought: str, held: str) -> bool:
    at = held.find(sought)
    while at >= 0:
        end = at + len(sought)
        starts = at == 0 or not (held[at - 1].isalnum() and sought[0].isalnum())
        ends = end == len(held) or not (held[end].isalnum() and sought[-1].isalnum())
        if starts and ends:
            return True
        at = held.find(sought, at + 1)
    return False
