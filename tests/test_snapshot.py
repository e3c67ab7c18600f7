"""What a snapshot holds."""

import pytest

import groundling
from groundling.elements import ListPlace
from groundling.errors import PageClosedError, WrongSdkError

pytestmark = pytest.mark.browser


def read(page, html, **options):
    page.set_content(html)
    return groundling.snapshot(page, **options)


def test_sync_and_async_pages_give_the_same_elements(page, with_async_page):
    html = "<h1>Shop</h1><form><label>Mail <input></label><button>Buy</button></form>"
    ours = read(page, html)

    async def body(async_page):
        await async_page.set_content(html)
        return await groundling.asnapshot(async_page)

    theirs = with_async_page(body)
    assert [e.text for e in ours] == ["Mail", "Buy"]
    assert ours.elements == theirs.elements


def test_an_element_keeps_its_id_while_the_page_changes(page):
    first = read(page, "<button>One</button><button>Two</button>")
    page.evaluate("document.querySelector('button').before(document.createElement('input'))")
    second = groundling.snapshot(page)
    ids = {e.text: e.id for e in first}
    assert [e.tag for e in second] == ["input", "button", "button"]
    assert {e.text: e.id for e in second if e.text} == ids


def test_rows_give_context_headers_and_places(page):
    snapshot = read(
        page,
        """<table><caption>Users</caption><tr><th>Name</th><th>Action</th></tr>
        <tr><td>Ann</td><td><button>Edit</button></td></tr>
        <tr><td>Bob</td><td><button>Edit</button></td></tr></table>""",
    )
    first, second = snapshot.elements
    assert (first.context, second.context) == ("Ann", "Bob")
    assert second.column_header == "Action"
    assert second.places == (ListPlace(1, 2, 2, "Users"),)


def test_a_password_is_masked(page):
    snapshot = read(page, "<input type=password value=secret aria-label=Password>")
    assert snapshot.elements[0].value == "••••••"


def test_a_covered_element_says_so(page):
    snapshot = read(
        page,
        "<button>Under</button><div style='position:fixed;inset:0;background:white'></div>",
    )
    assert [(e.text, e.occluded) for e in snapshot] == [("Under", True)]


def test_a_closed_page_is_named(page):
    page.close()
    with pytest.raises(PageClosedError, match="closed"):
        groundling.snapshot(page)


def test_other_objects_are_refused():
    with pytest.raises(WrongSdkError, match="Playwright page"):
        groundling.snapshot(object())
