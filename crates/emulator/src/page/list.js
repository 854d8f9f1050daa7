// A long list of which only the rows in view exist. The newest is at the top.
import { fill, h, setText } from './dom.js';
import { card } from './ui.js';

const MARGIN = 8;
/** Below these widths a list has fewer columns, and then rows of two lines. */
const MEDIUM = 820;
const NARROW = 540;

/**
 * `columns` are `{ name, title }`; `show(cells, item)` fills the cells of a row by their names;
 * `keyOf(item)`; `onSelect(item)`. `set(items, added)` shows items of which the last is the
 * newest; `added` of them are new.
 */
export function windowed({ id: own, label, columns, show, keyOf, onSelect }, ctx) {
  const header = h('div.list-row.list-head', { role: 'row', 'aria-rowindex': 1 }, columns.map(({ name, title }) => h(`span.c-${name}`, { role: 'columnheader' }, title)));
  const space = h('div.list-space', { role: 'rowgroup' });
  const scroller = h('div.list', { id: own, role: 'grid', 'aria-label': label, 'aria-rowcount': 1, tabindex: 0 }, header, space);
  const pool = [];
  let items = [];
  let height = 0;
  let selected = null;
  let isPlanned = false;

  const at = (index) => items[items.length - 1 - index];
  const indexOf = (key) => {
    for (let index = 0; index < items.length; index += 1) if (keyOf(at(index)) === key) return index;
    return -1;
  };

  function draw() {
    isPlanned = false;
    const top = scroller.scrollTop;
    const first = Math.max(0, Math.floor(top / height) - MARGIN);
    const shown = Math.ceil(scroller.clientHeight / height) + 2 * MARGIN;
    const end = Math.min(items.length, first + shown);
    for (let slot = 0; slot < Math.max(pool.length, end - first); slot += 1) {
      const index = first + slot;
      const row = (pool[slot] ??= created(slot));
      row.node.hidden = index >= end;
      if (index >= end) continue;
      const item = at(index);
      const key = keyOf(item);
      if (row.index !== index) {
        row.index = index;
        row.node.style.setProperty('transform', `translateY(${index * height}px)`);
        row.node.setAttribute('aria-rowindex', index + 2);
      }
      if (row.item !== item) {
        row.item = item;
        row.node.dataset.id = key;
        show(row.cells, item);
      }
      const isSelected = key === selected;
      row.node.classList.toggle('is-selected', isSelected);
      row.node.setAttribute('aria-selected', String(isSelected));
      if (isSelected) scroller.setAttribute('aria-activedescendant', row.node.id);
    }
  }

  function created(slot) {
    const cells = {};
    const parts = columns.map(({ name }) => (cells[name] = h(`span.c-${name}`, { role: 'gridcell' })));
    const node = h('div.list-row', { role: 'row', id: `${own}-row-${slot}` }, parts);
    space.append(node);
    return { node, cells, index: -1, item: null };
  }

  function plan() {
    if (isPlanned) return;
    isPlanned = true;
    requestAnimationFrame(draw);
  }

  function measure() {
    const width = scroller.clientWidth || MEDIUM;
    const form = width < NARROW ? 'narrow' : width < MEDIUM ? 'medium' : 'wide';
    if (scroller.dataset.form !== form) {
      scroller.dataset.form = form;
      height = form === 'narrow' ? 50 : 30;
      scroller.style.setProperty('--row', `${height}px`);
      space.style.setProperty('height', `${items.length * height}px`);
      for (const row of pool) row.index = -1;
    }
    plan();
  }

  function select(index) {
    if (index < 0 || index >= items.length) return;
    const item = at(index);
    selected = keyOf(item);
    const top = index * height;
    const room = scroller.clientHeight - header.offsetHeight;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + height > scroller.scrollTop + room) scroller.scrollTop = top + height - room;
    draw();
    onSelect?.(item);
  }

  scroller.addEventListener('scroll', plan, { passive: true });
  const resized = new ResizeObserver(measure);
  resized.observe(scroller);
  ctx.onCleanup(() => resized.disconnect());
  // News may move the rows between press and click.
  let pressed;
  const itemOf = ({ target }) => pool.find(({ node }) => node === target.closest('.list-row'))?.item;
  scroller.addEventListener('pointerdown', (event) => {
    pressed = { item: itemOf(event), x: event.x, y: event.y };
  });
  scroller.addEventListener('click', (event) => {
    const isInPlace = Math.hypot(event.x - pressed?.x, event.y - pressed?.y) < 5;
    const item = isInPlace ? pressed.item : itemOf(event);
    pressed = null;
    if (item) select(indexOf(keyOf(item)));
  });
  scroller.addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor(scroller.clientHeight / height) - 2);
    const now = indexOf(selected);
    const next = { ArrowDown: now + 1, ArrowUp: Math.max(0, now - 1), PageDown: Math.min(items.length - 1, now + page), PageUp: Math.max(0, now - page), Home: 0, End: items.length - 1 }[event.key];
    if (next === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    select(next);
  });
  measure();

  return {
    node: scroller,
    set(next, added = 0) {
      const isReading = scroller.scrollTop > height / 2;
      items = next;
      scroller.setAttribute('aria-rowcount', items.length + 1);
      space.style.setProperty('height', `${items.length * height}px`);
      // What somebody reads stays where it is.
      if (isReading && added) scroller.scrollTop += added * height;
      plan();
    },
    deselect() {
      selected = null;
      scroller.removeAttribute('aria-activedescendant');
      plan();
    },
  };
}

/** Sets a cell to a badge, or to nothing. */
export function setBadge(cell, text, kind) {
  const node = cell.firstChild ?? cell.appendChild(h('span'));
  node.className = text ? `badge ${kind}` : '';
  setText(node, text);
}

/** A list, and beside it a card that is there while something is selected. */
export function detailed(box, title, id, onClose) {
  const body = h('div.stack', { id });
  const close = () => {
    fill(body);
    side.hidden = true;
    node.className = 'split single';
    onClose();
  };
  const button = h('button.btn.small.quiet', { 'aria-label': 'Close', on: { click: close } }, '×');
  const side = card(title, { actions: button }, body);
  side.classList.add('detail');
  const node = h('div.split.single', { on: { keydown: (event) => event.key === 'Escape' && close() } }, box, side);
  side.hidden = true;
  return {
    node,
    close,
    show(...content) {
      fill(body, content);
      side.hidden = false;
      node.className = 'split wide';
    },
  };
}
