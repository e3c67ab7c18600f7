"""What only Chromium's developer tools can do, on pages that came without our script.

`Tools` finds listeners in documents that were open before us, and reads pages whose scripts broke
the built-ins that any script in their world needs: in a world of its own, where built-ins are
whole. Other browsers have no such tools; there both are left out.
"""

import logging
from dataclasses import dataclass
from typing import Any

from groundling.browser import script
from groundling.browser.limits import limited
from groundling.driver import PageCall, Steps

log = logging.getLogger(__name__)

_MARK = "data-groundling-target"
_WORLD = "groundling"


@dataclass(slots=True)
class Tools:
    """A session with the developer tools of one page."""

    session: Any
    world: int | None = None
    """Id of our own world in the document; a new document needs a new one."""

    def scan_listeners(self, max_nodes: int, timeout_s: float) -> Steps[bool]:
        """Note which elements listen for pointers; returns whether that worked."""
        parameters = {"expression": script.scan(max_nodes), "includeCommandLineAPI": True}
        return (yield from self._run(parameters, timeout_s)) is not None

    def read(self, arguments: dict[str, Any], timeout_s: float) -> Steps[str | None]:
        """Read the main frame from a world of our own; None if that failed."""
        yield from self._own_world()
        expression = f"({script.reader()}).json({_json(arguments)})"
        parameters = {"expression": expression, "contextId": self.world}
        text: str | None = yield from self._run(parameters, timeout_s)
        return text

    def mark(self, want: dict[str, Any]) -> Steps[tuple[str, str]]:
        """Find an element as `resolve` does; returns a selector for it, or "" and the reason."""
        if self.world is None:
            yield from self._own_world()
        code = (
            f"(w => {{ const e = {script.reader()}.resolve(w); if (typeof e === 'string') return e;"
            f" e.setAttribute('{_MARK}', ''); return ''; }})"
        )
        parameters = {"expression": f"{code}({_json(want)})", "contextId": self.world}
        answer = yield from self._run(parameters)
        return (f"[{_MARK}]", "") if answer == "" else ("", answer or "it is gone")

    def unmark(self) -> Steps[None]:
        """Take the mark away again."""
        code = f"document.querySelector('[{_MARK}]')?.removeAttribute('{_MARK}')"
        yield from self._run({"expression": code, "contextId": self.world})

    def _own_world(self) -> Steps[None]:
        tree = yield PageCall(lambda: self.session.send("Page.getFrameTree"))
        frame = {"frameId": tree["frameTree"]["frame"]["id"], "worldName": _WORLD}
        made = yield PageCall(lambda: self.session.send("Page.createIsolatedWorld", frame))
        self.world = made["executionContextId"]

    def _run(self, parameters: dict[str, Any], timeout_s: float = 10.0) -> Steps[Any]:
        full = {**parameters, "returnByValue": True}
        answer = yield limited(self.session, "send", "Runtime.evaluate", full, timeout_s=timeout_s)
        if "exceptionDetails" in answer:
            log.debug("developer tools: %s", answer["exceptionDetails"].get("text", ""))
            return None
        return answer["result"].get("value")


def _json(value: Any) -> str:  # noqa: ANN401
    import orjson

    return orjson.dumps(value).decode()


def open_tools(page: Any) -> Steps[Tools | None]:  # noqa: ANN401
    """Return a session with the page's developer tools, or None where the browser has none."""
    try:
        session = yield PageCall(lambda: page.context.new_cdp_session(page))
    except Exception as error:  # noqa: BLE001 - Firefox and WebKit; named in the debug log
        log.debug("no developer tools: %s", error)
        return None
    return Tools(session)
