"""Close what lies over an element, a cookie banner for one, where the policy allows it."""

import logging
from typing import Any

from groundling.driver import PageCall, Steps

log = logging.getLogger(__name__)

_TIMEOUT_MS = 3_000.0
_PAUSE_MS = 250.0

_COVER = """e => {
  e.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
  const b = e.getBoundingClientRect(), root = e.getRootNode();
  const points = [[0.5, 0.5], [0.2, 0.5], [0.8, 0.5]];
  const over = (at, by) => { for (; at; at = at.parentElement || at.getRootNode().host)
    if (at === by) return true; return false; };
  let cover = null;
  for (const [x, y] of points) {
    const hit = root.elementFromPoint(b.x + b.width * x, b.y + b.height * y);
    if (!hit || over(hit, e) || over(e, hit) || (e.labels && [...e.labels].some(l => over(hit, l))))
      return null;
    cover = hit;
  }
  const layer = n => /fixed|absolute|sticky/.test(getComputedStyle(n).position)
    || n.matches('dialog,[role=dialog],[role=alertdialog],[aria-modal=true]');
  let top = null;
  for (let at = cover; at && at !== document.body; at = at.parentElement)
    if (layer(at) && !at.contains(e)) top = at;
  return top;
}"""
"""The layer over all three points looked at, or null."""

_CLOSER = """layer => {
  // A banner's backdrop often stands beside the banner: then the buttons are in a sibling.
  const near = [layer, layer.parentElement, ...document.querySelectorAll(
    'dialog[open],[role=dialog],[role=alertdialog],[aria-modal=true],[id*=cookie i],'
    + '[class*=cookie i],[id*=consent i],[class*=consent i]')];
  const said = e => (e.getAttribute('aria-label') || e.innerText || e.value || e.title || '')
    .replace(/\\s+/g, ' ').trim().toLowerCase();
  const all = '( all)?( cookies)?$', wanted = [
    '^(reject|decline|refuse|deny)' + all,
    '^(use |accept |allow )?(only )?(strictly )?(necessary|essential|required)( cookies)?( only)?$',
    '^(close|dismiss|hide|cancel|skip|not now|no,? thanks?( you)?|maybe later|later)( .{0,30})?$',
    '^[x×✕✖╳]$',
    '^(got it|ok|okay|i understand|understood|continue|i agree|agree|accept|allow)!?' + all,
  ].map(p => new RegExp(p));
  const buttons = 'button,a,[role=button],input[type=button],input[type=submit]';
  for (const pattern of wanted) for (const box of near) {
    if (!box) continue;
    const found = [...box.querySelectorAll(buttons)]
      .filter(e => e.getClientRects().length && pattern.test(said(e)));
    if (found.length) return found[0];
  }
  return null;
}"""
"""The button that closes a layer: refusing before closing before accepting."""


def uncover(page: Any, handle: Any) -> Steps[str]:  # noqa: ANN401
    """Close the layer over an element.

    Returns:
        What was done, or an empty text when nothing lies over it or it cannot be closed.
    """
    layer = (yield PageCall(lambda: handle.evaluate_handle(_COVER))).as_element()
    if layer is None:
        return ""
    button = (yield PageCall(lambda: layer.evaluate_handle(_CLOSER))).as_element()
    try:
        if button is None:
            yield PageCall(lambda: page.keyboard.press("Escape"))
            done = "pressed Escape"
        else:
            name = yield PageCall(button.inner_text)
            yield PageCall(lambda: button.click(timeout=_TIMEOUT_MS))
            done = f"clicked {str(name).strip()[:40]!r}"
        yield PageCall(lambda: page.wait_for_timeout(_PAUSE_MS))
        left = (yield PageCall(lambda: handle.evaluate_handle(_COVER))).as_element()
    except Exception as error:  # noqa: BLE001 - the step goes on and says that it is covered
        log.info("the layer over the element could not be closed: %s", error)
        return ""
    return "" if left is not None else f"closed what lay over it: {done}"
