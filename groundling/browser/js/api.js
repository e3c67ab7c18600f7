// What Python calls.
const api = Object.freeze({ key: documentKey, json: readJson, resolve, node: nodeOf, number: numberOf,
  known: e => numbers.get(e) || 0, role: e => (roleOf(e) === 'img' ? 'image' : roleOf(e)), name: e => nameFor(e, 1e9, false).replace(/^\s+|\s+$/g, m => (has(e, 'aria-label') ? m : '')) });
try {
  Object.defineProperty(globalThis, '__groundling', { value: api, configurable: true });
} catch (ignored) { globalThis.__groundling = api; }
return api;
