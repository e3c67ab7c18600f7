// React listens at its root only: what marks an element are the props it keeps on the node.
import { useState, useEffect, memo } from 'react';
import { createRoot } from 'react-dom/client';
import { createPortal } from 'react-dom';

const Plain = ({ children }) => <div data-gt="0:react component without handler">{children}</div>;
const Row = memo(({ name, open }) => <li onClick={open} data-gt={`1:react memo row ${name}`}>{name}</li>);

function App() {
  const [count, setCount] = useState(0), [late, setLate] = useState(false), [armed, setArmed] = useState(true);
  useEffect(() => { setLate(true); setArmed(false); }, []);
  const more = () => setCount(count + 1);
  return (
    <section data-gt="0:react section">
      <div onClick={more} data-gt="1:react div onClick">count {count}</div>
      <span onClick={more} data-gt="1:react span onClick">more</span>
      <div onMouseDown={more} data-gt="1:react div onMouseDown">press</div>
      <div onPointerDown={more} data-gt="1:react div onPointerDown">point</div>
      <a onClick={more} data-gt="1:react a without href">anchor</a>
      <svg width="20" height="14"><circle cx="8" cy="7" r="6" onClick={more} data-gt="1:react svg circle" /></svg>
      <input value={count} onChange={more} data-gt="1:react input" />
      <div role="checkbox" aria-checked="false" onClick={more} data-gt="1:react role checkbox">tick</div>
      <ul data-gt="0:react list">{['a', 'b'].map(n => <Row key={n} name={n} open={more} />)}</ul>
      <div className="card" onClick={more} data-gt="1:react card">
        Card text <a href="/react" onClick={e => e.stopPropagation()} data-gt="1:react link in card">read</a>
      </div>
      {late && <div onClick={more} data-gt="1:react drawn later">late</div>}
      <div onClick={armed ? more : undefined} data-gt="0:react handler taken away">was armed</div>
      <div onMouseEnter={more} data-gt="0:react hover only">hover</div>
      <div onScroll={more} data-gt="0:react scroll only">scroll</div>
      <div onClick={null} data-gt="0:react null handler">nothing</div>
      <Plain>plain</Plain>
      {createPortal(<div onClick={more} data-gt="1:react portal">portal</div>, document.getElementById('react-portal'))}
    </section>
  );
}
createRoot(document.getElementById('react')).render(<App />);
