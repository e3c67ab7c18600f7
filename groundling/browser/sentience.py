"""The Sentience SDK: `predicate-runtime` and `sentienceapi`, their browsers and their snapshots.

A browser of the SDK drives a Playwright page, so it is read by our own reader: no wait of five
seconds, names, labels and states filled in, ids unique across frames, and clicks go through the
node's handle. A snapshot that the SDK made before can be decided on as well; it holds less.
"""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from groundling.browser.playwright import PlaywrightAdapter
from groundling.elements import BBox, ElementSnapshot, RawElement
from groundling.errors import PageClosedError, WrongSdkError

_ROLES = {"generic": None}


class SentienceAdapter(PlaywrightAdapter):
    """The page of a browser of the Sentience SDK."""

    library = "sentience"


def adapt_sentience(browser: Any) -> SentienceAdapter:  # noqa: ANN401
    """Return the adapter for a `SentienceBrowser`, `AsyncSentienceBrowser` or their aliases.

    Raises:
        PageClosedError: If the browser was not started, or was closed.
        WrongSdkError: If the object has no page, or its package cannot start a browser.
    """
    kind = type(browser).__qualname__
    _check_package(type(browser).__module__.split(".")[0])
    if not hasattr(browser, "page"):
        raise WrongSdkError(f"{kind} is no browser of the Sentience SDK: give the browser itself")
    page = browser.page
    if page is None:
        raise PageClosedError(f"{kind} has no page: start it, e.g. `with {kind}() as browser:`")
    is_async = type(page).__module__.startswith("playwright.async_api")
    return SentienceAdapter(page, is_async=is_async)


def _check_package(root: str) -> None:
    """Refuse `sentience-python`, which imports under the same name as `sentienceapi`."""
    if root != "sentience" or _installed("sentienceapi"):
        return
    if _installed("sentience-python"):
        raise WrongSdkError(
            "sentience-python cannot start a browser (its wheel lacks the extension): "
            "pip uninstall sentience-python, then pip install predicate-runtime"
        )


def _installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def from_sdk_snapshot(snapshot: Any) -> ElementSnapshot:  # noqa: ANN401
    """Return an SDK snapshot as ours; decide on it with `groundling.decision.decide_now`.

    Args:
        snapshot: A `Snapshot` of either package, or its `model_dump()`.

    Raises:
        WrongSdkError: If it is neither, or the SDK says that the snapshot failed.
    """
    data = snapshot.model_dump() if hasattr(snapshot, "model_dump") else snapshot
    if not isinstance(data, Mapping) or not isinstance(data.get("elements"), list):
        raise WrongSdkError(
            f"{type(snapshot).__qualname__} is no snapshot of the Sentience SDK: give its Snapshot "
            "or model_dump()"
        )
    if data.get("status", "success") != "success":
        raise WrongSdkError(f"the SDK's snapshot failed: {data.get('error') or 'no reason given'}")
    viewport = data.get("viewport") or {}
    return ElementSnapshot(
        url=str(data.get("url", "")),
        viewport={k: int(viewport.get(k, 0)) for k in ("width", "height")},
        elements=tuple(_element(e, i) for i, e in enumerate(data["elements"])),
        timestamp=_seconds(data.get("timestamp")),
    )


def _element(e: Mapping[str, Any], index: int) -> RawElement:
    box, cues = e.get("bbox") or {}, e.get("visual_cues") or {}
    role = str(e.get("role") or "")
    disabled = bool(e.get("disabled"))
    states = {n: _flag(e.get(n)) for n in ("checked", "pressed")}
    importance = e.get("importance", e.get("importance_score", 0.0))
    return RawElement(
        id=int(e.get("id", index)),
        tag=str(e.get("tag") or ""),
        role=_ROLES.get(role, role or None),
        text=" ".join(str(e.get("name") or e.get("text") or "").split()),
        bbox=BBox(*(float(box.get(k, 0.0)) for k in ("x", "y", "width", "height"))),
        # Being outside the viewport is no reason to be invisible: it is scrolled to.
        is_visible=float(box.get("width", 1)) > 0 and float(box.get("height", 1)) > 0,
        is_clickable=bool(cues.get("is_clickable", True)) and not disabled,
        is_primary=bool(cues.get("is_primary", False)),
        in_viewport=bool(e.get("in_viewport", True)),
        occluded=bool(e.get("is_occluded", False)),
        importance_score=float(importance or 0.0),
        background_color=cues.get("background_color") or cues.get("background_color_name"),
        text_color=cues.get("text_color"),
        value=None if e.get("value") is None else str(e["value"]),
        checked=states["checked"],  # type: ignore[arg-type]
        pressed=states["pressed"],  # type: ignore[arg-type]
        expanded=e.get("expanded"),
        disabled=disabled,
        input_type=e.get("input_type"),
        href=str(e.get("href") or "")[:200],
        context=str(e.get("nearby_text") or ""),
    )


def _flag(value: Any) -> str | None:  # noqa: ANN401
    if value is None:
        return None
    return value if value in ("true", "false", "mixed") else str(bool(value)).lower()


def _seconds(stamp: Any) -> float:  # noqa: ANN401
    return float(stamp) if isinstance(stamp, int | float) else 0.0
