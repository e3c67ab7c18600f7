// Rules for labelled pages; see judge.py. `INTERACTIVE` is the data's notion, not the reader's.
const INTERACTIVE = 'a[href],button,input:not([type=hidden]),select,textarea,summary,area[href],[onclick],' +
  '[contenteditable=""],[contenteditable=true],[tabindex]:not([tabindex="-1"]),' +
  ['button', 'link', 'checkbox', 'radio', 'switch', 'textbox', 'searchbox', 'combobox', 'option', 'menuitem',
    'menuitemcheckbox', 'menuitemradio', 'tab', 'slider', 'spinbutton', 'treeitem'].map(r => `[role=${r}]`).join(',');
const reader = globalThis.__groundling;
const up = e => e.parentElement || (e.getRootNode() instanceof ShadowRoot ? e.getRootNode().host : null);

function find(css) {
  let root = document, e = null;
  for (const part of css.split(' >> ')) {
    try { e = root.querySelector(part); } catch (error) { return null; }
    if (!e) return null;
    root = e.shadowRoot || e;
  }
  return e;
}
function below(p, n, deep) {
  if (p.matches(INTERACTIVE)) return false;
  for (let x = up(p), depth = 1; x && (deep || depth <= 2); x = up(x), depth++) {
    if (x === n) return true;
    if (x.matches(INTERACTIVE)) return false;
  }
  return false;
}
function above(p, n) {
  if (p !== up(n) && (!up(n) || p !== up(up(n)))) return false;
  const own = new Set([n, ...n.querySelectorAll('*')]);
  for (const label of n.labels || []) for (const x of [label, ...label.querySelectorAll('*')]) own.add(x);
  return !p.matches('body,html') && ![...p.querySelectorAll(INTERACTIVE)].some(x => !own.has(x) && n.control !== x);
}
function accepts(p, n, deep) {
  if (p === n || below(p, n, deep) || above(p, n)) return true;
  const label = p.closest('label');
  if (label && label.control === n && (p === label || !p.matches(INTERACTIVE))) return true;
  return n.localName === 'label' && n.control === p;
}

function known(paths) { return paths.map(find).map(e => (e ? reader.known(e) : 0)); }
function accepted([numbers, tasks]) {
  const all = numbers.map(n => [n, reader.node(n)]).filter(pair => pair[1]);
  return tasks.map(task => {
    const wanted = task.map(a => [find(a.css), !!a.deep]).filter(pair => pair[0]);
    return all.filter(([, p]) => wanted.some(([n, deep]) => accepts(p, n, deep))).map(pair => pair[0]);
  });
}
return { known, accepted };
