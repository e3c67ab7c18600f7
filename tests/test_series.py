"""Which series an ordinal counts in, and that the trees' word reaches the ranking."""

import numpy as np
import pytest

from groundling.elements import BBox, ListPlace, RawElement
from groundling.ranking import FEATURES, PageIndex, features, parse_query, rank
from groundling.ranking.columns import COLUMN
from groundling.ranking.features import plain_features
from groundling.ranking.series import SERIES_COLUMNS, add_series, nth, page_series, series_rows
from groundling.ranking.trees import Trees


def link(number, text, *, href="", heading="", places=(), x=0.0, styled=""):
    return RawElement(
        id=number, tag="a", role="link", text=text, href=href, heading=heading,
        bbox=BBox(x, 30.0 * number, 80, 20), places=places,
        attributes={"class": styled} if styled else {},
    )  # fmt: skip


def members(page, kind=None):
    index = PageIndex.build(page)
    return {tuple(index.elements[i].id for i in m) for m in page_series(index).members}


@pytest.mark.parametrize(
    ("size", "ordinal", "place"),
    [(3, 1, 0), (3, -1, 2), (3, 3, 2), (3, 4, None), (3, -4, None), (3, 0, 1), (4, 0, None)],
)
def test_an_ordinal_means_one_member_or_none(size, ordinal, place):
    assert nth(size, ordinal) == place


def test_tags_are_a_series_by_their_address():
    page = [
        link(1, "Home", href="https://a.test/"),
        link(2, "red", href="https://a.test/tag/red", x=10),
        link(3, "About", href="https://a.test/about.html", x=20),
        link(4, "blue", href="https://a.test/tag/blue", x=30),
    ]
    assert (2, 4) in members(page)


def test_of_a_card_the_first_link_counts():
    places = [(ListPlace(7, n, 2, "Offers"),) for n in (1, 1, 2, 2)]
    page = [
        link(1, "", href="/p/1", places=places[0]),
        link(2, "Lamp", href="/p/1", places=places[1]),
        link(3, "", href="/p/2", places=places[2]),
        link(4, "Chair", href="/p/2", places=places[3]),
    ]
    assert (1, 3) in members(page)  # as items, and as addresses of which each counts once


def test_titles_of_posts_are_a_series():
    page = [
        link(1, "First post", heading="Blog", x=1),
        link(2, "more", heading="First post", x=2),
        link(3, "Second post", heading="First post", x=3),
        link(4, "read on", heading="Second post", x=4),
    ]
    assert (1, 3) in members(page)


def test_a_broken_address_is_in_no_series_of_addresses():
    page = [link(1, "a", href="http://[broken", x=1), link(2, "b", href="http://[broken", x=2)]
    assert (1, 2) in members(page)  # all links of the page; reading the address did not fail


def test_rows_tell_each_series_with_an_nth_member():
    places = [(ListPlace(3, n, 3, "Latest news"),) for n in (1, 2, 3)]
    page = [link(n, f"Story {n}", places=places[n - 1]) for n in (1, 2, 3)]
    index, query = PageIndex.build(page), parse_query("third of the latest news")
    rows, targets = series_rows(index, query, plain_features(index, query, "find_link"))
    assert rows.shape == (len(targets), len(SERIES_COLUMNS))
    assert set(targets.tolist()) == {2}
    item = rows[rows[:, SERIES_COLUMNS.index("kind")] == 0][0]
    told = dict(zip(SERIES_COLUMNS, item.tolist(), strict=True))
    assert (told["size"], told["at"], told["ordinal"], told["one column"]) == (3, 2, 3, 1)
    assert told["said of name"] == 1.0  # both words of the list's name are in the instruction


def stump(column, threshold):
    """Trees of one split: rows above the threshold score 2, others 0."""
    return Trees.of(
        {
            "feature": np.array([SERIES_COLUMNS.index(column), 0, 0]),
            "threshold": np.array([threshold, 0, 0], np.float32),
            "left": np.array([1, 1, 2]),
            "right": np.array([2, 1, 2]),
            "value": np.array([0, 0, 2], np.float32),
            "roots": np.array([0]),
            "depth": 1,
        }
    )


def two_lists():
    news = [(ListPlace(1, n, 2, "News"),) for n in (1, 2)]
    jobs = [(ListPlace(2, n, 2, "Jobs"),) for n in (1, 2)]
    return [
        link(1, "Storm", places=news[0], x=1), link(2, "Calm", places=news[1], x=2),
        link(3, "Cook", places=jobs[0], x=3), link(4, "Nurse", places=jobs[1], x=4),
    ]  # fmt: skip


def test_the_series_that_the_trees_prefer_fills_the_columns():
    index, query = PageIndex.build(two_lists()), parse_query("second of the jobs")
    matrix = plain_features(index, query, "find_link")
    assert not matrix[:, COLUMN["in_series"]].any()
    add_series(matrix, index, query, stump("said of name", 0.5))
    found = matrix[:, COLUMN["in_series"]]
    assert found.argmax() == 3
    assert found[3] >= 1.0
    assert 0 < found[1] < found[3]  # second of the news, and of all links: possible, less likely
    assert found[0] == found[2] == 0
    assert matrix[3, COLUMN["series_rank"]] == 0


def test_without_trees_all_series_are_alike():
    index, query = PageIndex.build(two_lists()), parse_query("second of the jobs")
    matrix = plain_features(index, query, "find_link")
    add_series(matrix, index, query, Trees.none())
    assert matrix[1, COLUMN["in_series"]] >= 1.0
    assert matrix[3, COLUMN["in_series"]] >= 1.0


def test_without_an_ordinal_nothing_is_said_of_series():
    index = PageIndex.build(two_lists())
    matrix = features(index, parse_query("the jobs"), "find_link")
    assert matrix.shape == (4, len(FEATURES))
    assert not matrix[:, [COLUMN["in_series"], COLUMN["series_rank"]]].any()


def test_the_shipped_trees_find_the_named_list():
    assert rank(two_lists(), "second of the jobs", "find_link")[0].element.id == 4
    assert rank(two_lists(), "first news item", "find_link")[0].element.id == 1


def test_a_page_asked_again_is_not_read_again(monkeypatch):
    page = two_lists()
    first = rank(page, "the jobs", "find_link")
    monkeypatch.setattr(PageIndex, "build", None)  # calling it would fail
    assert rank(tuple(page), "the jobs", "find_link") == first
    assert rank(page, "second of the jobs", "find_link")[0].element.id == 4


def test_equal_elements_of_another_page_are_another_page():
    rank(two_lists(), "the jobs", "find_link")
    page = two_lists()
    assert rank(page, "the jobs", "find_link")[0].element in page
    assert any(rank(page, "the jobs", "find_link")[0].element is e for e in page)


def test_a_button_named_after_the_result_is_not_the_result():
    page = []
    for n, title in enumerate(("Visiting Japan", "Japan by train", "Rail passes"), start=1):
        at = (ListPlace(4, n, 3, "Search results"),)
        page.append(link(2 * n, title, href=f"/page/{n}", places=at, styled="title"))
        about = RawElement(
            id=2 * n + 1, tag="button", role="button", text="About this result", places=at,
            bbox=BBox(300, 30.0 * n, 20, 20),
        )  # fmt: skip
        page.append(about)
    assert rank(page, "the second search result", "find_link")[0].element.id == 4
    matrix = features(PageIndex.build(page), parse_query("the first result"), "find_link")
    found = matrix[:, COLUMN["in_series"]]
    assert found[0] > found[1] > 0
