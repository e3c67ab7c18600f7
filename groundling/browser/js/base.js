// What the page cannot change afterwards: built-ins taken at document start, and reads of the DOM that
// neither a named form control (`<input name=tagName>`) nor a patched prototype can disturb.
const G = globalThis;
const { Map, Set, WeakMap, WeakRef, Object, Array, String, Math, performance, RegExp, URL, Number } = G;
const stringify = JSON.stringify, styleOf = G.getComputedStyle;
const call = Function.prototype.call;
const method = f => call.bind(f);
const ownKeys = G.Reflect.ownKeys, sourceOf = method(Function.prototype.toString);
const getter = (proto, key) => method(Object.getOwnPropertyDescriptor(proto, key).get);
const E = Element.prototype, N = Node.prototype;
const attr = method(E.getAttribute), has = method(E.hasAttribute), rectOf = method(E.getBoundingClientRect);
const rectsOf = method(E.getClientRects), closest = method(E.closest), matches = method(E.matches);
const attributeNames = method(E.getAttributeNames), find = method(E.querySelector), findAll = method(E.querySelectorAll), rootOf = method(N.getRootNode);
const elementChildren = getter(E, 'children'), countOfChildren = getter(E, 'childElementCount'), childNodesOf = getter(N, 'childNodes');
const firstNode = getter(N, 'firstChild'), nextNode = getter(N, 'nextSibling'), typeOf = getter(N, 'nodeType');
const nameOf = getter(E, 'tagName'), parentElement = getter(N, 'parentElement'), textOf = getter(N, 'textContent');
const openShadow = getter(E, 'shadowRoot'), namespaceOf = getter(E, 'namespaceURI');
const isConnected = getter(N, 'isConnected'), slotOf = getter(E, 'assignedSlot'), idOfElement = getter(E, 'id');
const dataOf = getter(CharacterData.prototype, 'data'), contains = method(N.contains);
// `<img name=body>` would hide `document.body`.
const D = Document.prototype, docBody = getter(D, 'body'), docRoot = getter(D, 'documentElement');
const elementAt = method(D.elementFromPoint), docTitle = getter(D, 'title'), docActive = getter(D, 'activeElement'), docScroller = getter(D, 'scrollingElement');
const findIn = (root, css) => (root === document ? method(D.querySelector)(document, css) : root.querySelector(css));
const checkVisible = E.checkVisibility && method(E.checkVisibility);
const HTML_NS = 'http://www.w3.org/1999/xhtml', SVG_NS = 'http://www.w3.org/2000/svg';

// Shadow roots have a getter of their own.
const childrenOf = e => (typeOf(e) === 11 ? e.children : elementChildren(e));
const childCount = e => (typeOf(e) === 11 ? e.childElementCount : countOfChildren(e));

const words = text => new Set(text.split(' '));
const collapse = s => s.replace(/[ \t\n\r\f]+/g, ' ').replace(/^ | $/g, '');
// For what people read: no-break spaces are spaces, icon-font characters (private use) are nothing.
const PRIVATE = /[\uE000-\uF8FF]|[\uDB80-\uDBFF][\uDC00-\uDFFF]|[\u200B\u200E\u200F\uFEFF\u00AD]/g;
// Nearly all text is plain already: one search is cheaper than three replacements.
const ODD = /[^ -~À-ɏ]|  /;
const clean = s => { const t = s.trim(); return ODD.test(t) ? t.replace(PRIVATE, '').replace(/\s+/g, ' ').trim() : t; };
const cut = (s, n) => (s.length > n ? s.slice(0, n - 1).trimEnd() + '…' : s);
// Upper case in HTML, as written in SVG and MathML.
const tagOf = document.contentType === 'text/html' ? nameOf : e => (namespaceOf(e) === HTML_NS ? nameOf(e).toUpperCase() : nameOf(e));
const lower = (e, name) => { const v = attr(e, name); return v === null ? null : v.trim().toLowerCase(); };

// Set by hook.js, or by the developer tools for documents that were open before us: read anew for each reading.
const NO_HOOK = { listening: null, closed: null, native: false };
let hook = G.__groundlingHook || NO_HOOK;
const shadowOf = e => openShadow(e) || (hook.closed && hook.closed.get(e)) || null;
// Parent in the tree as it is drawn: through slots and shadow roots.
const parentOf = e => slotOf(e) || parentElement(e) || rootOf(e).host || null;
const drawnChildren = e => {
  if (tagOf(e) === 'SLOT') { const given = e.assignedNodes(); if (given.length) return given; }
  const shadow = shadowOf(e);
  return childNodesOf(shadow || e);
};
const inTree = (inner, outer) => { for (let x = inner; x; x = parentOf(x)) if (x === outer) return true; return false; };

// Elements named by an attribute of ids, within the same tree.
const byIds = (e, name) => {
  const value = attr(e, name), root = value && rootOf(e), found = [];
  if (value && root.getElementById) {
    for (const id of value.split(/\s+/)) { const x = id && root.getElementById(id); if (x) found.push(x); }
  }
  return found;
};

// Ids of nodes: kept as long as the document lives, and weak, so that nothing is kept alive.
const numbers = new WeakMap(), nodes = new Map();
let nextNumber = 1;
function numberOf(e) {
  let n = numbers.get(e);
  if (!n) { n = nextNumber++; numbers.set(e, n); nodes.set(n, new WeakRef(e)); }
  return n;
}
function nodeOf(n) {
  const ref = nodes.get(n), e = ref && ref.deref();
  if (!e) { nodes.delete(n); return null; }
  return isConnected(e) ? e : null;
}
const documentKey = Math.random().toString(36).slice(2) + performance.timeOrigin.toString(36);
