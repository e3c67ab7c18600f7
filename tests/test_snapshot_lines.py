"""Snapshots for people: lines, pictures and the command."""

import io
import json

import pytest
from click.testing import CliRunner
from PIL import Image

from groundling.browser.lines import line
from groundling.browser.picture import draw
from groundling.cli import cli
from groundling.elements import BBox, ElementSnapshot, ListPlace, Option, RawElement
from groundling.errors import DataError


def snapshot_of(*elements, **fields):
    return ElementSnapshot(
        url="x", viewport={"width": 100, "height": 80}, elements=elements, **fields
    )


def blank(width=100, height=80):
    out = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(out, "PNG")
    return out.getvalue()


def pixel(png, x, y):
    return Image.open(io.BytesIO(png)).convert("RGB").getpixel((x, y))


def said(**fields):
    element = RawElement(**{"id": 12, "role": "button", "bbox": BBox(0, 0, 9, 9), **fields})
    return line(element, snapshot_of(element))


def test_a_line_says_what_matters():
    assert said(text="Sign in", is_primary=True, bbox=BBox(0, 90, 9, 9)) == (
        '[12] button "Sign in" (primary, below the fold)'
    )
    assert said(role="checkbox", text="Terms", checked="false", required=True) == (
        '[12] checkbox "Terms" (not checked, required)'
    )
    assert said(role="combobox", text="Size", value="L", options=(Option("M"), Option("L"))) == (
        '[12] combobox "Size" = "L" (2 options)'
    )
    assert said(text="Edit", places=(ListPlace(1, 2, 3),), context="Bob", heading="Users") == (
        '[12] button "Edit" - under "Users", 2 of 3, with "Bob"'
    )


def test_a_long_name_is_cut_and_quotes_do_not_break_the_line():
    text = said(text='say "hi" ' + "x" * 200)
    assert "say 'hi' xxx" in text
    assert len(text) < 120
    assert "…" in text


def test_boxes_are_drawn_where_the_elements_are_and_the_size_stays():
    element = RawElement(id=1, role="link", bbox=BBox(40, 40, 30, 20))
    out = draw(blank(), snapshot_of(element))
    assert Image.open(io.BytesIO(out)).size == (100, 80)
    assert pixel(out, 55, 39) != (255, 255, 255)  # the frame's upper edge
    assert pixel(out, 5, 75) == (255, 255, 255)  # nothing stands here


def test_a_picture_of_double_resolution_is_drawn_at_its_scale():
    element = RawElement(id=1, role="link", bbox=BBox(40, 40, 30, 20))
    out = draw(blank(200, 160), snapshot_of(element))
    assert pixel(out, 110, 79) != (255, 255, 255)
    assert pixel(out, 55, 39) == (255, 255, 255)


def test_the_chosen_element_stays_bright_and_the_rest_is_dimmed():
    element = RawElement(id=7, role="button", bbox=BBox(40, 40, 30, 20))
    out = draw(blank(), snapshot_of(element), chosen_id=7)
    assert sum(pixel(out, 5, 75)) < 3 * 255 - 60
    assert pixel(out, 60, 52) == (255, 255, 255)


def test_a_number_does_not_stand_on_text():
    page = Image.new("RGB", (100, 80), "white")
    for x in range(20, 38, 2):  # strokes left of the box, where the number would stand otherwise
        page.paste("black", (x, 36, x + 1, 64))
    out = io.BytesIO()
    page.save(out, "PNG")
    snapshot = snapshot_of(RawElement(id=1, role="link", bbox=BBox(40, 40, 30, 20)))
    png = draw(out.getvalue(), snapshot)
    assert [pixel(png, x, 50) for x in (32, 33, 34)] == [(0,) * 3, (255,) * 3, (0,) * 3]
    assert pixel(draw(blank(), snapshot), 34, 50) != (255, 255, 255)


def test_only_the_elements_asked_for_are_drawn():
    one = RawElement(id=1, role="link", bbox=BBox(40, 40, 30, 20))
    assert draw(blank(), snapshot_of(one), ids=[2]) == draw(blank(), snapshot_of())


def test_what_is_no_picture_is_refused():
    with pytest.raises(DataError, match="no picture"):
        draw(b"text", snapshot_of())


def test_a_missing_file_is_one_clear_line():
    result = CliRunner().invoke(cli, ["snapshot", "nowhere.html"])
    assert result.exit_code == 1
    assert "give an HTML file or a URL" in result.output


@pytest.mark.browser
def test_the_command_prints_lines_json_and_a_picture(tmp_path):
    # In a process of its own: the command starts a browser with the sync library, which refuses
    # to run where the session's browser keeps an event loop.
    import subprocess
    import sys

    page = tmp_path / "page.html"
    page.write_text("<title>T</title><h1>Hello</h1><form><button>Send</button></form>")
    picture = tmp_path / "out.png"
    command = [sys.executable, "-m", "groundling", "snapshot", str(page)]
    lines = subprocess.run(
        [*command, "--picture", str(picture), "--texts"], check=True, capture_output=True, text=True
    )
    assert lines.stdout.splitlines() == [
        '[1] button "Send" (primary) - under "Hello"',
        ". Hello",
        ". Send",
    ]
    assert "1 elements in" in lines.stderr
    assert Image.open(io.BytesIO(picture.read_bytes())).size == (1280, 800)
    out = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
    data = json.loads(out.stdout)
    assert data["title"] == "T"
    assert ElementSnapshot.from_json(data).elements[0].text == "Send"
