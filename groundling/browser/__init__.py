"""Read pages: `snapshot`, `asnapshot`, and the adapters to the libraries that drive a browser."""

from importlib.util import find_spec
from typing import Any

from groundling.browser.base import PageAdapter, SnapshotOptions
from groundling.driver import run_async, run_sync
from groundling.elements import ElementSnapshot
from groundling.errors import WrongSdkError

__all__ = ["PageAdapter", "SnapshotOptions", "adapt", "asnapshot", "snapshot"]

_ACCEPTED = (
    "a Playwright page (playwright.sync_api or playwright.async_api) or a browser of the Sentience "
    "SDK (predicate-runtime)"
)


def snapshot(page: Any, **options: Any) -> ElementSnapshot:  # noqa: ANN401
    """Read a page of a synchronous library.

    Args:
        page: A Playwright page, or a browser of the Sentience SDK.
        **options: Fields of `SnapshotOptions`.

    Raises:
        WrongSdkError: If `page` is none that we can drive.
        PageClosedError: If it is gone.
        PageTimeoutError: If it does not answer in `timeout_s`.
        NavigationError: If it keeps navigating away.
        SnapshotError: If its answer cannot be read.
    """
    adapter = adapt(page)
    if adapter.is_async:
        raise WrongSdkError("this page is asynchronous: use `await groundling.asnapshot(page)`")
    return run_sync(adapter.snapshot(SnapshotOptions(**options)))


async def asnapshot(page: Any, **options: Any) -> ElementSnapshot:  # noqa: ANN401
    """Read a page of an asynchronous library; otherwise as `snapshot`."""
    adapter = adapt(page)
    if not adapter.is_async:
        raise WrongSdkError("this page is synchronous: use `groundling.snapshot(page)`")
    return await run_async(adapter.snapshot(SnapshotOptions(**options)))


def adapt(page: Any) -> PageAdapter:  # noqa: ANN401
    """Return the adapter for a page of a supported library.

    Raises:
        WrongSdkError: If there is none; the message says what is accepted.
    """
    if isinstance(page, PageAdapter):
        return page
    names = {f"{c.__module__}.{c.__qualname__}" for c in type(page).__mro__}
    if names & {"playwright.sync_api._generated.Page", "playwright.async_api._generated.Page"}:
        from groundling.browser.playwright import PlaywrightAdapter

        is_async = "playwright.async_api._generated.Page" in names
        return PlaywrightAdapter(page, is_async=is_async)
    module = type(page).__module__.split(".")[0]
    if module in ("predicate", "sentience", "sentienceapi"):
        return _adapt_sentience(page)
    raise WrongSdkError(
        f"{type(page).__module__}.{type(page).__qualname__} is no page: give {_ACCEPTED}"
    )


def _adapt_sentience(page: Any) -> PageAdapter:  # noqa: ANN401
    if find_spec("groundling.browser.sentience") is None:
        raise WrongSdkError(
            f"this version cannot drive {type(page).__qualname__}: give its `.page`"
        )
    from groundling.browser.sentience import adapt_sentience

    adapter: PageAdapter = adapt_sentience(page)
    return adapter
