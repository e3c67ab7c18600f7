// Listeners without a framework, and shadow trees.
const $ = id => document.getElementById(id), go = () => {};
const on = (id, type = 'click', handler = go, options = undefined) => $(id).addEventListener(type, handler, options);
on('l1'); on('l2'); on('l4', 'mousedown'); on('l5', 'pointerdown'); on('l6', 'touchstart'); on('l7', 'dblclick');
on('l8', 'click', { handleEvent: go }); on('l9', 'click', go, { once: true }); on('l10', 'click', go, true);
on('l11'); on('l12'); on('l13'); on('l14', 'keydown');
$('l3').onclick = go;
on('n1', 'keydown'); on('n2', 'mouseenter'); on('n3', 'scroll'); on('n4', 'my-click'); on('n5', 'transitionend');
on('delegating'); on('row'); on('i1'); on('i2'); on('card');
document.body.addEventListener('click', go);
document.addEventListener('click', go);
customElements.define('x-press', class extends HTMLElement { constructor() { super(); this.addEventListener('click', go); } });

const open = $('open').attachShadow({ mode: 'open' });
open.innerHTML = `<style>.p { cursor: pointer }</style><div data-gt="0:layout in shadow">
  <button data-gt="1:button in shadow">sb</button><div id="s1" data-gt="1:listener in shadow">sd</div>
  <span class="p" data-gt="1:cursor in shadow">sp</span><span data-gt="0:text in shadow">st</span><div id="inner"></div></div>`;
open.getElementById('s1').addEventListener('click', go);
open.getElementById('inner').attachShadow({ mode: 'open' }).innerHTML = '<a href="#" data-gt="1:link in nested shadow">nl</a>';
$('closed').attachShadow({ mode: 'closed' }).innerHTML = '<button data-gt="1:button in closed shadow">cb</button><p data-gt="0:text in closed shadow">ct</p>';
