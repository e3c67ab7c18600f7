// Where an element stands: what a person sees around it.
//
// While walking, all visible text goes into one stream of tokens {text, owner, frame}; an element puts a mark
// (empty text) there when it opens. `m.start` and `m.end` bound an element's part of the stream, so that the text
// before it, after it and around it are slices.
const MAX_CONTEXT = 200, MAX_SIDE = 80, MAX_TOKENS = 60;

const owned = (token, m) => { for (let o = token.owner; o; o = o.outer) if (o === m) return true; return false; };
const foreign = token => { let o = token.owner; while (o && o.drop) o = o.outer; return o; };

function textBefore(m, w) {
  let text = '';
  m.beforeAt = -1;
  for (let i = m.start - 1; i >= 0 && i > m.start - 12; i--) {
    const token = w.stream[i], other = foreign(token);
    if (other && !inChain(other, m)) break;
    if (token.text) { text = token.text + ' ' + text; if (m.beforeAt < 0) m.beforeAt = i; }
    if (text.length >= MAX_SIDE || (text && token.block !== m.block)) break;
  }
  text = clean(text);
  return text.length > MAX_SIDE ? '…' + text.slice(-MAX_SIDE + 1) : text;
}
function textAfter(m, w) {
  let text = '';
  m.afterAt = -1;
  for (let i = m.end; i < w.stream.length && i < m.end + 12; i++) {
    const token = w.stream[i], other = foreign(token);
    if (other && !inChain(other, m)) break;
    if (text && token.text && token.block !== m.block) break;
    if (token.text) { text += ' ' + token.text; if (m.afterAt < 0) m.afterAt = i; }
    if (text.length >= MAX_SIDE) break;
  }
  return cut(clean(text), MAX_SIDE);
}
const inChain = (other, m) => { for (let o = m.outer; o; o = o.outer) if (o === other) return true; return false; };

// `direct`: without the nested items, e.g. the title of a menu without its entries.
function sliceText(frame, m, w, direct) {
  let text = '', size = 0;
  for (let i = frame.start; i < frame.end && size <= MAX_CONTEXT; i++) {
    const token = w.stream[i];
    if (!token.text || owned(token, m) || (direct && token.item !== frame.item)) continue;
    text += (text ? ' ' : '') + token.text;
    size = text.length;
  }
  return clean(text);
}

// Text of the innermost row, item or card that says anything beside the element itself; more than 60 pieces of
// text are no row, but a section of the page. Outer ones count only
// if they are short: a card around a row, not the page around a menu. An element in no item gets the text of the
// closest ancestor that holds little more than it.
function contextOf(m, w) {
  let items = 0;
  for (let f = m.frame, depth = 0; f.up && depth < 14; f = f.up, depth++) {
    if (f.end - f.start > MAX_TOKENS) break;
    if (f.isItem || (f.grouping && f !== m.frame)) {
      const text = sliceText(f, m, w, items > 0);
      if (text && text !== m.name && (!items || text.length <= MAX_CONTEXT)) return cut(text, MAX_CONTEXT);
      if (++items === 3) break;
    } else if (!items && depth > 0 && depth < 4 && f.end - f.start <= 40) {
      const text = sliceText(f, m, w);
      if (text && text !== m.name && text.length <= MAX_CONTEXT && !m.frame.item) return text;
    }
  }
  return '';
}
const GROUPING = words('FIELDSET P DD FIGURE ARTICLE TR LI BLOCKQUOTE');

function placesOf(m) {
  const out = [];
  for (let item = m.frame.item; item && out.length < 3; item = item.outer) {
    const size = item.list.items.length;
    if (size > 1 && item.index) out.push([item.list.id, item.index, size]);
  }
  return out;
}

// A field that no markup names is named by what stands beside it. A placeholder is a name already, so that the
// label must then stand closer: within the next two boxes around the field, not four.
function visibleLabel(m, w, before, after) {
  let box = m.frame;
  for (let n = m.spoken ? 2 : 4; n > 0 && box.up.up; n--) box = box.up;
  const left = m.beforeAt >= box.start ? before : '', right = m.afterAt >= 0 && m.afterAt < box.end ? after : '';
  if (m.role === 'checkbox' || m.role === 'radio' || m.role === 'switch') return right || left;
  return left || (m.cell && m.cell.column) || '';
}

function labelOf(e, limit) {
  let text = clean(attr(e, 'aria-label') || '');
  if (!text) text = clean(byIds(e, 'aria-labelledby').map(x => textOf(x)).join(' '));
  return cut(text, limit || 80);
}
function firstHeading(e) {
  const h = find(e, 'h1,h2,h3,h4,h5,h6,[role=heading],legend');
  return h ? cut(clean(textOf(h)), 80) : '';
}
function formName(e) {
  const legend = labelOf(e) || firstHeading(e);
  if (legend) return legend;
  for (const name of ['name', 'id']) { const v = attr(e, name); if (v && v.length < 40) return v; }
  const path = (attr(e, 'action') || '').split(/[?#]/)[0].split('/').filter(Boolean).pop();
  return cut(path || '', 40);
}
function groupName(e, t) {
  if (t === 'FIELDSET') for (const x of childrenOf(e)) if (tagOf(x) === 'LEGEND') return cut(clean(textOf(x)), 80);
  return labelOf(e);
}
const isDialog = (e, t) => (t === 'DIALOG' && has(e, 'open')) || /^(alert)?dialog$/.test(attr(e, 'role') || '') || attr(e, 'aria-modal') === 'true';

// Words from markup that only a developer sees; for controls that show a picture.
const ICON_SETS = /(?:^|[\s_-])(?:fa[srlbd]?|icon|icons|bi|mdi|glyphicon|material-icons?|material-symbols\w*|lucide|ti|ri|ico|octicon|feather|ph|tabler|uil|la|svg)[-_]+([a-z][\w-]{1,30})/ig;
const DULL = /^(fw|lg|sm|xs|md|xl|\dx|spin|solid|regular|light|brands|icon|icons|btn|button|svg|inline|container|wrapper|left|right|outlined|rounded|sharp|\d+)$/i;
function iconWords(e) {
  const out = new Set();
  const add = s => { const v = s.replace(/([a-z])([A-Z])/g, '$1 $2').replace(/[-_]+/g, ' ').trim().toLowerCase(); if (v && v.length < 40 && out.size < 4) out.add(v); };
  for (const x of [e, ...[...findAll(e, 'i,svg,span,img,use')].slice(0, 6)]) {
    const cls = attr(x, 'class') || '';
    for (const m of cls.matchAll(ICON_SETS)) if (!DULL.test(m[1])) add(m[1]);
    if (tagOf(x) === 'use') { const m = /#(?:icon[-_])?([\w-]+)/.exec(attr(x, 'href') || attr(x, 'xlink:href') || ''); if (m) add(m[1]); }
    for (const a of ['data-icon', 'data-lucide', 'data-feather', 'icon']) { const v = attr(x, a); if (v) add(v.split(/[:/]/).pop()); }
    if (tagOf(x) === 'IMG') { const m = /([\w-]+)\.(?:svg|png|gif|webp|jpe?g)/i.exec(attr(x, 'src') || ''); if (m && m[1].length < 30) add(m[1]); }
  }
  return [...out];
}

// A hint for controls that show no text at all, marked with `~`.
function hint(e, t) {
  const inner = find(e, 'img[alt]:not([alt=""]),svg title,[aria-label],[title]');
  const text = inner && clean(attr(inner, 'alt') || attr(inner, 'aria-label') || attr(inner, 'title') || textOf(inner));
  if (text) return text;
  const icons = iconWords(e);
  if (icons.length) return '~' + icons[0];
  for (const a of ['data-testid', 'data-test', 'data-tooltip', 'data-original-title', 'data-bs-original-title', 'name', 'id']) {
    const v = attr(e, a);
    if (v && v.length < 40 && !/^[:\d]|\d{4}/.test(v)) return '~' + clean(v.replace(/[-_]+/g, ' '));
  }
  const kind = (attr(e, 'class') || '').split(/\s+/).find(x => /^[a-z][a-z_-]{2,24}$/i.test(x) &&
    !/^(btn|button|icon|ico|link|ptr|col|row|item|wrapper|container|active|css|form|input|control|d|p|m|px|py)([-_]|$)/i.test(x));
  if (kind && !childrenOf(e).length && t !== 'INPUT' && t !== 'SELECT' && t !== 'TEXTAREA') return '~' + kind;
  const href = attr(e, 'href') || '';
  if (t === 'A' && /^(\.?\/?|\/?index\.\w+)$/.test(href) && href) return '~home';
  if (t === 'A' && /^#\w/.test(href)) return '~' + clean(href.slice(1, 40).replace(/[-_]+/g, ' '));
  if (t === 'A') { const part = href.split(/[?#]/)[0].split('/').filter(x => /\w/.test(x)).pop(); if (part) return '~' + part.slice(0, 40); }
  return '';
}
