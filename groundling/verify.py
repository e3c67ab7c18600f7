"""Did an action have its effect? Judged from what was seen, without a model.

`verified` needs evidence that the action caused; `failed` needs evidence of the contrary;
everything else is `unverified`.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit

from groundling.actions import (
    Action,
    Back,
    Check,
    Clear,
    Click,
    Drag,
    Fill,
    Goto,
    Hover,
    Press,
    Scroll,
    SelectOption,
    SelectText,
    Type,
    Uncheck,
    Upload,
    WaitFor,
    folded,
)
from groundling.browser.observe import Answer, Dialog, Seen, is_busy

Status = Literal["verified", "unverified", "failed"]
Expectation = str | Callable[[Any], Any]
"""An address pattern (`*` for any characters, starts with `/`, `*` or a scheme), a text that must
show, or a callable that gets the page: false or an AssertionError means not met."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action; truthy when it succeeded as far as can be seen."""

    status: Status
    evidence: tuple[str, ...] = ()
    """What was seen that supports the status."""
    effect_needed: bool = True
    """False for actions that need not show on the page, such as hovering."""

    def __bool__(self) -> bool:
        return self.status == "verified" or (self.status == "unverified" and not self.effect_needed)

    def __str__(self) -> str:
        return f"{self.status}: {'; '.join(self.evidence)}" if self.evidence else self.status


_ERROR_WORDS = re.compile(
    r"\b(errors?|invalid|incorrect|failed|failure|could ?n[o']t|can(?:not|'t)|unable to|denied|"
    r"not allowed|forbidden|not found|is required|required field|must (?:be|contain|have|not)|"
    r"wrong|expired|try again|unavailable|out of stock|sold out|declined|too (?:short|long|many)|"
    r"do(?:es)? not match|do(?:es)?n't match|already (?:taken|exists|in use)|"
    r"not (?:valid|saved|sent|available)|went wrong|rejected|problem)\b|"
    r"^please (?:enter|choose|select|fill|correct|provide|check)",
    re.IGNORECASE,
)
_NO_ERROR = re.compile(r"\b(no|0|without|zero) (errors?|problems?|failures?)\b", re.IGNORECASE)
_ERROR_BOX = re.compile(r"error|danger|invalid|fail|alert-warning|warning", re.IGNORECASE)
_GOOD_BOX = re.compile(r"success|alert-info|\binfo\b", re.IGNORECASE)
_LOST_PAGE = re.compile(
    r"\bnot found\b|^\W*(?:error\W*)?(?:40[0-9]|50[0-9])\b|^error\W*$|access denied|"
    r"\bforbidden\b|something went wrong|service unavailable|server error|"
    r"session (?:has )?(?:expired|timed out)|does(?: not|n't) exist",
    re.IGNORECASE,
)
"""Titles and headings of pages that stand for a failure, whatever their status says."""
_ASKS_FOR_LOGIN = re.compile(
    r"log ?in|log ?on|sign ?in|sign ?up|register|account|join|profile|connect|password|member",
    re.IGNORECASE,
)
_PROMPT_MS = 200.0
"""A change far from the element counts as caused by the action when it starts within this time
after the event, or after the answer to a request that the event sent."""
_REPEAT_MS = 1_200.0
"""A change far away is watched for this long: what repeats, an advertisement, is no effect."""
_FEW_LINES = 6
"""Among more new lines than this, words of error are taken for content unless most hold them."""


def judge(action: Action, seen: Seen) -> Outcome:
    """Return the outcome of `action` as far as `seen` shows it."""
    needed = action.has_effect
    if bad := tuple(_failures(action, seen)):
        return Outcome("failed", bad, needed)
    good, doubts = _own_effect(action, seen)
    if good and not isinstance(action, _STATEFUL) and (why := _in_doubt(seen)):
        return Outcome("unverified", (why, *good)[:6], needed)
    if good:
        return Outcome("verified", tuple(good[:6]), needed)
    if doubts and isinstance(action, _STATEFUL):
        return Outcome("failed", tuple(doubts[:6]), needed)
    return Outcome("unverified", tuple(doubts[:6]) or ("nothing changed on the page",), needed)


def _in_doubt(seen: Seen) -> str:
    """Return why what was seen is not yet a success, or an empty text."""
    for a in seen.answers:
        if a.same > 1:
            return f"the page sent the same {a.same} times: {a.method} {_path(a.url)}"
    arrival = seen.arrival
    if arrival is not None and arrival["password"] and not seen.before.get("password"):
        state = seen.before.get("state") or {}
        if not _ASKS_FOR_LOGIN.search(f"{state.get('text') or ''} {state.get('value') or ''}"):
            return "the new page asks for a password"
    if _moved_on(seen):
        return ""
    if is_busy(seen):
        return "the page is still busy"
    return "the server has not answered yet" if seen.n_unanswered else ""


def decided(action: Action, seen: Seen) -> bool:
    """Return whether more looking would not change the outcome."""
    if judge(action, seen).status == "verified":
        return seen.elapsed_ms >= _REPEAT_MS or not _only_far(action, seen)
    # A state that is wrong may still become right; an error that is told stays one.
    return any(_failures(action, seen))


def _only_far(action: Action, seen: Seen) -> bool:
    """Whether the only evidence is a change far from the element, which may come by chance."""
    if isinstance(action, _STATEFUL) or seen.after is None:
        return False
    calm = {**seen.after, **_NOTHING_FAR}
    calm["added"] = [line for line in seen.after["added"] if line["near"]]
    calm["attributes"] = [a for a in seen.after["attributes"] if a["own"] or a["near"]]
    return judge(action, replace(seen, after=calm)).status != "verified"


_NOTHING_FAR: Mapping[str, Any] = {"look": [], "removedMs": -1}


_TEXTS = (Fill, Type, Clear)
"""While one field is filled, what a page says of the others is not yet a failure."""
_STATEFUL = (Fill, Clear, Check, Uncheck, SelectOption, Upload)
"""Actions whose effect is the state of the element itself, so its absence is a failure."""


def _failures(action: Action, seen: Seen) -> Iterator[str]:
    if seen.crashed:
        yield "the page crashed"
    yield from filter(None, map(_refusal, seen.dialogs))
    for a in seen.answers:
        if _is_bad(a, seen):
            what = f"answered {a.status}" if a.status else "could not be reached"
            yield f"the server {what} to {a.method} {_path(a.url)}"
    for page in (seen.after, seen.outer):
        if page is not None:
            yield from () if isinstance(action, _TEXTS) else _refused(page)
            yield from _error_texts(page)
    if seen.arrival is not None:
        yield from _arrival_errors(seen.arrival)
    if isinstance(action, Click) and seen.after is not None:
        clicks = seen.after["clicks"]
        if clicks and not any(c["hit"] for c in clicks):
            yield f"the click landed on {clicks[0]['on'] or 'another element'}"


def _arrival_errors(page: Mapping[str, Any]) -> Iterator[str]:
    for text in (page["title"], *page["headings"]):
        if _LOST_PAGE.search(text.strip()) and len(text) <= 90:
            yield f"the new page says {text.strip()[:90]!r}"
    for text, box in page["alerts"]:
        if _is_error(text, box, strict=True):
            yield f"the new page shows an error: {text[:120]!r}"


def _refused(page: Mapping[str, Any]) -> Iterator[str]:
    for refusal in page["invalid"]:
        yield f"the form refused: {refusal['field']}: {refusal['message']}".rstrip(": ")
    for name in page["wrong"]:
        yield f"the page marks {name or 'a field'!r} as wrong"


def _refusal(dialog: Dialog) -> str:
    """Return why a dialog shows that the action had no effect, or an empty text."""
    said = dialog.message[:80]
    if dialog.kind in ("confirm", "prompt", "beforeunload") and not dialog.accepted:
        return f"the page asked {said!r}, which was dismissed: set `dialogs` to accept it"
    if dialog.kind == "alert" and _is_error(dialog.message, "", strict=True):
        return f"an alert said {said!r}"
    return ""


def _is_bad(answer: Answer, seen: Seen) -> bool:
    if answer.status and answer.status < 400:
        return False
    if urlsplit(answer.url).hostname != urlsplit(seen.url_before).hostname:
        return answer.kind == "document"
    # Polling and look-ahead requests that find nothing are no failures of the action.
    return answer.kind == "document" or answer.method != "GET" or answer.status >= 500


def _path(url: str) -> str:
    return urlsplit(url).path or url


def _error_texts(page: Mapping[str, Any]) -> Iterator[str]:
    told = set()
    for text, box in page["alerts"]:
        if _is_error(text, box, strict=False):
            told.add(text)
            yield f"an error appeared: {text[:120]!r}"
    lines = [line["text"] for line in page["added"] if len(line["text"]) <= 90 and line["ms"] >= 0]
    errors = [t for t in lines if _is_error(t, "", strict=True)]
    if page["added_n"] <= _FEW_LINES or 2 * len(errors) >= page["added_n"]:
        for text in errors:
            if not any(text in t for t in told):
                yield f"an error appeared: {text[:120]!r}"


def _is_error(text: str, box: str, *, strict: bool) -> bool:
    if _GOOD_BOX.search(box) or _NO_ERROR.search(text):
        return False
    if _ERROR_WORDS.search(text):
        return True
    return not strict and bool(_ERROR_BOX.search(box))


def _own_effect(action: Action, seen: Seen) -> tuple[list[str], list[str]]:
    """Return the evidence for the effect, and what speaks against it."""
    for kinds, check in _CHECKS:
        if isinstance(action, kinds):
            return check(action, seen)
    return _any_effect(action, seen)


def _moved_on(seen: Seen) -> list[str]:
    """Return what shows that the page went somewhere because of the action."""
    good = [f"a download began: {name}" for name in seen.downloads]
    if seen.n_new_pages:
        good.append("a new page opened")
    if seen.page_closed:
        good.append("the page closed itself")
    elif seen.url_after != seen.url_before:
        good.append(f"the address is now {seen.url_after}")
    elif seen.new_document:
        good.append(f"the page was loaded anew: {seen.title!r}")
    good += [f"an alert said {d.message[:80]!r}" for d in seen.dialogs if d.kind == "alert"]
    return good


def _network_effect(seen: Seen) -> list[str]:
    """Return the answers to requests that change something on the server."""
    return [
        f"the server answered {a.status} to {a.method} {_path(a.url)}"
        for a in seen.answers
        if a.method != "GET" and 200 <= a.status < 400
    ]


def _any_effect(action: Action, seen: Seen) -> tuple[list[str], list[str]]:
    """Return every sign of an effect of a click or the like, and what changed without cause."""
    good = _moved_on(seen)
    doubts: list[str] = []
    for page in (seen.after, seen.outer):
        if page is not None:
            states = seen.before.get("state"), page.get("state")
            focus = _focus_effect(*states) if isinstance(action, Click) else ()
            own = (*_state_effect(*states), *focus)
            near, far = _page_effect(page)
            good += [*own, *near]
            doubts += far
    if isinstance(action, Click) and not good and seen.after and _scrolled(seen):
        good.append("the page scrolled")
    good += _network_effect(seen)
    if isinstance(action, Click) and _kept_its_tick(seen) and not _moved_on(seen):
        return [], [f"it is {seen.before['state']['checked']} as before", *good, *doubts]
    return good, doubts


def _scrolled(seen: Seen) -> bool:
    now = seen.after
    if not now or not now["pressed"] or now["scroll"] == seen.before["scroll"]:
        return False
    # A form that refuses scrolls to the field it misses, and gives it the focus.
    return not now["focus"].startswith(("input ", "textarea ", "select "))


def _kept_its_tick(seen: Seen) -> bool:
    """Whether a click on a native box or radio button left it as it was."""
    was, now = seen.before.get("state"), seen.after and seen.after.get("state")
    if not was or not now or was["type"] not in ("checkbox", "radio"):
        return False
    chosen_before = was["type"] == "radio" and now["checked"] == "true"
    return bool(was["checked"] == now["checked"] and not chosen_before)


_STATE_NAMES = ("checked", "pressed", "expanded", "selected", "value", "disabled")


def _state_effect(was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Iterator[str]:
    if not was or not now:
        return
    for name in _STATE_NAMES:
        if now[name] != was[name] and now["connected"]:
            yield f"its {name} is now {_short(now[name], now['password'])}"
    if was["connected"] and not now["connected"]:
        yield "it left the page"
    elif was["shown"] and not now["shown"]:
        yield "it is hidden now"
    elif now["text"] != was["text"] and now["connected"] and now["text"].strip():
        yield f"it reads {now['text'][:60]!r} now"


def _focus_effect(was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Iterator[str]:
    """A field's purpose is to get the focus; that any other control has it shows nothing."""
    if was and now and now["focused"]:
        if not was["focused"] and _takes_focus(now):
            yield "it has the focus"
        elif was["focused"] and _takes_text(now):
            yield "it keeps the focus"


def _short(value: Any, password: bool) -> str:  # noqa: ANN401
    return "hidden" if password else str(value)[:60]


def _takes_text(state: Mapping[str, Any]) -> bool:
    return (
        state["tag"] in ("textarea", "select")
        or (
            state["tag"] == "input"
            and state["type"] not in ("button", "submit", "reset", "image", "checkbox", "radio")
        )
        or state["role"] in ("textbox", "searchbox", "combobox")
    )


def _takes_focus(state: Mapping[str, Any]) -> bool:
    return _takes_text(state) or state["tag"] not in (
        "button",
        "a",
        "input",
        "summary",
        "div",
        "span",
    )


_NO_EFFECT = ("aria-invalid", "aria-busy")


def _page_effect(page: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return changes that belong to the action, and changes that may have other causes."""
    good: list[str] = []
    doubts: list[str] = []
    for line in page["added"]:
        caused = line["near"] or 0 <= line["ms"] <= _PROMPT_MS
        (good if caused else doubts).append(f"the page shows {line['text'][:80]!r}")
    for change in page["attributes"]:
        if change["name"] in _NO_EFFECT:
            continue
        caused = change["own"] or change["near"] or 0 <= change["ms"] <= _PROMPT_MS
        said = f"{change['name']} of {change['on'] or 'the page'} changed"
        (good if caused else doubts).append(said)
    if page["removed_n"] and (page["removedNear"] or 0 <= page["removedMs"] <= _PROMPT_MS):
        good.append(f"{page['removed'][0][:60]!r} is gone")
    if page["reordered"]:
        good.append("the lines stand in another order")
    good += [f"{text!r} moved" for text in page["moved"]]
    if page["styled"]:
        good.append(f"the selected text is drawn otherwise: {page['styled'][0]}")
    if page["look"]:
        good.append(f"the page looks different: {page['look'][0]}")
    if page["classes"]:
        good.append(f"it looks different: {page['classes'][0].partition(':')[2]}")
    good += [f"{f['field']!r} changed" for f in page["fields"]]
    return good, doubts


def _text_effect(action: Any, seen: Seen) -> tuple[list[str], list[str]]:  # noqa: ANN401
    if seen.after is None:
        return _moved_on(seen), []
    before, now = seen.before["state"], seen.after["state"]
    wanted = "" if isinstance(action, Clear) else action.text
    if isinstance(action, Type):
        wanted = (before["value"] or "") + wanted
    value = now["value"] or ""
    hidden = bool(getattr(action, "secret", "")) or now["password"]
    shown = "what was given" if hidden else repr(value[:80])
    if not now["connected"]:
        return [], ["the field was taken off the page or replaced"]
    if value == wanted or value.rstrip("\n") == wanted.rstrip("\n"):
        if now["invalid"] and wanted:
            return [], [f"the field holds {shown} but calls it invalid: {now['message'] or '-'}"]
        return [f"the field holds {shown}" if wanted else "the field is empty"], []
    if wanted and _same_content(value, wanted):
        return [f"the field holds {shown}, reformatted by the page"], []
    others = [f"{f['field']!r} changed instead" for f in seen.after["fields"]]
    return [], [f"the field holds {'something else' if hidden else shown}", *others]


def _same_content(value: str, wanted: str) -> bool:
    """Whether the page only rewrote the text: spaces, signs, case, groups of digits."""
    a, b = (re.sub(r"[\W_]+", "", t).casefold() for t in (value, wanted))
    if a and a == b:
        return True
    numbers = [re.fullmatch(r"[\d.,\s$€£%-]+", t) for t in (value, wanted)]
    if all(numbers):
        try:
            x, y = (float(re.sub(r"[^\d.-]", "", t)) for t in (value, wanted))
        except ValueError:
            return False
        return x == y
    return False


def _check_effect(action: Action, seen: Seen) -> tuple[list[str], list[str]]:
    if seen.after is None:
        return _moved_on(seen), []
    now = seen.after["state"]
    want = "true" if isinstance(action, Check) else "false"
    for name in ("checked", "pressed", "selected"):
        if isinstance(now[name], str):
            if now[name] == want:
                return [f"it is {name if want == 'true' else 'not ' + name}"], []
            return [], [f"it is {'not ' if want == 'true' else 'still '}{name}"]
    return _any_effect(action, seen)


def _option_effect(action: SelectOption, seen: Seen) -> tuple[list[str], list[str]]:
    if seen.after is None:
        return _moved_on(seen), []
    now = seen.after["state"]
    if isinstance(now["selected"], list):
        held = {*map(folded, now["selected"]), *map(folded, now["picked"])}
        if all(folded(o) in held for o in action.options):
            return [f"selected: {', '.join(now['selected'])}"], []
        return [], [f"selected is {', '.join(now['selected']) or 'nothing'}"]
    shown = folded(f"{now['value'] or ''} {now['text']}")
    if all(folded(o) in shown for o in action.options):
        return [f"it shows {', '.join(action.options)}"], []
    good, doubts = _any_effect(action, seen)
    near = [a for a in seen.after["attributes"] if a["name"] == "aria-selected"]
    return (good, doubts) if near else ([], [f"it shows {now['text'][:60]!r}", *good, *doubts])


def _upload_effect(action: Upload, seen: Seen) -> tuple[list[str], list[str]]:
    if seen.after is None:
        return _moved_on(seen), []
    names = [re.split(r"[\\/]", p)[-1] for p in action.paths]
    held = seen.after["state"]["files"]
    shown = " ".join(line["text"] for line in seen.after["added"])
    if held and set(names) <= set(held):
        return [f"the field holds {', '.join(held)}"], []
    if all(n in shown for n in names):
        return [f"the page shows {', '.join(names)}"], []
    other = " ".join(f["value"] for f in seen.after["fields"])
    if all(n in other for n in names):
        return [f"the page's file field holds {', '.join(names)}"], []
    good = _network_effect(seen)
    return good, [] if good else [f"the field holds {', '.join(held) or 'no file'}"]


def _drag_effect(action: Drag, seen: Seen) -> tuple[list[str], list[str]]:
    if action.value is not None and seen.after is not None:
        number = seen.after["state"]["number"]
        if isinstance(number, int | float) and not math.isnan(number):
            if abs(number - action.value) < 1e-9:
                return [f"its value is {number:g}"], []
            return [], [f"its value is {number:g}"]
    if seen.after is not None:
        was, now = seen.before["state"], seen.after["state"]
        if not now["connected"]:
            return ["it left its place"], []
        if now["index"] != was["index"]:
            return [f"it moved from place {was['index'] + 1} to {now['index'] + 1}"], []
        dx, dy = now["box"][0] - was["box"][0], now["box"][1] - was["box"][1]
        scrolled = seen.after["scroll"] != seen.before["scroll"]
        if max(abs(dx), abs(dy)) > 3 and not scrolled:
            return [f"it moved by ({dx:.0f}, {dy:.0f})"], []
        if now["box"][2:] != was["box"][2:]:
            return [f"its size is now {now['box'][2]:.0f} x {now['box'][3]:.0f}"], []
    return _any_effect(action, seen)


def _scroll_effect(action: Scroll, seen: Seen) -> tuple[list[str], list[str]]:
    if seen.after is None:
        return [], ["the page is another one"]
    if action.until:
        return [f"{action.until!r} shows"], []
    was, now = seen.before.get("state"), seen.after.get("state")
    moved = seen.after["scroll"] != seen.before["scroll"]
    if was and now:
        moved = moved or now["scroll"] != was["scroll"] or now["box"][:2] != was["box"][:2]
    return (["it scrolled"], []) if moved else ([], ["it did not scroll: the end is reached"])


def _press_effect(action: Press, seen: Seen) -> tuple[list[str], list[str]]:
    good, doubts = _any_effect(action, seen)
    if not good and seen.after is not None:
        was, now = seen.before.get("state"), seen.after.get("state")
        if seen.after["focusMoved"]:
            good = [f"the focus moved to {seen.after['focus'] or 'the page'}"]
        elif was and now and now["value"] != was["value"]:
            good = ["the value changed"]
        elif seen.after["fields"]:
            good = [f"{seen.after['fields'][0]['field']!r} changed"]
        elif seen.after["scroll"] != seen.before["scroll"]:
            good = ["it scrolled"]
    return good, doubts


def _selection_effect(action: SelectText, seen: Seen) -> tuple[list[str], list[str]]:
    if seen.after is None:
        return [], ["the page is another one"]
    held = folded(seen.after["selection"])
    wanted = folded(action.text or seen.before["state"]["text"])
    if held and (held == wanted or (not action.text and wanted.startswith(held))):
        return [f"selected: {seen.after['selection'][:60]!r}"], []
    return [], [f"the selection is {seen.after['selection'][:60]!r}"]


def _goto_effect(action: Goto, seen: Seen) -> tuple[list[str], list[str]]:
    if seen.downloads:
        return [], [f"a download began instead of a page: {seen.downloads[0]}"]
    return [f"the page is {seen.url_after} {seen.title!r}"], []


def _back_effect(action: Back, seen: Seen) -> tuple[list[str], list[str]]:
    if seen.new_document or seen.url_after != seen.url_before:
        return [f"the page is {seen.url_after}"], []
    return [], ["there is no page to go back to"]


def _hover_effect(action: Hover, seen: Seen) -> tuple[list[str], list[str]]:
    return _any_effect(action, seen)


def _wait_effect(action: WaitFor, seen: Seen) -> tuple[list[str], list[str]]:
    return [f"{action.describe()}: met"], []


_Check = Callable[[Any, Seen], tuple[list[str], list[str]]]
_CHECKS: tuple[tuple[tuple[type[Action], ...], _Check], ...] = (
    ((Fill, Type, Clear), _text_effect),
    ((Check, Uncheck), _check_effect),
    ((SelectOption,), _option_effect),
    ((Upload,), _upload_effect),
    ((Drag,), _drag_effect),
    ((Scroll,), _scroll_effect),
    ((Press,), _press_effect),
    ((SelectText,), _selection_effect),
    ((Goto,), _goto_effect),
    ((Back,), _back_effect),
    ((Hover,), _hover_effect),
    ((WaitFor,), _wait_effect),
)
