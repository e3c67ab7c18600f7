// The number that a slider stands at: its own, or the one that the page shows beside it.
//
// Sliders without `aria-valuenow` (jQuery UI's among them) tell their value only as a text or in a field nearby.
const SLIDES = /(^|[-_\s])(handle|thumb|knob|slider|rangeslider|dial)([-_\s]|$)/i;
const NUMBER_TEXT = /^[^\w.+-]{0,2}([+-]?\d[\d,]*(?:\.\d+)?)\s*(?:[^\w\s]|\p{L}{1,6})?$/u;
const toNumber = text => {
  const found = NUMBER_TEXT.exec(text.replace(/\u2212/g, '-').trim());
  return found ? Number(found[1].replace(/,/g, '')) : NaN;
};
const FIELD = 'input:not([type=hidden]):not([type=range]):not([type=checkbox]):not([type=radio])';
function shownNumbers(box, e) {
  const found = [], walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  for (let n = walker.nextNode(), left = 400; n && left; n = walker.nextNode(), left--) {
    const text = n.nodeType === 3 ? n.data : n.matches(FIELD) ? n.value : '';
    const value = text.trim() ? toNumber(text) : NaN, on = n.nodeType === 3 ? n.parentElement : n;
    if (!isNaN(value) && !on.closest('button,a,option,script,style') && on.getClientRects().length) found.push({ n, value });
  }
  return found;
}
function numberBeside(e) {
  const kind = (e.getAttribute('class') || '').split(/\s+/).find(c => SLIDES.test(c));
  if (!kind && e.getAttribute('role') !== 'slider') return NaN;
  const like = kind ? '.' + CSS.escape(kind) : '[role=slider]';
  const behind = (a, b) => !!(a.compareDocumentPosition(b) & 4);
  for (let box = e.parentElement, level = 0; box && level < 6; box = box.parentElement, level++) {
    const others = [...box.querySelectorAll(like)].filter(x => x !== e && !x.contains(e) && !e.contains(x));
    const next = others.find(x => behind(e, x)), last = others.filter(x => behind(x, e)).pop();
    const numbers = shownNumbers(box, e);
    const after = numbers.find(x => behind(e, x.n) && !(next && behind(next, x.n)));
    const before = numbers.filter(x => behind(x.n, e) && !(last && behind(x.n, last))).pop();
    const own = numbers.find(x => e.contains(x.n));
    const found = own || after || before;
    if (found) return found.value;
  }
  return NaN;
}
function numberOf(e) {
  if (e.localName === 'input') return e.valueAsNumber;
  const told = e.getAttribute('aria-valuenow');
  if (told !== null && told.trim() !== '') return Number(told);
  const own = toNumber(e.textContent || '');
  return isNaN(own) ? numberBeside(e) : own;
}
