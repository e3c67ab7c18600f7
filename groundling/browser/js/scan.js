// Run through the developer tools, whose `getEventListeners` no page has: fills in what hook.js would have noted
// in a document that was open before us. Same-origin frames are scanned along; closed shadow roots stay closed.
(function (limit) {
  'use strict';
  const TYPES = ['click', 'mousedown', 'mouseup', 'pointerdown', 'pointerup', 'touchstart', 'touchend', 'dblclick'];
  let left = limit;
  function scan(root, listening) {
    for (const e of root.querySelectorAll('*')) {
      if (--left < 0) return;
      const found = getEventListeners(e);
      if (TYPES.some(type => found[type])) listening.add(e);
      if (e.shadowRoot instanceof ShadowRoot) scan(e.shadowRoot, listening);
      if (e.localName === 'iframe' || e.localName === 'frame') scanWindow(e.contentWindow);
    }
  }
  function scanWindow(w) {
    try {
      if (!w.document || (w.__groundlingHook && w.__groundlingHook.native)) return;
      const hook = { listening: new w.WeakSet(), closed: null, native: false };
      scan(w.document, hook.listening);
      Object.defineProperty(w, '__groundlingHook', { value: hook, configurable: true });
    } catch (error) { /* another origin's frame */ }
  }
  scanWindow(globalThis);
  return Math.max(0, -left);
})
