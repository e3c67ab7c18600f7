"""The pages of the demonstration's search engine: an address and its values in, HTML out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote_plus, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from groundling.demo.content import (
    Document,
    Topic,
    advertisement,
    advertisements,
    categories,
    documents_by_slug,
)
from groundling.demo.search import Results, search, words

PER_PAGE = 10
TABS = (
    ("all", "All"),
    ("images", "Images"),
    ("news", "News"),
    ("maps", "Maps"),
    ("videos", "Videos"),
    ("shopping", "Shopping"),
)
LANGUAGES = ("Español", "Français", "Deutsch", "Português", "日本語", "Kiswahili")
_INFORMATION = {
    "about": "About Fernwick",
    "advertising": "Advertising",
    "business": "Business",
    "how": "How search works",
    "privacy": "Privacy",
    "terms": "Terms",
    "settings": "Settings",
    "signin": "Sign in",
    "images": "Search for Images",
    "maps": "Fernwick Maps",
    "news": "Fernwick News",
    "store": "Store",
    "help": "Help",
    "language": "Language",
}


@dataclass(frozen=True, slots=True)
class Query:
    """A request: the path and the first value of each parameter."""

    path: str
    values: Mapping[str, str]

    @property
    def text(self) -> str:
        """What the visitor searched for, white space collapsed."""
        return " ".join(self.values.get("q", "").split())

    @property
    def start(self) -> int:
        """Place of the first result shown, from 0; nonsense counts as 0."""
        given = self.values.get("start", "0")
        start = int(given) if given.isascii() and given.isdigit() and len(given) < 6 else 0
        return start - start % PER_PAGE


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of the server."""

    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    location: str = ""


def render(query: Query) -> Answer:
    """Return the page for a request; an unknown address gets a page that says so."""
    head, _, rest = query.path.strip("/").partition("/")
    page = _PAGES.get(head)
    if page is None or (rest and head not in _WITH_REST):
        return _missing(query)
    return page(query, rest)


def _home(query: Query, _: str) -> Answer:
    return _html("home.html", q=query.text, languages=LANGUAGES)


def _search(query: Query, _: str) -> Answer:
    if not query.text:
        return _redirect("/")
    results = search(query.text)
    if "curious" in query.values:
        return _redirect(results.documents[0].path)
    tab = query.values.get("tab", "all")
    if tab not in dict(TABS):
        return _missing(query)
    return _html("results.html" if tab == "all" else "tab.html", **_found(query, results, tab))


def _found(query: Query, results: Results, tab: str) -> dict[str, Any]:
    start = min(query.start, (len(results.documents) - 1) // PER_PAGE * PER_PAGE)
    topic = results.topic or results.documents[0].topic
    ads = advertisements(query.text, topic.category)
    return {
        "q": query.text,
        "tab": tab,
        "tabs": TABS,
        "start": start,
        "results": results,
        "shown": results.documents[start : start + PER_PAGE],
        "asked": set(words(query.text)),
        "top_ads": ads[:-1] if start == 0 else (),
        "bottom_ads": ads[-1:],
        "topic": results.topic,
        "questions": _questions(topic),
        "related": _fill_all(topic, "related"),
        "facts": [(name, topic.fill(value)) for name, value in _of(topic)["facts"]],
        "label": _of(topic)["label"],
        "pages": _page_numbers(start, len(results.documents)),
    }


def _page_numbers(start: int, n_documents: int) -> range:
    last = (n_documents - 1) // PER_PAGE + 1
    first = max(1, min(start // PER_PAGE + 1 - 4, last - 9))
    return range(first, min(first + 10, last + 1))


def _article(query: Query, slug: str) -> Answer:
    document = documents_by_slug().get(slug)
    if document is None:
        return _missing(query)
    others = [d for d in documents_by_slug().values() if d.topic == document.topic]
    return _html(
        "article.html",
        document=document,
        others=[d for d in others if d.slug != slug],
        questions=_questions(document.topic),
        things=document.topic.things,
    )


def _ad_click(query: Query, _: str) -> Answer:
    values = {"q": query.text}
    return _redirect(f"/landing/{quote_plus(query.values.get('ad', ''))}?{urlencode(values)}")


def _landing(query: Query, key: str) -> Answer:
    ad = advertisement(key, query.text)
    return _missing(query) if ad is None else _html("landing.html", ad=ad, q=query.text)


def _information(query: Query, _: str) -> Answer:
    name = query.path.strip("/")
    return _html("information.html", title=_INFORMATION[name], name=name)


def _missing(query: Query) -> Answer:
    page = _html("information.html", title="Page not found", name=query.path[:80])
    return Answer(page.body, status=404)


_PAGES: dict[str, Callable[[Query, str], Answer]] = {
    "": _home,
    "search": _search,
    "page": _article,
    "aclk": _ad_click,
    "landing": _landing,
    **dict.fromkeys(_INFORMATION, _information),
}
_WITH_REST = {"page", "landing"}


def _of(topic: Topic) -> Mapping[str, Any]:
    values: Mapping[str, Any] = categories()[topic.category]
    return values


def _fill_all(topic: Topic, what: str) -> list[str]:
    return [topic.fill(text) for text in _of(topic)[what]]


def _questions(topic: Topic) -> list[tuple[str, str]]:
    return list(zip(_fill_all(topic, "questions"), _fill_all(topic, "answers"), strict=True))


def _redirect(location: str) -> Answer:
    return Answer(b"", status=302, location=location)


def _html(template: str, **values: object) -> Answer:
    text = _environment().get_template(template).render(**values)
    # A lone surrogate in a query cannot be UTF-8; it shows as a question mark.
    return Answer(text.encode("utf-8", "replace"))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("groundling.demo", "site/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["highlight"] = _highlight
    environment.globals["crumbs"] = _crumbs
    environment.globals["hue"] = _hue
    return environment


def _highlight(text: str, asked: set[str]) -> Sequence[tuple[str, bool]]:
    """Split a text into pieces, each with whether the visitor asked for it."""
    return [(word, bool(words(word)) and words(word)[0] in asked) for word in text.split(" ")]


def _crumbs(document: Document) -> str:
    return f"https://{document.site} › {document.topic.name.lower()}"


def _hue(text: str) -> int:
    """Return a colour for a name, as degrees on the wheel; the same name, the same colour."""
    return sum(ord(c) * (n + 3) for n, c in enumerate(text)) * 37 % 360
