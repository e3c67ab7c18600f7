import { createApp, h, ref, onMounted } from 'vue';

createApp({
  setup() {
    const n = ref(0), late = ref(false), go = () => { n.value++; };
    onMounted(() => { late.value = true; });
    return () => h('section', { 'data-gt': '0:vue section' }, [
      h('div', { onClick: go, 'data-gt': '1:vue div click' }, 'open ' + n.value),
      h('span', { onClick: go, 'data-gt': '1:vue span click' }, 'more'),
      h('div', { onMousedown: go, 'data-gt': '1:vue mousedown' }, 'press'),
      h('div', { onPointerdown: go, 'data-gt': '1:vue pointerdown' }, 'point'),
      h('ul', { 'data-gt': '0:vue list' }, ['a', 'b'].map(k => h('li', { key: k, onClick: go, 'data-gt': '1:vue li ' + k }, k))),
      h('input', { value: n.value, onInput: go, 'data-gt': '1:vue input' }),
      late.value ? h('div', { onClick: go, 'data-gt': '1:vue drawn later' }, 'late') : null,
      h('div', { onMouseenter: go, 'data-gt': '0:vue hover only' }, 'hover'),
      h('p', { 'data-gt': '0:vue text' }, 'text'),
    ]);
  },
}).mount('#vue');
