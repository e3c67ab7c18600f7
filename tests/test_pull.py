"""`groundling pull` against a hub that is played on 127.0.0.1, and without any."""

import hashlib
from pathlib import Path

import pytest
from click.testing import CliRunner
from played_server import play

from groundling.cli.main import cli
from groundling.errors import ModelFilesError
from groundling.llm import hub, llamacpp, load_llm

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": b"weights " * 100,
    "pytorch_model.bin": b"the same weights " * 100,
    "onnx/model.onnx": b"and again",
    "small-q4.gguf": b"GGUF" + b"\3\0\0\0" + b"x" * 40,
}


def card(names=FILES, *, hashes=None, **more):
    siblings = []
    for name in names:
        entry = {"rfilename": name, "size": len(FILES[name])}
        if not name.endswith(".json"):
            sha = (hashes or {}).get(name) or hashlib.sha256(FILES[name]).hexdigest()
            entry["lfs"] = {"sha256": sha, "size": entry["size"], "pointerSize": 100}
        siblings.append(entry)
    told = {"id": "own/tiny", "modelId": "own/tiny", "sha": COMMIT, "private": False}
    return {**told, "cardData": {"license": "mit"}, "siblings": siblings, "tags": [], **more}


def hub_of(about):
    """Answers of the hub's own protocol for one repository."""
    answers = {"/api/models/own/tiny": about}
    for name, content in FILES.items():
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        answers[f"/own/tiny/resolve/main/{name}"] = (200, content, headers)
    return answers


@pytest.fixture
def pull(monkeypatch, tmp_path):
    """Run the command with a cache of its own."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def run(spec, endpoint="http://127.0.0.1:9"):
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        return CliRunner().invoke(cli, ["pull", spec])

    return run


def test_a_model_is_fetched_in_one_format_and_found_afterwards(pull):
    with play(hub_of(card())) as server:
        done = pull("hf:own/tiny", server.url)
        fetched = {
            path.rpartition("/")[2] for method, path, _ in server.requests if method == "GET"
        }
    assert done.exit_code == 0, done.output
    assert "own/tiny: 2 files, 0.00 GB, licence mit" in done.stderr
    folder = hub.cached_weights("own/tiny")
    assert done.stdout.strip() == str(folder)
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert fetched.isdisjoint({"pytorch_model.bin", "model.onnx", "small-q4.gguf"})


def test_one_gguf_file_is_fetched_and_loads_by_its_name(pull, monkeypatch):
    monkeypatch.setattr(llamacpp, "LlamaCppLLM", Path)
    with play(hub_of(card())) as server:
        done = pull("gguf:own/tiny/small-q4.gguf", server.url)
    assert done.exit_code == 0, done.output
    found = hub.cached_gguf("own/tiny/small-q4.gguf")
    assert done.stdout.strip() == str(found)
    assert found.read_bytes() == FILES["small-q4.gguf"]
    assert load_llm("gguf:own/tiny/small-q4.gguf") == found
    assert load_llm("gguf:own/tiny/other.gguf") == Path("own/tiny/other.gguf")


def test_a_damaged_download_is_noticed(pull):
    with play(hub_of(card(hashes={"model.safetensors": "0" * 64}))) as server:
        done = pull("hf:own/tiny", server.url)
    assert done.exit_code == 1
    assert "model.safetensors is damaged, its hash is not the hub's" in done.stderr


@pytest.mark.parametrize(
    ("spec", "about", "words"),
    [
        ("gguf:own/tiny/no.gguf", card(), "has no file no.gguf: it has small-q4.gguf"),
        ("gguf:own/tiny", card(), "has no file (none given): it has small-q4.gguf"),
        ("hf:own/tiny", card(["small-q4.gguf"]), "write gguf:own/tiny/small-q4.gguf"),
        ("hf:own/tiny", card(gated="manual"), "is gated: accept its licence at"),
        (
            "hf:own/tiny",
            (404, {"error": "Not found"}, {"X-Error-Code": "RepoNotFound"}),
            "no model",
        ),
    ],
)
def test_what_cannot_be_fetched_is_one_clear_line(pull, spec, about, words):
    with play(hub_of(about)) as server:
        done = pull(spec, server.url)
    assert done.exit_code == 1
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_a_network_the_way_around_is_named(pull):
    done = pull("hf:Qwen/Qwen2.5-3B-Instruct")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: http://127.0.0.1:9 is out of reach (")
    assert "`hf download Qwen/Qwen2.5-3B-Instruct --local-dir Qwen2.5-3B-Instruct`" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_disk_too_small_is_noticed_before_the_download(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "not" / "there"))
    huge = hub.RemoteFile("model.safetensors", 10**18, None)
    with pytest.raises(ModelFilesError, match=r"takes 1000000000.0 GB and .* free: set HF_HOME"):
        hub.download(hub.Repository("own/tiny", "mit", (huge,)), (huge,))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("openai:gpt-4o-mini", "nothing to download for 'openai:gpt-4o-mini'"),
        ("Qwen/Qwen2.5-3B-Instruct", "write BACKEND:NAME, e.g. hf:Qwen/Qwen2.5-3B-Instruct"),
        ("Gemma 2 2B", "comes as hf:google/gemma-2-2b-it, gguf:"),
        ("hf:", "name a model: hf:OWNER/NAME"),
        ("ollama:tiny", "no Ollama listens at http://127.0.0.1:9"),
    ],
)
def test_a_wrong_spec_says_what_to_write(pull, monkeypatch, spec, words):
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    done = pull(spec)
    assert done.exit_code == 1
    assert words in done.stderr


def test_ollama_is_asked_to_pull(pull, monkeypatch):
    with play({"/api/pull": b'{"status": "success"}\n'}) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        done = pull("ollama:tiny:1b")
        asked = server.bodies("/api/pull")
    assert (done.exit_code, done.stdout) == (0, "ollama:tiny:1b\n")
    assert asked == [{"model": "tiny:1b", "stream": True}]


def test_the_embedded_model_is_there_already(pull):
    done = pull("embedded")
    assert done.exit_code == 0
    assert done.stdout.strip().endswith("embedded")
