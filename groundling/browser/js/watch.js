// Watches one document around one action: what was there before, what changed since.
//
// `watch(element or null)` returns an object with `act()` (the action starts now), `read()` and `stop()`.
// It only listens and reads; the page cannot tell the difference. What changed is told relative to a base, which is
// taken anew when the mouse button or a key goes down: what the mouse did on its way there is not the action's effect.
const now = () => performance.now();
const MAX_LINES = 4000, MAX_FIELDS = 400;

const ALERT = '[role=alert],[role=alertdialog],[role=status],[aria-live=assertive],[aria-live=polite],output,'
  + '[class*=error i],[class*=alert i],[class*=toast i],[class*=snackbar i],[class*=invalid i],[class*=notice i],'
  + '[class*=warning i],[class*=danger i],[class*=flash i],[id*=error i]';
const NEAR = 'form,dialog,[role=dialog],[role=alertdialog],fieldset,tr,li,[role=row],[role=listitem],[role=option],'
  + '[role=tablist],[role=toolbar],[role=menu],[role=listbox],article,section';
const TRANSIENT = /focus|hover|active$|^active|ripple|press|visited|touched|dirty|click|waves|animat/i;
const INPUT_MODE = /mouse|keyboard|^js|load|busy|progress|scroll|touch/i;
const WRONG = /(^|[-_])(is-invalid|invalid|error|errored|has-error|has-danger)$/i;
const PROGRESS = new RegExp('^(loading|saving|sending|submitting|processing|searching|uploading|updating|deleting|'
  + 'signing in|logging in|please wait|one moment|working( on it)?)\\b.{0,20}$', 'i');
const FIELDS = 'input:not([type=hidden]),textarea,select,[contenteditable=true]';
const REQUEST_MS = 400;
const STATES = ['aria-checked', 'aria-pressed', 'aria-selected', 'aria-expanded', 'aria-current', 'aria-disabled',
  'aria-hidden', 'aria-invalid', 'aria-busy', 'aria-valuenow', 'aria-sort', 'aria-activedescendant', 'open', 'hidden',
  'disabled', 'checked', 'href', 'src', 'data-state', 'value', 'aria-label', 'title'];

let closedRoots = [];
function roots() {
  const found = [document, ...closedRoots];
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
    message: field ? e.validationMessage || '' : '', number: is('SELECT') || is('TEXTAREA') ? NaN : numberOf(e),
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
    for (const e of root.querySelectorAll(FIELDS)) {
      if (found.size >= MAX_FIELDS) return found;
      const choosable = /^(checkbox|radio)$/.test(e.type || '');
      found.set(e, choosable ? String(e.checked) : 'value' in e ? e.value : textOf(e));
    }
  }
  return found;
}
// Fields that the page marks as wrong by attribute or class, on the field or on what wraps it.
function wrongFields(all) {
  const found = new Set();
  for (const root of all) {
    for (const e of root.querySelectorAll(FIELDS)) {
      if (found.size >= MAX_FIELDS) return found;
      let at = e, wrong = e.getAttribute('aria-invalid') === 'true';
      for (let level = 0; at && level < 3 && !wrong; level++, at = at.parentElement) {
        wrong = [...at.classList].some(c => WRONG.test(c) && !/^ng-/.test(c));
      }
      if (wrong && (shown(e) || shown(parentOf(e)))) found.add(e);
    }
  }
  return found;
}
// What says that something is under way.
function spinners() {
  const all = document.querySelectorAll('[aria-busy=true],[role=progressbar],.spinner,.loading,[class*=spinner i]');
  return [...all].filter(e => shown(e) && !e.hasAttribute('aria-valuenow'));
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
  const kin = kinOf(target);
  for (let root = target && target.getRootNode(); root && root.host; root = root.host.getRootNode()) {
    if (root.mode === 'closed') closedRoots.push(root);
  }
  let scope = scopeOf(target);
  const touched = new Map(), seen = { clicks: [], invalid: [], submits: 0 }, answered = [], unplaced = new Map();
  let actedAt = null, eventAt = null, causes = [], reads = 0, lastAt = now(), base;

  function take() {
    const all = roots(), on = current();
    base = { lines: pageLines(all), state: stateOf(on), fields: fieldsOf(all), focus: call(focusedElement()),
      scroll: scrolled(), alerts: alertsOf(all), classes: classesNear(on), look: pageLook(), wrong: wrongFields(all),
      spinners: new Set(spinners()), url: location.href, title: document.title, password: asksPassword(), drawn: selectionLook() };
  }
  const told = () => ({ state: base.state, focus: base.focus, scroll: base.scroll, url: base.url, title: base.title,
    password: base.password });
  // The element, or the one that a page which draws itself anew put in its place.
  let heir = null;
  function current() {
    if (!target || target.isConnected) return target;
    if (heir && heir.isConnected) return heir;
    const found = [];
    for (const root of roots()) for (const e of root.querySelectorAll(target.tagName)) if (kinOf(e) === kin) found.push(e);
    heir = kin && found.length === 1 ? found[0] : null;
    if (heir) scope = scopeOf(heir);
    return heir || target;
  }

  const note = records => {
    const at = now();
    for (const r of records) {
      const e = r.target.nodeType === 1 ? r.target : parentOf(r.target) || r.target.parentElement;
      if (!e) continue;
      let entry = touched.get(e);
      if (!entry) touched.set(e, entry = { pre: false, early: false, bursts: 0, writes: 0,
        first: null, last: -1e9, attrs: new Set(), gone: 0 });
      if (actedAt === null) entry.pre = true;
      else if (entry.first === null) entry.first = at;
      if (at - entry.last > 150) { entry.bursts++; entry.writes += r.type !== 'attributes'; }
      entry.last = at;
      if (r.type === 'attributes') entry.attrs.add(r.attributeName);
      else { entry.attrs.add('#'); entry.gone += r.removedNodes.length; }
      if (!noisy(entry)) lastAt = at;
    }
  };
  const observer = new MutationObserver(note);
  const noisy = entry => entry.pre || entry.bursts > 3;
  const options = { subtree: true, childList: true, characterData: true, attributes: true };
  for (const root of roots()) observer.observe(root, options);
  take();
  const timing = new PerformanceObserver(list => {
    for (const r of list.getEntries()) {
      if (!/^(fetch|xmlhttprequest)$/.test(r.initiatorType) || eventAt === null) continue;
      if (causes.some(at => r.startTime >= at - 5 && r.startTime <= at + REQUEST_MS)) answered.push(r.responseEnd);
    }
  });
  timing.observe({ type: 'resource' });

  const path = event => event.composedPath();
  function happened() {
    lastAt = now();
    if (eventAt === null) eventAt = lastAt;
    if (causes.length < 500) causes.push(lastAt);
  }
  const onDown = event => {
    if (actedAt === null) return;
    if (eventAt === null && event.isTrusted) {
      note(observer.takeRecords());
      for (const entry of touched.values()) {
        Object.assign(entry, { first: null, gone: 0, writes: 0, early: true });
        entry.attrs.clear();
      }
      causes = [];
      take();
    }
    happened();
  };
  const onOver = event => { if (actedAt !== null && eventAt === null && event.isTrusted) causes.push(now()); };
  // A fill by script sends no key, only this.
  const onInput = () => { if (actedAt !== null) happened(); };
  const onClick = event => {
    if (actedAt !== null) happened();
    if (!event.isTrusted || actedAt === null) return;
    const on = path(event), hit = !target || on.includes(target) || on.some(n => n.nodeType === 1 && owns(target, n))
      || hidden(target, on[0]);
    seen.clicks.push({ hit, on: call(on[0]), prevented: event.defaultPrevented });
  };
  const onInvalid = event => {
    if (actedAt !== null) seen.invalid.push({ field: call(event.target), message: event.target.validationMessage || '' });
  };
  const onSubmit = () => { if (actedAt !== null) seen.submits++; };
  const listeners = [['click', onClick], ['dblclick', onClick], ['contextmenu', onClick], ['invalid', onInvalid],
    ['submit', onSubmit], ['pointerdown', onDown], ['keydown', onDown],
    ['pointerover', onOver], ['input', onInput], ['change', onInput]];
  for (const [name, listener] of listeners) addEventListener(name, listener, true);

  function near(e) { return !scope || inside(e, scope.box) || scope.others.some(o => inside(e, o) || inside(o, e)); }

  function noise() {
    const lines = new Set();
    for (const [e, entry] of touched) {
      if (!noisy(entry) || e === document.body || e === document.documentElement) continue;
      for (const line of linesOf(textOf(e))) lines.add(digitless(line));
    }
    return lines;
  }

  // How long after its likely cause a change began: the event, or the answer to a request that the event sent.
  function delay(at) {
    const waits = [...(causes.length ? causes : [actedAt]), ...answered].map(cause => at - cause).filter(ms => ms >= -5);
    return waits.length ? Math.max(0, Math.min(...waits)) : -1;
  }

  function read() {
    reads++;
    const all = roots(), on = current(), quiet = noise(), lines = pageLines(all);
    const fresh = minus(lines, base.lines).filter(l => !quiet.has(digitless(l)));
    const gone = minus(base.lines, lines).filter(l => !quiet.has(digitless(l)));
    const places = sources(on), working = fresh.some(l => PROGRESS.test(l)) || spinners().some(e => !base.spinners.has(e));
    const alerts = alertsOf(all), plain = fresh.filter(l => !PROGRESS.test(l));
    return {
      before: told(), state: stateOf(on), replaced: on !== target, url: location.href, title: document.title,
      focus: call(focusedElement()), focusMoved: call(focusedElement()) !== base.focus, scroll: scrolled(),
      pressed: eventAt !== null, added: plain.slice(0, 40).map(text => placed(text, places)), added_n: plain.length,
      removed: gone.slice(0, 40), removed_n: gone.length, removedNear: places.some(p => p.near && p.entry.gone),
      removedMs: places.reduce((a, p) => (p.entry.gone && p.ms >= 0 ? Math.min(a, p.ms) : a), 1e9),
      reordered: !fresh.length && !gone.length && places.some(p => p.entry.gone && (p.near || p.ms >= 0))
        && lines.join('\n') !== base.lines.join('\n'),
      moved: moved(places, on), attributes: attributesChanged(places, on),
      styled: restyled(base.drawn, selectionLook()), classes: minus(classesNear(on), base.classes), look: minus(pageLook(), base.look),
      alerts: minus(alerts.map(a => a.join('\u0001')), base.alerts.map(a => a.join('\u0001'))).map(a => a.split('\u0001')),
      fields: fieldsChanged(on), wrong: [...wrongFields(all)].filter(e => !base.wrong.has(e)).slice(0, 5).map(call),
      clicks: seen.clicks.slice(0, 5), invalid: seen.invalid.slice(0, 5), submits: seen.submits,
      quiet_ms: now() - Math.max(lastAt, actedAt || 0), busy: working, selection: String(getSelection()).slice(0, 2000),
      ready: document.readyState,
    };
  }

  // Where mutations happened, smallest elements first, page noise left out.
  function sources(on) {
    const found = [];
    for (const [e, entry] of touched) {
      if (noisy(entry) || entry.first === null || !e.isConnected) continue;
      const close = near(e) || (on !== target && inside(e, on));
      // Far away, what is written again and again is not the action's work.
      const own = close || !(entry.early || entry.writes > 1);
      found.push({ e, entry, near: close, ms: own ? delay(entry.first) : -1, text: textOf(e) });
    }
    return found.sort((a, b) => a.text.length - b.text.length);
  }
  function placed(text, places) {
    const source = places.find(p => p.text.replace(/\s+/g, ' ').includes(text));
    if (source) return { text: text.slice(0, 200), near: source.near || notice(source.e, text), ms: source.ms };
    // No script wrote it, so a style sheet shows it: then it is there at the first look after the event.
    if (!unplaced.has(text)) unplaced.set(text, actedAt === null || reads > 2 ? -1 : 0);
    return { text: text.slice(0, 200), near: false, ms: unplaced.get(text) };
  }
  // Boxes that a script pushed elsewhere, such as a carousel; what lies in the element itself may be a mere ripple.
  function moved(places, on) {
    return places.filter(p => p.entry.attrs.has('style') && (p.near || (p.ms >= 0 && p.ms <= 200)) && !inside(p.e, on)
      && /transform|translate|left|top|margin|right/.test(p.e.getAttribute('style') || '') && textOf(p.e).trim())
      .slice(0, 3).map(p => linesOf(p.text)[0].slice(0, 60));
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
  function attributesChanged(places, on) {
    const found = [];
    for (const p of places) {
      for (const name of p.entry.attrs) {
        if (!STATES.includes(name) || found.length > 20) continue;
        found.push({ name, value: p.e.getAttribute(name), near: p.near, own: p.e === on, ms: p.ms, on: call(p.e) });
      }
    }
    return found;
  }
  function fieldsChanged(on) {
    const out = [], own = on && controlOf(on);
    for (const [e, value] of base.fields) {
      if (e === own || !e.isConnected) continue;
      const is = /^(checkbox|radio)$/.test(e.type || '') ? String(e.checked) : 'value' in e ? e.value : textOf(e);
      if (is !== value && !(own && (inside(e, own) || inside(own, e)))) {
        out.push({ field: call(e), value: e.type === 'password' ? '•'.repeat(is.length) : is.slice(0, 200) });
      }
    }
    return out.slice(0, 10);
  }
  function stop() {
    observer.disconnect();
    timing.disconnect();
    for (const [name, listener] of listeners) removeEventListener(name, listener, true);
  }
  return { start: told(), act: () => { actedAt = now(); lastAt = actedAt; }, read, stop };
}

// Whether the target is in a closed shadow root of the node, which events from there name as their target.
function hidden(target, node) {
  for (let root = target.getRootNode(); root.host; root = root.host.getRootNode()) {
    if (root.mode === 'closed' && root.host === node) return true;
  }
  return false;
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
// How the first selected word is drawn: what a button of a text editor changes.
function selectionLook() {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0), root = range.commonAncestorContainer;
  const holds = n => range.intersectsNode(n) && n.data.trim()
    && (n !== range.startContainer || range.startOffset < n.length) && (n !== range.endContainer || range.endOffset > 0);
  let node = root.nodeType === 3 ? root : null;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (!node && walker.nextNode()) if (holds(walker.currentNode)) node = walker.currentNode;
  const on = node && node.parentElement;
  if (!on) return null;
  const s = getComputedStyle(on), lines = new Set();
  for (let at = on; at; at = at.parentElement) {
    lines.add(getComputedStyle(at).textDecorationLine);
    if (at.contentEditable === 'true') break;
  }
  lines.delete('none');
  return { text: String(selection), look: { weight: s.fontWeight, slant: s.fontStyle, lines: [...lines].sort().join(' '),
    colour: s.color, background: s.backgroundColor, size: s.fontSize, font: s.fontFamily, align: s.textAlign, raised: s.verticalAlign } };
}
// Names of what changed in the look of the text that is still selected.
function restyled(was, is) {
  if (!was || !is || was.text !== is.text) return [];
  return Object.keys(is.look).filter(k => is.look[k] !== was.look[k]).map(k => k + ' ' + (is.look[k] || 'none'));
}
// What tells an element from its like: a page that draws itself anew keeps it.
function kinOf(e) {
  if (!e) return '';
  const name = e.id || e.getAttribute('name') || e.getAttribute('aria-label') || e.getAttribute('placeholder')
    || textOf(e.labels && e.labels[0]) || textOf(e).slice(0, 80);
  return name.trim() && [e.tagName, e.type || '', e.getAttribute('role') || '', name.trim()].join('|');
}
function asksPassword() {
  return [...document.querySelectorAll('input[type=password]')].some(shown);
}
// Classes and themes of the whole page.
function pageLook() {
  const out = [];
  for (const e of [document.documentElement, document.body]) {
    if (!e) continue;
    for (const c of e.classList) if (!TRANSIENT.test(c) && !INPUT_MODE.test(c)) out.push(c);
    for (const a of e.attributes) if (/theme|mode|scheme|^lang$|^dir$/.test(a.name)) out.push(a.name + '=' + a.value);
  }
  return out;
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
