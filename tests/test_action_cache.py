"""The action cache: what is found again, what is refused, what is never written; and the agent."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from click.testing import CliRunner
from fixed_models import FixedLLM
from hypothesis import given
from hypothesis import strategies as st

from groundling.agent import LocalLLMWebAgent, RobustLocalLLMAgent
from groundling.cache import ActionCache
from groundling.cache.intent import mentions, normalised, page_of, relative_word
from groundling.cli import cli
from groundling.decision import DecisionConfig
from groundling.elements import ElementSnapshot, FrameInfo, ListPlace, RawElement
from groundling.errors import DataError
from groundling.policy import Policy

MODEL_ONLY = DecisionConfig(rules=False)


def page(*elements, url="https://shop.example/orders/4711"):
    """A page whose elements get ids from 1, as a browser gives them."""
    numbered = tuple(replace(e, id=i) for i, e in enumerate(elements, start=1))
    return ElementSnapshot(url=url, viewport={"width": 1280, "height": 800}, elements=numbered)


def el(role="button", text="", **fields):
    attributes = {k: fields.pop(k) for k in ("name", "class", "data-testid") if k in fields}
    if "own_id" in fields:
        attributes["id"] = fields.pop("own_id")
    tag = fields.pop("tag", {"link": "a", "textbox": "input"}.get(role, role))
    return RawElement(id=0, tag=tag, role=role, text=text, attributes=attributes, **fields)


SAVE = el("button", "Save", heading="Profile", own_id="save", **{"class": "btn primary"})
CANCEL = el("button", "Cancel", heading="Profile", **{"class": "btn"})
HELP = el("link", "Help", href="/help", landmark="navigation")
FIELD = el("textbox", "E-mail", heading="Profile", input_type="email", name="mail")
PROFILE = page(HELP, FIELD, SAVE, CANCEL)


def row(name, index, size=3, text="Delete"):
    return el("button", text, context=f"{name} Edit", places=(ListPlace(1, index, size),))


@pytest.fixture
def cache(tmp_path):
    made = ActionCache(tmp_path / "actions.db")
    yield made
    made.close()


def kept(cache, snapshot, number, instruction="save the profile", **options):
    return cache.keep(snapshot, instruction, "find_any", snapshot.elements[number], **options)


def found(cache, snapshot, instruction="save the profile"):
    return cache.find(snapshot, instruction, "find_any")


# Found again


def test_an_element_is_found_on_the_same_page(cache):
    assert kept(cache, PROFILE, 2)
    hit = found(cache, PROFILE)
    assert (hit.element.text, hit.changed) == ("Save", ())
    assert hit.confidence > 0.95


def test_an_unknown_intent_task_host_or_path_is_a_miss(cache):
    kept(cache, PROFILE, 2)
    assert not found(cache, PROFILE, "cancel it")
    assert not cache.find(PROFILE, "save the profile", "find_link")
    for url in ("https://other.example/orders/4711", "https://shop.example/bills/4711"):
        assert found(cache, replace(PROFILE, url=url)).reason == "nothing is remembered"


def test_instruction_and_address_are_compared_in_normal_form(cache):
    kept(cache, PROFILE, 2)
    elsewhere = replace(PROFILE, url="https://shop.example/orders/12?tab=2#top")
    assert found(cache, elsewhere, "  Please SAVE profile. ").element.text == "Save"


def test_classes_order_and_place_may_change(cache):
    kept(cache, PROFILE, 2)
    moved = replace(SAVE, attributes={"class": "x81"}, heading="Account", landmark="complementary")
    hit = found(cache, page(moved, CANCEL, el("button", "Chat"), FIELD, HELP))
    assert hit.element.text == "Save"
    assert "heading 'Profile' is now 'Account'" in hit.changed


def test_a_renamed_element_is_known_by_its_id(cache):
    kept(cache, PROFILE, 2)
    hit = found(cache, page(HELP, FIELD, replace(SAVE, text="Apply"), CANCEL))
    assert hit.element.text == "Apply"
    assert hit.changed == ("name 'Save' is now 'Apply'",)


def test_a_row_is_found_where_it_moved(cache):
    rows = page(row("Ann", 1), row("Bela", 2), row("Carl", 3))
    kept(cache, rows, 1, "delete bela")
    mixed = page(row("Carl", 1, 4), row("Dora", 2, 4), row("Ann", 3, 4), row("Bela", 4, 4))
    assert found(cache, mixed, "delete bela").element.id == 4


# Refused


def test_an_element_that_is_gone_is_refused(cache):
    kept(cache, PROFILE, 2)
    hit = found(cache, page(HELP, FIELD, CANCEL))
    assert (hit.element, hit.entry is not None) == (None, True)
    assert hit.reason.startswith("it is gone")


def test_what_was_beside_it_is_not_it(cache):
    kept(cache, PROFILE, 2)
    # Cancel stands where Save stood, looks like it and even took its id.
    heir = replace(CANCEL, attributes=SAVE.attributes)
    assert not found(cache, page(HELP, FIELD, heir))


def test_another_button_in_its_place_is_refused(cache):
    anonymous = replace(SAVE, attributes={"class": "btn primary"})
    kept(cache, page(HELP, FIELD, anonymous, CANCEL), 2)
    assert not found(cache, page(HELP, FIELD, replace(anonymous, text="Delete all"), CANCEL))


def test_another_product_in_its_place_is_refused(cache):
    def monitor(name, index):
        place = ListPlace(1, index, 2)
        return el("link", f"{name} 27 inch monitor", href=f"/p/{name}", places=(place,))

    def shelf(*names):
        return page(*(monitor(n, i) for i, n in enumerate(names, start=1)))

    kept(cache, shelf("Alba", "Brio"), 0, "open the alba monitor")
    assert found(cache, shelf("Brio", "Alba"), "open the alba monitor").element.id == 2
    assert not found(cache, shelf("Corvo", "Brio"), "open the alba monitor")


def test_the_last_twin_left_is_not_taken_for_the_one_that_went(cache):
    kept(cache, page(row("Ann", 1, 2), row("Bela", 2, 2)), 1, "delete bela")
    assert not found(cache, page(row("Ann", 1, 1)), "delete bela")
    assert not found(cache, page(row("Ann", 1, 2), row("Carl", 2, 2)), "delete bela")


def test_twins_that_nothing_sets_apart_go_by_order_while_their_number_is_the_same(cache):
    go = el("button", "Go")
    kept(cache, page(go, FIELD, go), 2, "search below")
    assert found(cache, page(go, el("button", "Chat"), FIELD, go), "search below").element.id == 4
    assert not found(cache, page(go, FIELD), "search below")
    assert not found(cache, page(go, go, FIELD, go), "search below")


def test_two_copies_that_could_be_it_are_refused(cache):
    plain = el("button", "Save", heading="Profile")
    kept(cache, page(HELP, plain), 1)
    hit = found(cache, page(HELP, plain, plain))
    assert hit.element is None
    assert hit.reason.startswith("two elements could be it")


def test_a_copy_elsewhere_does_not_win(cache):
    kept(cache, PROFILE, 2)
    copy = el("button", "Save", heading="Shortcuts")
    assert found(cache, page(copy, HELP, FIELD, SAVE, CANCEL)).element.id == 4


def test_hidden_elements_and_those_of_other_frames_are_refused(cache):
    kept(cache, PROFILE, 2)
    assert not found(cache, page(HELP, FIELD, replace(SAVE, is_visible=False), CANCEL))
    framed = page(HELP, FIELD, replace(SAVE, frame=1), CANCEL)
    frames = (FrameInfo(0, PROFILE.url), FrameInfo(1, "https://ads.example/x"))
    assert not found(cache, replace(framed, frames=frames))


def test_another_view_under_the_same_address_has_its_own_entry(cache):
    kept(cache, PROFILE, 2, "save it")
    dialog = page(*(el(r, t, dialog="Share") for r, t in (("switch", "Public"), ("tab", "Link"),
                  ("combobox", "Who"), ("menuitem", "Copy"), ("checkbox", "Save"))))  # fmt: skip
    assert found(cache, dialog, "save it").reason.startswith("the page is built differently")
    kept(cache, dialog, 4, "save it")
    assert found(cache, dialog, "save it").element.role == "checkbox"
    assert found(cache, PROFILE, "save it").element.role == "button"


# Never written


@pytest.mark.parametrize(
    "instruction",
    ["the first result", "open the cheapest flight", "latest order", "an unread mail", "row 3"],
)
def test_instructions_about_what_the_page_shows_today_are_not_remembered(cache, instruction):
    assert not kept(cache, PROFILE, 2, instruction)
    assert cache.entries() == []


def test_names_that_sound_relative_are_names():
    assert relative_word("first name", el("textbox", "First name")) == ""
    assert relative_word('the link "Latest news"', el("link", "News")) == ""
    assert relative_word("latest news", el("link", "News")) == "latest"


def test_values_of_fields_and_typed_texts_never_reach_the_file(cache, tmp_path):
    cache.typed("ann@private.example")
    shown = replace(SAVE, heading="ann@private.example", context="Tok3n-99 of ann@private.example")
    holding = replace(FIELD, value="held-in-field", context="held-in-field")
    kept(cache, page(holding, shown, CANCEL), 1, private=("Tok3n-99",))
    assert len(cache.entries()) == 1
    cache.keep(page(holding, SAVE), "the mail address", "find_input", replace(holding, id=1))
    cache.close()
    written = b"".join(p.read_bytes() for p in tmp_path.iterdir()).lower()
    for secret in (b"private.example", b"tok3n", b"held-in-field"):
        assert secret not in written


def test_a_step_whose_words_hold_the_typed_text_is_not_kept(cache):
    cache.typed("Ann")
    assert not kept(cache, PROFILE, 2, "save Ann's profile")
    assert not kept(cache, page(el("button", "Remove Ann")), 0, "remove her")
    assert kept(cache, PROFILE, 2, "save the annual profile")


def test_the_address_is_kept_without_query_ids_and_tokens(cache):
    url = "https://u:pw@shop.example:8443/reset/Zx81kQp0aa/users/17/edit?token=s3cret#frag"
    kept(cache, replace(PROFILE, url=url), 2)
    (entry,) = cache.entries()
    assert (entry.key.host, entry.key.path) == ("shop.example:8443", "/reset/*/users/*/edit")


def test_the_file_is_for_its_owner_alone(cache):
    if os.name == "posix":
        assert cache.path.stat().st_mode & 0o077 == 0


# Healed, suspended, removed


def test_a_verified_step_heals_its_entry(cache):
    kept(cache, PROFILE, 2)
    renamed = page(HELP, FIELD, replace(SAVE, text="Apply"), CANCEL)
    kept(cache, renamed, 2)
    (entry,) = cache.entries()
    assert (entry.element.name, entry.hits, entry.healed) == ("Apply", 2, 1)
    # The next change starts from there: the id goes, the new name stays.
    assert found(cache, page(HELP, replace(SAVE, text="Apply", attributes={}), CANCEL))


def test_a_failed_step_suspends_an_entry_and_a_second_one_removes_it(cache):
    kept(cache, PROFILE, 2)
    cache.fail(found(cache, PROFILE).entry)
    hit = found(cache, PROFILE)
    assert (hit.element, hit.reason) == (None, "it failed the last time it was used")
    cache.fail(hit.entry)
    assert cache.entries() == []


def test_a_verified_step_ends_the_suspension(cache):
    kept(cache, PROFILE, 2)
    cache.fail(found(cache, PROFILE).entry)
    kept(cache, PROFILE, 2)
    assert found(cache, PROFILE)


def test_a_verdict_about_an_entry_that_was_rewritten_meanwhile_is_void(cache):
    kept(cache, PROFILE, 2)
    old = found(cache, PROFILE).entry
    kept(cache, PROFILE, 2)
    cache.fail(old)
    assert found(cache, PROFILE)


def test_the_least_recently_used_entries_make_room(tmp_path):
    small = ActionCache(tmp_path / "small.db", max_entries=2)
    for instruction in ("one thing", "two things", "three things"):
        kept(small, PROFILE, 2, instruction)
    assert [e.key.intent for e in small.entries()] == ["two things", "three things"]
    small.close()


# The file


def test_a_file_that_is_no_cache_is_named(tmp_path):
    junk = tmp_path / "junk.db"
    junk.write_text("this is no database, and long enough to be looked at" * 20)
    with pytest.raises(DataError, match=r"junk\.db cannot be used as an action cache"):
        ActionCache(junk)
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE things (x)")
    other.commit()
    other.close()
    with pytest.raises(DataError, match="holds other tables"):
        ActionCache(tmp_path / "other.db")


def test_a_file_of_another_version_is_named(cache):
    kept(cache, PROFILE, 2)
    cache.close()
    db = sqlite3.connect(cache.path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(DataError, match="has version 99, this is 1"):
        ActionCache(cache.path)


def test_an_entry_that_cannot_be_read_is_a_miss(cache):
    kept(cache, PROFILE, 2)
    db = sqlite3.connect(cache.path)
    db.execute("UPDATE entries SET page = x'01'")
    db.commit()
    db.close()
    assert not found(cache, PROFILE)
    assert kept(cache, PROFILE, 2)
    assert found(cache, PROFILE)


WRITER = """
import json, sys
from groundling.cache import ActionCache
from groundling.elements import ElementSnapshot
PROFILE = ElementSnapshot.from_json(json.load(open(sys.argv[3], encoding="utf-8")))
cache = ActionCache(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
n = 0
while n < int(sys.argv[2]):
    for instruction in (f"thing {sys.argv[4]} {n}", "a thing of all"):
        assert cache.keep(PROFILE, instruction, "find_any", PROFILE.elements[2])
    assert cache.find(PROFILE, "a thing of all", "find_any")
    print(n, flush=True)
    n += 1
"""


def test_eight_processes_write_at_once_and_one_is_killed(tmp_path):
    path, stored = tmp_path / "shared.db", tmp_path / "page.json"
    stored.write_text(json.dumps(PROFILE.to_json()), encoding="utf-8")
    counts = [8] * 8 + [10**6]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(n), str(stored), f"w{i}x"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for i, n in enumerate(counts)
    ]  # fmt: skip
    for w in writers:
        assert w.stdout.readline() == "ready\n"
    for w in writers:
        w.stdin.write("go\n")
        w.stdin.flush()
    killed = writers[-1]
    for _ in range(3):
        last = int(killed.stdout.readline())
    killed.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    told = killed.communicate(timeout=60)[0].split()
    last = int(told[-1]) if told and told[-1].isdigit() else last
    outputs = [w.communicate(timeout=120)[0].split() for w in writers[:-1]]
    assert [o[-1] for o in outputs] == ["7"] * 8
    assert [w.returncode for w in writers[:-1]] == [0] * 8
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    after = ActionCache(path)
    by_intent = {e.key.intent: e for e in after.entries()}
    # Every write that was acknowledged is there, once.
    for i in range(8):
        assert all(f"thing w{i}x {n}" in by_intent for n in range(8))
    assert all(f"thing w8x {n}" in by_intent for n in range(last + 1))
    assert len(after.entries()) == len(by_intent)
    assert by_intent["thing of all"].hits >= 8 * 8 + last + 1
    after.close()


# Normal forms


@given(st.text(max_size=60))
def test_the_normal_form_is_a_fixed_point(text):
    assert normalised(normalised(text)) == normalised(text)


@pytest.mark.parametrize(
    ("url", "shape"),
    [
        ("http://a.b/", "/"),
        ("http://a.b/Users/17/Edit", "/users/*/edit"),
        ("http://a.b/o/3f2504e0-4f89-11d3-9a0c-0305e82c3301", "/o/*"),
        ("http://a.b/p/red-mug-1234", "/p/red-mug-*"),
        ("http://a.b/2026-11-25/news", "/*/news"),
        ("http://a.b/api/v2/items", "/api/v2/items"),
        ("http://a.b/app#/users/5", "/app#/users/*"),
        ("http://a.b/app#section", "/app"),
        ("http://a.b/mail/ann@x.org", "/mail/*"),
    ],
)
def test_the_path_shape_keeps_what_is_the_same_for_all_pages_of_a_kind(url, shape):
    assert page_of(url) == ("a.b", shape)


def test_private_texts_are_found_as_whole_words():
    assert mentions("Hello Ann!", ["ann"])
    assert not mentions("Annual report", ["ann"])
    assert not mentions("Page 2 of 5", ["2"])
    assert mentions("2", ["2"])


# The command line


def test_the_command_line_lists_shows_exports_and_clears(cache):
    kept(cache, PROFILE, 2)
    kept(cache, replace(PROFILE, url="https://b.example/x"), 0, "help me out")
    cache.close()
    run = lambda *args: CliRunner().invoke(cli, ["cache", *args, "--file", str(cache.path)])  # noqa: E731
    lines = run("ls").stdout.splitlines()
    assert lines[0] == "1\t1\tok\tshop.example/orders/*\tsave profile\tbutton 'Save'"
    assert run("ls", "--host", "b.example").stdout.startswith("2\t")
    assert json.loads(run("show", "1").stdout)["element"]["heading"] == "Profile"
    assert "has no entry 7" in run("show", "7").stderr
    exported = [json.loads(line) for line in run("export").stdout.splitlines()]
    assert [e["host"] for e in exported] == ["shop.example", "b.example"]
    assert run("clear", "1").stderr == "1 removed\n"
    assert run("clear").stderr == "1 removed\n"
    assert run("ls").stdout == ""


def test_a_cache_that_is_not_there_is_an_error_and_not_made(tmp_path):
    done = CliRunner().invoke(cli, ["cache", "ls", "--file", str(tmp_path / "none.db")])
    assert (done.exit_code, "is not there" in done.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


# The agent


HTML = """<h1>Profile</h1><label>Mail <input name=mail></label>
<button id=save onclick="out.textContent = 'Saved'">Save</button>
<button onclick="out.textContent = 'Cancelled'">Cancel</button><p id=out></p>"""


class Chooses(FixedLLM):
    """Picks the candidate whose name matches."""

    def __init__(self, name):
        super().__init__(None, 0.9)
        self.wanted = re.compile(name)

    def choose(self, prompt, labels=None):
        names = [c.element.text for c in prompt.candidates]
        at = next((i for i, n in enumerate(names) if self.wanted.search(n)), None)
        self.best = None if at is None else prompt.labels[at]
        return super().choose(prompt, labels)


@pytest.fixture
def visit(page, serve):
    address = serve(HTML)

    def visit(script=""):
        page.goto(address)
        if script:
            page.evaluate(script)
        return page

    return visit


def test_the_second_visit_needs_no_model(visit, cache):
    llm = Chooses("Save")
    agent = LocalLLMWebAgent(llm, config=MODEL_ONLY, cache=cache.path)
    first = agent.click(visit(), "keep my changes")
    second = agent.click(visit(), "keep my changes")
    assert (first.verified, second.verified, llm.n_calls) == (True, True, 1)
    assert (first.decision.selection.method, second.decision.selection.method) == ("model", "cache")
    assert second.to_json()["method"] == "cache"
    assert {"cache", "remember"} <= set(second.stages_ms)
    assert sum(second.tokens) == 0


def test_find_uses_what_a_verified_step_left_and_writes_nothing(visit, cache):
    llm = Chooses("Save|Cancel")
    agent = LocalLLMWebAgent(llm, config=MODEL_ONLY, cache=cache)
    assert agent.find(visit(), "keep my changes").method == "model"
    assert cache.entries() == []
    agent.click(visit(), "keep my changes")
    before, calls = cache.entries(), llm.n_calls
    found = agent.find(visit(), "keep my changes")
    assert (found.method, found.element.text) == ("cache", "Save")
    gone = agent.find(visit("() => save.remove()"), "keep my changes")
    assert (gone.method, gone.element.text, llm.n_calls) == ("model", "Cancel", calls + 1)
    assert cache.entries() == before


def test_find_asks_the_model_where_an_entry_is_suspended(visit, cache):
    llm = Chooses("Save")
    agent = LocalLLMWebAgent(llm, config=MODEL_ONLY, cache=cache)
    agent.click(visit(), "keep my changes")
    assert not agent.click(visit("() => { save.disabled = true }"), "keep my changes")
    assert agent.find(visit(), "keep my changes").method == "model"


def test_a_hit_is_healed_and_says_what_changed(visit, cache):
    llm = Chooses("Save|Apply")
    agent = LocalLLMWebAgent(llm, config=MODEL_ONLY, cache=cache)
    agent.click(visit(), "keep my changes")
    change = "() => { save.textContent = 'Apply'; document.body.prepend('New!') }"
    step = agent.click(visit(change), "keep my changes")
    assert (step.verified, llm.n_calls) == (True, 1)
    assert "remembered element: name 'Save' is now 'Apply'" in step.outcome.evidence
    assert [(e.element.name, e.healed) for e in cache.entries()] == [("Apply", 1)]


def test_the_model_is_asked_when_the_element_is_gone(visit, cache):
    llm = Chooses("Save|Store")
    agent = LocalLLMWebAgent(llm, config=MODEL_ONLY, cache=cache)
    agent.click(visit(), "keep my changes")
    swap = """() => { const b = document.createElement('button'); b.textContent = 'Store all';
      b.onclick = () => { out.textContent = 'Stored' }; save.replaceWith(b) }"""
    step = agent.click(visit(swap), "keep my changes")
    assert (step.verified, step.decision.selection.method, llm.n_calls) == (True, "model", 2)
    assert cache.entries()[0].element.name == "Store all"


def test_a_hit_that_does_nothing_is_suspended_and_the_robust_agent_asks_the_model(visit, cache):
    llm = Chooses("Save|Cancel")
    agent = RobustLocalLLMAgent(llm, config=MODEL_ONLY, cache=cache, max_retries=2)
    agent.click(visit(), "keep my changes")
    calls = llm.n_calls
    disabled = "() => { save.disabled = true }"
    step = agent.click(visit(disabled), "keep my changes")
    assert step.attempts[0].decision.selection.method == "cache"
    assert llm.n_calls > calls
    assert all(e.failures or e.element.name == "Cancel" for e in cache.entries())


def test_off_by_default(visit):
    llm = Chooses("Save")
    agent = LocalLLMWebAgent(llm, config=MODEL_ONLY)
    for _ in range(2):
        agent.click(visit(), "keep my changes")
    assert llm.n_calls == 2


def test_secrets_typed_by_the_agent_never_reach_the_file(visit, cache, tmp_path):
    policy = Policy(secrets={"pw": "hunter2-and-more"})
    llm = Chooses("Mail")
    agent = LocalLLMWebAgent(llm, config=MODEL_ONLY, cache=cache, policy=policy)
    assert agent.fill(visit(), "mail address", secret="pw").verified
    assert agent.fill(visit(), "mail address", "typed-by-caller").verified
    llm.wanted = re.compile("Save")
    echo = "() => { document.querySelector('h1').textContent = 'Hello typed-by-caller' }"
    assert agent.click(visit(echo), "keep my changes").verified
    assert len(cache.entries()) == 2
    cache.close()
    written = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert b"hunter2" not in written
    assert b"typed-by" not in written


def test_an_async_page_is_served_from_the_same_cache(with_async_page, serve, cache):
    llm, address = Chooses("Save"), serve(HTML)
    agent = LocalLLMWebAgent(llm, config=MODEL_ONLY, cache=cache)

    async def body(page):
        steps = []
        for _ in range(2):
            await page.goto(address)
            steps.append(await agent.aclick(page, "keep my changes"))
        return steps

    first, second = with_async_page(body)
    assert (first.verified, second.verified, llm.n_calls) == (True, True, 1)


def test_a_hit_takes_less_than_thirty_milliseconds(cache):
    rows = [el("link", f"Order {i}", href=f"/o/{i}", context=f"Order {i} of today, {i * 3} EUR",
               places=(ListPlace(1, i, 900),)) for i in range(1, 901)]  # fmt: skip
    big = page(HELP, FIELD, SAVE, CANCEL, *rows)
    kept(cache, big, 2)
    times = []
    for _ in range(5):
        started = time.thread_time()
        assert found(cache, big)
        times.append(time.thread_time() - started)
    # Time of this thread alone: other programs on the machine must not decide this.
    assert min(times) < 0.03
