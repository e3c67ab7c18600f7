// Changes that pages go through between two visits, as scripts on the DOM. `target` is found by its
// `data-goal`, which our reader does not read; copies lose it. All draws come from one seed.
(() => {
  let seed = 1;
  const random = () => { seed = (seed * 1664525 + 1013904223) % 4294967296; return seed / 4294967296; };
  const pick = list => list[Math.floor(random() * list.length)];
  const all = (css, root) => [...(root || document.body).querySelectorAll(css)];
  const code = () => Math.floor(random() * 0xffffff).toString(36) + Math.floor(random() * 1e6).toString(36);
  const WORDS = ['Overview', 'Partners', 'Newsroom', 'Guide', 'Offers', 'Extras', 'Planner', 'Insights', 'Catalogue', 'Support hub'];
  const CONTROLS = 'a, button, input, select, textarea, [role=button], [contenteditable]';
  const findTarget = goal => all('[data-goal]').find(e => e.dataset.goal === goal);

  const shuffle = list => { for (let i = list.length - 1; i > 0; i--) { const j = Math.floor(random() * (i + 1)); [list[i], list[j]] = [list[j], list[i]]; } return list; };
  const rename = (e, tag) => {
    const made = document.createElement(tag);
    for (const a of e.attributes) made.setAttribute(a.name, a.value);
    while (e.firstChild) made.appendChild(e.firstChild);
    e.replaceWith(made);
    return made;
  };
  const forget = copy => {
    for (const e of [copy, ...copy.querySelectorAll('*')]) for (const a of ['id', 'data-goal', 'data-new', 'data-testid', 'for', 'aria-labelledby', 'data-id']) e.removeAttribute(a);
    return copy;
  };
  const textNodes = root => {
    const out = [], walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) if (/\S/.test(walk.currentNode.data) && !/^(STYLE|SCRIPT|TITLE)$/.test(walk.currentNode.parentElement.tagName)) out.push(walk.currentNode);
    return out;
  };
  // Where the accessible name of a control is written.
  const setName = (e, edit) => {
    const labelled = (e.getAttribute('aria-labelledby') || '').split(' ').map(id => document.getElementById(id)).find(Boolean);
    if (labelled) { labelled.textContent = edit(labelled.textContent); return; }
    if (e.hasAttribute('aria-label')) { e.setAttribute('aria-label', edit(e.getAttribute('aria-label'))); return; }
    if (e.labels && e.labels.length) {
      const t = textNodes(e.labels[0]).find(n => !n.parentElement.closest('select, textarea'));
      if (t) { t.data = ' ' + edit(t.data.trim()) + ' '; return; }
    }
    if (e.tagName === 'INPUT' && /^(submit|button)$/.test(e.type)) { e.value = edit(e.value); return; }
    if (e.placeholder) { e.placeholder = edit(e.placeholder); return; }
    const t = textNodes(e)[0];
    if (t) t.data = edit(t.data); else e.setAttribute('aria-label', edit(''));
  };
  const itemOf = e => e.closest('tr, li, article, .post, [role=listitem], .tile, .deal');
  const sectionOf = e => e.closest('.panel') || e.closest('form, section, article, nav, fieldset, table') || itemOf(e) || e;
  const withLabel = e => {
    const label = e.closest('label') || (e.id && document.querySelector(`label[for="${e.id}"]`));
    return label ? [e, label] : [e];
  };

  const change = {
    classes() { const to = new Map(); for (const e of all('[class]')) e.className = [...e.classList].map(c => { if (c === 'panel') return c; if (!to.has(c)) to.set(c, 'c' + code()); return to.get(c); }).join(' '); },
    ids() {
      const to = new Map();
      for (const e of all('[id]')) { to.set(e.id, 'x' + code()); e.id = to.get(e.id); }
      for (const e of all('[for]')) e.setAttribute('for', to.get(e.getAttribute('for')) || '');
      for (const e of all('[aria-labelledby]')) e.setAttribute('aria-labelledby', to.get(e.getAttribute('aria-labelledby')) || '');
      for (const e of all('[data-testid]')) e.dataset.testid = code();
      for (const e of all('input[name], select[name], textarea[name]')) if (e.type !== 'radio') e.name = 'f_' + code();
    },
    wrappers() {
      for (const e of all(CONTROLS)) { const w = document.createElement('span'); w.className = 'w'; e.replaceWith(w); w.appendChild(e); }
      for (const e of all('section, form, ul, .panel, table')) { const a = document.createElement('div'), b = document.createElement('div'); e.replaceWith(a); a.appendChild(b); b.appendChild(e); }
    },
    order() {
      for (const box of all('*')) {
        const groups = new Map();
        for (const k of box.children) if (!/^(TD|TH|STYLE|SCRIPT|LABEL|BR|SPAN|INPUT|OPTION|SELECT|H1|H2|H3|LEGEND|P|HEADER|MAIN|ASIDE|FOOTER|DIV|THEAD|TBODY)$/.test(k.tagName) || /listitem/.test(k.getAttribute('role'))) { const g = groups.get(k.tagName) || []; g.push(k); groups.set(k.tagName, g); }
        for (const g of groups.values()) if (g.length > 2) { const marks = g.map(k => { const m = document.createComment(''); k.replaceWith(m); return m; }); const mixed = shuffle([...g]); marks.forEach((m, i) => m.replaceWith(mixed[i])); }
      }
    },
    columns(t) {
      const s = sectionOf(t), home = s.closest('main, aside, nav, header, footer');
      const others = all('main, aside, footer').filter(x => x !== home && !s.contains(x) && !x.contains(s));
      if (others.length) others[0].appendChild(s); else { const a = document.createElement('aside'); document.body.appendChild(a); a.appendChild(s); }
    },
    text_edit(t) { const more = pick(['now', 'here', 'again', '...', '(new)']), before = pick(['My', 'Quick', 'Your']), end = random() < 0.5; setName(t, s => end ? s.trim() + ' ' + more : before + ' ' + s.trim().toLowerCase()); },
    // All elements of that name get the new one, as they do when a translation or a template changes.
    renamed(t) {
      const said = e => (e.getAttribute('aria-label') || e.textContent).trim(), was = said(t), name = t.dataset.new;
      if (t.matches('button, a') && was) for (const e of all(t.tagName)) if (e !== t && said(e) === was) setName(e, () => name);
      setName(t, () => name);
    },
    page_text(t) {
      const kept = new Set(all('[data-goal]').flatMap(e => [e, ...withLabel(e)]));
      for (const n of textNodes(document.body)) {
        let own = false;
        for (let p = n.parentElement; p; p = p.parentElement) if (kept.has(p)) own = true;
        if (own) continue;
        n.data = n.data.replace(/\d+/g, () => String(1 + Math.floor(random() * 98)));
        if (random() < 0.3) n.data += ' ' + pick(WORDS).toLowerCase();
      }
    },
    duplicate(t) {
      const box = document.createElement('section');
      box.innerHTML = `<h2>${pick(['Quick access', 'Recommended', 'Shortcuts'])}</h2>`;
      const label = withLabel(t)[1];
      box.appendChild(forget((label && label.contains(t) ? label : t).cloneNode(true)));
      if (label && !label.contains(t)) { const copy = label.cloneNode(true), field = box.lastChild; forget(copy); field.id = 'dup' + code(); copy.setAttribute('for', field.id); box.insertBefore(copy, field); }
      const place = pick([...all('main, aside, footer, header'), document.body]);
      if (random() < 0.5) place.appendChild(box); else place.insertBefore(box, place.firstChild);
    },
    more_items() {
      const items = new Set(all('tbody > tr, li, article, .post, [role=listitem]').filter(e => e.parentElement.children.length > 2 && !all('li, article', e).length));
      for (const parent of new Set([...items].map(e => e.parentElement))) {
        const mine = [...parent.children].filter(e => items.has(e));
        for (let k = 0; k < 2; k++) {
          const copy = forget(pick(mine).cloneNode(true)), word = pick(WORDS) + ' ' + code().slice(0, 4);
          textNodes(copy).filter(n => !n.parentElement.closest('button')).forEach((n, i) => { n.data = i ? pick(WORDS) + ' ' + Math.floor(random() * 99) : word; });
          for (const e of copy.querySelectorAll('[aria-label]')) if (/ /.test(e.getAttribute('aria-label'))) e.setAttribute('aria-label', e.getAttribute('aria-label').split(' ')[0] + ' ' + word);
          for (const e of copy.querySelectorAll('a[href]')) e.setAttribute('href', '/n/' + code());
          mine[0].before(copy);
        }
      }
    },
    tags() {
      for (const e of all('button')) { const m = rename(e, 'div'); if (!m.hasAttribute('role')) m.setAttribute('role', 'button'); m.tabIndex = 0; m.style.cssText = 'display:inline-block;padding:3px;border:1px solid'; }
      for (const e of all('ul, ol')) rename(e, 'div').setAttribute('role', 'list');
      for (const e of all('li')) rename(e, 'div').setAttribute('role', 'listitem');
      for (const e of all('article')) rename(e, 'div');
    },
    landmarks() {
      for (const e of all('header, nav, main, aside, footer, section')) { const m = rename(e, 'div'); m.removeAttribute('aria-label'); m.removeAttribute('role'); }
      for (const e of all('h1, h2, h3')) { const m = rename(e, pick(['h2', 'h3', 'h4'])); if (random() < 0.4) m.append(' ' + pick(['area', 'overview', 'box'])); }
    },
    banners() {
      const box = document.createElement('div');
      box.setAttribute('role', 'region'); box.setAttribute('aria-label', 'Cookies');
      box.innerHTML = '<p>We use cookies.</p><button>Accept</button><button>Reject</button><a href="/cookies">Details on cookies</a>';
      document.body.prepend(box);
      const bar = document.createElement('div');
      bar.className = 'promo-bar';
      bar.innerHTML = ['What is new', 'Tour', 'Contact us', 'Chat', 'Feedback form', 'Share page'].map(t => `<button class="pb">${t}</button>`).join('') + '<input placeholder="Ask the assistant">';
      document.body.prepend(bar);
      for (const nav of all('nav, ul')) if (nav.children.length > 2) { const copy = forget(nav.lastElementChild.cloneNode(true)); const t = textNodes(copy)[0]; if (t) t.data = pick(WORDS); for (const a of [copy, ...copy.querySelectorAll('a')]) if (a.hasAttribute('href')) a.setAttribute('href', '/x/' + code()); nav.prepend(copy); }
    },
    links() { for (const a of all('a[href]')) { const h = a.getAttribute('href'); a.setAttribute('href', h.startsWith('#') ? h + '-s' : '/en' + h.replace(/^https?:\/\/[^/]+/, '').replace(/\?.*/, '') + '?ref=' + code()); } },
  };
  change.redesign = t => { for (const k of ['page_text', 'classes', 'ids', 'links', 'landmarks', 'order', 'wrappers']) change[k](t); };
  change.redesign_text = t => { change.text_edit(t); for (const k of ['classes', 'wrappers', 'order', 'banners']) change[k](t); };

  const drop = t => { for (const e of withLabel(t)) e.remove(); };
  const gone = {
    removed: drop,
    item_removed(t) { const item = itemOf(t); if (item) item.remove(); else drop(t); },
    section_removed(t) { const s = sectionOf(t); if (s === t || s.tagName === 'MAIN') drop(t); else s.remove(); },
    hidden(t) { for (const e of withLabel(t)) e.style.display = 'none'; },
    replaced(t) {
      const copy = forget(t.cloneNode(true));
      setName(copy, () => pick(['Learn more', 'Leave a note', 'Plan a visit', 'Open the guide', 'Ask an expert']));
      if (copy.hasAttribute('href')) copy.setAttribute('href', '/r/' + code());
      if (copy.name) copy.name = 'n' + code();
      if (copy.labels !== undefined && copy.matches('input, select, textarea') && !/^(submit|button)$/.test(copy.type)) { copy.removeAttribute('placeholder'); copy.setAttribute('aria-label', pick(['Notes', 'Remark', 'Nickname'])); }
      const label = withLabel(t)[1];
      if (label && label.contains(t)) label.replaceWith(copy); else { t.replaceWith(copy); if (label) label.remove(); }
    },
    removed_redesign(t) { drop(t); change.redesign(t); },
    removed_more_items(t) { const item = itemOf(t); change.more_items(); change.page_text(); if (item) item.remove(); else drop(t); },
  };
  const html = document.body.innerHTML;
  // Nodes are made anew each time, as they are when a page is loaded again.
  window.__drift = { change, gone, run: ([kind, goal, number]) => {
    document.body.innerHTML = html;
    scrollTo(0, 0);
    if (!kind) return;
    seed = number;
    const target = goal === null ? null : findTarget(goal);
    (change[kind] || gone[kind])(target);
  } };
})();
