// What says that an element reacts to a pointer. Listeners added with addEventListener are known from hook.js
// or, for pages that were open already, from scan.js; frameworks that listen at the document's root leave their
// own marks on elements.
const POINTER = ['click', 'mousedown', 'mouseup', 'pointerdown', 'pointerup', 'touchstart', 'touchend', 'dblclick'];
const PROPS = ['onClick', 'onMouseDown', 'onMousedown', 'onPointerDown', 'onPointerdown', 'onMouseUp', 'onPointerUp'];
const some = (object, keys) => !!object && keys.some(k => object[k]);

// jQuery keeps delegated handlers at the delegating element, as type -> [{selector}].
function readJQuery(e, events, delegated) {
  let own = false;
  for (const type of POINTER) {
    for (const handler of events[type] || []) {
      if (!handler.selector) own = true;
      else { try { for (const x of findAll(e, handler.selector)) delegated.add(x); } catch (ignored) { /* a jQuery-only selector */ } }
    }
  }
  return own;
}

// React listens at its roots, and gives elements an empty `onclick` that stays when the handler is taken away.
const EMPTY_FUNCTION = /^function ?\w*\(\) ?\{\s*\}$/;
const isEmpty = f => typeof f === 'function' && EMPTY_FUNCTION.test(sourceOf(f));

// Elements that jQuery listens at for some of those inside only.
const serving = new WeakSet();
// True: a framework's handler. False: React's root or one of its elements, whose listeners say nothing.
function frameworkMark(e, delegated) {
  let react = false;
  const keys = ownKeys(e);
  if (!keys.length) return null;
  for (const key of keys) {
    if (typeof key === 'symbol') { if (symbolMark(e, key)) return true; continue; }
    if (key.startsWith('__reactProps$')) { if (some(e[key], PROPS)) return true; react = isEmpty(e.onclick); }
    else if (key.startsWith('_reactListening')) react = true;
    else if (key === '_vei') { if (some(e[key], PROPS)) return true; }
    else if (/^(__(on)?(click|mousedown|pointerdown)$|\$\$(click|mousedown|pointerdown)$|__zone_symbol__(click|mousedown))/.test(key)) return true;
    else if (key.startsWith('jQuery')) {
      const events = e[key] && e[key].events;
      if (events && readJQuery(e, events, delegated)) { serving.delete(e); return true; }
      if (events) serving.add(e);
    }
  }
  return react ? false : null;
}
function symbolMark(e, symbol) {
  const name = symbol.description || '';
  return name === '_vei' ? some(e[symbol], PROPS) : /^(delegated )?events$/.test(name) && some(e[symbol], POINTER);
}

// `delegated` collects elements that a listener further up is known to serve.
function listens(e, delegated, written) {
  const marked = frameworkMark(e, delegated);
  if (marked !== null || delegated.has(e)) return marked || delegated.has(e);
  if (hook.listening && hook.listening.has(e)) return true;
  return !!(e.onclick || e.onmousedown || e.onpointerdown || e.onpointerup) || (written && (has(e, 'onclick') || has(e, 'onmousedown')));
}

// A control that is not drawn itself, because its label or a sibling draws it.
function undrawn(e) {
  const r = rectOf(e), s = styleOf(e);
  return r.width <= 1 || r.height <= 1 || s.visibility !== 'visible' || s.display === 'none' ||
    (s.opacity === '0' && s.pointerEvents === 'none');
}

// `written`: some attribute of `MARKS` is there.
const MARKS = '[role],[contenteditable],[tabindex],[onclick],[onmousedown],[aria-modal],[aria-disabled],[inert],[draggable=true]';
function evidence(e, t, f, written, w) {
  switch (t) {
    case 'BUTTON': case 'SELECT': case 'TEXTAREA': return 'native';
    case 'INPUT': if (e.type !== 'hidden') return 'native'; break;
    case 'A': case 'AREA': if (has(e, 'href')) return 'native'; break;
    case 'a': if (has(e, 'href') || has(e, 'xlink:href')) return 'native'; break;
    case 'SUMMARY': if (parentElement(e) && tagOf(parentElement(e)) === 'DETAILS') return 'native'; break;
    case 'VIDEO': case 'AUDIO': if (has(e, 'controls')) return 'native'; break;
    case 'LABEL': if (e.control && undrawn(e.control)) return 'label'; break;
    case 'HTML': case 'BODY': return '';
  }
  if (f.role && INTERACTIVE.has(roleOf(e))) return 'role';
  if (written && has(e, 'contenteditable') && e.isContentEditable) return 'editable';
  // Cells of a grid take part in it with tabindex -1, too: the grid moves the focus among them.
  if (written && has(e, 'tabindex') && (e.tabIndex >= 0 || f.role === 'gridcell')) return 'tabindex';
  if (t === 'LABEL' && e.control) return '';  // its control stands for it
  if (listens(e, w.delegated, written)) return 'listener';
  if (f.pointer && t !== 'LABEL' && !f.up.pointer && !f.up.inside) return 'pointer';
  if ((f.grab && !f.up.grab && !f.up.inside) || (written && attr(e, 'draggable') === 'true')) return 'draggable';
  // A list that listens for all its items: what is clicked or dragged is an item.
  if (t === 'LI' && f.up.kind === 'listener' && ITEM_OF[tagOf(f.up.e)] && !serving.has(f.up.e)) return 'item';
  return '';
}
const HARD = words('native role editable label');

// Layout containers: a pointer, listener or tab stop that merely wraps other targets. One that shows text of its
// own is a target itself: a row that opens a message and holds a star.
function isWrapper(m, inner, w) {
  if (HARD.has(m.kind) || !inner) return false;
  if (m.kind === 'item') return true;
  const big = m.rect.width * m.rect.height > 0.5 * w.width * w.height;
  if (big || inner > 6) return true;
  if ((m.pointer || m.kind === 'draggable') && showsText(m, w)) return false;
  if (m.kind === 'pointer' || inner > 3) return true;
  return !m.pointer && (m.kind === 'tabindex' || inner > 1);
}
function showsText(m, w) {
  for (let i = m.start; i < w.stream.length; i++) if (w.stream[i].text && foreign(w.stream[i]) === m) return true;
  return false;
}
