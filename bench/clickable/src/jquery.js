import $ from 'jquery';

const go = () => {};
$('#jquery').html(`
  <div class="own" data-gt="1:jquery on click">open</div>
  <div class="press" data-gt="1:jquery on mousedown">press</div>
  <div class="once" data-gt="1:jquery one click">once</div>
  <ul data-gt="0:jquery delegating list"><li class="item" data-gt="1:jquery delegated a">a</li>
    <li class="item" data-gt="1:jquery delegated b">b</li><li data-gt="0:jquery li of no selector">c</li></ul>
  <div class="hover" data-gt="0:jquery hover only">hover</div>
  <div class="off" data-gt="2:jquery taken off again">off</div>
  <p data-gt="0:jquery text">text</p>`);
$('#jquery .own').on('click', go);
$('#jquery .press').on('mousedown', go);
$('#jquery .once').one('click', go);
$('#jquery ul').on('click', '.item', go);
$('#jquery .hover').on('mouseenter mouseover', go);
$('#jquery .off').on('click', go).off('click', go);
