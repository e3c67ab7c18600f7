// Values and states of one element.
const KEPT = words('id name class type title alt data-testid data-test autocomplete accept pattern min max step ' +
  'maxlength target download aria-haspopup aria-keyshortcuts rel for draggable aria-valuemin aria-valuemax');
const MAX_OPTIONS = 200;

function attributesOf(e, names) {
  const out = {};
  for (const name of names) if (KEPT.has(name)) { const v = attr(e, name); if (v) out[name] = cut(v, 80); }
  return out;
}
const tri = v => (v === 'mixed' ? 'mixed' : v === 'true' ? 'true' : 'false');

function inputState(e, d) {
  const type = e.type;
  d.y = type;
  if (type === 'checkbox' || type === 'radio') d.c = e.indeterminate ? 'mixed' : String(e.checked);
  else if (type === 'password') d.V = '•'.repeat(Math.min(e.value.length, 12));
  else if (type === 'file') d.V = [...e.files].map(f => f.name).join(', ');
  else if (!NO_PLACEHOLDER.has(type) || type === 'range' || type === 'color') d.V = e.value.slice(0, 500);
}
function selectState(e, d) {
  const all = [...e.options];
  d.V = [...e.selectedOptions].map(optionText).join(', ');
  d.op = all.slice(0, MAX_OPTIONS).map(o => {
    const text = cut(clean(optionText(o)), 120), flags = (o.selected ? 1 : 0) + (o.disabled ? 2 : 0);
    return o.value === text && !flags ? [text] : [text, cut(o.value, 120), flags];
  });
  if (e.multiple) d.mu = 1;
  if (all.length > MAX_OPTIONS) d.on = all.length;
}

// `:disabled` also knows fieldsets; custom elements can be form controls.
const DISABLING = words('BUTTON INPUT SELECT TEXTAREA');
const disabledNow = (e, t) => (DISABLING.has(t) || t.includes('-')) && matches(e, ':disabled');

function stateOf(e, t, d, names) {
  if (t === 'INPUT') inputState(e, d);
  else if (t === 'TEXTAREA') d.V = e.value.slice(0, 500);
  else if (t === 'SELECT') selectState(e, d);
  else if (t === 'A' || t === 'AREA' || t === 'a') d.u = (attr(e, 'href') || attr(e, 'xlink:href') || '').slice(0, 200);
  else if (e.isContentEditable) { d.V = clean(textOf(e)).slice(0, 500); d.y = 'contenteditable'; }
  if (t === 'INPUT' || t === 'TEXTAREA') {
    if (e.required) d.R = 1;
    if (e.readOnly) d.O = 1;
    const shown = attr(e, 'placeholder');
    if (shown) d.ph = cut(clean(shown), 120);
  } else if (t === 'SELECT' && e.required) d.R = 1;
  if (t === 'SUMMARY') d.x = parentElement(e).open ? 1 : 0;
  if (disabledNow(e, t)) d.D = 1;
  for (const name of names) if (name.startsWith('aria-')) { ariaState(e, d); break; }
}
function ariaState(e, d) {
  let v;
  if ((v = attr(e, 'aria-checked')) !== null) d.c = tri(v);
  if ((v = attr(e, 'aria-expanded')) !== null) d.x = v === 'true' ? 1 : 0;
  if ((v = attr(e, 'aria-selected')) !== null) d.s = v === 'true' ? 1 : 0;
  if ((v = attr(e, 'aria-pressed')) !== null) d.P = tri(v);
  if ((v = attr(e, 'aria-current')) && v !== 'false') d.cu = v;
  if ((v = attr(e, 'aria-invalid')) && v !== 'false') d.I = 1;
  if (attr(e, 'aria-required') === 'true') d.R = 1;
  if (attr(e, 'aria-readonly') === 'true') d.O = 1;
  if (!d.ph && (v = attr(e, 'aria-placeholder'))) d.ph = clean(v);
  if (d.V === undefined && (v = attr(e, 'aria-valuetext') || attr(e, 'aria-valuenow'))) d.V = v;
}

// The main action of a form, dialog or page: a submit button, a class that says so, or a filled colour.
const PRIMARY = /(^|[\s_-])(primary|cta|btn-success|call-to-action|submit|filled|contained|is-link|is-primary)([\s_-]|$)/i;
const NOT_PRIMARY = /(outline|secondary|text-primary|link-primary|tertiary|ghost)/i;
function isPrimary(e, t, { role, style }, w) {
  if (role !== 'button' && role !== 'link') return false;
  const kind = attr(e, 'class') || '';
  if (t === 'INPUT' || t === 'BUTTON') {
    const type = (attr(e, 'type') || (t === 'BUTTON' ? 'submit' : '')).toLowerCase();
    if ((type === 'submit' || type === 'image') && e.form && mainSubmit(e, w) && !NOT_PRIMARY.test(kind)) return true;
  }
  if (PRIMARY.test(kind) && !NOT_PRIMARY.test(kind)) return role === 'button' || /b(u|t)t?o?n/i.test(kind);
  return role === 'button' && saturated(style.backgroundColor);
}
// The first submit button of its form is what Enter presses.
function mainSubmit(e, w) {
  const { form } = e;
  if (!w.forms.has(form)) w.forms.set(form, find(form, 'button:not([type]),button[type=submit],input[type=submit],input[type=image]'));
  const first = w.forms.get(form);
  return !first || first === e;
}
function saturated(colour) {
  const m = /rgba?\((\d+)[, ]+(\d+)[, ]+(\d+)(?:[,/ ]+([\d.]+))?/.exec(colour);
  if (!m || (m[4] !== undefined && +m[4] < 0.5)) return false;
  const rgb = [+m[1], +m[2], +m[3]], top = Math.max(...rgb), low = Math.min(...rgb);
  return top - low > 70;
}
// The fourth part is the opacity; `rgb(255, 0, 0)` is a plain red.
const transparent = c => !c || c === 'transparent' || /^rgba\(.*, ?0\)$|\/ ?0%?\)$/.test(c);

// A link that is broken over two lines has a box around both, whose middle may be outside of it.
function firstLine(e, r, w) {
  const parts = rectsOf(e);
  if (parts.length > 1) for (const p of parts) if (p.width > 1 && p.height > 1 && p.bottom > 0 && p.top < w.height) return p;
  return r;
}

function coversLine(hit, left, right, y) {
  const r = rectOf(hit);
  return r.left <= left && r.right >= right && r.top <= y && r.bottom >= y;
}

// 1 if three points of the visible part of the box all belong to something else.
function covered(e, t, r, m, w) {
  const root = rootOf(e), shadow = root !== document;
  if ((shadow && !root.elementFromPoint) || t === 'AREA') return 0;
  const box = m.frame.inline ? firstLine(e, r, w) : r;
  const left = Math.max(box.left, 0), right = Math.min(box.right, w.width);
  const top = Math.max(box.top, 0), bottom = Math.min(box.bottom, w.height), y = (top + bottom) / 2;
  for (const share of [0.5, 0.2, 0.8]) {
    const x = left + (right - left) * share, hit = shadow ? root.elementFromPoint(x, y) : elementAt(document, x, y);
    if (!hit) continue;
    if (contains(e, hit) || (shadow && inTree(hit, e))) return 0;
    const label = hit.closest && closest(hit, 'label');
    if (label && (label.control === e || label === e)) return 0;
    if (shadow && hit === root.host) return 0;
    if (t === 'LABEL' && e.control === hit) return 0;
    if (!contains(hit, e) && coversLine(hit, left, right, y)) return 1;  // the other two points would meet it, too
  }
  return 1;
}
function areaBox(area) {
  const map = closest(area, 'map'), image = map && findIn(rootOf(area), 'img[usemap="#' + CSS.escape(attr(map, 'name') || '') + '"]');
  if (!image) return rectOf(area);
  const b = rectOf(image), c = (attr(area, 'coords') || '').split(',').map(Number);
  if (c.length === 3) return new DOMRect(b.x + c[0] - c[2], b.y + c[1] - c[2], 2 * c[2], 2 * c[2]);
  if (c.length < 4) return b;
  const xs = c.filter((_, i) => !(i & 1)), ys = c.filter((_, i) => i & 1);
  return new DOMRect(b.x + Math.min(...xs), b.y + Math.min(...ys), Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
}
