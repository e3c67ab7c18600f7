"""One implementation for sync and async callers.

Everything that touches a page or a model is a generator that yields requests and gets their
results sent back: a `PageCall` is one call into a browser library (sync libraries return the
result, async ones a coroutine), a `ModelCall` is blocking work, which the async driver moves to a
thread. `run_sync` and `run_async` below are the only two places that differ.

    def title(page) -> Steps[str]:
        return (yield PageCall(page.title))
"""

import asyncio
import inspect
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageCall:
    """A call into a browser library: its result, or a coroutine of it."""

    call: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class ModelCall:
    """Blocking work of our own or of a model runtime."""

    call: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Gather:
    """Page calls that may run side by side; the result is a list, an exception in its place."""

    calls: tuple[PageCall, ...]
    timeout_s: float | None = None
    """Limit for each call under the async driver; sync libraries bring their own limits."""


Request = PageCall | ModelCall | Gather
Steps = Generator[Request, Any, T]


def run_sync(steps: Steps[T]) -> T:
    """Drive `steps` with a synchronous browser library and return its result."""
    return _drive(steps, _perform_sync)


def _drive(steps: Steps[T], perform: Callable[[Request], Any]) -> T:
    try:
        request = next(steps)
        while True:
            try:
                result = perform(request)
            except Exception as error:  # noqa: BLE001 - handed to the generator, which decides
                request = steps.throw(error)
            else:
                request = steps.send(result)
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        steps.close()


def _perform_sync(request: Request) -> Any:  # noqa: ANN401
    if isinstance(request, Gather):
        return [_result_or_error(call) for call in request.calls]
    result = request.call()
    if inspect.iscoroutine(result):
        result.close()
        raise TypeError("this page is asynchronous: await the method whose name starts with `a`")
    return result


def _result_or_error(call: PageCall) -> Any:  # noqa: ANN401
    try:
        return _perform_sync(call)
    except Exception as error:  # noqa: BLE001 - one frame's failure must not lose the others
        return error


async def run_async(steps: Steps[T]) -> T:
    """Drive `steps` with an asynchronous browser library and return its result."""
    try:
        request = next(steps)
        while True:
            try:
                result = await _perform_async(request)
            except Exception as error:  # noqa: BLE001 - handed to the generator, which decides
                request = steps.throw(error)
            else:
                request = steps.send(result)
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        steps.close()


async def _perform_async(request: Request) -> Any:  # noqa: ANN401
    if isinstance(request, Gather):
        waits = (asyncio.wait_for(_await(c), request.timeout_s) for c in request.calls)
        return await asyncio.gather(*waits, return_exceptions=True)
    if isinstance(request, ModelCall):
        return await asyncio.to_thread(request.call)
    return await _await(request)


async def _await(request: PageCall) -> Any:  # noqa: ANN401
    result = request.call()
    return await result if inspect.isawaitable(result) else result
