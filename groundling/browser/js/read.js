// From the walk to the answer: short keys, defaults left out, repeated strings by number.
const MAX_NAME = 160;

function interner() {
  const numbers = new Map(), strings = [];
  const intern = s => {
    if (!s) return undefined;
    let n = numbers.get(s);
    if (n === undefined) { n = strings.length; numbers.set(s, n); strings.push(s); }
    return n;
  };
  return { intern, strings };
}

// Role and name as the snapshot shows them.
function identify(m) {
  const { e, t, kind } = m;
  const target = kind === 'label' && e.control ? e.control : e;
  let role = roleOf(target);
  const soft = !HARD.has(kind);
  let name = role === 'generic' && !has(e, 'aria-label') && !has(e, 'aria-labelledby') ? '' : clean(nameFor(target, MAX_NAME, target === e));
  if (!name && (soft || kind === 'label')) name = clean(contentName(e, MAX_NAME));
  if (!name && role === 'generic') name = clean(attr(e, 'title') || '');
  m.spoken = name !== '';
  m.name = cut(name || hint(e, t), MAX_NAME);
  m.role = role === 'generic' || role === 'none' || role === 'presentation' ? (soft ? 'clickable' : role) : role;
  m.target = target;
}
const FIELD = words('textbox searchbox combobox listbox spinbutton slider checkbox radio switch');

function describe(m, w) {
  identify(m);
  m.cell = m.frame.table && headersOf(m.e, w);
  m.context = contextOf(m, w);
  const before = textBefore(m, w), after = textAfter(m, w);
  m.before = before === m.name ? '' : before;
  m.after = after === m.name ? '' : after;
  m.label = '';
  if (FIELD.has(m.role) && (!m.spoken || m.name === clean(attr(m.e, 'placeholder') || ''))) m.label = visibleLabel(m, w, before, after);
}

const tenth = x => Math.round(x * 10) / 10;
function record(m, w, intern) {
  const { e, t, rect, frame: f, target } = m, names = attributeNames(e), theirs = target === e ? names : attributeNames(target);
  const d = { i: numberOf(e), t: t.toLowerCase(), r: m.role, k: m.kind };
  if (m.name) d.n = m.name;
  d.b = [tenth(rect.x), tenth(rect.y), tenth(rect.width), tenth(rect.height)];
  const inView = rect.bottom > 0 && rect.right > 0 && rect.top < w.height && rect.left < w.width;
  if (!inView) d.v = 0; else if (w.options.hitTest && covered(e, t, rect, m, w)) d.o = 1;
  d.a = attributesOf(e, names);
  if (m.kind === 'label') for (const a of ['type', 'name']) { const v = attr(target, a); if (v) d.a[a] = v; }
  stateOf(target, tagOf(target), d, theirs);
  if (f.off) d.D = 1;
  if (!d.V) delete d.V;
  if (w.active === target) d.f = 1;
  if (isPrimary(e, t, m, w)) d.p = 1;
  if (!transparent(m.style.backgroundColor)) d.bg = intern(m.style.backgroundColor);
  d.fg = intern(m.style.color);
  const description = descriptionFor(target, m.name, theirs);
  if (description) d.d = description;
  placeInto(d, m, f, intern);
  if (!m.spoken || m.name.length < 3) { const icons = iconWords(e); if (icons.length) d.ic = icons; }
  return d;
}
function placeInto(d, m, f, intern) {
  d.L = intern(f.landmark);
  d.g = intern(f.dialog);
  d.F = intern(f.form);
  d.S = intern(f.fieldset);
  if (m.headings.length) d.H = m.headings.map(h => intern(h.text));
  if (m.label) d.l = m.label;
  if (m.context) d.C = m.context;
  if (m.before) d.B = m.before;
  if (m.after) d.A = m.after;
  if (m.cell) { d.rh = intern(m.cell.row); d.ch = intern(m.cell.column); }
  const places = placesOf(m);
  if (places.length) d.pl = places;
}

// Visible text, one entry per block.
function textBlocks(w) {
  const out = [];
  let block = -1;
  for (const token of w.stream) {
    if (!token.text) continue;
    if (token.block === block) out[out.length - 1] += (token.tight ? '' : ' ') + token.text; else out.push(token.text);
    block = token.block;
  }
  return out.map(t => cut(t, 500));
}

const DEFAULTS = { near: null, limit: 5000, maxNodes: 200000, budgetMs: 5000, texts: false, hitTest: true };
function survey(options) {
  hook = G.__groundlingHook || NO_HOOK;
  const w = newWalk({ ...DEFAULTS, ...options });
  const root = docBody(document) || docRoot(document);
  if (root) { w.marked.add(root); mark(root, w); walk(root, ROOT, w); }
  w.elements = w.found.filter(m => !m.drop);
  return w;
}

function read(options) {
  const started = performance.now(), w = survey(options), { intern, strings } = interner(), records = [];
  for (const m of w.elements) {
    if (performance.now() > w.deadline) { w.cut = w.cut || 'budget_ms'; break; }
    describe(m, w);
    records.push(record(m, w, intern));
  }
  const used = new Set(records.flatMap(d => (d.pl || []).map(p => p[0])));
  const lists = w.lists.filter(l => used.has(l.id) && l.name).map(l => [l.id, l.name]);
  const seeker = docScroller(document) || docRoot(document);
  return { key: documentKey, url: location.href, title: docTitle(document), width: w.width, height: w.height,
    scroll: [scrollX, scrollY], tall: seeker ? seeker.scrollHeight : 0, visited: w.visited, far: w.far, cut: w.cut,
    missing: w.cut && w.elements.length - records.length, frames: w.frames, strings, lists, elements: records,
    texts: w.options.texts ? textBlocks(w) : [], hooked: hook.native, ms: performance.now() - started };
}

// Prototype.js and others define toJSON on built-in prototypes, which JSON.stringify would obey.
function readJson(options) {
  const taken = [];
  for (const proto of [Array.prototype, Object.prototype, String.prototype, Number.prototype]) {
    const own = Object.getOwnPropertyDescriptor(proto, 'toJSON');
    if (own && own.configurable) { taken.push([proto, own]); delete proto.toJSON; }
  }
  try { return stringify(read(options)); } finally { for (const [proto, own] of taken) Object.defineProperty(proto, 'toJSON', own); }
}
