// What panels are built from.
import { fill, h } from './dom.js';

let made = 0;

/** An id that no other element has. */
export function unique(prefix) {
  made += 1;
  return `${prefix}-${made}`;
}

/** A labelled control. */
export function field(label, control, { hint, wide } = {}) {
  if (!control.id) control.id = unique('field');
  const text = hint && h('div.hint', { id: `${control.id}-hint` }, hint);
  if (text) control.setAttribute('aria-describedby', text.id);
  return h(wide ? 'div.field.wide' : 'div.field', null, h('label', { for: control.id }, label), control, text);
}

/** A box to tick, with its label. */
export function check(label, props) {
  const input = h('input', { type: 'checkbox', ...props });
  return { input, node: h('label.check', null, input, label) };
}

/** What makes controls keep what is entered in a draft, by their names. */
export const keeper = (draft) => (name) => ({ name, value: draft[name], on: { input: (event) => { draft[name] = event.target.value; } } });

/** A choice of `[value, label]` or of values. */
export function select(options, value, props) {
  const list = options.map((option) => {
    const [own, label] = Array.isArray(option) ? option : [option, option];
    return h('option', { value: own, selected: own === value }, label);
  });
  return h('select', props, list);
}

/** Changes the choices of a select, and keeps what was chosen if it is still there. */
export function setOptions(node, options) {
  const wanted = options.map((option) => (Array.isArray(option) ? option : [option, option]));
  const text = JSON.stringify(wanted);
  if (node.dataset.options === text) return;
  const { value } = node;
  node.dataset.options = text;
  fill(node, wanted.map(([own, label]) => h('option', { value: own }, label)));
  if (wanted.some(([own]) => own === value)) node.value = value;
}

/** An input with suggestions, which `suggest(list)` replaces. */
export function suggested(props) {
  const list = h('datalist', { id: unique('list') });
  const input = h('input', { ...props, list: list.id });
  let shown = '';
  const suggest = (values) => {
    const text = JSON.stringify(values);
    if (text === shown) return;
    shown = text;
    fill(list, values.slice(0, 500).map((value) => h('option', { value })));
  };
  return { input, list, suggest };
}

/** `kind` is one of ok, warn, bad, info, accent, muted. */
export const badge = (text, kind = 'muted') => h(`span.badge.${kind}`, null, text);

export const empty = (title, ...text) => h('div.empty', null, h('h3', null, title), text.length ? h('p', null, text) : null);

export const notice = (kind, ...text) => h(`div.notice.${kind}`, null, text);

export const kv = (pairs) => h('dl.kv', null, pairs.filter(Boolean).map(([name, value]) => [h('dt', null, name), h('dd', null, value)]));

/** JSON in lines, if that changes nothing but spaces: numbers may have more digits than JavaScript keeps. */
export function pretty(text) {
  const bare = (from) => from.replace(/\s/g, '');
  try {
    const value = JSON.parse(text);
    return bare(JSON.stringify(value)) === bare(text) ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text;
  }
}

export function jsonBlock(value) {
  return h('pre.code', { tabindex: 0 }, typeof value === 'string' ? value : JSON.stringify(value, null, 2));
}

/** A card; `actions` are at the right of its heading. */
export function card(title, { id, actions } = {}, ...children) {
  const heading = h('h2', { id: unique('heading') }, title);
  const head = h('div.card-head', null, heading, actions ? h('div.actions', null, actions) : null);
  return h('section.card', { id, 'aria-labelledby': heading.id }, head, children);
}

/** A table that scrolls in itself; rows go into `body`. */
export function tableOf({ caption, columns, id, tall }) {
  const titles = columns.map((column) => {
    const { title, num, hidden } = typeof column === 'string' ? { title: column } : column;
    return h(num ? 'th.num' : 'th', { scope: 'col' }, hidden ? h('span.visually-hidden', null, title) : title);
  });
  const body = h('tbody');
  const table = h('table.table', { id }, h('caption', null, caption), h('thead', null, h('tr', null, titles)), body);
  const wrap = h('div.table-wrap', { class: tall ? 'tall' : '', tabindex: 0, role: 'region', 'aria-label': caption }, table);
  return { wrap, table, body };
}

/** Buttons of which one is pressed; `value` of the result sets it. */
export function segmented(label, options, value, onChange) {
  const buttons = new Map();
  const group = h('div.segmented', { role: 'group', 'aria-label': label });
  const press = (next) => {
    for (const [own, button] of buttons) button.setAttribute('aria-pressed', String(own === next));
  };
  for (const option of options) {
    const [own, text] = Array.isArray(option) ? option : [option, option];
    const click = () => {
      press(own);
      onChange(own);
    };
    buttons.set(own, h('button', { 'data-value': own, on: { click } }, text));
  }
  group.append(...buttons.values());
  press(value);
  return { node: group, press };
}

/** A button that acts at the second click. */
export function confirmButton(label, run, { question = 'Sure?', small = false, id } = {}) {
  let timer;
  const rest = () => {
    clearTimeout(timer);
    button.textContent = label;
    button.classList.remove('is-armed');
  };
  const click = async () => {
    if (!button.classList.contains('is-armed')) {
      button.textContent = question;
      button.classList.add('is-armed');
      timer = setTimeout(rest, 4000);
      return;
    }
    rest();
    button.disabled = true;
    try {
      await run();
    } finally {
      button.disabled = false;
    }
  };
  const button = h('button.btn.danger', { id, class: small ? 'small' : '', on: { click, blur: rest } }, label);
  return button;
}

/** A button that copies what `text` returns; `name` says what, for those who do not see. */
export function copyButton(text, name) {
  let timer;
  const click = async () => {
    const done = await copied(text());
    button.textContent = done ? 'Copied' : 'Not copied';
    clearTimeout(timer);
    timer = setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  };
  const button = h('button.btn.small', { 'aria-label': `Copy ${name}`, on: { click } }, 'Copy');
  return button;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without TLS the clipboard is not for other host names.
  }
  const area = h('textarea', { class: 'visually-hidden', value: text });
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}

/** A value to copy; a secret one is shown on request. */
export function copyRow(name, value, { secret } = {}) {
  const shown = h('span.value.mono', null, secret ? masked(value) : value);
  let isShown = !secret;
  const click = () => {
    isShown = !isShown;
    shown.textContent = isShown ? value : masked(value);
    toggle.textContent = isShown ? 'Hide' : 'Show';
    toggle.setAttribute('aria-label', `${isShown ? 'Hide' : 'Show'} the key of ${name}`);
  };
  const toggle = secret && h('button.btn.small.quiet', { 'aria-label': `Show the key of ${name}`, on: { click } }, 'Show');
  return h('div.copy-row', null, h('span.name', null, name), shown, h('span.actions', null, toggle, copyButton(() => value, name)));
}

/** A text without its keys. */
export function masked(text) {
  return text.replace(/((?:AccessKey|SharedAccessKey)=)[^;\s'"]+/g, '$1••••••••');
}

const numbers = new Intl.NumberFormat('en');
export const numberText = (value) => numbers.format(value);

export function bytesText(count) {
  if (count < 1024) return `${count} B`;
  const units = ['KiB', 'MiB', 'GiB'];
  let value = count / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

const two = (value) => String(value).padStart(2, '0');

/** A time of day of this machine, with milliseconds. */
export function timeText(seconds) {
  const date = new Date(seconds * 1000);
  const day = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${day}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** A date and a time of day. */
export function dateText(seconds) {
  const date = new Date(seconds * 1000);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${timeText(seconds).slice(0, 8)}`;
}

export function spanText(seconds) {
  if (seconds < 1) return `${seconds && seconds < 0.01 ? (seconds * 1000).toFixed(1) : Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
