// Svelte 5 listens at its root and marks elements.
import { mount } from 'svelte';
import App from './App.svelte';

mount(App, { target: document.getElementById('svelte') });
