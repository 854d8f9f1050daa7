// Panels are addressed by the hash: `#hubs?hub=chat`.
import { store } from './store.js';

export const route = store(read());

function read() {
  const [id, query] = location.hash.slice(1).split('?', 2);
  return { id, params: new URLSearchParams(query ?? '') };
}

addEventListener('hashchange', () => {
  // That of the link to the content is no panel.
  if (location.hash !== '#main') route.set(read());
});

/** Returns the address of a panel. */
export function link(id, params) {
  const given = Object.entries(params ?? {}).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const query = new URLSearchParams(given).toString();
  return query ? `#${id}?${query}` : `#${id}`;
}

/** Opens a panel. */
export function go(id, params) {
  location.hash = link(id, params);
}

/** Changes the address of the panel that is shown, without a new entry in the history. */
export function note(id, params) {
  history.replaceState(null, '', link(id, params));
}
