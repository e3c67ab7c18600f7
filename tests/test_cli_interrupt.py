"""Ctrl-C during `groundling run`: the exit status, the trace, the browser, what is said."""

import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from groundling.trace import read_trace

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc"),
]

PAGE = """<title>Files</title><label>Name <input></label>
<section><button onclick="fetch('/never', { method: 'POST' })">Save</button></section>"""
LIMIT_S = 90


@pytest.fixture
def silent():
    """A server whose page asks for an answer that never comes; yields its address and an event."""
    asked, over = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/never":
                return self.do_POST()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            return self.wfile.write(PAGE.encode())

        def do_POST(self):
            asked.set()
            over.wait(LIMIT_S)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", asked
    over.set()
    server.shutdown()
    server.server_close()


def children(of):
    """Return the ids of all processes that a process started, and those started."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        fields = stat(int(folder.name))
        parents.setdefault(int(fields[1]) if fields else 0, []).append(int(folder.name))
    found, left = set(), [of]
    while left:
        new = parents.get(left.pop(), [])
        found.update(new)
        left += new
    return found


def stat(process):
    """Return state, parent and so on; nothing for a process that is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def gone(processes):
    until = time.monotonic() + 20
    while time.monotonic() < until:
        # A zombie is over; only nobody has asked for it.
        if not [p for p in processes if stat(p)[:1] not in ([], ["Z"])]:
            return True
        time.sleep(0.05)
    return False


def started(url, trace):
    goal = 'Enter "ann" as the name and click Save'
    command = [sys.executable, "-m", "groundling", "run", goal, "--url", url, "--model", "scripted"]
    # A group of its own, as the terminal gives every command: Ctrl-C goes to all of it.
    return subprocess.Popen(
        [*command, "--trace", str(trace)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell starts what runs in the background deaf to Ctrl-C, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def interrupted(url, trace, asked, send):
    """Interrupt a run once the server was asked for what it never sends."""
    process = started(url, trace)
    try:
        assert asked.wait(LIMIT_S)
        theirs = children(process.pid)
        assert len(theirs) > 2  # Playwright's driver, the browser, its renderers
        send(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=LIMIT_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert stdout == ""
    return process.returncode, stderr, theirs


@pytest.mark.parametrize("whom", ["the process alone", "its group, as a terminal does"])
def test_ctrl_c_in_the_middle_of_a_step(silent, tmp_path, whom):
    url, asked = silent
    trace = tmp_path / "trace.jsonl"
    send = os.kill if whom == "the process alone" else os.killpg
    status, stderr, theirs = interrupted(url, trace, asked, send)
    assert status == 130
    lines = stderr.splitlines()
    assert lines[0].startswith("1. fill 'ann': textbox 'Name'")
    assert "Interrupted after 1 steps." in lines
    # Once in some twenty runs Python itself warns of a call that was never awaited.
    assert "Error" not in stderr, stderr
    fill, *begun = read_trace(trace)
    assert (fill["action"]["do"], fill["status"]) == ("fill", "verified")
    # As rarely the signal comes where the step is not yet told of.
    assert [(s["action"]["do"], s["error"]) for s in begun] in ([("click", "interrupted")], [])
    assert gone(theirs)


def test_ctrl_c_while_the_page_loads(silent, tmp_path):
    url, asked = silent
    status, stderr, theirs = interrupted(f"{url}never", tmp_path / "t.jsonl", asked, os.killpg)
    assert (status, "Interrupted after 0 steps." in stderr.splitlines()) == (130, True), stderr
    assert gone(theirs)
