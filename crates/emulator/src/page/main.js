// The shell: header, navigation, and the panel that the address names.
import { Gone, connection, events, ready, watchEmulator } from './api.js';
import { fill, h, reconcile, setText } from './dom.js';
import { panels, sections } from './panels.js';
import { link, note, route } from './router.js';
import { remembered } from './store.js';

const byId = (id) => document.getElementById(id);
const main = byId('main');

// The header.

const theme = remembered('theme', 'system');
const THEMES = ['system', 'light', 'dark'];

function showTheme() {
  const root = document.documentElement;
  if (theme.value === 'system') delete root.dataset.theme;
  else root.dataset.theme = theme.value;
  setText(byId('theme'), `Theme: ${theme.value}`);
}

byId('theme').addEventListener('click', () => {
  theme.set(THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]);
  showTheme();
});
showTheme();

byId('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});

connection.subscribe((now) => {
  byId('status').dataset.state = now.state;
  const isGone = now.state === 'gone';
  setText(byId('status-text'), isGone ? 'No answer' : `Healthy · ${now.version}`);
  document.title = isGone ? 'azwire emulator (no answer)' : 'azwire emulator';
  const text = `The emulator does not answer at ${location.host}. What is shown may be out of date; the page continues by itself when it is back.`;
  const gone = byId('gone');
  if (gone.hidden === isGone) {
    gone.hidden = !isGone;
    setText(gone, isGone ? text : '');
  }
});

// The navigation.

const available = () => panels.filter((panel) => !panel.needs || !ready.value || ready.value.denied || ready.value[panel.needs]);

function showNavigation() {
  const open = shown?.panel.id;
  const here = available();
  const groups = sections.map((title) => [title, here.filter((panel) => panel.section === title)]).filter(([, own]) => own.length);
  const create = ([title]) => h('div', null, h('h2', null, title), h('ul'));
  reconcile(byId('nav'), groups, ([title]) => title, create, (node, [, own]) => {
    const item = (panel) => h('li', null, h('a', { href: link(panel.id) }, panel.title));
    reconcile(node.lastChild, own, (panel) => panel.id, item, (li, panel) => {
      const anchor = li.firstChild;
      if (panel.id === open) anchor.setAttribute('aria-current', 'page');
      else anchor.removeAttribute('aria-current');
    });
  });
}

// The panel.

let shown = null;

function open({ id, params }) {
  const here = available();
  const panel = here.find((own) => own.id === id) ?? here[0];
  if (panel.id !== id) note(panel.id);
  const isFirst = !shown;
  shown?.controller.abort();
  shown?.section.remove();
  shown = mounted(panel, params);
  main.append(shown.section);
  showNavigation();
  const nav = byId('nav');
  const current = nav.querySelector('[aria-current]');
  // Not scrollIntoView: the next Tab would go on from there, and not to the link to the content.
  if (current) nav.scrollTo(current.offsetLeft - 48, current.offsetTop - 48);
  if (!isFirst) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
}

function mounted(panel, params) {
  const controller = new AbortController();
  const { signal } = controller;
  const title = h('h1', { id: `title-${panel.id}` }, panel.title);
  const actions = h('div.actions');
  const alert = h('div.notice.bad', { role: 'alert', hidden: true });
  const body = h('div.panel-body');
  const head = h('div.panel-head', null, title, actions);
  const section = h('section', { id: `panel-${panel.id}`, 'aria-labelledby': title.id }, head, alert, body);
  const onCleanup = (fn) => signal.addEventListener('abort', fn, { once: true });
  const context = {
    signal,
    params,
    onCleanup,
    actions: (...nodes) => fill(actions, nodes),
    fail(error) {
      if (signal.aborted || error?.name === 'AbortError') return;
      // Others are mistakes of the page itself.
      if (error?.name !== 'Error') console.error(error);
      setText(alert, error?.message ?? error);
      alert.hidden = false;
    },
    clear() {
      alert.hidden = true;
    },
    done: toast,
    watch(own, fn) {
      fn(own.value);
      onCleanup(own.subscribe(fn));
    },
    every: (ms, work) => every(context, ms, work),
  };
  panel.mount(body, context);
  // What a restart has made old is loaded again.
  events.addEventListener('restart', () => open(route.value), { signal });
  return { panel, controller, section };
}

/** Runs `work` now and then; not while nobody looks or nobody answers. */
function every(context, ms, work) {
  const { signal } = context;
  let timer;
  let isRunning = false;
  let hasFailed = false;
  const run = async () => {
    clearTimeout(timer);
    if (isRunning || signal.aborted || document.hidden || connection.value.state === 'gone') return;
    isRunning = true;
    const from = performance.now();
    try {
      await work();
      if (hasFailed) context.clear();
      hasFailed = false;
    } catch (error) {
      if (!(error instanceof Gone)) context.fail(error);
      hasFailed = true;
    }
    isRunning = false;
    // A large answer is asked for less often.
    const pause = Math.max(ms, 4 * (performance.now() - from));
    if (!signal.aborted) timer = setTimeout(run, pause);
  };
  document.addEventListener('visibilitychange', run, { signal });
  let before = connection.value.state;
  const back = connection.subscribe(({ state }) => {
    if (state === 'up' && before === 'gone') run();
    before = state;
  });
  context.onCleanup(back);
  context.onCleanup(() => clearTimeout(timer));
  run();
  return run;
}

function toast(text) {
  const node = h('div.toast', null, text);
  byId('toasts').append(node);
  setTimeout(() => node.remove(), 4000);
}

route.subscribe(open);
ready.subscribe(() => {
  showNavigation();
  const panel = shown?.panel;
  if (panel && !available().includes(panel)) open(route.value);
});
open(route.value);
watchEmulator();
