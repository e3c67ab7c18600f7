// From an element of a snapshot back to its node, only if it still is that element.
//
// Lists that draw only what is in view use the same nodes again for other rows: the node is then connected and
// its button still says "Delete", but of another row. So the row counts, too.
const overlap = (a, b) => {
  const x = new Set(a.split(' ')), y = new Set(b.split(' '));
  let n = 0;
  for (const word of x) if (y.has(word)) n++;
  return n / Math.max(1, x.size);
};

// `want`: {key, node, role, name, context, row, listed, twins}. Returns the node, or a string saying why not.
function resolve(want) {
  const w = survey({ limit: 100000, budgetMs: 8000, hitTest: false });
  const same = [];
  let own = null;
  for (const m of w.elements) {
    identify(m);
    if (m.role === want.role && m.name === want.name) same.push(m);
    if (want.key === documentKey && numberOf(m.e) === want.node) own = m;
  }
  for (const m of same) { m.cell = headersOf(m.e, w); m.context = contextOf(m, w); }
  const fits = m => m.context === want.context && ((m.cell && m.cell.row) || '') === want.row;
  if (own && same.includes(own)) {
    if (fits(own)) return own.e;
    if (same.length === 1 && !want.twins && overlap(want.context, own.context) >= 0.5) return own.e;
  }
  const matching = same.filter(fits);
  if (matching.length === 1) return matching[0].e;
  const why = own ? (same.includes(own) ? 'the text around it changed' : 'it now is ' + own.role + ' ' + stringify(own.name)) : 'it is gone';
  return why + '; ' + (matching.length || same.length) + ' others match';
}
