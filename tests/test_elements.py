import json

from groundling.elements import BBox, ElementSnapshot, FrameInfo, ListPlace, Option, RawElement

FULL = RawElement(
    id=7,
    tag="select",
    role="combobox",
    text="Country",
    bbox=BBox(1.0, 2.0, 3.0, 4.0),
    attributes={"id": "country"},
    value="Japan",
    checked="mixed",
    options=(Option("Japan", "jp", selected=True), Option("Peru", "pe")),
    heading_path=("Shop", "Address"),
    places=(ListPlace(3, 1, 9, "Fields"),),
    icons=("flag",),
    frame=1,
    node=12,
)
SNAPSHOT = ElementSnapshot(
    url="http://127.0.0.1/",
    viewport={"width": 1280, "height": 800},
    elements=(FULL, RawElement(id=8)),
    frames=(FrameInfo(0, "http://127.0.0.1/"), FrameInfo(1, "about:blank", error="timed out")),
    scroll=(0.0, 40.0),
    texts=("Welcome",),
)


def test_a_snapshot_survives_json_unchanged():
    assert ElementSnapshot.from_json(json.loads(json.dumps(SNAPSHOT.to_json()))) == SNAPSHOT


def test_defaults_are_left_out_of_json():
    assert SNAPSHOT.to_json()["elements"][1] == {"id": 8}


def test_a_box_can_be_read_like_the_design_guides_dict():
    assert FULL.bbox["width"] == 3.0
    assert FULL.bbox.center == (2.5, 4.0)


def test_elements_are_found_by_id():
    assert SNAPSHOT.get(7) is FULL
    assert SNAPSHOT.get(99) is None
    assert [e.id for e in SNAPSHOT] == [7, 8]
    assert len(SNAPSHOT) == 2
