"""`CloudLLM` against a server on 127.0.0.1 that plays recorded kinds of answers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from groundling.elements import RawElement
from groundling.errors import (
    AuthenticationError,
    ModelAnswerError,
    PromptTooLongError,
    ServerError,
    UnknownModelError,
)
from groundling.llm import load_llm
from groundling.llm.cloud import CloudLLM
from groundling.prompts import Candidate, PromptBuilder

SECRET = "sk-very-secret"
QUESTION = PromptBuilder.build_choice(
    "press Save",
    "find_button",
    [
        Candidate(RawElement(id=1, tag="button", role="button", text="Save"), 1.0),
        Candidate(RawElement(id=2, tag="button", role="button", text="Cancel"), 0.0),
    ],
)


def completion(content, logprobs=None, prompt_tokens=40):
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}
    choice["message"]["content"] = content
    choice["logprobs"] = None
    if logprobs:
        tops = [{"token": t, "logprob": p, "bytes": None} for t, p in logprobs]
        first = {**tops[0], "top_logprobs": tops}
        choice["logprobs"] = {"content": [first]}
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": 1, "total_tokens": 41}
    head = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"}
    return 200, {**head, "choices": [choice], "usage": usage}


def failure(status, message="no"):
    return status, {"error": {"message": message, "type": "e", "code": None, "param": None}}


@pytest.fixture
def server():
    """Plays `server.answers` in order, the last one again and again; keeps the requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            played.requests.append((self.path, json.loads(body), dict(self.headers)))
            answers = played.answers
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            status, content = answer(played.requests[-1][1]) if callable(answer) else answer
            html = isinstance(content, str)
            data = content.encode() if html else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if html else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    played = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    played.daemon_threads = True
    played.answers, played.requests = [], []
    threading.Thread(target=played.serve_forever, args=(0.02,), daemon=True).start()
    played.url = f"http://127.0.0.1:{played.server_address[1]}/v1"
    yield played
    played.shutdown()
    played.server_close()


def compatible(server, **options):
    options = {"max_retries": 0, "timeout_s": 5.0, **options}
    return CloudLLM("compatible", "m", SECRET, base_url=server.url, **options)


def test_llama_cpp_gives_the_probabilities_of_exactly_the_labels(server):
    def answer(asked):
        assert asked["logit_bias"] == [["A", 100.0], ["B", 100.0], ["C", 100.0]]
        tops = [{"token": t, "prob": p} for t, p in (("B", 0.7), ("A", 0.2), ("C", 0.1))]
        status, body = completion("B", [("B", 0.0)])
        body["choices"][0]["logprobs"]["content"] = [{**tops[0], "top_probs": tops}]
        return status, body

    server.answers = [answer]
    llm = compatible(server)
    choice = llm.choose(QUESTION)
    assert (choice.best, choice.method) == ("B", "logprobs")
    assert choice.probabilities == pytest.approx((0.2, 0.7, 0.1))
    llm.close()


def test_log_probabilities_of_one_token_become_probabilities_of_the_labels(server):
    # exp(-0.2231) = 0.8, exp(-2.3026) = 0.1 for " B"; "Z" is no label.
    server.answers = [completion("A", [("A", -0.2231), (" B", -2.3026), ("Z", -3.0)])]
    with_llm = compatible(server)
    choice = with_llm.choose(QUESTION)
    assert (choice.best, choice.method) == ("A", "logprobs")
    assert choice.probabilities == pytest.approx((0.8889, 0.1111, 0.0), abs=1e-3)
    assert choice.prompt_tokens == 40
    with_llm.close()


def test_a_server_without_log_probabilities_is_held_to_a_schema_from_then_on(server):
    def answer(asked):
        if "logprobs" in asked:
            return failure(400, "logprobs is not supported")
        assert asked["response_format"]["json_schema"]["schema"]["properties"]["choice"][
            "enum"
        ] == ["A", "B", "C"]
        return completion('{"choice": "B"}')

    server.answers = [answer]
    llm = compatible(server)
    choices = [llm.choose(QUESTION) for _ in range(2)]
    assert [(c.best, c.method, c.probabilities) for c in choices] == [("B", "schema", None)] * 2
    assert ["logprobs" in r[1] for r in server.requests] == [True, True, False, False]
    llm.close()


def test_one_question_that_needs_a_weaker_way_changes_nothing_for_the_next(server):
    # exp(-3) = 0.05 on the labels: here the model wants to say something else first.
    talk = completion("The", [("The", -0.05), ("A", -3.0)])
    sure, held = completion("A", [("A", -0.01)]), completion('{"choice": "B"}')
    server.answers = [sure, sure, talk, held, sure]
    llm = compatible(server)
    methods = [llm.choose(QUESTION).method for _ in range(3)]
    assert methods == ["logprobs", "schema", "logprobs"]
    llm.close()


def test_what_the_caller_adds_goes_with_every_request(server):
    server.answers = [completion("fine")]
    llm = compatible(server, extra={"seed": 7, "extra_body": {"top_k": 3}})
    llm.generate("hello", top_p=0.5)
    asked = server.requests[0][1]
    assert (asked["seed"], asked["top_k"], asked["top_p"]) == (7, 3, 0.5)
    llm.close()


def test_a_server_that_can_do_neither_is_asked_for_json_and_parsed(server):
    def answer(asked):
        if "logprobs" in asked or "response_format" in asked:
            return failure(400, "unknown field")
        return completion('Sure! {"choice": "C"}')

    server.answers = [answer]
    llm = compatible(server)
    assert (llm.choose(QUESTION).best, llm.supports_json_mode()) == ("C", False)
    llm.close()


def test_talk_that_holds_no_label_is_refused(server):
    server.answers = [
        lambda a: failure(400) if "logprobs" in a else completion("I would rather not say")
    ]
    llm = compatible(server)
    with pytest.raises(ModelAnswerError, match="named none of A, B, C"):
        llm.choose(QUESTION)
    llm.close()


def test_a_model_that_thinks_instead_of_choosing_is_named(server):
    status, thought = completion(None, prompt_tokens=60)
    thought["choices"][0]["message"]["reasoning_content"] = "Okay, the user wants"
    server.answers = [(status, thought)]
    llm = compatible(server)
    with pytest.raises(ModelAnswerError, match="switch thinking off with `extra`"):
        llm.choose(QUESTION)
    with pytest.raises(ModelAnswerError, match="thinking used up the budget"):
        llm.generate("hello")
    llm.close()


def test_a_busy_server_is_asked_again_and_a_refused_key_is_not(server):
    server.answers = [failure(429), completion("fine")]
    llm = compatible(server, max_retries=2)
    assert llm.generate("hello").content == "fine"
    assert len(server.requests) == 2
    server.answers = [failure(401, f"bad key {SECRET}")]
    with pytest.raises(AuthenticationError) as caught:
        llm.choose(QUESTION)
    assert len(server.requests) == 3
    assert SECRET not in str(caught.value) + repr(llm)
    llm.close()


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (failure(500, "boom"), ServerError, "HTTP 500"),
        (failure(404, "no such model"), UnknownModelError, "no model 'm'"),
        ((200, "<html>Welcome</html>"), ServerError, "no answer"),
        (completion("", prompt_tokens=500), ModelAnswerError, "nothing"),
        (completion("{}", prompt_tokens=5), PromptTooLongError, "cuts prompts"),
    ],
)
def test_each_failure_is_one_clear_line(server, answer, error, words):
    server.answers = [answer]
    llm = compatible(server)
    with pytest.raises(error, match=words) as caught:
        llm.generate("word " * 400)
    assert "\n" not in str(caught.value)
    llm.close()


def test_a_prompt_that_cannot_fit_is_not_sent(server):
    llm = compatible(server, context_window=20)
    with pytest.raises(PromptTooLongError, match="window of compatible:m is 20"):
        llm.choose(QUESTION)
    assert server.requests == []
    llm.close()


def test_a_server_that_is_not_there_is_named():
    llm = CloudLLM("compatible", "m", base_url="http://127.0.0.1:9/v1", max_retries=0)
    with pytest.raises(ServerError, match=r"http://127.0.0.1:9/v1 is out of reach"):
        llm.choose(QUESTION)
    llm.close()


def test_openai_is_asked_through_its_own_package_and_never_for_what_it_lacks(server):
    server.answers = [completion("A", [("A", -0.2231), (" B", -2.3026)])]
    llm = CloudLLM("openai", "m", SECRET, base_url=server.url, max_retries=0)
    choice = llm.choose(QUESTION)
    assert choice.probabilities == pytest.approx((0.8889, 0.1111, 0.0), abs=1e-3)
    assert len(server.requests) == 1
    assert "post_sampling_probs" not in server.requests[0][1]
    server.answers = [failure(401, f"bad key {SECRET}")]
    with pytest.raises(AuthenticationError, match="refused the key") as caught:
        llm.choose(QUESTION)
    assert SECRET not in str(caught.value) + repr(llm)
    llm.close()


def test_anthropic_answers_through_a_tool(server):
    def answer(asked):
        assert asked["tool_choice"] == {"type": "tool", "name": "answer"}
        block = {"type": "tool_use", "id": "t", "name": "answer", "input": {"choice": "A"}}
        usage = {"input_tokens": 30, "output_tokens": 5}
        head = {"id": "m", "type": "message", "role": "assistant", "model": "c"}
        tail = {"stop_reason": "tool_use", "stop_sequence": None, "usage": usage}
        return 200, {**head, "content": [block], **tail}

    server.answers = [answer]
    url = server.url.removesuffix("/v1")
    llm = CloudLLM("anthropic", "c", SECRET, base_url=url, max_retries=0)
    choice = llm.choose(QUESTION)
    assert (choice.best, choice.method, choice.prompt_tokens) == ("A", "schema", 30)
    llm.close()


def test_only_a_server_on_this_machine_is_local(server, monkeypatch):
    local = compatible(server)
    far = CloudLLM("openai", "m", SECRET)
    assert (local.is_local, far.is_local) == (True, False)
    local.close()
    far.close()
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(AuthenticationError, match="set OPENAI_API_KEY"):
        CloudLLM("openai")


def test_specs_name_server_and_model(monkeypatch):
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    vllm = load_llm("vllm:http://127.0.0.1:8000/v1#qwen")
    ollama = load_llm("ollama:qwen2.5:3b")
    assert (vllm.model, vllm.base_url) == ("qwen", "http://127.0.0.1:8000/v1")
    assert (ollama.name, ollama.is_local) == ("ollama:qwen2.5:3b", True)
    vllm.close()
    ollama.close()
    near = load_llm("vllm:own/qwen")
    assert (near.model, near.base_url) == ("own/qwen", "http://127.0.0.1:8000/v1")
    for wrong in ("vllm:", "compatible:qwen", "compatible:http://127.0.0.1:8000/v1"):
        with pytest.raises(UnknownModelError, match="write compatible:http"):
            load_llm(wrong)
