"""From an element back to its node: the right one, or none."""

import pytest

import groundling
from groundling.browser import adapt
from groundling.driver import run_async, run_sync
from groundling.errors import PageClosedError, StaleElementError

pytestmark = pytest.mark.browser

# A list that draws three of a hundred rows with the same three nodes, as virtual lists do.
VIRTUAL_LIST = """<ul id=list></ul><script>
const names = [...Array(100).keys()].map(i => 'File ' + i + '.txt');
const rows = [0, 1, 2].map(() => {
  const li = document.createElement('li');
  li.innerHTML = '<span></span> <button>Delete</button>';
  li.lastChild.onclick = () => { document.title = 'deleted ' + li.firstChild.textContent; };
  list.append(li);
  return li;
});
window.scrollToRow = at => rows.forEach((li, i) => { li.firstChild.textContent = names[at + i]; });
scrollToRow(0);
</script>"""


def element_of(page, text, context=""):
    found = [e for e in groundling.snapshot(page) if e.text == text and context in e.context]
    assert len(found) == 1
    return found[0]


def click(page, element):
    run_sync(adapt(page).resolve(element)).click()


def test_a_handle_clicks_the_element_that_was_read(page):
    page.set_content(VIRTUAL_LIST)
    click(page, element_of(page, "Delete", "File 1.txt"))
    assert page.title() == "deleted File 1.txt"


def test_a_recycled_node_is_not_clicked_but_the_row_that_moved_is(page):
    page.set_content(VIRTUAL_LIST)
    chosen = element_of(page, "Delete", "File 1.txt")
    page.evaluate("scrollToRow(1)")  # the node read for file 1 now shows file 2
    click(page, chosen)
    assert page.title() == "deleted File 1.txt"


def test_a_row_that_scrolled_out_is_stale_and_nothing_is_clicked(page):
    page.set_content(VIRTUAL_LIST)
    chosen = element_of(page, "Delete", "File 1.txt")
    page.evaluate("scrollToRow(50)")
    with pytest.raises(StaleElementError, match="Delete"):
        click(page, chosen)
    assert page.title() == ""


def test_a_single_recycled_row_is_stale_too(page):
    page.set_content(
        "<ul><li><span>Invoice 7 of Ann</span><button>Pay</button><li>Nothing else</ul>"
    )
    chosen = element_of(page, "Pay")
    page.evaluate("document.querySelector('span').textContent = 'Invoice 9 by Bob'")
    with pytest.raises(StaleElementError, match="text around it changed"):
        click(page, chosen)


def test_a_page_drawn_anew_gives_the_same_element_in_its_new_node(page):
    html = (
        "<p id=p><button onclick=\"document.title='saved'\">Save</button><button>Back</button></p>"
    )
    page.set_content(html)
    chosen = element_of(page, "Save")
    page.evaluate("p.innerHTML = p.innerHTML")
    click(page, chosen)
    assert page.title() == "saved"


def test_a_renamed_element_is_stale(page):
    page.set_content("<button>Pause</button>")
    chosen = element_of(page, "Pause")
    page.evaluate("document.querySelector('button').textContent = 'Delete account'")
    with pytest.raises(StaleElementError, match="now is button"):
        click(page, chosen)


def test_an_element_of_another_document_is_found_by_what_it_is_only(page, serve):
    one = "<section><button>One</button></section>"
    url = serve({"/": one, "/other": "<section><a href=#>Two</a></section>" + one})
    page.goto(url)
    chosen = element_of(page, "One")
    page.goto(url + "/other")  # the first number given here belongs to the link
    assert run_sync(adapt(page).resolve(chosen)).inner_text() == "One"


def test_two_that_match_are_stale(page):
    page.set_content("<button>More</button>")
    chosen = element_of(page, "More")
    page.evaluate("document.body.innerHTML = '<p><button>More</button><p><button>More</button>'")
    with pytest.raises(StaleElementError, match="2 others match"):
        click(page, chosen)


def test_an_element_in_a_frame_that_went_away_is_stale(page, serve):
    url = serve({"/": "<iframe src=/inner></iframe>", "/inner": "<button>Inner</button>"})
    page.goto(url)
    chosen = element_of(page, "Inner")
    assert chosen.frame == 1
    page.evaluate("document.querySelector('iframe').remove()")
    with pytest.raises(StaleElementError, match="frame is gone"):
        click(page, chosen)


def test_an_element_of_a_frame_is_not_sought_in_another_one(page, serve):
    url = serve(
        {
            "/": "<button>Pay</button><iframe src=/inner></iframe>",
            "/inner": "<button>Pay</button>",
        }
    )
    page.goto(url)
    chosen = next(e for e in groundling.snapshot(page) if e.frame == 1)
    page.frames[1].evaluate("document.body.innerHTML = '<p>Paid</p>'")
    with pytest.raises(StaleElementError, match="it is gone; 0 others match"):
        click(page, chosen)


def test_an_element_whose_role_changed_is_stale(page):
    page.set_content("<div id=b role=button>Dark mode</div>")
    chosen = element_of(page, "Dark mode")
    page.evaluate("b.setAttribute('role', 'link')")
    with pytest.raises(StaleElementError, match="now is link"):
        click(page, chosen)


def test_an_element_that_left_the_page_is_stale_though_its_node_lives(page):
    page.set_content("<button id=b>More</button>")
    chosen = element_of(page, "More")
    page.evaluate("window.kept = b; b.remove()")
    with pytest.raises(StaleElementError, match="it is gone"):
        click(page, chosen)


def test_typed_text_is_what_ends_up_in_the_field_of_the_right_row(page):
    page.set_content("<table><tr><td>Ann<td><input></tr><tr><td>Bob<td><input></tr></table>")
    chosen = element_of(page, "", "Bob")
    page.evaluate("document.querySelector('tr').before(document.querySelectorAll('tr')[1])")
    run_sync(adapt(page).resolve(chosen)).fill("42")
    values = {e.context: e.value for e in groundling.snapshot(page)}
    assert values == {"Bob": "42", "Ann": None}


def test_a_closed_page_says_so(page):
    page.set_content("<button>More</button>")
    chosen = element_of(page, "More")
    page.close()
    with pytest.raises(PageClosedError):
        click(page, chosen)


def test_async_handles_work_alike(with_async_page):
    async def body(page):
        await page.set_content(VIRTUAL_LIST)
        found = [e for e in await groundling.asnapshot(page) if "File 2.txt" in e.context]
        await page.evaluate("scrollToRow(2)")
        handle = await run_async(adapt(page).resolve(found[0]))
        await handle.click()
        return await page.title()

    assert with_async_page(body) == "deleted File 2.txt"
