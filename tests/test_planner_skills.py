"""Goals over sliders, movable lists, shapes and text editors: read, and done in a real browser."""

import pytest

from groundling.actions import SelectText
from groundling.agent import LocalLLMWebAgent
from groundling.browser import adapt
from groundling.driver import run_sync
from groundling.llm.scripted import ScriptedLLM
from groundling.planner.clauses import clauses
from groundling.planner.colours import rgb_of

READ = [
    ("Drag Gerda to the 3rd position", ["move Gerda to 3"]),
    ('Move "Ann B" to the end of the list', ['move "Ann B" to -1']),
    ("Drag Gerda up by one position", ["move Gerda by -1"]),
    ("Move the red card down two places, then press Save", ["move red card by 2", "click Save "]),
    ("Drag the shape left", ["move shape left"]),
    ("Drag the circle right by 40 px", ["move circle right 40"]),
    ("Drag the card to the Done column", ["drag card "]),
    ("Move notes.txt to the Trash", ["drag notes.txt "]),
    ("Sort the numbers in decreasing order", ["sort Sort the numbers in decreasing order down"]),
    ("Sort the table by name in ascending order", ["click sort"]),
    ("In the editor, give everything the style underlined", ["style everything underlined"]),
    ("Give the text sit. the colour red and press OK", ["style sit. red", "click OK "]),
    ('Make "the end" bold', ['style "the end" bold']),
    ("Make a reservation", ["click make"]),
]


@pytest.mark.parametrize(("goal", "said"), READ, ids=[g for g, _ in READ])
def test_a_goal_is_read(goal, said):
    read = [f"{c.verb} {', '.join(c.targets)} {c.value}" for c in clauses(goal)]
    for wanted, got in zip(said, read, strict=True):
        assert got.casefold().startswith(wanted.casefold())


def test_colours_are_known_by_name_digits_and_function():
    assert rgb_of("navy") == rgb_of("#000080") == rgb_of("rgb(0, 0, 128)") == (0, 0, 128)
    assert rgb_of("blurple") is None


# ---- Pages

# A handle as jQuery UI makes it: no role and no value, but keys or a mouse, and the number below.
SLIDERS = """<title>Sliders</title><style>
.ui-slider { position: relative; width: 200px; height: 10px; background: #ccc; margin: 20px }
.ui-slider-handle { position: absolute; top: -3px; width: 16px; height: 16px; background: #888 }
</style><body><button onclick="out.textContent = 'Saved ' + [...document.querySelectorAll('.val')]
  .map(v => v.textContent).join()">Save</button><p id=out></p><script>
function slider(name, now, low, high, keys) {
  const box = document.createElement('div');
  box.innerHTML = `<h4>${name}</h4><div class=ui-slider><span class=ui-slider-handle
    ${keys ? 'tabindex=0' : ''} title="${name}"></span></div><div class=val></div>`;
  document.body.append(box);
  const [track, handle, val] = ['.ui-slider', '.ui-slider-handle', '.val']
    .map(s => box.querySelector(s)), left = track.getBoundingClientRect().left;
  const set = n => { now = Math.min(high, Math.max(low, Math.round(n))); val.textContent = now;
    handle.style.left = (now - low) / (high - low) * 200 - 8 + 'px'; };
  set(now);
  if (keys) handle.addEventListener('keydown', e => {
    const d = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (d) set(now + d * keys); });
  else handle.addEventListener('mousedown', () => {
    const move = e => set(low + (e.clientX - left) / 200 * (high - low));
    addEventListener('mousemove', move);
    addEventListener('mouseup', () => removeEventListener('mousemove', move), { once: true }); });
}
</script>"""
LIST = """<title>List</title><style>li { height: 30px; width: 200px }</style>
<ul id=l>%s</ul><button onclick="out.textContent = 'Saved'">Save</button><p id=out></p><script>
l.addEventListener('mousedown', e => {
  const held = e.target.closest('li');
  e.preventDefault();
  const move = e => { for (const li of l.children) {
    const r = li.getBoundingClientRect(), middle = r.top + r.height / 2;
    if (li === held || e.clientY < r.top || e.clientY > r.bottom) continue;
    e.clientY > middle ? li.after(held) : li.before(held);
    break; } };
  addEventListener('mousemove', move);
  addEventListener('mouseup', () => removeEventListener('mousemove', move), { once: true }); });
</script>"""
SHAPES = """<title>Shapes</title><style>div { position: absolute; background: #88f }</style>
<div style="left:300px;top:200px;width:30px;height:30px"></div>
<div style="left:500px;top:250px;width:90px;height:90px"></div><script>
for (const d of document.querySelectorAll('div')) d.addEventListener('mousedown', e => {
  const x = e.clientX - d.offsetLeft, y = e.clientY - d.offsetTop;
  const move = e => { d.style.left = e.clientX - x + 'px'; d.style.top = e.clientY - y + 'px'; };
  addEventListener('mousemove', move);
  addEventListener('mouseup', () => removeEventListener('mousemove', move), { once: true }); });
</script>"""
EDITOR = """<title>Editor</title><style>.swatch { padding: 0 9px }</style>
<div id=bar><button class=tool-bold></button><button class=tool-italic></button>
<button class=tool-color onclick="pal.hidden = false"></button><span id=pal hidden></span></div>
<div id=ed contenteditable>One two three</div><script>
document.execCommand('styleWithCSS', false, true);
bar.addEventListener('mousedown', e => e.preventDefault());
bar.children[0].onclick = () => document.execCommand('bold');
bar.children[1].onclick = () => document.execCommand('italic');
for (const c of ['#e60000', '#008a00', '#0047b2']) {
  const s = document.createElement('span');
  s.className = 'swatch'; s.style.background = c;
  s.addEventListener('click', () => document.execCommand('foreColor', false, c));
  pal.append(s);
}</script>"""

WEIGHT = """word => getComputedStyle([...ed.querySelectorAll('*')]
  .filter(e => e.textContent === word).pop()).fontWeight"""


def run(page, url, goal, **options):
    """Run a goal with a model that must not be asked."""
    run_sync(adapt(page).install())
    page.goto(url)
    return LocalLLMWebAgent(ScriptedLLM([])).run(page, goal, **options)


def sliders(*calls):
    return SLIDERS + "".join(f"<script>slider({c})</script>" for c in calls)


@pytest.mark.browser
def test_a_handle_without_a_value_is_moved_until_the_page_shows_the_number(page, serve):
    url = serve(sliders("'Volume', 3, -10, 10, 1"))
    result = run(page, url, "Select -7 with the slider and press Save")
    assert result, str(result)
    assert result.steps[0].outcome.evidence == ("its value is -7",)
    assert page.locator("#out").inner_text() == "Saved -7"


@pytest.mark.browser
def test_a_slider_that_stands_there_already_is_verified(page, serve):
    result = run(page, serve(sliders("'Volume', 0, 0, 10, 1")), "Set the slider to 0")
    assert result, str(result)


@pytest.mark.browser
def test_several_numbers_go_to_the_sliders_in_their_order(page, serve):
    url = serve(sliders("'A', 3, 0, 20, 1", "'B', 9, 0, 20, 1", "'C', 11, 0, 20, 1"))
    result = run(page, url, "Set the sliders to the combination [5,3,11] and press Save")
    assert result, str(result)
    assert page.locator("#out").inner_text() == "Saved 5,3,11"


@pytest.mark.browser
def test_the_slider_that_bears_the_name_is_moved_by_the_mouse_where_it_takes_no_keys(page, serve):
    url = serve(sliders("'Bass', 10, 0, 100, 0", "'Treble', 10, 0, 100, 0"))
    result = run(page, url, "Set the treble slider to 64 %")
    assert result, str(result)
    assert page.locator(".val").all_inner_texts() == ["10", "64"]


@pytest.mark.browser
def test_a_slider_whose_steps_leap_over_the_number_is_a_failure(page, serve):
    result = run(page, serve(sliders("'Volume', 0, 0, 100, 10")), "Set the slider to 37")
    assert not result
    assert "does not go to 37" in result.reason


ORDERS = [
    ("Drag Cy to the 2nd position", "Ann Cy Bo Di"),
    ("Move Ann to the bottom", "Bo Cy Di Ann"),
    ("Drag Di up by two positions", "Ann Di Bo Cy"),
]


@pytest.mark.browser
@pytest.mark.parametrize(("goal", "order"), ORDERS)
def test_an_item_is_dragged_to_a_place(page, serve, goal, order):
    url = serve(LIST % "".join(f"<li>{n}</li>" for n in "Ann Bo Cy Di".split()))
    result = run(page, url, goal)
    assert result, str(result)
    assert page.locator("li").all_inner_texts() == order.split()


@pytest.mark.browser
def test_a_list_is_sorted_by_as_many_moves_as_it_takes(page, serve):
    url = serve(LIST % "".join(f"<li>{n}</li>" for n in (30, -4, 100, 7)))
    result = run(page, url, "Sort the numbers in increasing order and press Save")
    assert result, str(result)
    assert page.locator("li").all_inner_texts() == ["-4", "7", "30", "100"]
    assert [s.action.verb for s in result.steps] == ["drag", "drag", "click"]


@pytest.mark.browser
def test_a_list_that_lets_nothing_be_moved_ends_without_success(page, serve):
    fixed = "<ul onmousedown=''><li>2</li><li>1</li></ul>"
    result = run(page, serve(fixed), "Sort the numbers in increasing order", max_steps=1)
    assert not result


@pytest.mark.browser
def test_a_shape_is_told_by_its_size_and_dragged_by_a_direction(page, serve):
    url = serve(SHAPES)
    assert run(page, url, "Drag the smaller box to the left by 50 px")
    assert page.locator("div").first.bounding_box()["x"] == 250
    assert run(page, url, "Drag the smaller box so that it is completely inside the larger box")
    small, large = (page.locator("div").nth(n).bounding_box() for n in (0, 1))
    assert large["x"] < small["x"] < large["x"] + 60


@pytest.mark.browser
def test_words_in_an_editor_are_made_bold(page, serve):
    result = run(page, serve(EDITOR), 'Make "two" bold')
    assert result, str(result)
    assert isinstance(result.steps[0].action, SelectText)
    assert page.evaluate(WEIGHT, "two") == "700"
    assert "weight 700" in result.evidence[0]


@pytest.mark.browser
@pytest.mark.parametrize("told", ["", "bar.children[0].ariaPressed = true;"], ids=["mute", "told"])
def test_a_style_that_the_text_has_stays(page, serve, told):
    bold = EDITOR.replace("One two three", "One <b>two</b> three").replace(
        "<script>", "<script>" + told
    )
    result = run(page, serve(bold), 'Make "two" bold')
    assert result, str(result)
    assert page.evaluate(WEIGHT, "two") == "700"
    assert len(result.steps) == (1 if told else 3)


@pytest.mark.browser
def test_everything_gets_the_nearest_colour_of_the_palette(page, serve):
    result = run(page, serve(EDITOR), "In the editor, give everything the color green")
    assert result, str(result)
    assert page.evaluate("getComputedStyle(ed.firstElementChild).color") == "rgb(0, 138, 0)"


@pytest.mark.browser
def test_text_that_the_editor_does_not_hold_gets_no_style(page, serve):
    result = run(page, serve(EDITOR), 'Make "four" italic')
    assert result.reason == "the editor does not hold the text 'four'"


@pytest.mark.browser
def test_a_field_of_digits_takes_a_colour_by_its_name(page, serve):
    url = serve("<label>Color: <input id=c type=color value='#123456'></label>")
    result = run(page, url, "Select maroon with the color picker")
    assert result, str(result)
    assert page.locator("#c").input_value() == "#800000"
