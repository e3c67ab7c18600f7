"""The documents and advertisements of the demonstration's search engine, built from package data.

Everything is invented and everything is deterministic: the same query gives the same page.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that people search for."""

    name: str
    category: str
    summary: str
    things: tuple[str, str, str, str]

    def fill(self, text: str) -> str:
        """Put the topic's words into a template of `categories.toml`."""
        a, b, c, d = self.things
        filled = text.format(name=self.name, summary=self.summary, a=a, b=b, c=c, d=d, query="")
        return filled[:1].upper() + filled[1:]


@dataclass(frozen=True, slots=True)
class Document:
    """One page of the invented web."""

    slug: str
    title: str
    brand: str
    site: str
    lead: str
    topic: Topic

    @property
    def path(self) -> str:
        """Where the demonstration serves it."""
        return f"/page/{self.slug}"


@dataclass(frozen=True, slots=True)
class Ad:
    """One advertisement, made for a query as search engines do."""

    key: str
    title: str
    brand: str
    site: str
    text: str
    links: tuple[str, ...]


@cache
def categories() -> Mapping[str, Any]:
    """Return aspects, advertisements and questions by category."""
    return tomllib.loads(_site_file("categories.toml"))


@cache
def topics() -> tuple[Topic, ...]:
    """Return every topic, in file order."""
    lists = tomllib.loads(_site_file("topics.toml"))
    return tuple(
        _topic(line, category)
        for category, text in lists.items()
        for line in text.strip().splitlines()
    )


@cache
def documents() -> tuple[Document, ...]:
    """Return every document: each topic under each aspect of its category."""
    return tuple(
        Document(
            slug=f"{_slug(topic.name)}-{aspect['slug']}",
            title=topic.fill(aspect["title"]),
            brand=aspect["brand"],
            site=aspect["site"],
            lead=topic.fill(aspect["lead"]),
            topic=topic,
        )
        for topic in topics()
        for aspect in categories()[topic.category]["aspects"]
    )


@cache
def documents_by_slug() -> Mapping[str, Document]:
    """Return the documents by the last part of their address."""
    return {d.slug: d for d in documents()}


def advertisements(query: str, category: str) -> tuple[Ad, ...]:
    """Return the advertisements shown for a query, the visitor's own words in their titles."""
    shown = " ".join(query.split())[:60].title() or "Anything"
    # `replace`, not `format`: a visitor's braces are text.
    return tuple(
        Ad(
            key=f"{category}-{n}",
            title=ad["title"].replace("{query}", shown),
            brand=ad["brand"],
            site=ad["site"],
            text=ad["text"].replace("{query}", shown),
            links=tuple(ad["links"]),
        )
        for n, ad in enumerate(categories()[category]["ads"])
    )


def advertisement(key: str, query: str) -> Ad | None:
    """Return the advertisement with this key, or None."""
    category = key.rpartition("-")[0]
    if category not in categories():
        return None
    return next((ad for ad in advertisements(query, category) if ad.key == key), None)


def _site_file(name: str) -> str:
    return files("groundling.demo").joinpath("site", name).read_text(encoding="utf-8")


def _topic(line: str, category: str) -> Topic:
    name, summary, listed = (part.strip() for part in line.split("|"))
    a, b, c, d = (thing.strip() for thing in listed.split(","))
    return Topic(name, category, summary, (a, b, c, d))


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")
