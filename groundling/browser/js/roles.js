// Roles after WAI-ARIA 1.2 and HTML-AAM.
const ROLES = words('alert alertdialog application article associationlist associationlistitemkey ' +
  'associationlistitemvalue banner blockquote button caption cell checkbox code columnheader combobox comment ' +
  'complementary contentinfo definition deletion dialog directory document emphasis feed figure form generic ' +
  'grid gridcell group heading image img insertion link list listbox listitem log main mark marquee math menu ' +
  'menubar menuitem menuitemcheckbox menuitemradio meter navigation none note option paragraph presentation ' +
  'progressbar radio radiogroup region row rowgroup rowheader scrollbar search searchbox sectionfooter ' +
  'sectionheader separator slider spinbutton status strong subscript suggestion superscript switch tab table ' +
  'tablist tabpanel term textbox time timer toolbar tooltip tree treegrid treeitem');
const NAMED_BY_CONTENT = words('button cell checkbox columnheader comment gridcell heading link menuitem ' +
  'menuitemcheckbox menuitemradio option radio row rowheader sectionfooter sectionheader switch tab tooltip treeitem');
const NEVER_NAMED = words('caption code definition deletion emphasis generic insertion mark none paragraph ' +
  'presentation strong subscript suggestion superscript term time');
const INTERACTIVE = words('button link checkbox radio switch textbox searchbox combobox listbox option menuitem ' +
  'menuitemcheckbox menuitemradio tab slider spinbutton treeitem scrollbar');
const LANDMARKS = words('banner navigation main complementary contentinfo search form region');
const GLOBAL_ARIA = ('atomic busy controls current describedby details dropeffect flowto grabbed keyshortcuts label ' +
  'labelledby live owns relevant roledescription').split(' ').map(n => 'aria-' + n);
const SECTIONING = 'article,aside,main,nav,section,[role=article],[role=complementary],[role=main],' +
  '[role=navigation],[role=region]';
const NESTING = 'article,aside,nav,section,[role=article],[role=complementary],[role=navigation],[role=region]';
const INPUT_ROLE = { button: 'button', submit: 'button', reset: 'button', image: 'button', color: 'button',
  file: 'button', checkbox: 'checkbox', radio: 'radio', range: 'slider', number: 'spinbutton', search: 'searchbox' };
const TAG_ROLE = { ADDRESS: 'group', ARTICLE: 'article', BLOCKQUOTE: 'blockquote', BUTTON: 'button',
  CAPTION: 'caption', CODE: 'code', DD: 'definition', DEL: 'deletion', DETAILS: 'group', DFN: 'term', DT: 'term',
  DIALOG: 'dialog', EM: 'emphasis', FIELDSET: 'group', FIGURE: 'figure', H1: 'heading', H2: 'heading',
  H3: 'heading', H4: 'heading', H5: 'heading', H6: 'heading', HR: 'separator', HTML: 'document', INS: 'insertion',
  MAIN: 'main', MARK: 'mark', MATH: 'math', math: 'math', MENU: 'list', METER: 'meter', NAV: 'navigation',
  OL: 'list', UL: 'list', DIR: 'list', HGROUP: 'group', S: 'deletion', OPTGROUP: 'group', OPTION: 'option', OUTPUT: 'status', P: 'paragraph',
  PROGRESS: 'progressbar', SEARCH: 'search', STRONG: 'strong', SUB: 'subscript', SUP: 'superscript', svg: 'img',
  TABLE: 'table', TBODY: 'rowgroup', THEAD: 'rowgroup', TFOOT: 'rowgroup', TEXTAREA: 'textbox', TIME: 'time',
  TR: 'row', image: 'img' };

const inputType = e => (attr(e, 'type') || 'text').toLowerCase();
const spoken = text => (text || '').trim() !== '';
const labelled = e => spoken(attr(e, 'aria-label')) || byIds(e, 'aria-labelledby').some(x => spoken(textOf(x)) || spoken(attr(x, 'aria-label')));
const named = e => labelled(e) || spoken(attr(e, 'title'));
const isHeading = t => t.length === 2 && t[0] === 'H' && t[1] >= '1' && t[1] <= '6';

function focusable(e) {
  const t = tagOf(e);
  return has(e, 'tabindex') || /^(BUTTON|INPUT|SELECT|TEXTAREA|SUMMARY|IFRAME)$/.test(t) ||
    ((t === 'A' || t === 'AREA') && has(e, 'href')) || (has(e, 'contenteditable') && e.isContentEditable);
}

function cellRole(e, tag) {
  const table = closest(e, 'table'), role = table && lower(table, 'role');
  if (!table || role === 'presentation' || role === 'none') return 'generic';
  if (tag === 'TD') return role === 'grid' || role === 'treegrid' ? 'gridcell' : 'cell';
  const scope = lower(e, 'scope');
  if (scope === 'row' || scope === 'rowgroup') return 'rowheader';
  if (scope === 'col' || scope === 'colgroup') return 'columnheader';
  const row = parentElement(e);
  return row && [...childrenOf(row)].some(x => tagOf(x) === 'TD') ? 'rowheader' : 'columnheader';
}

function inputRole(e) {
  const type = inputType(e);
  if (type === 'hidden') return null;
  if (type === 'checkbox' && has(e, 'switch')) return 'switch';
  if (e.list && (type === 'search' || !INPUT_ROLE[type]) && type !== 'password') return 'combobox';
  return INPUT_ROLE[type] || 'textbox';
}

function implicitRole(e) {
  const t = tagOf(e);
  if (TAG_ROLE[t]) return TAG_ROLE[t];
  const parent = parentElement(e);
  switch (t) {
    case 'A': case 'AREA': return has(e, 'href') ? 'link' : 'generic';
    case 'INPUT': return inputRole(e);
    case 'SELECT': return e.multiple || e.size > 1 ? 'listbox' : 'combobox';
    case 'IMG': return attr(e, 'alt') === '' && !labelled(e) && !has(e, 'tabindex') ? 'none' : 'img';
    case 'a': return has(e, 'href') || has(e, 'xlink:href') ? 'link' : 'generic';
    case 'g': return named(e) || [...childrenOf(e)].some(x => tagOf(x) === 'title') ? 'group' : 'generic';
    case 'TD': case 'TH': return cellRole(e, t);
    case 'HEADER': return parent && closest(parent, SECTIONING) ? 'sectionheader' : 'banner';
    case 'FOOTER': return parent && closest(parent, SECTIONING) ? 'sectionfooter' : 'contentinfo';
    case 'ASIDE': return parent && closest(parent, NESTING) && !named(e) ? 'generic' : 'complementary';
    case 'LI': return parentOf(e) && /^(list|directory)$/.test(roleOf(parentOf(e))) ? 'listitem' : 'generic';
    case 'SECTION': return named(e) ? 'region' : 'generic';
    case 'FORM': return named(e) ? 'form' : 'generic';
    case 'SUMMARY': return parent && tagOf(parent) === 'DETAILS' ? 'button' : 'generic';
  }
  return 'generic';
}

function roleOf(e) {
  const written = attr(e, 'role');
  if (written) {
    for (let role of written.toLowerCase().split(/\s+/)) {
      if (!ROLES.has(role)) continue;
      if (role === 'presentation' || role === 'none') {
        // Presentational conflict: a focusable element, or one with a global attribute, keeps its own role.
        if (focusable(e) || GLOBAL_ARIA.some(a => has(e, a))) break;
        return 'none';
      }
      if ((role === 'form' || role === 'region') && !named(e)) continue;
      return role === 'image' ? 'img' : role === 'directory' ? 'list' : role;
    }
  }
  return implicitRole(e);
}
