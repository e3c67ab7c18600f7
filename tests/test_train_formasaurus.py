"""The labelled folder made of Formasaurus pages, on a wheel of two pages of our own."""

import json
import zipfile

import pytest

from groundling.train.formasaurus import build, domain, instruction, is_even, judges, merged
from groundling.train.sites import same_site

PAGE = """<form action="/in"><label>Mail <input name="mail"></label><input type="hidden" name="t">
<input type="password" name="pw"><button name="go">Go</button></form>
<form><input name="q"><input name="q"></form>"""
CONFIG = {
    "form_types": {"types": [{"short": "l", "full": "login"}, {"short": "s", "full": "search"}]},
    "field_types": {
        "types": [
            {"short": "em", "full": "email"},
            {"short": "p1", "full": "password"},
            {"short": "b1", "full": "submit button"},
            {"short": "sq", "full": "search query"},
        ]
    },
}


def even_site(*, judge):
    """Return a made-up domain of the wanted part."""
    return next(
        f"site{n}" for n in range(999) if is_even(f"site{n}") and judges(f"site{n}") is judge
    )


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "formasaurus.whl"
    fields = [{"mail": "em", "pw": "p1", "go": "b1"}, {"q": "sq"}]
    learn, judge = even_site(judge=False), even_site(judge=True)
    odd = next(f"site{n}" for n in range(999) if not is_even(f"site{n}"))
    index = {
        f"html/{n}.html": {
            "url": f"http://www.{site}.com/",
            "forms": ["l", "s"],
            "visible_html_fields": fields,
        }
        for n, site in enumerate((learn, judge, odd))
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("formasaurus/data/index.json", json.dumps(index))
        archive.writestr("formasaurus/data/config.json", json.dumps(CONFIG))
        for name in index:
            archive.writestr(f"formasaurus/data/{name}", PAGE)
    return path


def tasks(folder):
    return [json.loads(line) for line in (folder / "tasks.jsonl").read_text().splitlines()]


def test_labels_become_tasks_and_ambiguous_names_do_not(wheel, tmp_path):
    assert build(wheel, tmp_path / "out", part="learn") == 3
    found = tasks(tmp_path / "out")
    assert [t["instruction"] for t in found] == [
        "Type the email in the login form",
        "Type the password in the login form",
        "Press the submit button of the login form",
    ]
    assert {t["site"] for t in found} == {even_site(judge=False)}
    html = (tmp_path / "out" / "pages" / "0.html").read_text()
    assert '<input data-mark="2" type="password"' in html
    assert html.startswith('<meta http-equiv="Content-Security-Policy"')


def test_the_odd_domains_are_in_no_part(wheel, tmp_path):
    build(wheel, tmp_path / "all")
    assert {t["page"] for t in tasks(tmp_path / "all")} == {"0", "1"}
    build(wheel, tmp_path / "judge", part="judge")
    assert {t["page"] for t in tasks(tmp_path / "judge")} == {"1"}


def test_sites_that_judge_stay_out(wheel, tmp_path):
    apart = [f"shop.{even_site(judge=False)}.co.uk"]
    assert build(wheel, tmp_path / "out", part="learn", apart_from=apart) == 0


def test_written_instructions_join_their_page(wheel, tmp_path):
    lines = [
        {"page": "0", "kind": "absent", "task_type": "find_link", "instruction": "a", "accept": []},
        {
            "page": "0",
            "kind": "exact",
            "task_type": "other",
            "instruction": "b",
            "accept": ["form"],
        },
        {
            "page": "7",
            "kind": "exact",
            "task_type": "other",
            "instruction": "c",
            "accept": ["form"],
        },
    ]
    written = tmp_path / "written.jsonl"
    written.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert build(wheel, tmp_path / "out", part="learn", instructions=written) == 5
    *_, absent, exact = tasks(tmp_path / "out")
    assert (absent["expect_none"], absent["accept"]) == (True, [])
    assert (exact["expect_none"], exact["accept"]) == (False, [{"css": "form"}])
    assert len({t["id"] for t in tasks(tmp_path / "out")}) == 5


def test_controls_asked_for_alike_are_one_task():
    one, two, other = ({"instruction": i, "accept": [a]} for i, a in (("x", 1), ("x", 2), ("y", 3)))
    assert merged([one, other, two]) == [
        {"instruction": "x", "accept": [1, 2]},
        {"instruction": "y", "accept": [3]},
    ]
    assert one["accept"] == [1]


def test_what_a_label_asks_for():
    assert instruction("first name", "input", "text", "registration") == (
        "Type the first name in the registration form",
        "find_input",
    )
    assert instruction("country", "select", "", "")[1] == "select_from_list"
    assert instruction("remember me checkbox", "input", "checkbox", "login")[0].startswith(
        "Tick the"
    )


def test_the_name_of_a_domain():
    assert domain("http://foo.example.co.uk/a") == "example"


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("lanskybros", "www.lanskybros.com", True),
        ("shop.one.com", "shop.two.com", False),
        ("Tuckr", "tuckr", True),
        ("wikipedia", "wikivoyage.org", False),
    ],
)
def test_names_of_one_site(a, b, same):
    assert same_site(a, b) is same
