// Watches one document around one action: what was there before, what changed since.
//
// `watch(element or null)` returns an object with `act()` (the action starts now), `read()` and `stop()`.
// It only listens and reads; the page cannot tell the difference.
const now = () => performance.now();
const MAX_LINES = 4000, MAX_FIELDS = 400;

const ALERT = '[role=alert],[role=alertdialog],[role=status],[aria-live=assertive],[aria-live=polite],output,'
  + '[class*=error i],[class*=alert i],[class*=toast i],[class*=snackbar i],[class*=invalid i],[class*=notice i],'
  + '[class*=warning i],[class*=danger i],[class*=flash i],[id*=error i]';
const NEAR = 'form,dialog,[role=dialog],[role=alertdialog],fieldset,tr,li,[role=row],[role=listitem],[role=option],'
  + '[role=tablist],[role=toolbar],[role=menu],[role=listbox],article,section';
const TRANSIENT = /focus|hover|active$|^active|ripple|press|visited|touched|dirty|click|waves|animat/i;
const STATES = ['aria-checked', 'aria-pressed', 'aria-selected', 'aria-expanded', 'aria-current', 'aria-disabled',
  'aria-hidden', 'aria-invalid', 'aria-busy', 'aria-valuenow', 'aria-sort', 'aria-activedescendant', 'open', 'hidden',
  'disabled', 'checked', 'href', 'src', 'data-state', 'value', 'aria-label', 'title'];

function roots() {
  const found = [document];
  for (const host of document.querySelectorAll('*')) collect(host, found);
  return found;
}
function collect(host, found) {
  const root = host.shadowRoot;
  if (!root) return;
  found.push(root);
  for (const inner of root.querySelectorAll('*')) collect(inner, found);
}
const textOf = e => (e && typeof e.innerText === 'string' ? e.innerText : '');
function linesOf(text) {
  return text.split('\n').map(t => t.replace(/\s+/g, ' ').trim()).filter(Boolean);
}
function pageLines(all) {
  let lines = linesOf(textOf(document.body));
  for (const root of all.slice(1)) for (const e of root.children) lines = lines.concat(linesOf(textOf(e)));
  return lines.slice(0, MAX_LINES);
}
const parentOf = e => e.parentElement || (e.getRootNode && e.getRootNode().host) || null;
function inside(e, scope) {
  for (let at = e; at; at = parentOf(at)) if (at === scope) return true;
  return false;
}
function closest(e, selector) {
  for (let at = e; at; at = parentOf(at)) if (at.matches && at.matches(selector)) return at;
  return null;
}
const shown = e => !!(e && e.isConnected && e.getClientRects().length)
  && getComputedStyle(e).visibility !== 'hidden';

// The control that a label, or a wrapper of one control, stands for.
function controlOf(e) {
  if (!e || e.nodeType !== 1) return e;
  if (e.tagName === 'LABEL' && e.control) return e.control;
  if (/^(INPUT|TEXTAREA|SELECT|BUTTON|A|OPTION)$/.test(e.tagName) || e.isContentEditable) return e;
  if (e.hasAttribute('aria-checked') || e.hasAttribute('aria-selected') || e.hasAttribute('aria-pressed')) return e;
  const inner = e.querySelectorAll('input:not([type=hidden]),textarea,select');
  return inner.length === 1 ? inner[0] : e;
}
const flag = (e, name) => (e.hasAttribute(name) ? e.getAttribute(name) : null);

function stateOf(target) {
  if (!target) return null;
  const e = controlOf(target), is = name => e.tagName === name;
  const field = is('INPUT') || is('TEXTAREA') || is('SELECT');
  const box = target.getBoundingClientRect();
  const role = e.getAttribute('role') || '';
  const value = field ? e.value : e.isContentEditable ? textOf(e)
    : flag(e, 'aria-valuetext') || flag(e, 'aria-valuenow');
  const choosable = is('INPUT') && /^(checkbox|radio)$/.test(e.type);
  return {
    connected: target.isConnected, shown: shown(target), tag: e.tagName.toLowerCase(), type: field ? e.type : '', role,
    value: value === null || value === undefined ? null : String(value), text: textOf(target).slice(0, 300),
    checked: choosable ? String(e.indeterminate ? 'mixed' : e.checked) : flag(e, 'aria-checked'),
    selected: is('SELECT') ? [...e.selectedOptions].map(o => o.label || o.text) : flag(e, 'aria-selected'),
    picked: is('SELECT') ? [...e.selectedOptions].map(o => o.value) : [],
    pressed: flag(e, 'aria-pressed'), expanded: is('DETAILS') ? String(e.open) : is('SUMMARY') && e.parentElement
      && e.parentElement.tagName === 'DETAILS' ? String(e.parentElement.open) : flag(e, 'aria-expanded'),
    disabled: !!e.disabled || e.getAttribute('aria-disabled') === 'true',
    invalid: (field && e.willValidate && !e.validity.valid) || e.getAttribute('aria-invalid') === 'true',
    message: field ? e.validationMessage || '' : '', number: field ? e.valueAsNumber : Number(flag(e, 'aria-valuenow')),
    focused: focusedElement() === e || focusedElement() === target || inside(focusedElement(), target),
    box: [box.x, box.y, box.width, box.height], scroll: [target.scrollLeft, target.scrollTop],
    classes: [...target.classList].sort(), files: is('INPUT') && e.files ? [...e.files].map(f => f.name) : [],
    index: parentOf(target) && target.parentElement ? [...target.parentElement.children].indexOf(target) : -1,
    password: is('INPUT') && e.type === 'password',
  };
}
function focusedElement() {
  let at = document.activeElement;
  while (at && at.shadowRoot && at.shadowRoot.activeElement) at = at.shadowRoot.activeElement;
  return at;
}
function call(e) {
  if (!e || !e.tagName || e === document.body) return '';
  const name = e.getAttribute('aria-label') || (e.labels && e.labels[0] && textOf(e.labels[0]))
    || e.placeholder || e.name || e.id || textOf(e);
  return (e.tagName.toLowerCase() + ' ' + String(name).replace(/\s+/g, ' ').trim().slice(0, 60)).trim();
}
function fieldsOf(all) {
  const found = new Map();
  for (const root of all) {
    for (const e of root.querySelectorAll('input:not([type=hidden]),textarea,select,[contenteditable=true]')) {
      if (found.size >= MAX_FIELDS) return found;
      const choosable = /^(checkbox|radio)$/.test(e.type || '');
      found.set(e, choosable ? String(e.checked) : 'value' in e ? e.value : textOf(e));
    }
  }
  return found;
}
function scrolled() {
  const page = document.scrollingElement || document.documentElement;
  return [page.scrollLeft, page.scrollTop];
}
function minus(a, b) {
  const left = new Map();
  for (const line of b) left.set(line, (left.get(line) || 0) + 1);
  return a.filter(line => {
    const n = left.get(line) || 0;
    if (n) left.set(line, n - 1);
    return !n;
  });
}
const digitless = line => line.replace(/\d+/g, '#');

function watch(target) {
  const before = roots();
  const scope = scopeOf(target);
  const start = { lines: pageLines(before), state: stateOf(target), fields: fieldsOf(before), focus: call(focusedElement()),
    scroll: scrolled(), alerts: alertsOf(before), url: location.href, title: document.title, classes: classesNear(target) };
  const touched = new Map(), seen = { clicks: [], invalid: [], submits: 0, keys: 0 };
  let actedAt = null, lastAt = now(), lastHere = 0;

  const observer = new MutationObserver(records => {
    const at = now();
    for (const r of records) {
      const e = r.target.nodeType === 1 ? r.target : parentOf(r.target) || r.target.parentElement;
      if (!e) continue;
      let entry = touched.get(e);
      if (!entry) touched.set(e, entry = { pre: false, bursts: 0, first: null, last: -1e9, attrs: new Set(), gone: 0 });
      if (actedAt === null) entry.pre = true;
      else if (entry.first === null) entry.first = at;
      if (at - entry.last > 150) entry.bursts++;
      entry.last = at;
      if (r.type === 'attributes') entry.attrs.add(r.attributeName);
      else { entry.attrs.add('#'); entry.gone += r.removedNodes.length; }
      if (!noisy(entry)) lastAt = at;
    }
  });
  const noisy = entry => entry.pre || entry.bursts > 3;
  const options = { subtree: true, childList: true, characterData: true, attributes: true };
  for (const root of before) observer.observe(root, options);

  const path = event => event.composedPath();
  const onClick = event => {
    if (!event.isTrusted || actedAt === null) return;
    const on = path(event), hit = !target || on.includes(target) || on.some(n => n.nodeType === 1 && owns(target, n));
    seen.clicks.push({ hit, on: call(on[0]), prevented: event.defaultPrevented });
  };
  const onInvalid = event => {
    if (actedAt !== null) seen.invalid.push({ field: call(event.target), message: event.target.validationMessage || '' });
  };
  const onSubmit = () => { if (actedAt !== null) seen.submits++; };
  addEventListener('click', onClick, true);
  addEventListener('dblclick', onClick, true);
  addEventListener('contextmenu', onClick, true);
  addEventListener('invalid', onInvalid, true);
  addEventListener('submit', onSubmit, true);

  function near(e) { return !scope || inside(e, scope.box) || scope.others.some(o => inside(e, o) || inside(o, e)); }

  function noise() {
    const lines = new Set();
    for (const [e, entry] of touched) {
      if (!noisy(entry) || e === document.body || e === document.documentElement) continue;
      for (const line of linesOf(textOf(e))) lines.add(digitless(line));
    }
    return lines;
  }

  function read() {
    const all = roots(), quiet = noise(), lines = pageLines(all);
    const fresh = minus(lines, start.lines).filter(l => !quiet.has(digitless(l)));
    const gone = minus(start.lines, lines).filter(l => !quiet.has(digitless(l)));
    const places = sources();
    const alerts = alertsOf(all);
    return {
      state: stateOf(target), url: location.href, title: document.title, focus: call(focusedElement()),
      focusMoved: call(focusedElement()) !== start.focus, scroll: scrolled(),
      added: fresh.slice(0, 40).map(text => placed(text, places)), added_n: fresh.length,
      removed: gone.slice(0, 40), removed_n: gone.length, removedNear: places.some(p => p.near && p.entry.gone),
      removedMs: places.reduce((a, p) => (p.entry.gone ? Math.min(a, p.ms) : a), 1e9),
      attributes: attributesChanged(places), classes: minus(classesNear(target), start.classes),
      alerts: minus(alerts.map(a => a.join('\u0001')), start.alerts.map(a => a.join('\u0001'))).map(a => a.split('\u0001')),
      fields: fieldsChanged(), clicks: seen.clicks.slice(0, 5), invalid: seen.invalid.slice(0, 5), submits: seen.submits,
      quiet_ms: now() - Math.max(lastAt, actedAt || 0), busy: busy(), selection: String(getSelection()).slice(0, 2000),
      ready: document.readyState,
    };
  }

  // Where mutations happened, smallest elements first, page noise left out.
  function sources() {
    const found = [];
    for (const [e, entry] of touched) {
      if (noisy(entry) || entry.first === null || !e.isConnected) continue;
      found.push({ e, entry, near: near(e), ms: entry.first - actedAt, text: textOf(e) || textOf(e.shadowRoot && e) });
    }
    return found.sort((a, b) => a.text.length - b.text.length);
  }
  function placed(text, places) {
    const source = places.find(p => p.text.replace(/\s+/g, ' ').includes(text));
    const at = source ? source.e : null;
    return { text: text.slice(0, 200), near: source ? source.near || notice(at, text) : false, ms: source ? source.ms : -1 };
  }
  // A message the page shows somewhere else on purpose: dialogs, toasts, live regions, or laid over the page.
  function notice(e, text) {
    if (closest(e, ALERT + ',dialog,[role=dialog],[role=menu],[role=listbox]')) return true;
    for (const child of e.children) {
      if (!textOf(child).replace(/\s+/g, ' ').includes(text)) continue;
      if (child.matches(ALERT + ',dialog,[role=dialog],[role=menu],[role=listbox]')) return true;
      if (getComputedStyle(child).position === 'fixed') return true;
    }
    return false;
  }
  function attributesChanged(places) {
    const found = [];
    for (const p of places) {
      for (const name of p.entry.attrs) {
        if (!STATES.includes(name) || found.length > 20) continue;
        found.push({ name, value: p.e.getAttribute(name), near: p.near, own: p.e === target, ms: p.ms, on: call(p.e) });
      }
    }
    return found;
  }
  function fieldsChanged() {
    const out = [], own = target && controlOf(target);
    for (const [e, value] of start.fields) {
      if (e === own || !e.isConnected) continue;
      const is = /^(checkbox|radio)$/.test(e.type || '') ? String(e.checked) : 'value' in e ? e.value : textOf(e);
      if (is !== value && !(own && (inside(e, own) || inside(own, e)))) {
        out.push({ field: call(e), value: e.type === 'password' ? '•'.repeat(is.length) : is.slice(0, 200) });
      }
    }
    return out.slice(0, 10);
  }
  function busy() {
    return [...document.querySelectorAll('[aria-busy=true],[role=progressbar],.spinner,.loading,[class*=spinner i]')]
      .some(e => shown(e) && !e.hasAttribute('aria-valuenow'));
  }
  function stop() {
    observer.disconnect();
    removeEventListener('click', onClick, true);
    removeEventListener('dblclick', onClick, true);
    removeEventListener('contextmenu', onClick, true);
    removeEventListener('invalid', onInvalid, true);
    removeEventListener('submit', onSubmit, true);
  }
  return { start: { ...start, lines: undefined, fields: undefined }, act: () => { actedAt = now(); lastAt = actedAt; }, read, stop };
}

function owns(target, node) {
  return inside(node, target) || (target.tagName === 'LABEL' && target.control === node)
    || (node.tagName === 'LABEL' && node.control === target) || (node.labels && [...node.labels].includes(target));
}
function alertsOf(all) {
  const found = [];
  for (const root of all) {
    for (const e of root.querySelectorAll(ALERT)) {
      if (found.length > 100) return found;
      const text = textOf(e).replace(/\s+/g, ' ').trim();
      if (text && text.length < 400 && shown(e)) {
        found.push([text, (e.getAttribute('role') || '') + ' ' + (e.className.baseVal || e.className) + ' ' + e.id]);
      }
    }
  }
  return found;
}
function classesNear(target) {
  if (!target || !target.isConnected) return [];
  const out = [];
  for (const [i, e] of [target, target.parentElement, target.firstElementChild].entries()) {
    if (e) for (const c of e.classList) if (!TRANSIENT.test(c)) out.push(i + ':' + c);
  }
  return out;
}
function scopeOf(target) {
  if (!target) return null;
  const box = closest(target, NEAR) || parentOf(parentOf(target) || target) || target;
  const ids = ['aria-controls', 'aria-owns', 'aria-describedby', 'aria-errormessage', 'data-target', 'data-bs-target', 'href']
    .flatMap(name => (target.getAttribute && target.getAttribute(name) || '').split(/\s+/))
    .filter(id => id && !id.includes('/')).map(id => id.replace(/^#/, ''));
  return { box, others: ids.map(id => document.getElementById(id)).filter(Boolean) };
}
