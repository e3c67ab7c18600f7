// One pass over the tree as it is drawn. `w` holds everything of one reading.
// Chromium itself crashes on trees of a few thousand levels; its parser stops at 512.
const MAX_DEPTH = 1000;
const INLINE_TEXT = words('A B I EM STRONG SPAN SMALL CODE MARK LABEL ABBR U S SUB SUP TIME FONT KBD Q CITE');
// Sections whose headings say nothing about what follows them, and those that start afresh.
const SCOPES = words('ARTICLE SECTION LI TR TD ASIDE NAV FOOTER DIALOG FIELDSET FORM');
const LANDMARK_TAGS = words('HEADER FOOTER NAV MAIN ASIDE SECTION SEARCH FORM'), SECTIONS = new Set([...LANDMARK_TAGS, 'DIALOG', 'FIELDSET']);
const TABLE_PARTS = words('THEAD TBODY TFOOT TR');
const RESETS = words('ASIDE NAV FOOTER DIALOG');

function newWalk(o) {
  return { options: o, width: innerWidth, height: innerHeight, found: [], stream: [], lists: [], frames: [],
    tables: new Map(), delegated: new Set(), visited: 0, far: 0, cut: '',
    headings: [], blocks: 0, gap: true, deadline: performance.now() + o.budgetMs, marked: new Set(), forms: new Map(),
    active: docActive(document) };
}
// One query of the engine for a whole tree is cheaper than five questions to each of its elements.
function mark(root, w) {
  const found = typeOf(root) === 1 ? findAll(root, MARKS) : root.querySelectorAll(MARKS);
  for (let i = 0; i < found.length; i++) w.marked.add(found[i]);
}
const ROOT = { up: null, pointer: false, grab: false, kind: '', inside: false, owner: null, landmark: '', dialog: '', form: '', fieldset: '',
  item: null, items: null, table: null, off: false, depth: 0, block: 0 };

function overLimit(w) {
  if (w.cut) return true;
  if (w.visited >= w.options.maxNodes) w.cut = 'max_nodes';
  else if ((w.visited & 255) === 0 && performance.now() > w.deadline) w.cut = 'budget_ms';
  else if (w.found.length >= w.options.limit) w.cut = 'limit';
  return w.cut !== '';
}

function walk(e, up, w) {
  const t = tagOf(e);
  if (UNREAD.has(t) || overLimit(w)) return 0;
  w.visited++;
  if (t === 'svg' && up.inside) return 0;  // a control's icon holds no targets
  const style = styleOf(e), display = style.display;
  if (display === 'none' && t !== 'AREA' && t !== 'MAP') return 0;
  if (up.depth >= MAX_DEPTH) { w.cut = 'depth'; return 0; }
  const written = w.marked.has(e), f = enter(e, t, style, display, written, up, w);
  const kind = f.kind = evidence(e, t, f, written, w);
  let m = null;
  if (t === 'IFRAME' || t === 'FRAME') noteFrame(e, w);
  else if (kind) m = candidate(e, t, kind, style, f, w);
  if (m) f.owner = m;
  const apart = m && t !== 'A';  // a control is a gap between the words beside it
  if (apart) w.gap = true;
  f.inside = up.inside || HARD.has(kind);
  const before = w.headings;
  if (f.resets) w.headings = [];
  const inner = t === 'SELECT' || t === 'TEXTAREA' ? 0 : walkChildren(e, t, style, f, w);
  leave(e, t, f, w, before);
  if (apart) w.gap = true;
  if (!m) return inner;
  m.end = w.stream.length;
  if (isWrapper(m, inner, w)) { m.drop = true; return inner; }
  return inner + 1;
}

function walkChildren(e, t, style, f, w) {
  const parent = f.root;
  let inner = 0;
  if (parent !== e) mark(parent, w);
  if (t === 'SLOT' && e.assignedNodes().length) {
    for (const k of e.assignedNodes()) inner += walkNode(k, e, style, f, w);
    return inner;
  }
  for (let k = firstNode(parent); k && !w.cut; k = nextNode(k)) inner += walkNode(k, e, style, f, w);
  return inner;
}
function walkNode(k, e, style, f, w) {
  const type = typeOf(k);
  if (type === 1) return walk(k, f, w);
  if (type === 3) {
    const raw = dataOf(k), text = clean(raw);
    if (!text) { if (raw) w.gap = true; }
    else if ((f.shown || (f.shown = style.visibility)) === 'visible') say(text, f, w, raw);
  }
  return 0;
}
// What follows with no space between, as in `$<b>12</b>`, belongs to the same word. Only `texts` asks for it.
const SPACE = /\s/;
function say(text, f, w, raw) {
  if (!text) return;
  const token = { text, owner: f.owner, block: f.block, item: f.item };
  if (w.options.texts) {
    token.tight = Boolean(raw) && !w.gap && !SPACE.test(raw[0]);
    w.gap = !raw || SPACE.test(raw[raw.length - 1]);
  }
  w.stream.push(token);
}

// What the element's children inherit, and where its text starts.
function enter(e, t, style, display, written, up, w) {
  const role = written ? attr(e, 'role') : null;
  const cursor = style.cursor;
  const f = { e, up, role, root: shadowOf(e) || e, shown: '', inline: display === 'inline', start: w.stream.length, end: 0, depth: up.depth + 1,
    pointer: cursor === 'pointer', grab: cursor === 'grab' || cursor === 'move', kind: '', inside: false,
    owner: up.owner, landmark: up.landmark, dialog: up.dialog, form: up.form, fieldset: up.fieldset, item: up.item,
    items: null, table: up.table, off: false, block: up.block, isItem: false, grouping: GROUPING.has(t), resets: RESETS.has(t) };
  if (display !== 'inline' && display !== 'contents' && !display.startsWith('inline')) f.block = ++w.blocks;
  if (t === 'BR') w.gap = true;
  if (t === 'IMG') say(clean(attr(e, 'alt') || ''), f, w);
  enterItem(e, t, role, f, up, w);
  f.off = up.off || (written && (has(e, 'inert') || attr(e, 'aria-disabled') === 'true'));
  if (written || SECTIONS.has(t)) enterSection(e, t, role, f);
  if (!INLINE_TEXT.has(t) && t !== 'SELECT' && namespaceOf(e) === HTML_NS) openItems(e, t, role, f, w);
  return f;
}
function enterItem(e, t, role, f, up, w) {
  const rowList = f.table && isRow(t, role) && isDataRow(e) ? f.table : null;
  const holder = itemHolder(up, e);
  const list = rowList || (holder && holder.list);
  if (!list) return;
  f.item = { list, index: list.items.length + 1, outer: up.item };
  f.isItem = true;
}
// Slots and `display: contents` wrappers are no parents of items; so only the direct parent is asked.
function itemHolder(up, e) { return up.items && up.items.set.has(e) ? up.items : null; }

function openItems(e, t, role, f, w) {
  if (isTable(t, role)) {
    f.table = openList(tableName(e, w), w);
    w.lists.push(f.table);
    return;
  }
  if (TABLE_PARTS.has(t) || role === 'row' || role === 'rowgroup') return;
  const set = itemsOf(e, t, role, f.root);
  if (!set) return;
  const list = openList(labelOf(e) || lastHeading(w), w);
  w.lists.push(list);
  f.items = { set, list };
}
const lastHeading = w => (w.headings.length ? w.headings[w.headings.length - 1].text : '');
function tableName(e, w) {
  for (const k of childrenOf(e)) if (tagOf(k) === 'CAPTION') return cut(clean(textOf(k)), 80);
  return labelOf(e) || lastHeading(w);
}

function enterSection(e, t, role, f) {
  if (LANDMARK_TAGS.has(t) || (role && LANDMARKS.has(role))) {
    const r = roleOf(e);
    if (LANDMARKS.has(r)) { const label = labelOf(e); f.landmark = label ? r + ' "' + label + '"' : r; }
    if (r === 'contentinfo' || r === 'navigation' || r === 'complementary') f.resets = true;
  }
  if (isDialog(e, t)) { f.dialog = labelOf(e) || firstHeading(e) || 'dialog'; f.resets = true; }
  if (t === 'FORM' || role === 'form' || role === 'search') f.form = formName(e) || f.form;
  if (t === 'FIELDSET' || role === 'group' || role === 'radiogroup') f.fieldset = groupName(e, t) || f.fieldset;
}

function leave(e, t, f, w, headingsBefore) {
  f.end = w.stream.length;
  if (f.isItem && (f.end > f.start)) f.item.list.items.push(f.item); else if (f.item) { if (f.isItem) f.item.index = 0; }
  if (f.resets || f.isItem || SCOPES.has(t)) w.headings = headingsBefore;
  const role = f.role;
  if ((isHeading(t) && (!role || role === 'heading')) || role === 'heading') leaveHeading(e, t, f, w, headingsBefore);
}
// Its text is what stands outside links and buttons, if anything does ("History [edit]"); those are under it, too.
function leaveHeading(e, t, f, w, headingsBefore) {
  const tokens = w.stream.slice(f.start, f.end), join = list => clean(list.map(x => x.text).join(' ')).replace(/\s*\[\s*\]$/, '');
  const text = cut(join(tokens.filter(x => x.owner === f.owner)) || join(tokens), 100);
  if (!text) return;
  const level = Number(attr(e, 'aria-level')) || (isHeading(t) ? Number(t[1]) : 2);
  w.headings = [...headingsBefore.filter(h => h.level < level), { level, text }];
  for (let i = w.found.length - 1; i >= 0 && w.found[i].start >= f.start; i--) {
    if (join(w.stream.slice(w.found[i].start, w.stream.length)) !== text) w.found[i].headings = w.headings;
  }
}

function noteFrame(e, w) {
  const r = rectOf(e);
  w.frames.push({ node: numberOf(e), x: r.x + e.clientLeft, y: r.y + e.clientTop, width: e.clientWidth, height: e.clientHeight });
}

function boxOf(e, t, style) {
  if (t === 'AREA') return areaBox(e);
  const r = rectOf(e);
  if (style.display !== 'contents' || r.width) return r;
  const range = document.createRange();
  range.selectNodeContents(e);
  return range.getBoundingClientRect();
}

function candidate(e, t, kind, style, f, w) {
  if (style.visibility !== 'visible') return null;
  let rect = boxOf(e, t, style);
  if (!(rect.width > 0 && rect.height > 0)) {
    // An inline box around a float or a block is empty although its content is drawn.
    const child = t === 'A' || kind !== 'native' ? e.firstElementChild : null;
    if (child) rect = rectOf(child);
    if (!(rect.width > 0 && rect.height > 0)) return null;
  }
  if (checkVisible && !checkVisible(e) && style.display !== 'contents' && t !== 'AREA') return null;
  const near = w.options.near;
  if (near !== null && (rect.bottom < -near || rect.top > w.height + near || rect.right < -near || rect.left > w.width + near)) {
    w.far++;
    return null;
  }
  const m = { e, t, kind, rect, style, frame: f, outer: f.owner, pointer: f.pointer, headings: w.headings, start: w.stream.length,
    end: 0, drop: false, block: f.block };
  w.found.push(m);
  w.stream.push({ text: '', owner: m, block: f.block, item: f.item });
  return m;
}
