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

const headingOf = m => (m.headings.length ? m.headings[m.headings.length - 1].text : '');

// Exactly the same surroundings, or, for an element that is in no list and was the only one of its name, much the
// same: text comes and goes (messages, counters) around a button that stays what it is.
function alike(m, want) {
  if (m.context === want.context && ((m.cell && m.cell.row) || '') === want.row) return 2;
  if (want.listed || want.twins || headingOf(m) !== want.heading) return 0;
  return !want.context || overlap(want.context, m.context) >= 0.5 ? 1 : 0;
}

// `want`: {key, node, role, name, context, row, heading, listed, twins}. Returns the node, or a string saying why not.
function resolve(want) {
  const w = survey({ limit: 100000, budgetMs: 8000, hitTest: false });
  const same = [];
  let own = null;
  for (const m of w.elements) {
    identify(m);
    if (m.role === want.role && m.name === want.name) same.push(m);
    if (want.key === documentKey && numberOf(m.e) === want.node) own = m;
  }
  for (const m of same) { m.cell = m.frame.table && headersOf(m.e, w); m.context = contextOf(m, w); m.alike = alike(m, want); }
  const exact = same.filter(m => m.alike === 2);
  if (own && exact.includes(own)) return own.e;
  if (exact.length === 1) return exact[0].e;
  if (same.length === 1 && same[0].alike) return same[0].e;
  const why = !own ? 'it is gone' : same.includes(own) ? 'the text around it changed' : 'it now is ' + own.role + ' ' + stringify(own.name);
  return why + '; ' + (exact.length || same.length) + ' others match';
}
