import './react.jsx';
import './preact.jsx';
import './vue.js';
import './svelte.js';
import './solid.jsx';
import './jquery.js';
