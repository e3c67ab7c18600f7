"""Keys and chords as people say them, in Playwright's names."""

import re

from groundling.planner.clause import field_of

_KEYS = {
    "enter": "Enter", "return": "Enter", "tab": "Tab", "escape": "Escape", "esc": "Escape",
    "space": "Space", "spacebar": "Space", "space bar": "Space", "backspace": "Backspace",
    "delete": "Delete", "del": "Delete", "home": "Home", "end": "End", "page down": "PageDown",
    "pagedown": "PageDown", "page up": "PageUp", "pageup": "PageUp", "up": "ArrowUp",
    "down": "ArrowDown", "left": "ArrowLeft", "right": "ArrowRight", "arrow up": "ArrowUp",
    "arrow down": "ArrowDown", "arrow left": "ArrowLeft", "arrow right": "ArrowRight",
    "up arrow": "ArrowUp", "down arrow": "ArrowDown", "left arrow": "ArrowLeft",
    "right arrow": "ArrowRight",
}  # fmt: skip
_ALWAYS_KEYS = frozenset("enter return tab escape esc space backspace".split())
"""Words that mean a key without saying "key"."""
_MODIFIERS = {"ctrl": "Control", "control": "Control", "shift": "Shift", "alt": "Alt",
              "cmd": "Meta", "command": "Meta", "meta": "Meta"}  # fmt: skip


def key_of(rest: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the key and the field it is pressed in, or None when it is no key."""
    found = re.match(
        r"(?:on\s+)?(?:the\s+)?(.+?)(\s+(?:key|button))?(?:\s+(?:in|on)\s+(.+))?$", rest
    )
    if not found:
        return None
    name, word = found.group(1).strip().lower(), (found.group(2) or "").strip()
    *mods, last = re.split(r"\s*[+-]\s*|\s+\+\s+", name)
    if mods and all(m in _MODIFIERS for m in mods) and last:
        chord = "+".join([*(_MODIFIERS[m] for m in mods), _KEYS.get(last, last.upper())])
        return chord, field_of(found.group(3))
    if name in _KEYS and (word == "key" or (not word and name in _ALWAYS_KEYS)):
        return _KEYS[name], field_of(found.group(3))
    return None
