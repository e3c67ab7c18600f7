"""Models with fixed answers, and pages of buttons, for the tests of composition and decision."""

import time

from groundling.elements import ElementSnapshot, RawElement
from groundling.errors import ServerError
from groundling.llm.base import BaseLLM, Choice, LLMResponse
from groundling.prompts import Candidate, PromptBuilder


class FixedLLM(BaseLLM):
    """Gives label `best` the probability `p`, the rest to the others alike; None knows no odds."""

    def __init__(self, best="A", p=0.7, **settings):
        self.best, self.p = best, p
        self.name = settings.get("name", f"fixed-{best}")
        self.text = settings.get("text", "yes")
        self.fails = settings.get("fails")
        self.window = settings.get("window", 4096)
        self.local = settings.get("local", True)
        self.json_mode = settings.get("json_mode", True)
        self.bytes_per_token = settings.get("bytes_per_token", 4)
        self.text_confidence = settings.get("text_confidence")
        self.delay_s = settings.get("delay_s", 0.0)
        self.reads_elements = settings.get("reads_elements", True)
        self.n_calls = 0
        self.prompts = []

    def choose(self, prompt, labels=None):
        self._called(prompt)
        allowed = tuple(labels or prompt.labels)
        best = prompt.none_label if self.best is None else self.best
        rest = None if self.p is None else (1 - self.p) / max(1, len(allowed) - 1)
        odds = None if rest is None else tuple(self.p if lb == best else rest for lb in allowed)
        return Choice(allowed, odds, best, "logits", self.name, 100, 1, 5.0)

    def generate(self, prompt, system_prompt="", **kwargs):
        self._called(prompt)
        return LLMResponse(
            content=self.text,
            confidence=self.text_confidence,
            tokens_used=1000,
            prompt_tokens=2000,
            latency_ms=5.0,
        )

    def _called(self, prompt):
        self.n_calls += 1
        self.prompts.append(prompt)
        time.sleep(self.delay_s)
        if self.fails is not None:
            raise self.fails

    def count_tokens(self, text):
        return -(-len(text.encode()) // self.bytes_per_token)

    def supports_json_mode(self):
        return self.json_mode

    @property
    def context_window(self):
        return self.window

    @property
    def is_local(self):
        return self.local


DOWN = ServerError("the server is down")


def button(element_id, text, **fields):
    return RawElement(id=element_id, tag="button", role="button", text=text, **fields)


def page_of(*elements):
    return ElementSnapshot(
        url="https://example.org/", viewport={"width": 1280, "height": 800}, elements=elements
    )


def question(*names, instruction="press it", task_type="find_button"):
    """A prompt whose candidates are buttons of these names, with ids from 1."""
    candidates = [Candidate(button(i, name), 0.0) for i, name in enumerate(names, start=1)]
    return PromptBuilder.build_choice(instruction, task_type, candidates)
