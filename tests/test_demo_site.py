"""The demonstration's search engine: ranking, pages, and what a real browser finds on them."""

import re
import urllib.error
import urllib.request

import pytest

from groundling.demo.content import documents, documents_by_slug
from groundling.demo.search import search, stem, suggest, words
from groundling.demo.server import respond, serve

INTERACTIVE = "a[href], button, input, select, summary"


@pytest.fixture(scope="module")
def site():
    with serve() as url:
        yield url


def text_of(target):
    answer = respond(target)
    assert answer.status == 200
    return answer.body.decode()


def test_endings_are_removed_but_short_words_stay():
    assert [stem(w) for w in ("Visiting", "visitors", "visits", "red", "is")] == [
        "visit",
        "visit",
        "visit",
        "red",
        "is",
    ]
    assert words("How to visit the Moon") == ["visit", "moon"]


def test_there_are_a_few_hundred_documents_with_addresses_of_their_own():
    assert len(documents()) == 345
    assert len(documents_by_slug()) == len(documents())


def test_the_page_that_shares_both_words_in_its_title_comes_first():
    found = search("visiting japan")
    assert found.documents[0].title == "Visiting Japan: a first-timer's guide"
    assert found.topic.name == "Japan"


def test_a_query_about_nothing_still_gets_pages_and_they_say_so():
    found = search("qqxzzy")
    assert found.n_matching == 0
    assert len(found.documents) == 345
    assert "No page holds these words" in text_of("/search?q=qqxzzy")


def test_the_same_query_gives_the_same_page():
    assert respond("/search?q=qqxzzy") == respond("/search?q=qqxzzy")


def test_completions_begin_with_what_was_typed():
    assert suggest("jap")[0] == "japan"
    assert "visiting japan" in suggest("visiting ja")
    assert suggest("  ") == []


@pytest.mark.parametrize("target", ["/search", "/search?q=", "/search?q=+++"])
def test_an_empty_query_leads_back_to_the_home_page(target):
    assert (respond(target).status, respond(target).location) == (302, "/")


@pytest.mark.parametrize(
    "query",
    ["%F0%9F%97%BE+%E6%97%A5%E6%9C%AC", "%00%01", "%FF%FE", "%7Bname%7D+%7B0%7D", "a" * 5000],
)
def test_odd_queries_get_a_page_with_results(query):
    assert text_of(f"/search?q={query}").count('<article class="result">') == 10


@pytest.mark.parametrize("start", ["-10", "ten", "99999", "123456789", "7"])
def test_odd_page_numbers_get_a_page_with_results(start):
    assert '<article class="result">' in text_of(f"/search?q=japan&start={start}")


def test_markup_in_a_query_stays_text():
    hostile = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
    for target in (f"/search?q={hostile}", f"/landing/travel-0?q={hostile}"):
        assert "<script>alert" not in text_of(target).lower()


def test_every_organic_link_leads_to_an_article_and_every_sponsored_one_to_a_landing_page():
    page = text_of("/search?q=visiting+japan")
    links = re.findall(r'<h3><a href="([^"]+)"', page)
    assert [link.partition("?")[0] for link in links[:3]] == ["/aclk"] * 3
    organic = [link for link in links if link.startswith("/page/")]
    assert len(organic) == 10
    assert all(respond(link).status == 200 for link in organic)
    for link in (link for link in links if link.startswith("/aclk")):
        landing = respond(link.replace("&amp;", "&"))
        assert landing.status == 302
        assert "Advertisement" in text_of(landing.location)


@pytest.mark.parametrize(
    "query",
    [
        "visiting+japan",
        "ramen",
        "linux",
        "roses",
        "sleep",
        "mars",
        "bicycles",
        "taxes",
        "jazz",
        "q",
    ],
)
def test_the_page_of_every_category_offers_sixty_elements_and_advertisements_first(query):
    page = text_of(f"/search?q={query}")
    assert len(re.findall(r"<(?:a|button|input|select|summary)[ >]", page)) >= 60
    kinds = re.findall(r'<article class="(result(?: ad)?)">', page)
    n_ads = kinds.index("result")
    assert n_ads in (2, 3)
    assert kinds == ["result ad"] * n_ads + ["result"] * 10 + ["result ad"]


@pytest.mark.parametrize(
    "target", ["/no", "/page/no", "/landing/no", "/search?q=a&tab=no", "/about/no", "/static/no"]
)
def test_unknown_addresses_are_not_found(target):
    assert respond(target).status == 404


def test_an_address_that_cannot_be_read_is_refused():
    assert respond("//[").status == 400


def test_a_failure_is_logged_and_the_server_goes_on(monkeypatch, caplog, capsys):
    with serve() as url:
        with monkeypatch.context() as broken:
            broken.setattr("groundling.demo.server.respond", lambda target: 1 / 0)
            with pytest.raises(ConnectionError):
                urllib.request.urlopen(url)
        with urllib.request.urlopen(url) as answer:
            assert answer.status == 200
    assert "ZeroDivisionError" in caplog.text
    assert capsys.readouterr().err == ""


def test_the_server_answers_on_this_machine_only_and_forbids_foreign_code(site):
    assert site.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{site}/") as answer:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        urllib.request.urlopen(f"{site}/nothing")
    caught.value.close()


@pytest.mark.browser
def test_a_browser_finds_enough_to_choose_from_and_the_search_works(site, chromium):
    with chromium.new_page() as page:
        complaints = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(site)
        page.get_by_role("combobox", name="Search").click()
        page.keyboard.type("visiting japan")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search?q=visiting+japan")
        shown = [e for e in page.locator(INTERACTIVE).all() if e.is_visible()]
        assert len(shown) >= 60
        assert "Sponsored" in page.locator("article").first.inner_text()
        page.locator("article:not(.ad) h3 a").first.click()
        assert page.locator("h1").inner_text() == "Visiting Japan: a first-timer's guide"
        assert complaints == []
