"""What the reader says of an element's name, states and surroundings."""

import pytest

import groundling
from groundling.elements import Option

pytestmark = pytest.mark.browser


@pytest.fixture
def read(page):
    def elements(html, **options):
        page.set_content(html)
        return groundling.snapshot(page, **options).elements

    return elements


def test_native_states(read):
    html = """<input type=checkbox checked aria-label=A><input type=radio aria-label=B>
    <input required readonly value=v placeholder=p aria-label=C aria-invalid=true>
    <button disabled>D</button><details><summary>E</summary></details>
    <button aria-pressed=mixed>F</button><a href=# aria-current=page>G</a>
    <input type=file aria-label=H><div contenteditable aria-label=I>text</div>"""
    a, b, c, d, e, f, g, h, i = read(html)
    assert (a.checked, b.checked) == ("true", "false")
    assert (c.required, c.readonly, c.invalid, c.value, c.placeholder) == (
        True,
        True,
        True,
        "v",
        "p",
    )
    assert (d.disabled, d.is_clickable) == (True, False)
    assert e.expanded is False
    assert (f.pressed, g.current, h.input_type) == ("mixed", "page", "file")
    assert (i.input_type, i.value) == ("contenteditable", "text")


def test_descriptions_colours_focus_and_addresses(read):
    html = """<p id=d>At least 8 letters</p><input aria-label=A aria-describedby=d autofocus>
    <button style="background:#0000ff;color:#ffffff" title="Saves it">B</button>
    <div role=tab aria-selected=true>C</div><a href=/far style="position:absolute;top:3000px">D</a>
    <img usemap=#m width=30 height=14 alt=map>
    <map name=m><area href=/area alt=E coords=0,0,9,9></map>"""
    a, b, c, d, e = read(html)
    assert (a.description, a.focused) == ("At least 8 letters", True)
    assert b.description == "Saves it"
    assert (b.background_color, b.text_color) == ("rgb(0, 0, 255)", "rgb(255, 255, 255)")
    assert (c.role, c.selected) == ("tab", True)
    assert (d.href, d.in_viewport) == ("/far", False)
    assert (e.tag, e.text, e.href) == ("area", "E", "/area")


def test_disabled_comes_from_fieldsets_aria_and_inert_parts(read):
    html = """<fieldset disabled><legend>F</legend><input aria-label=a></fieldset>
    <div aria-disabled=true><button>b</button></div><button aria-disabled=true>c</button>
    <button>d</button>"""
    assert [(e.text, e.disabled) for e in read(html)] == [
        ("a", True),
        ("b", True),
        ("c", True),
        ("d", False),
    ]


def test_options_and_the_selected_one(read):
    (e,) = read("<select aria-label=S><option value=1>One<option value=2 selected>Two</select>")
    assert e.value == "Two"
    assert e.options == (Option("One", "1"), Option("Two", "2", selected=True))


def test_a_long_list_of_options_says_how_many_there_are(read):
    options = "".join(f"<option>{i}" for i in range(300))
    (e,) = read(f"<select aria-label=S>{options}</select>")
    assert len(e.options) == 200
    assert e.attributes["option-count"] == 300


def test_the_label_of_a_hidden_control_stands_for_it(read):
    (e,) = read("<label><input type=checkbox style='display:none' checked> Remember me</label>")
    assert (e.tag, e.role, e.text, e.checked) == ("label", "checkbox", "Remember me", "true")


def test_a_nameless_field_takes_the_text_beside_it(read):
    name, accept = read("<p>Full name: <input></p><p><input type=checkbox> I accept</p>")
    assert (name.text, name.label) == ("", "Full name:")
    assert (accept.text, accept.label) == ("", "I accept")


def test_headings_hold_until_the_next_of_their_level_and_not_in_other_sections(read):
    html = """<main><h1>Shop</h1><a href=#>a</a>
    <section><h2>Shoes</h2><h3>Boots</h3><a href=#>b</a></section>
    <h2>Hats <a href=#>edit</a></h2><a href=#>c</a></main><footer><a href=#>d</a></footer>"""
    a, b, edit, c, d = read(html)
    assert a.heading_path == ("Shop",)
    assert b.heading_path == ("Shop", "Shoes", "Boots")
    assert edit.heading_path == c.heading_path == ("Shop", "Hats")
    assert d.heading_path == ()


def test_landmarks_forms_fieldsets_and_dialogs(read):
    html = """<nav aria-label=Main><a href=#>a</a></nav>
    <form aria-label=Order><fieldset><legend>Ship to</legend><input aria-label=b></fieldset></form>
    <dialog open aria-label=Cookies><button>c</button></dialog>"""
    a, b, c = read(html)
    assert a.landmark == 'navigation "Main"'
    assert (b.form, b.fieldset) == ("Order", "Ship to")
    assert c.dialog == "Cookies"


def test_cards_are_items_of_a_list_and_give_context(read):
    card = "<div class=card><h3>{0}</h3><p>${1}</p><button>Buy</button></div>"
    html = (
        "<h2>Deals</h2><div>"
        + "".join(card.format(n, p) for n, p in (("Hat", 5), ("Cap", 7), ("Tie", 9)))
        + "</div>"
    )
    first, second, third = read(html)
    assert [e.heading for e in (first, second, third)] == ["Hat", "Cap", "Tie"]
    assert second.context == "Cap $7"
    assert [(p.index, p.size, p.name) for p in third.places] == [(3, 3, "Deals")]


def test_links_in_running_text_are_no_list(read):
    a, *_ = read("<p>See <a href=#>one</a>, <a href=#>two</a> and <a href=#>three</a>.</p>")
    assert a.places == ()
    assert (a.before, a.after) == ("See", ",")


def test_spanned_headers_and_row_headers(read):
    html = """<table><tr><th>Name</th><th colspan=2>Actions</th></tr>
    <tr><th scope=row>Ann</th><td><button>Edit</button></td><td><button>Drop</button></td></tr>
    </table>"""
    edit, drop = read(html)
    assert (edit.column_header, drop.column_header) == ("Actions", "Actions")
    assert (edit.row_header, drop.row_header) == ("Ann", "Ann")


def test_icons_give_words_to_nameless_controls(read):
    html = """<style>button{width:20px;height:20px}</style>
    <button><i class="fa fa-trash-o"></i></button>
    <button><svg width=9 height=9><use href="#icon-cart"/></svg></button>
    <button data-testid=close-dialog></button>"""
    trash, cart, close = read(html)
    assert trash.text == "~trash o"
    assert cart.icons == ("cart",)
    assert close.text == "~close dialog"


def test_the_main_button_looks_like_one(read):
    html = """<form><button type=button>Cancel</button><button>Save</button></form>
    <a class="btn btn-primary" href=#>Buy</a><a class="btn btn-outline-primary" href=#>More</a>"""
    assert [e.is_primary for e in read(html)] == [False, True, True, False]


def test_wrappers_are_left_out_and_rows_with_text_of_their_own_are_kept(read):
    html = """<div id=w style="cursor:pointer"><a href=#>Only link</a></div>
    <div id=r style="cursor:pointer">Message from Ann <button>Star</button></div>"""
    assert [(e.tag, e.role) for e in read(html)] == [
        ("a", "link"),
        ("div", "clickable"),
        ("button", "button"),
    ]


def test_hidden_things_are_not_listed(read):
    html = """<button hidden>a</button><button style="visibility:hidden">b</button>
    <div style="display:none"><button>c</button></div><dialog><button>d</button></dialog>
    <details><summary>s</summary><button>e</button></details><button>f</button>"""
    assert [e.text for e in read(html)] == ["s", "f"]


def test_texts_are_the_visible_blocks_in_order(page):
    page.set_content("<h1>One</h1><p>Two <b>bold</b></p><p hidden>Three</p>")
    assert groundling.snapshot(page, texts=True).texts == ("One", "Two bold")
