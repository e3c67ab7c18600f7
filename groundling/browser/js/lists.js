// Lists, tables and card grids: which child of a container is which item. Ordinals ("the third result") and
// relations ("the one in Ann's row") rest on them.
const ITEM_OF = { UL: 'LI', OL: 'LI', MENU: 'LI' };
const ROLE_ITEMS = { list: 'listitem', listbox: 'option', menu: 'menuitem menuitemcheckbox menuitemradio',
  menubar: 'menuitem menuitemcheckbox menuitemradio', tablist: 'tab', radiogroup: 'radio', tree: 'treeitem',
  feed: 'article', grid: 'row', table: 'row', treegrid: 'row', rowgroup: 'row' };
const NOT_ITEMS = words('BR HR P SCRIPT STYLE TEMPLATE NOSCRIPT LINK META INPUT SELECT TEXTAREA LABEL OPTION OPTGROUP ' +
  'B I EM STRONG SMALL CODE IMG H1 H2 H3 H4 H5 H6 DT DD THEAD TBODY TFOOT TR TD TH COL COLGROUP CAPTION LEGEND ' +
  'HEADER FOOTER NAV MAIN ASIDE HEAD BODY SOURCE TRACK PARAM svg IFRAME SLOT');

// Children that repeat: same tag, same first class and (without a class) the same first child.
function likeness(e) {
  const t = tagOf(e);
  if (NOT_ITEMS.has(t) || namespaceOf(e) !== HTML_NS) return '';
  const kind = /^\s*(\S+)/.exec(attr(e, 'class') || ''), role = attr(e, 'role') || '';
  if (kind) return t + '.' + kind[1] + '|' + role;
  const first = e.firstElementChild;
  return t + '|' + role + '|' + (first ? tagOf(first) + (attr(first, 'class') || '').slice(0, 20) : '');
}

// Links, buttons and spans in running text are no list.
const INLINE_ITEM = /^(A|BUTTON|SPAN)[.|]/;
const hasOwnText = parent => { for (let k = firstNode(parent); k; k = nextNode(k)) if (typeOf(k) === 3 && /[\p{L}\p{N}]{2}/u.test(dataOf(k))) return true; return false; };

function repeated(children, parent) {
  const groups = new Map();
  for (const k of children) {
    const sign = likeness(k);
    if (sign) { const g = groups.get(sign); if (g) g.push(k); else groups.set(sign, [k]); }
  }
  let best = null;
  for (const [sign, g] of groups) {
    const enough = sign.startsWith('ARTICLE') ? 2 : 3;
    if (g.length >= enough && (!best || g.length > best.length)) best = g;
  }
  if (best && INLINE_ITEM.test(likeness(best[0])) && hasOwnText(parent)) return null;
  // Fewer than half of the children: they merely look alike.
  return best && best.length * 2 >= children.length ? best : null;
}

// The items among the children of `e`: a Set, or null if it is no list.
function itemsOf(e, t, role, parent) {
  const count = childCount(parent);
  if (count < 2) return null;
  const children = childrenOf(parent);
  if (count < 3 && !(ITEM_OF[t] || ROLE_ITEMS[role] || tagOf(children[0]) === 'ARTICLE')) return null;
  let items = null;
  if (ROLE_ITEMS[role] && role !== 'rowgroup') {
    const wanted = words(ROLE_ITEMS[role]);
    items = [...children].filter(k => wanted.has(roleOf(k)));
  } else if (ITEM_OF[t]) items = [...children].filter(k => tagOf(k) === 'LI');
  if (!items || items.length < 2) items = repeated(children, parent);
  return items ? new Set(items) : null;
}

// Rows belong to the table, whichever row group holds them; rows of headers only are no items.
function isDataRow(e) {
  for (const k of childrenOf(e)) {
    const t = tagOf(k), role = attr(k, 'role');
    if (role === 'gridcell' || role === 'cell' || (t === 'TD' && role !== 'columnheader')) return true;
  }
  return false;
}
const openList = (name, w) => ({ id: w.lists.length + 1, items: [], name });

const isTable = (t, role) => t === 'TABLE' || role === 'grid' || role === 'table' || role === 'treegrid';
const isRow = (t, role) => (t === 'TR' && !role) || role === 'row';
