import pytest

from groundling.elements import RawElement
from groundling.errors import EmptyPageError
from groundling.llm.base import Choice
from groundling.llm.batch import batch_analyze_elements
from groundling.prompts import Candidate, PromptBuilder


class Picks:
    """Chooses the label whose line holds the last word of the task; else none."""

    def choose_many(self, prompts):
        self.prompts = prompts
        return [self.choice(p) for p in prompts]

    def choice(self, p):
        word = p.instruction.split()[-1]
        lines = [x for x in p.text.split("\n\n")[0].splitlines() if x.endswith(f" {word}")]
        best = lines[0].split()[0] if lines else p.none_label
        odds = tuple(0.7 if lb == best else 0.3 / (len(p.labels) - 1) for lb in p.labels)
        return Choice(labels=p.labels, probabilities=odds, best=best, method="logits")


ELEMENTS = [
    RawElement(id=7, tag="button", role="button", text="Save"),
    RawElement(id=9, tag="a", role="link", text="Cancel"),
]
COMPRESSED = {
    "count": 2,
    "elements": [
        {"id": 7, "role": "button", "text": "Save", "bbox": {"x": 1, "y": 2, "w": 3, "h": 4}},
        {"id": 9, "role": "link", "text": "Cancel"},
    ],
}


def test_every_task_gets_its_element_in_order():
    tasks = [
        {"type": "find_link", "context": "press Cancel", "elements": COMPRESSED},
        {"type": "find_button", "context": "press Save", "elements": ELEMENTS},
    ]
    assert batch_analyze_elements(Picks(), tasks) == [
        {"id": 9, "confidence": 0.7},
        {"id": 7, "confidence": 0.7},
    ]


def test_a_task_nothing_fits_gets_none():
    task = {"type": "find_button", "context": "press Print", "elements": ELEMENTS}
    assert batch_analyze_elements(Picks(), [task]) == [None]


def test_no_tasks_are_no_work():
    assert batch_analyze_elements(Picks(), []) == []


def test_a_task_without_elements_is_named():
    task = {"type": "find_button", "context": "press Save", "elements": []}
    with pytest.raises(EmptyPageError, match="'press Save' offers no element"):
        batch_analyze_elements(Picks(), [task])


def lettered_question(text, kind, found):
    candidates = [Candidate(element, 0.0) for element in found]
    return PromptBuilder.build_choice(text, kind, candidates, layout="page_first")


def test_the_task_stands_behind_the_list_so_that_one_page_is_read_once():
    asked = lettered_question("press Save", "find_button", ELEMENTS)
    assert asked.text == (
        "A button Save\nB link Cancel\nC none of these\n\nButton: press Save\nLetter:"
    )
    assert (asked.labels, asked.none_label) == (("A", "B", "C"), "C")


def test_labels_go_on_after_the_alphabet():
    many = [RawElement(id=i, tag="a", role="link", text=str(i)) for i in range(53)]
    labels = lettered_question("x", "find_any", many).labels
    assert (labels[25:27], labels[51:]) == (("Z", "a"), ("z", "AA", "AB"))


def test_prompts_of_one_s_own_are_used():
    llm = Picks()
    task = {"type": "find_button", "context": "press Save", "elements": ELEMENTS}
    batch_analyze_elements(
        llm,
        [task],
        build=lambda text, kind, found: lettered_question(f"please {text}", kind, found),
    )
    assert "Button: please press Save" in llm.prompts[0].text


def test_a_random_model_answers_a_batch_as_it_answers_one_by_one():
    pytest.importorskip("torch")
    from tiny_models import pair

    from groundling.llm.transformers import LocalLLM

    llm = LocalLLM("tiny", loaded=pair("llama"))
    words = ("save it", "cancel it", "open the letter")
    tasks = [{"type": "find_any", "context": w, "elements": ELEMENTS} for w in words]
    found = batch_analyze_elements(llm, tasks)
    for task, answer in zip(tasks, found, strict=True):
        (alone,) = batch_analyze_elements(llm, [task])
        assert (answer is None) == (alone is None)
        if answer:
            assert answer["id"] == alone["id"]
            assert answer["confidence"] == pytest.approx(alone["confidence"], abs=1e-3)
