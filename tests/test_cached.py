import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from fixed_models import FixedLLM, button, question

import groundling
from groundling.errors import DataError
from groundling.llm.cached import CachedLLM, default_folder
from groundling.prompts import Candidate, PromptBuilder

SAVE_OR_CANCEL = question("Save", "Cancel")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "answers"


@pytest.fixture
def cached(folder):
    """Open caches on one folder; all are closed at the end."""
    opened = []

    def opener(llm, **options):
        opened.append(CachedLLM(llm, folder=folder, **options))
        return opened[-1]

    yield opener
    for each in opened:
        each.close()


def test_the_same_question_is_asked_once(cached):
    model = FixedLLM("B", 0.7)
    llm = cached(model)
    first, second = llm.choose(SAVE_OR_CANCEL), llm.choose(SAVE_OR_CANCEL)
    assert model.n_calls == 1
    assert (second.best, second.probabilities) == (first.best, first.probabilities)
    assert (first.method, second.method) == ("logits", "cache")
    assert (second.prompt_tokens, second.completion_tokens) == (0, 0)
    assert (llm.hits, llm.misses) == (1, 1)


def test_answers_survive_the_process(cached, folder):
    cached(FixedLLM("B", 0.7)).choose(SAVE_OR_CANCEL)
    later = FixedLLM("B", 0.7)
    assert cached(later).choose(SAVE_OR_CANCEL).best == "B"
    assert later.n_calls == 0


@pytest.mark.parametrize(
    "other",
    [
        question("Save", "Close"),
        question("Save", "Cancel", instruction="press that"),
        question("Save", "Cancel", task_type="find_link"),
        replace(SAVE_OR_CANCEL, system="Choose."),
    ],
)
def test_another_question_is_asked_anew(cached, other):
    model = FixedLLM()
    llm = cached(model)
    llm.choose(SAVE_OR_CANCEL)
    llm.choose(other)
    assert model.n_calls == 2


def test_other_labels_are_another_question(cached):
    model = FixedLLM()
    llm = cached(model)
    assert llm.choose(SAVE_OR_CANCEL).labels == ("A", "B", "C")
    assert llm.choose(SAVE_OR_CANCEL, ["A", "C"]).labels == ("A", "C")


def test_another_model_gives_its_own_answer(cached):
    assert cached(FixedLLM("A")).choose(SAVE_OR_CANCEL).best == "A"
    assert cached(FixedLLM("B")).choose(SAVE_OR_CANCEL).best == "B"


def test_a_new_calibration_is_a_new_model(cached):
    model = FixedLLM()
    model.profile = "temperature 1"
    cached(model).choose(SAVE_OR_CANCEL)
    model.profile = "temperature 2"
    cached(model).choose(SAVE_OR_CANCEL)
    assert model.n_calls == 2


def test_what_a_model_reads_beside_the_text_is_part_of_the_question(cached):
    def with_heading(heading):
        candidates = [Candidate(button(1, "Save", heading=heading), 0.0)]
        return PromptBuilder.build_choice("press save", "find_button", candidates)

    assert with_heading("Profile").text == with_heading("Billing").text
    reads_all, reads_text = FixedLLM(name="all"), FixedLLM(name="text", reads_elements=False)
    for model in (reads_all, reads_text):
        cached(model).choose(with_heading("Profile"))
        cached(model).choose(with_heading("Billing"))
    assert (reads_all.n_calls, reads_text.n_calls) == (2, 1)


def test_a_page_visited_again_is_the_same_question(cached):
    # Ids, nodes and boxes differ at each visit.
    def visit(first_id, y):
        element = button(first_id, "Save", node=first_id, bbox=groundling.elements.BBox(0, y, 9, 9))
        return PromptBuilder.build_choice("save", "find_button", [Candidate(element, 1.0)])

    model = FixedLLM()
    llm = cached(model)
    llm.choose(visit(1, 10))
    llm.choose(visit(77, 300))
    assert model.n_calls == 1


def test_a_batch_asks_only_for_what_is_unknown(cached):
    model = FixedLLM("A")
    llm = cached(model)
    llm.choose(SAVE_OR_CANCEL)
    other = question("Open", "Close")
    assert [c.best for c in llm.choose_many([other, SAVE_OR_CANCEL, other])] == ["A", "A", "A"]
    assert [p.text for p in model.prompts[1:]] == [other.text, other.text]
    assert llm.choose_many([]) == []


def test_texts_are_kept_by_prompt_and_options(cached):
    model = FixedLLM(text='{"id": 3}')
    llm = cached(model)
    for _ in range(2):
        assert llm.generate("Which?", "JSON only", temperature=0.1).content == '{"id": 3}'
    assert model.n_calls == 1
    llm.generate("Which?", "JSON only", temperature=0.2)
    llm.generate("Which?", "Any form", temperature=0.1)
    assert model.n_calls == 3


def test_options_that_are_no_data_are_not_kept(cached):
    model = FixedLLM()
    llm = cached(model)
    for _ in range(2):
        llm.generate("Which?", on_token=print)
    assert model.n_calls == 2


def test_halves_of_characters_in_page_text_do_no_harm(cached):
    model = FixedLLM("A")
    llm = cached(model)
    broken = question("Save \ud83d", "Cancel")
    assert [llm.choose(broken).best for _ in range(2)] == ["A", "A"]
    assert model.n_calls == 1


def test_a_failed_answer_is_not_kept(cached):
    model = FixedLLM(fails=groundling.errors.ServerError("busy"))
    llm = cached(model)
    with pytest.raises(groundling.errors.ServerError, match="busy"):
        llm.choose(SAVE_OR_CANCEL)
    model.fails = None
    assert llm.choose(SAVE_OR_CANCEL).best == "A"


def test_the_folder_stays_within_its_size(cached, folder):
    llm = cached(FixedLLM(text="x" * 20_000), max_bytes=2**20)
    for i in range(200):
        llm.generate(f"question {i}")
    # 200 answers of 20 kB are 4 MB; the file and its journal may exceed the limit a little.
    assert sum(f.stat().st_size for f in folder.glob("*.db")) < 1.5 * 2**20


def test_a_size_that_sqlite_cannot_keep_is_refused(cached):
    with pytest.raises(ValueError, match="`max_bytes` is 1000: SQLite needs at least 1048576"):
        cached(FixedLLM(), max_bytes=1000)


def test_threads_share_one_cache(cached):
    model = FixedLLM("B")
    llm = cached(model)
    llm.choose(SAVE_OR_CANCEL)
    found = []
    threads = [
        threading.Thread(
            target=lambda: found.extend(llm.choose(SAVE_OR_CANCEL).best for _ in range(20))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["B"] * 160
    assert (model.n_calls, llm.hits) == (1, 160)


def test_processes_share_one_cache(cached, folder):
    code = (
        "import sys\n"
        "from groundling import CachedLLM, ScriptedLLM\n"
        "script = ScriptedLLM(texts=[f'text {i}' for i in range(50)])\n"
        f"llm = CachedLLM(script, folder={str(folder)!r})\n"
        "for i in range(50): llm.generate(f'{sys.argv[1]} {i}')\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "ab"]
    assert [w.wait(60) for w in writers] == [0, 0]
    llm = cached(groundling.ScriptedLLM())
    assert [llm.generate(f"b {i}").content for i in range(50)] == [f"text {i}" for i in range(50)]


def test_a_damaged_entry_is_asked_anew(cached, folder):
    model = FixedLLM("A")
    cached(model).choose(SAVE_OR_CANCEL)
    with sqlite3.connect(folder / "cache.db") as database:
        database.execute("UPDATE Cache SET value = ?", (b"{half",))
    database.close()
    assert cached(model).choose(SAVE_OR_CANCEL).best == "A"
    assert model.n_calls == 2


def test_a_pickle_put_into_the_file_is_never_loaded(cached, folder, tmp_path):
    import pickle

    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    model = FixedLLM("A")
    cached(model).choose(SAVE_OR_CANCEL)
    with sqlite3.connect(folder / "cache.db") as database:
        # 4 is diskcache's mark of a pickle.
        database.execute("UPDATE Cache SET mode = 4, value = ?", (pickle.dumps(Trap()),))
    database.close()
    assert cached(model).choose(SAVE_OR_CANCEL).best == "A"
    assert not (tmp_path / "sprung").exists()
    assert model.n_calls == 2


def test_a_folder_that_is_no_cache_is_named(tmp_path):
    (tmp_path / "cache.db").write_text("this is a letter, not a database " * 99)
    with pytest.raises(DataError, match=r"cannot be kept in .*: delete it or give another"):
        CachedLLM(FixedLLM(), folder=tmp_path)


def test_it_answers_like_the_model_inside(cached):
    llm = cached(FixedLLM(window=512, local=False, json_mode=False, bytes_per_token=2))
    assert (llm.context_window, llm.is_local, llm.supports_json_mode()) == (512, False, False)
    assert llm.count_tokens("abcd") == 2
    assert llm.name == "fixed-A"


def test_a_model_can_be_named(cached):
    assert cached("scripted:Save").choose(SAVE_OR_CANCEL).best == "A"


def test_the_guides_name_takes_the_guides_arguments(folder, monkeypatch):
    made = []

    def load(model_name="the guide's own", device="auto", **options):
        made.append((model_name, device, options))
        return FixedLLM()

    monkeypatch.setattr("groundling.llm.transformers.LocalLLM", load)
    for args, options in (
        ((), {}),
        (("org/model", "cpu"), {}),
        ((), {"model_name": "org/model", "load_in_4bit": True}),
    ):
        groundling.CachedLocalLLM(*args, folder=folder, **options).close()
    assert made == [
        ("the guide's own", "auto", {}),
        ("org/model", "cpu", {}),
        ("org/model", "auto", {"load_in_4bit": True}),
    ]


def test_a_loaded_model_takes_no_constructor_arguments(folder):
    with pytest.raises(TypeError, match="takes no further options"):
        CachedLLM(FixedLLM(), folder=folder, device="cpu")


def test_answers_lie_in_the_users_cache_by_default(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "groundling" / "answers"


def test_all_answers_can_be_forgotten(cached):
    model = FixedLLM()
    llm = cached(model)
    llm.choose(SAVE_OR_CANCEL)
    llm.clear()
    llm.choose(SAVE_OR_CANCEL)
    assert model.n_calls == 2
