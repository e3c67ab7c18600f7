// Runs before any script of the page. Notes which elements get a pointer listener, and keeps closed
// shadow roots reachable: afterwards no script can find out either of them.
(function () {
  'use strict';
  if (globalThis.__groundlingHook) return;
  const TYPES = ['click', 'mousedown', 'mouseup', 'pointerdown', 'pointerup', 'touchstart', 'touchend',
    'dblclick'];
  const listening = new WeakSet(), closed = new WeakMap();
  const add = WeakSet.prototype.add.bind(listening), keep = WeakMap.prototype.set.bind(closed);
  const apply = Reflect.apply, Target = EventTarget.prototype, Elem = Element.prototype;
  const addListener = Target.addEventListener, attach = Elem.attachShadow;
  const includes = Array.prototype.includes.bind(TYPES);
  const define = (on, name, value) =>
    Object.defineProperty(on, name, { value, configurable: true, writable: true, enumerable: true });
  // Methods of an object literal keep the name and arity that pages may look at, and cost a quarter
  // of a Proxy per call.
  define(Target, 'addEventListener', {
    addEventListener(type, listener) {
      try {
        if (includes(type) && this && this.nodeType === 1) add(this);
      } catch (ignored) { /* the page's own call must not fail through us */ }
      return apply(addListener, this === undefined ? globalThis : this, arguments);
    },
  }.addEventListener);
  if (attach) {
    define(Elem, 'attachShadow', {
      attachShadow(options) {
        const root = apply(attach, this, arguments);
        if (root.mode === 'closed') keep(this, root);
        return root;
      },
    }.attachShadow);
  }
  Object.defineProperty(globalThis, '__groundlingHook', { value: { listening, closed, native: true } });
})();
