"""Calls into Playwright that end in time.

Playwright's `evaluate` takes no timeout: a page with a busy script or an open dialog holds it for
ever. The async library's calls can be abandoned; the sync library's run on an event loop of its
own, through `_sync`, where its inner objects can be awaited with a limit. Should a later version
lack that, `wait_for_function` is the public way (7.4 ms instead of 2.3 ms a call).
"""

import asyncio
from inspect import signature
from typing import Any

from groundling.driver import PageCall


def limited(target: Any, method: str, *arguments: Any, timeout_s: float) -> PageCall:  # noqa: ANN401
    """Return the call `target.method(*arguments)`, which raises `TimeoutError` when it is late.

    For methods whose arguments and results are plain values.
    """
    inner = getattr(target, "_impl_obj", None)

    def call() -> Any:  # noqa: ANN401
        if hasattr(target, "_sync") and inner is not None and _is_sync(target):
            return target._sync(asyncio.wait_for(_inner_call(inner, method, arguments), timeout_s))
        if not _is_sync(target):
            return asyncio.wait_for(getattr(target, method)(*arguments), timeout_s)
        if method == "evaluate":
            options = {"arg": arguments[1], "timeout": timeout_s * 1000}
            return target.wait_for_function(arguments[0], **options).json_value()
        return getattr(target, method)(*arguments)

    return PageCall(call)


def _inner_call(inner: Any, method: str, arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401
    """Call an inner method; unlike the public ones, some take every argument by position."""
    function = getattr(inner, method)
    parameters = signature(function).parameters.values()
    needed = sum(p.default is p.empty for p in parameters)
    return function(*arguments, *[None] * max(0, needed - len(arguments)))


def _is_sync(target: Any) -> bool:  # noqa: ANN401
    return type(target).__module__.startswith("playwright.sync_api")
