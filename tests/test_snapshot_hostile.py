"""Pages that work against a reader: each gives a snapshot or a clear error, and none hangs."""

import time

import pytest

import groundling
from groundling.browser import adapt
from groundling.driver import run_sync
from groundling.errors import NavigationError, PageTimeoutError

pytestmark = pytest.mark.browser

BUTTON = "<button onclick=\"document.title='clicked'\">Go</button>"

HOSTILE = {
    "strict content policy and trusted types": (
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'; script-src 'unsafe-inline'\">"
    ),
    "toJSON on built-in prototypes": (
        "<script>for (const c of [Array, Object, String, Number])"
        " c.prototype.toJSON = () => 'no';</script>"
    ),
    "collections replaced": ("<script>Map = Set = WeakMap = function () { throw 'no'; };</script>"),
    "JSON replaced": (
        "<script>JSON.stringify = () => 'no'; JSON.parse = () => { throw 'no'; };</script>"
    ),
    "DOM methods replaced": (
        "<script>getComputedStyle = () => null; Object.keys = () => { throw 'no'; };"
        "Element.prototype.getAttribute = () => { throw 'no'; };</script>"
    ),
    "iteration replaced": (
        "<script>Array.prototype[Symbol.iterator] = Array.prototype.map = () => { throw 'no'; };"
        "</script>"
    ),
    "names that hide the DOM": (
        "<form><input type=hidden name=tagName><input type=hidden name=childNodes>"
        "<input type=hidden name=getAttribute><input type=hidden name=firstChild>"
        "<input type=hidden name=nodeType></form><img name=body><img name=documentElement>"
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_page_is_read_and_its_button_clicked(page, serve, kind):
    page.goto(serve(HOSTILE[kind] + BUTTON))
    snapshot = groundling.snapshot(page)
    assert [(e.role, e.text) for e in snapshot] == [("button", "Go")]
    run_sync(adapt(page).resolve(snapshot.elements[0])).click()
    assert groundling.snapshot(page).title == "clicked"


def test_our_marks_do_not_stay_on_the_page(page, serve):
    page.goto(serve(HOSTILE["collections replaced"] + BUTTON))
    run_sync(adapt(page).resolve(groundling.snapshot(page).elements[0]))
    assert page.locator("[data-groundling-target]").count() == 0


def test_a_busy_page_ends_in_a_timeout_of_ours(page):
    page.set_content(BUTTON)
    page.evaluate(
        "setTimeout(() => { const end = Date.now() + 3000; while (Date.now() < end); }, 20)"
    )
    page.wait_for_timeout(100)
    started = time.perf_counter()
    with pytest.raises(PageTimeoutError, match=r"within 0\.5 s"):
        groundling.snapshot(page, timeout_s=0.5)
    assert time.perf_counter() - started < 2
    assert len(groundling.snapshot(page)) == 1  # and works again afterwards


def test_an_open_alert_ends_in_a_timeout_of_ours(page):
    page.set_content(BUTTON)
    held = []
    page.on("dialog", lambda dialog: held.append(dialog))
    page.evaluate("setTimeout(() => alert('wait'), 10)")
    while not held:
        page.wait_for_timeout(20)
    with pytest.raises(PageTimeoutError, match="dialog"):
        groundling.snapshot(page, timeout_s=0.5)
    held[0].dismiss()
    assert len(groundling.snapshot(page)) == 1


def test_a_page_that_navigates_is_read_where_it_arrives(page, serve):
    url = serve(
        {
            "/": "<script>location.href = '/next'</script>" + "<p>Old</p>" * 3000,
            "/next": "<button>Arrived</button>",
        }
    )
    page.goto(url, wait_until="commit")
    for _ in range(20):
        snapshot = groundling.snapshot(page)
        if snapshot.url.endswith("/next") and len(snapshot):
            break
    assert [e.text for e in snapshot] == ["Arrived"]


def test_a_page_that_never_rests_is_named(page, serve):
    page.goto(serve(BUTTON))
    adapter = adapt(page)
    calls = []

    def gone(*_):
        calls.append(1)
        raise RuntimeError("Execution context was destroyed, most likely because of a navigation")

    adapter._read = gone
    with pytest.raises(NavigationError, match="navigated"):
        run_sync(adapter.snapshot(groundling.browser.SnapshotOptions()))
    assert len(calls) == 3


def test_a_large_page_stops_at_each_limit_and_says_so(page):
    page.set_content("<script>document.write('<p><button>B</button></p>'.repeat(3000))</script>")
    for options, limit in (
        ({"limit": 100}, "limit reached"),
        ({"max_nodes": 500}, "max_nodes reached"),
        ({"budget_ms": 1}, "budget_ms reached"),
    ):
        snapshot = groundling.snapshot(page, **options)
        assert 0 < len(snapshot) < 3000 or "budget" in limit
        assert limit in snapshot.truncated
    assert groundling.snapshot(page).truncated == ""


def test_elements_far_from_the_viewport_are_left_out_where_asked(page):
    page.set_content("<script>document.write('<p><button>B</button></p>'.repeat(3000))</script>")
    near = groundling.snapshot(page, near_viewport_px=200)
    assert 10 < len(near) < 50
    assert all(e.bbox.y <= 1000 for e in near)


def test_fifty_thousand_nodes_are_read_near_the_viewport_and_bounded(page):
    page.set_content(
        "<script>document.write('<p><a href=#>A</a><b>x</b><i>y</i><button>B</button></p>'"
        ".repeat(10000))</script>"
    )
    near = groundling.snapshot(page, near_viewport_px=720)
    assert near.n_nodes > 50_000
    assert 50 < len(near) < 300
    assert near.truncated == ""
    bounded = groundling.snapshot(page, max_nodes=10_000)
    assert bounded.n_nodes == 10_000
    assert "max_nodes reached" in bounded.truncated


def test_a_very_deep_page_is_read(page):
    page.set_content("<div id=d></div>")
    page.evaluate(
        "let e = d; const add = tag => { e = e.appendChild(document.createElement(tag)); };"
        "for (let i = 0; i < 1100; i++) add('div');"
        "e.innerHTML = '<button>Deep</button>'; d.before(document.createElement('input'))"
    )
    snapshot = groundling.snapshot(page)
    assert snapshot.elements[0].tag == "input"
    assert "depth limit" in snapshot.truncated


def test_documents_that_are_no_ordinary_html(page, serve):
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="50">'
        '<a href="/x"><text y="20">Drawn link</text></a></svg>'
    )
    url = serve(
        {
            "/a.svg": (svg, {"Content-Type": "image/svg+xml"}),
            "/frames": "<frameset cols='50%,50%'><frame src=/one><frame src=/one></frameset>",
            "/one": "<button>One</button>",
            "/data": ("<a><b>1</b></a>", {"Content-Type": "text/xml"}),
        }
    )
    page.goto(url + "/a.svg")
    assert [(e.role, e.text) for e in groundling.snapshot(page)] == [("link", "Drawn link")]
    page.goto(url + "/frames")
    assert [e.text for e in groundling.snapshot(page)] == ["One", "One"]
    page.goto(url + "/data")
    assert groundling.snapshot(page).truncated == ""
    page.goto("about:blank")
    assert len(groundling.snapshot(page)) == 0


def test_listeners_are_found_whether_we_came_first_or_late(page):
    html = """<div id=a>Plain</div><div id=b>Delegate</div><div id=c>Nothing</div><script>
    a.addEventListener('click', () => {});
    b.addEventListener('pointerdown', () => {});</script>"""
    page.set_content(html)
    late = [(e.text, e.kind) for e in groundling.snapshot(page)]
    run_sync(adapt(page).install())
    page.goto("about:blank")
    page.set_content(html)
    first = [(e.text, e.kind) for e in groundling.snapshot(page, developer_tools=False)]
    assert late == first == [("Plain", "listener"), ("Delegate", "listener")]


def test_a_frame_that_goes_away_meanwhile_does_not_lose_the_page(page, serve):
    url = serve({"/": BUTTON + "<iframe src=/in></iframe>", "/in": "<button>In</button>"})
    page.goto(url)
    page.evaluate(
        "setInterval(() => { const f = document.querySelector('iframe');"
        "if (f) f.remove(); else document.body.append(Object.assign("
        "document.createElement('iframe'), {src: '/in'})); }, 15)"
    )
    for _ in range(15):
        assert "Go" in [e.text for e in groundling.snapshot(page, frame_timeout_s=0.3)]
