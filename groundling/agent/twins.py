"""One method, offered twice: a generator of requests becomes a sync and an async method."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from groundling.browser import adapt
from groundling.driver import Steps, run_async, run_sync
from groundling.errors import WrongSdkError

S = TypeVar("S")
T = TypeVar("T")
P = ParamSpec("P")
Method = Callable[Concatenate[S, Any, P], Steps[T]]
"""A method whose name ends in `_steps` and whose first argument is the page's adapter."""


def blocking(steps: Method[S, P, T]) -> Callable[Concatenate[S, Any, P], T]:
    """Return `steps` as a method for pages of a synchronous library."""
    name = steps.__name__.removesuffix("_steps")

    def method(self: S, page: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:  # noqa: ANN401
        adapter = adapt(page)
        if adapter.is_async:
            raise WrongSdkError(f"this page is asynchronous: use `await agent.a{name}(...)`")
        return run_sync(_own(self, steps)(adapter, *args, **kwargs))

    _describe(method, steps, name)
    return method


def awaitable(steps: Method[S, P, T]) -> Callable[Concatenate[S, Any, P], Coroutine[Any, Any, T]]:
    """Return `steps` as a coroutine method for pages of an asynchronous library."""
    name = steps.__name__.removesuffix("_steps")

    async def method(self: S, page: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:  # noqa: ANN401
        adapter = adapt(page)
        if not adapter.is_async:
            raise WrongSdkError(f"this page is synchronous: use `agent.{name}(...)`")
        return await run_async(_own(self, steps)(adapter, *args, **kwargs))

    _describe(method, steps, f"a{name}")
    return method


def _own(self: S, steps: Method[S, P, T]) -> Callable[Concatenate[Any, P], Steps[T]]:
    """Return the method of the object's own class, which may override `steps`."""
    own: Callable[Concatenate[Any, P], Steps[T]] = getattr(self, steps.__name__)
    return own


def _describe(method: Any, steps: Any, name: str) -> None:  # noqa: ANN401
    functools.update_wrapper(method, steps)
    method.__name__ = name
    method.__qualname__ = f"{method.__qualname__.rpartition('.')[0]}.{name}"
