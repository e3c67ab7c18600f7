"""Frames and shadow trees."""

import socket

import pytest

import groundling
from groundling.browser import adapt
from groundling.driver import run_sync

pytestmark = pytest.mark.browser


def names(snapshot):
    return [(e.frame, e.text) for e in snapshot]


def test_frames_of_every_kind_are_read_and_clickable(page, serve):
    other = serve({"/far": "<button onclick=\"this.textContent='far clicked'\">Far</button>"})
    inner = "<button onclick=\"this.textContent='deep clicked'\">Deep</button>"
    url = serve(
        {
            "/": f"""<button>Top</button>
            <iframe src=/near style="margin-left:100px;border:0"></iframe>
            <iframe src="{other.replace("127.0.0.1", "localhost")}/far"></iframe>
            <iframe srcdoc="<button>Written</button>"></iframe>
            <iframe sandbox srcdoc="<button>Boxed</button>"></iframe>""",
            "/near": "<button>Near</button><iframe src=/deep></iframe>",
            "/deep": inner,
        }
    )
    page.goto(url)
    page.wait_for_load_state("networkidle")
    snapshot = groundling.snapshot(page)
    assert sorted(e.text for e in snapshot) == ["Boxed", "Deep", "Far", "Near", "Top", "Written"]
    assert len({e.id for e in snapshot}) == 6
    for text in ("Far", "Deep"):
        element = next(e for e in snapshot if e.text == text)
        page.mouse.click(*element.bbox.center)  # the box is in the main frame's coordinates
    again = [e.text for e in groundling.snapshot(page)]
    assert "far clicked" in again
    assert "deep clicked" in again


def test_a_hidden_frame_is_left_out_and_named(page, serve):
    url = serve(
        {"/": "<iframe src=/in style='display:none'></iframe>", "/in": "<button>In</button>"}
    )
    page.goto(url)
    snapshot = groundling.snapshot(page)
    assert len(snapshot) == 0
    assert snapshot.frames[1].error == "not visible"


def test_a_frame_that_never_answers_costs_no_more_than_its_limit(page, serve):
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen(1)
    port = silent.getsockname()[1]
    url = serve(f"<button>Top</button><iframe src='http://127.0.0.1:{port}/'></iframe>")
    page.goto(url, wait_until="commit")
    page.wait_for_selector("button")
    snapshot = groundling.snapshot(page, frame_timeout_s=0.5)
    silent.close()
    assert names(snapshot) == [(0, "Top")]
    assert snapshot.read_ms < 2000


def test_a_busy_frame_is_named_and_the_rest_is_read(page, serve):
    busy = "<button>Busy</button><script>setTimeout(() => { for (;;); }, 200)</script>"
    far = serve({"/busy": busy}).replace("127.0.0.1", "localhost")
    page.goto(serve(f"<button>Top</button><iframe src='{far}/busy'></iframe>"))
    page.wait_for_timeout(500)
    snapshot = groundling.snapshot(page, frame_timeout_s=0.5)
    assert "Top" in [e.text for e in snapshot]
    if len(snapshot) == 1:  # the frame has a process of its own where Chromium isolates sites
        assert "did not answer in time" in snapshot.truncated


def test_open_and_declarative_shadow_trees_and_slots_are_read_in_drawn_order(page):
    page.set_content("""<x-a><button>Slotted</button></x-a>
    <div><template shadowrootmode=open><button>Declared</button></template></div>
    <script>customElements.define('x-a', class extends HTMLElement { constructor() { super();
      this.attachShadow({mode: 'open'}).innerHTML = '<button>Before</button><slot></slot>';
      } })</script>""")
    assert [e.text for e in groundling.snapshot(page)] == ["Before", "Slotted", "Declared"]


def test_closed_shadow_trees_are_read_where_we_came_first(page):
    html = """<div id=host></div><script>
    host.attachShadow({mode: 'closed'}).innerHTML = '<button>Closed</button>'</script>"""
    page.set_content(html)
    assert len(groundling.snapshot(page)) == 0
    run_sync(adapt(page).install())
    page.goto("about:blank")
    page.set_content(html)
    element = groundling.snapshot(page).elements[0]
    assert element.text == "Closed"
    assert run_sync(adapt(page).resolve(element)).inner_text() == "Closed"


def test_a_slotted_child_does_not_cover_the_control_that_draws_it(page):
    page.set_content("""<x-b>Label</x-b><script>
    customElements.define('x-b', class extends HTMLElement { constructor() { super();
      this.attachShadow({mode: 'open'}).innerHTML = '<button><slot></slot></button>';
      this.innerHTML = '<span>Label</span>'; } connectedCallback() {} })</script>""")
    assert [(e.role, e.text, e.occluded) for e in groundling.snapshot(page)] == [
        ("button", "Label", False)
    ]
