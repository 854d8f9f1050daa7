// Elements from data. Text is always a text node: nothing that came over a wire becomes markup.

const SVG = 'http://www.w3.org/2000/svg';
const PROPERTIES = new Set(['value', 'checked', 'disabled', 'hidden', 'selected', 'open', 'readOnly', 'required', 'indeterminate']);

/** What these have if nothing else is said: buttons submit nothing, and no text is corrected. */
const ENTERED = { autocomplete: 'off', spellcheck: 'false' };
const USUAL = { button: { type: 'button' }, input: ENTERED, textarea: ENTERED };

/** Makes an element: `h('button.btn.primary', { on: { click } }, 'Send')`. */
export function h(tag, props, ...children) {
  const [name, ...classes] = tag.split('.');
  const usual = USUAL[name];
  return made(document.createElement(name), classes, usual ? { ...usual, ...props } : props, children);
}

/** Makes an element of SVG. */
export function svg(tag, props, ...children) {
  const [name, ...classes] = tag.split('.');
  return made(document.createElementNS(SVG, name), classes, props, children);
}

function made(node, classes, props, children) {
  if (classes.length) node.setAttribute('class', classes.join(' '));
  node.append(...nodes(children));
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (name === 'class') {
      node.classList.add(...value.split(' ').filter(Boolean));
    } else if (name === 'dataset') {
      Object.assign(node.dataset, value);
    } else if (PROPERTIES.has(name) && name in node) {
      node[name] = value;
    } else if (/^on/i.test(name)) {
      throw new TypeError(`${name}: listeners go into \`on\``);
    } else {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
  return node;
}

function nodes(children) {
  const out = [];
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    out.push(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return out;
}

/** Replaces the children of a node. */
export function fill(node, ...children) {
  node.replaceChildren(...nodes(children));
  return node;
}

/** Sets a text, if it is another one: selections and live regions stay quiet otherwise. */
export function setText(node, text) {
  const wanted = String(text ?? '');
  if (node.textContent !== wanted) node.textContent = wanted;
  return node;
}

const kept = new WeakMap();

/**
 * Makes the children of `parent` those of `items`, and keeps the nodes of those that stay, with
 * their focus and selection.
 */
export function reconcile(parent, items, keyOf, create, update) {
  const before = kept.get(parent) ?? new Map();
  const now = new Map();
  let place = parent.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    if (now.has(key)) continue;
    const node = before.get(key) ?? create(item);
    update?.(node, item);
    now.set(key, node);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
  kept.set(parent, now);
}

/** Calls `fn` when `ms` have passed without another call. */
export function debounce(fn, ms) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...args), ms);
  };
}
