/** @jsxImportSource preact */
// Preact adds a listener to each element.
import { render } from 'preact';

const go = () => {};
render(
  <>
    <div onClick={go} data-gt="1:preact div onClick">open</div>
    <span onClick={go} data-gt="1:preact span onClick">more</span>
    <div onPointerDown={go} data-gt="1:preact onPointerDown">point</div>
    <ul data-gt="0:preact list"><li onClick={go} data-gt="1:preact li a">a</li><li onClick={go} data-gt="1:preact li b">b</li></ul>
    <button onClick={go} data-gt="1:preact button">button</button>
    <div onMouseOver={go} data-gt="0:preact hover only">hover</div>
    <p data-gt="0:preact text">text</p>
  </>,
  document.getElementById('preact'),
);
