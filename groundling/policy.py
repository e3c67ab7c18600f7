"""What an agent may do: hosts, actions that need a yes, secrets by name."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatch
from typing import Any
from urllib.parse import urlsplit

from groundling.actions import Action, Goto
from groundling.elements import ElementSnapshot, Option, RawElement
from groundling.errors import PolicyError

_SHORTEST = 3
"""Shorter secrets are not looked for in page text, where they would stand everywhere."""
_FIELDS = [f.name for f in fields(RawElement)]

Confirm = Callable[[Action, RawElement | None], bool]
"""Asked before a guarded action; False forbids it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Limits of an agent. The default allows every host and guards nothing."""

    allowed_hosts: tuple[str, ...] = ()
    """Host patterns such as `example.org` or `*.example.org`; empty allows all."""
    guarded: str = ""
    """Regular expression over the element's name; a match needs `confirm`'s yes, e.g.
    `buy|pay|delete`."""
    confirm: Confirm | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Texts that may be typed by name, and that nothing writes down; where a page shows one of at
    least three characters, its name stands instead."""
    dismiss_overlays: bool = False
    """Whether cookie banners and the like that cover the element may be closed."""

    def check_host(self, url: str) -> None:
        """Raise unless a page of this address may be acted on.

        Raises:
            PolicyError: If its host is not allowed.
        """
        host = urlsplit(url).hostname or ""
        if self.allowed_hosts and not any(fnmatch(host, p) for p in self.allowed_hosts):
            allowed = ", ".join(self.allowed_hosts)
            raise PolicyError(f"host {host!r} is not allowed: allowed are {allowed}")

    def check(self, action: Action, element: RawElement | None, url: str) -> None:
        """Raise unless the action is allowed.

        Raises:
            PolicyError: If the host is not allowed, or a guarded action is not confirmed.
        """
        self.check_host(action.url if isinstance(action, Goto) else url)
        if not self.guarded or element is None:
            return
        name = " ".join(t for t in (element.text, element.label) if t)
        if not re.search(self.guarded, name, re.IGNORECASE):
            return
        if self.confirm is None or not self.confirm(action, element):
            raise PolicyError(f"{action.verb} on {name[:60]!r} needs a confirmation: it got none")

    def secret(self, name: str) -> str:
        """Return the text of a secret.

        Raises:
            PolicyError: If there is none of that name.
        """
        if name not in self.secrets:
            known = ", ".join(sorted(self.secrets)) or "none"
            raise PolicyError(f"there is no secret named {name!r}: known are {known}")
        return self.secrets[name]

    def hide(self, text: str) -> str:
        """Return `text` with the name of each secret in its place, in braces."""
        for name, secret in self.secrets.items():
            if len(secret) >= _SHORTEST:
                text = text.replace(secret, "{" + name + "}")
        return text

    def hide_in(self, snapshot: ElementSnapshot) -> ElementSnapshot:
        """Return a snapshot whose texts hold no secret, so that no prompt does."""
        if not self.secrets:
            return snapshot
        return replace(
            snapshot,
            url=self.hide(snapshot.url),
            title=self.hide(snapshot.title),
            elements=tuple(map(self._hide_in, snapshot.elements)),
            texts=tuple(map(self.hide, snapshot.texts)),
        )

    def shown(self, element: RawElement) -> RawElement:
        """Return an element as the page shows it, to find it there again; never write it down."""
        changed: dict[str, str] = {}
        for field_name in ("text", "context", "row_header", "heading"):
            text = hidden = getattr(element, field_name)
            for name, secret in self.secrets.items():
                text = text.replace("{" + name + "}", secret)
            if text != hidden:
                changed[field_name] = text
        return replace(element, **changed) if changed else element  # type: ignore[arg-type]

    def _hide_in(self, element: RawElement) -> RawElement:
        changed: dict[str, Any] = {}
        for name in _FIELDS:
            held = getattr(element, name)
            hidden = self._hide_any(held)
            if hidden != held:
                changed[name] = hidden
        return replace(element, **changed) if changed else element

    def _hide_any(self, value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, Mapping):
            return {k: self._hide_any(v) for k, v in value.items()}
        if isinstance(value, Option):
            return replace(value, text=self.hide(value.text), value=self.hide(value.value))
        return tuple(map(self._hide_any, value)) if isinstance(value, tuple) else value
