// Accessible names and descriptions after accname 1.2. The letters 2B, 2C, ... are its steps.
//
// `c` is the state of one computation: `visited` elements, `lb` (inside an aria-labelledby traversal), `rec`
// (inside name-from-content), `hidden` (the referenced root was hidden, so hidden text counts), `embedded`
// (values of embedded controls count), `own` (labels of the element count), `label` (a <label> is read),
// `shown` (the caller knows that the element is visible), `style` (its style, if at hand), `max` characters,
// `plain` (skip ::before and ::after, which cost two style computations per element).
const UNREAD = words('SCRIPT STYLE TEMPLATE NOSCRIPT HEAD META LINK TITLE BASE PARAM SOURCE TRACK COL COLGROUP DATALIST');
const NAMED_BY_HEADING = words('alertdialog article dialog');
const NO_PLACEHOLDER = words('button submit reset image checkbox radio range color file hidden');

function styledAway(e) {
  if (checkVisible) {
    if (checkVisible(e, { visibilityProperty: true })) return false;
    const s = styleOf(e);  // an element with `display: contents` has no box, but its text is drawn
    return s.display !== 'contents' || s.visibility !== 'visible';
  }
  const s = styleOf(e);
  return s.visibility !== 'visible' || (s.display !== 'contents' && !rectsOf(e).length);
}
function ariaHidden(e) { for (let x = e; x; x = parentOf(x)) if (attr(x, 'aria-hidden') === 'true') return true; return false; }

// Text that CSS draws before or after an element; what follows a slash is its text alternative.
function generated(e, which) {
  const s = styleOf(e, which);
  let content = s.content, out = '';
  if (!content || content === 'none' || content === 'normal' || s.display === 'none' || s.visibility !== 'visible') return '';
  const slash = content.indexOf(' / ');
  if (slash >= 0) content = content.slice(slash + 3);
  content.replace(/"((?:[^"\\]|\\.)*)"|attr\(([^)]+)\)/g, (all, quoted, name) => {
    out += quoted === undefined ? attr(e, name.trim()) || ''
      : quoted.replace(/\\([0-9a-f]{1,6})\s?/gi, (m, hex) => String.fromCodePoint(parseInt(hex, 16))).replace(/\\(.)/g, '$1');
    return '';
  });
  return out && s.display !== 'inline' ? ' ' + out + ' ' : out;
}

const optionText = o => o.label || collapse(textOf(o));
function selectedText(e, c) {
  const t = tagOf(e);
  if (t === 'SELECT') {
    let chosen = [...e.selectedOptions];
    if (!chosen.length && e.options.length && !e.multiple && e.size <= 1) chosen = [e.options[0]];
    return chosen.map(optionText).join(' ');
  }
  if (t === 'INPUT') return e.value;
  const box = roleOf(e) !== 'combobox' ? e : find(e, '[role=listbox]') ||
    [...byIds(e, 'aria-owns'), ...byIds(e, 'aria-controls')]
      .map(x => (matches(x, '[role=listbox]') ? x : find(x, '[role=listbox]'))).find(Boolean);
  if (!box) return null;
  const chosen = [...findAll(box, '[role=option][aria-selected=true]'),
    ...byIds(box, 'aria-owns').filter(x => matches(x, '[role=option][aria-selected=true]'))];
  return chosen.length ? chosen.map(x => alternative(x, { ...c, rec: true, embedded: false, shown: false, style: null })).join(' ') : null;
}

// 2C: what an embedded control contributes to the name of something else; undefined if the step does not apply.
function embeddedValue(e, t, role, c) {
  const label = (attr(e, 'aria-label') || '').trim();
  if (role === 'textbox' || role === 'searchbox') {
    if (c.rec || !label) return t === 'INPUT' || t === 'TEXTAREA' ? e.value : textOf(e);
  } else if (!c.rec) return undefined;
  else if (role === 'combobox' || role === 'listbox') {
    const text = selectedText(e, c);
    if (text !== null) return text;
    return role === 'combobox' && t !== 'SELECT' ? textOf(e) : '';
  } else if (/^(slider|spinbutton|scrollbar|progressbar|meter)$/.test(role)) {
    if (has(e, 'aria-valuetext')) return attr(e, 'aria-valuetext');
    if (has(e, 'aria-valuenow')) return attr(e, 'aria-valuenow');
    if (t === 'INPUT' || t === 'METER' || t === 'PROGRESS') return String(e.value);
  } else if (role === 'menu' && !label) return '';
  return undefined;
}

// Hidden parts give nothing, except visible descendants of a `visibility: hidden` parent.
function hiddenPart(e, t, c) {
  const away = t === 'SLOT' || t === 'OPTION' || t === 'OPTGROUP' ? false
    : c.style ? c.style.display === 'none' || c.style.visibility !== 'visible' : styledAway(e);
  if (attr(e, 'aria-hidden') === 'true') return '';
  if (!away) return null;
  if (!c.rec || styleOf(e).display === 'none') return '';
  let text = '';
  for (const k of drawnChildren(e)) if (k.nodeType === 1 && styleOf(k).visibility === 'visible') text += ' ' + alternative(k, c);
  return text;
}

function labelledBy(e, c) {
  const parts = byIds(e, 'aria-labelledby').map(x => alternative(x, {
    visited: new Set(x === e ? [] : [e]), lb: true, rec: false, embedded: true, max: c.max, plain: c.plain,
    hidden: styledAway(x) || ariaHidden(x) }));
  return collapse(parts.join(' '));
}

function alternative(n, c) {
  if (n.nodeType === 3) return dataOf(n);
  if (n.nodeType !== 1 || c.visited.has(n)) return '';
  const e = n, t = tagOf(e);
  if (/^(SCRIPT|STYLE|TEMPLATE|NOSCRIPT)$/.test(t) && !c.hidden) return '';
  if (!c.hidden && !c.shown) { const text = hiddenPart(e, t, c); if (text !== null) return text; }  // 2A
  c.visited.add(e);
  const role = roleOf(e);
  if (!c.lb && has(e, 'aria-labelledby')) { const text = labelledBy(e, c); if (text) return text; }  // 2B
  if (c.embedded && (c.rec || c.lb)) { const text = embeddedValue(e, t, role, c); if (text !== undefined) return text; }
  const label = attr(e, 'aria-label');
  if (label !== null && label.trim() !== '' && t !== 'SLOT') return label.replace(/^[ \t\n\r\f]+|[ \t\n\r\f]+$/g, '');  // 2D
  const bare = role === 'none' || role === 'presentation';
  if (!bare || c.rec || c.lb) { const text = hostLanguage(e, t, c); if (text) return text; }  // 2E
  if (NAMED_BY_CONTENT.has(role) || c.rec || c.lb || t === 'SUMMARY' || c.force) {  // 2F
    const inner = c.rec && !c.label && !c.shown ? c : { ...c, rec: true, label: false, force: false, shown: false, style: null };
    const text = content(e, inner);
    if (collapse(text) !== '') return text;
    if (c.rec && text) return text + (attr(e, 'title') || '');
  }
  if (!c.rec && NAMED_BY_HEADING.has(role)) {
    const heading = find(e, 'h1,h2,h3,h4,h5,h6,[role=heading]');
    if (heading) return alternative(heading, { ...c, rec: true, shown: false, style: null });
  }
  const title = attr(e, 'title');  // 2I
  if (title && title.trim() && !bare) return title;
  if ((t === 'INPUT' || t === 'TEXTAREA') && e.placeholder && !NO_PLACEHOLDER.has(inputType(e))) return e.placeholder;
  return attr(e, 'aria-placeholder') || '';
}

function childAlternative(e, tag, c) {
  for (const x of childrenOf(e)) {
    if (tagOf(x) === tag) return collapse(alternative(x, { ...c, rec: true, shown: false, style: null, visited: new Set(c.visited) }));
  }
  return null;
}

// 2E: the name that HTML or SVG gives.
function hostLanguage(e, t, c) {
  if (namespaceOf(e) === SVG_NS) return svgName(e);
  switch (t) {
    case 'INPUT': return inputName(e, c);
    case 'SELECT': case 'TEXTAREA': case 'METER': case 'PROGRESS': case 'OUTPUT': case 'BUTTON': return labelText(e, c);
    case 'FIELDSET': return childAlternative(e, 'LEGEND', c);
    case 'TABLE': return childAlternative(e, 'CAPTION', c) || attr(e, 'summary');
    case 'FIGURE': return childAlternative(e, 'FIGCAPTION', c);
    case 'IMG': case 'AREA': return (attr(e, 'alt') || '').trim() ? attr(e, 'alt') : null;
    case 'OPTGROUP': case 'OPTION': return attr(e, 'label');
    case 'IFRAME': return attr(e, 'title');
  }
  return e.labels ? labelText(e, c) : null;  // form-associated custom elements
}
function svgName(e) {
  for (const x of childrenOf(e)) if (tagOf(x) === 'title') return collapse(textOf(x));
  const link = e.getAttributeNS('http://www.w3.org/1999/xlink', 'title');
  return link && (tagOf(e) !== 'a' || !collapse(textOf(e))) ? link : null;
}
function inputName(e, c) {
  const type = inputType(e), label = type === 'hidden' ? null : labelText(e, c);
  if (label) return label;
  switch (type) {
    case 'submit': return e.value || 'Submit';
    case 'reset': return e.value || 'Reset';
    case 'button': return e.value || null;
    case 'image': return attr(e, 'alt') || attr(e, 'title') || 'Submit';
  }
  return null;
}
function labelText(e, c) {
  if ((c.rec && !c.own) || !e.labels || !e.labels.length) return null;
  const parts = [];
  for (const label of e.labels) {
    if (c.visited.has(label) || styledAway(label)) continue;
    parts.push(alternative(label, { visited: new Set(c.visited), lb: false, rec: true, label: true, hidden: false, embedded: true, max: c.max, plain: c.plain }));
  }
  return collapse(parts.join(' ')) || null;
}

// A picture without words: most icons. Looking once saves a style computation for each of its shapes.
const isSilent = svg => !has(svg, 'aria-label') && !has(svg, 'aria-labelledby') && !find(svg, 'title,text,foreignObject,[*|title]');

function asDrawn(text, e) {
  switch (e.nodeType === 1 ? styleOf(e).textTransform : '') {
    case 'uppercase': return text.toUpperCase();
    case 'lowercase': return text.toLowerCase();
    case 'capitalize': return text.replace(/(^|[^\p{L}\p{N}'’])(\p{L})/gu, (all, gap, first) => gap + first.toUpperCase());
  }
  return text;
}

// 2F: the text of the children, with spaces where the page shows a break.
function content(e, c) {
  let text = c.plain ? '' : generated(e, '::before');
  for (const k of drawnChildren(e)) {
    if (k.nodeType === 3) { text += c.plain ? dataOf(k) : asDrawn(dataOf(k), e); continue; }
    if (k.nodeType !== 1) continue;
    const t = tagOf(k);
    if ((UNREAD.has(t) && !c.hidden) || (t === 'svg' && isSilent(k))) continue;
    const style = styleOf(k), d = style.display;
    if (d === 'none' && !c.hidden && t !== 'OPTION' && t !== 'OPTGROUP') continue;
    const outer = c.style;
    c.style = style;
    const part = alternative(k, c);
    c.style = outer;
    text += (d === 'inline' && t !== 'BR') || d === 'contents' || d === '' ? part : ' ' + part + ' ';
    // Indented markup is mostly white space: squeeze it before deciding that the name is long enough.
    if (text.length > c.max && (text = text.replace(/[ \t\n\r\f]+/g, ' ')).length > c.max) break;
  }
  for (const owned of byIds(e, 'aria-owns')) text += ' ' + alternative(owned, { ...c, shown: false, style: null });
  return c.plain ? text : text + generated(e, '::after');
}

const fresh = (max, quick, force) => ({ visited: new Set(), lb: false, rec: false, own: true, hidden: false,
  embedded: true, max, shown: quick, style: null, plain: quick, force });

// `quick` is for elements known to be visible: pseudo-elements are read only if there is no other name.
function nameFor(e, max, quick) {
  const role = roleOf(e), marked = has(e, 'aria-label') || has(e, 'aria-labelledby');
  if (NEVER_NAMED.has(role) && !marked && !attr(e, 'title') && namespaceOf(e) !== SVG_NS) return '';
  const child = firstNode(e);
  if (quick && child && child.nodeType === 3 && !nextNode(child) && NAMED_BY_CONTENT.has(role) && !marked &&
      !shadowOf(e) && !(e.labels && e.labels.length)) {
    const text = collapse(dataOf(child));
    if (text) return text;
  }
  let name = collapse(alternative(e, fresh(max, quick)));
  if (quick && !name) name = collapse(alternative(e, fresh(max, false)));
  return name;
}
const contentName = (e, max) => collapse(content(e, { ...fresh(max, false), rec: true, own: false, plain: true }));

function descriptionFor(e, name, names) {
  if (!names.includes('title') && !names.includes('aria-describedby') && !names.includes('aria-description')) return '';
  const parts = byIds(e, 'aria-describedby').map(x => contentName(x, 300) || textOf(x));
  let text = clean(parts.join(' ')) || clean(attr(e, 'aria-description') || '');
  if (!text) text = clean(attr(e, 'title') || '');
  return text === name ? '' : cut(text, 200);
}
