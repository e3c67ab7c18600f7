// Solid listens at the document and marks elements.
import { createSignal, onMount, For, Show } from 'solid-js';
import { render } from 'solid-js/web';

function App() {
  const [count, setCount] = createSignal(0), [late, setLate] = createSignal(false);
  const go = () => setCount(count() + 1);
  onMount(() => setLate(true));
  return (
    <section data-gt="0:solid section">
      <div onClick={go} data-gt="1:solid div onClick">open {count()}</div>
      <span onClick={[go, 1]} data-gt="1:solid span with bound data">more</span>
      <div onMouseDown={go} data-gt="1:solid onMouseDown">press</div>
      <div onPointerDown={go} data-gt="1:solid onPointerDown">point</div>
      <div on:click={go} data-gt="1:solid own listener">own</div>
      <ul data-gt="0:solid list"><For each={['a', 'b']}>{n => <li onClick={go} data-gt={`1:solid li ${n}`}>{n}</li>}</For></ul>
      <Show when={late()}><div onClick={go} data-gt="1:solid drawn later">late</div></Show>
      <div onMouseEnter={go} data-gt="0:solid hover only">hover</div>
      <p data-gt="0:solid text">text</p>
    </section>
  );
}
render(() => <App />, document.getElementById('solid'));
