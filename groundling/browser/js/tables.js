// Row and column headers of a cell.
const cellsOf = row => [...childrenOf(row)].filter(k => /^T[DH]$/.test(tagOf(k)) || /^(gridcell|cell|columnheader|rowheader)$/.test(attr(k, 'role') || ''));
const spanOf = cell => Math.max(1, Number(attr(cell, 'colspan') || attr(cell, 'aria-colspan')) || 1);
// A TH beside data cells heads its row, not its column.
const isHeaderCell = c => attr(c, 'role') === 'columnheader' || (tagOf(c) === 'TH' && !attr(c, 'role') &&
  lower(c, 'scope') !== 'row' && ![...childrenOf(parentElement(c))].some(x => tagOf(x) === 'TD'));
const cellText = c => cut(clean(textOf(c)), 60);

// The header texts of a table by column, from its first row, if that holds header cells.
function columnHeaders(table, rows) {
  for (const row of rows) {
    const cells = cellsOf(row);
    if (!cells.length) continue;
    if (!cells.some(isHeaderCell)) return null;
    const out = [];
    for (const c of cells) for (let n = spanOf(c); n > 0 && out.length < 200; n--) out.push(cellText(c));
    return out;
  }
  return null;
}

function headersOf(e, w) {
  const cell = closest(e, 'td,th,[role=gridcell],[role=cell],[role=columnheader],[role=rowheader]');
  const row = cell && closest(cell, 'tr,[role=row]');
  const table = row && closest(row, 'table,[role=grid],[role=table],[role=treegrid]');
  if (!table) return null;
  if (!w.tables.has(table)) w.tables.set(table, columnHeaders(table, [...findAll(table, 'tr,[role=row]')].slice(0, 3)));
  const columns = w.tables.get(table), cells = cellsOf(row);
  let column = 0, header = '';
  for (const c of cells) { if (c === cell) break; column += spanOf(c); }
  for (const c of cells) {
    if (c === cell) continue;
    if (attr(c, 'role') === 'rowheader' || (tagOf(c) === 'TH' && columns) || lower(c, 'scope') === 'row') { header = cellText(c); break; }
  }
  return { row: header, column: columns && !isHeaderCell(cell) ? columns[column] || '' : '' };
}
