// Hubs, their groups, users and connections, as they are now.
import { getAt } from './api.js';
import { connectionCard } from './connection.js';
import { fill, h, reconcile, setText } from './dom.js';
import { link, note } from './router.js';
import { badge, card, empty, field, numberText, tableOf } from './ui.js';

/** How many rows a table shows; the filter finds the others. */
const MOST = 200;

export const hubs = {
  id: 'hubs',
  title: 'Hubs',
  section: 'Web PubSub',
  needs: 'pubsub',
  mount(root, ctx) {
    const chosen = { hub: ctx.params.get('hub'), group: ctx.params.get('group'), user: ctx.params.get('user'), connection: ctx.params.get('connection') };
    let state = {};

    const filter = h('input', { type: 'search', placeholder: 'Group, user or connection', on: { input: () => render() } });
    const hubTable = table('hub-list', 'Hubs with clients', ['Hub', num('Connections'), num('Users'), num('Groups'), num('To recover'), num('Messages waiting')]);
    const groupTable = table('group-list', 'Groups of the hub', ['Group', num('Connections')], true);
    const userTable = table('user-list', 'Users of the hub', ['User', num('Connections')], true);
    const connectionTable = table('connection-list', 'Connections of the hub', ['Connection', 'User', 'Protocol', num('Groups'), 'State'], true);
    const chosenText = h('div.row', { role: 'status' });
    const nobody = empty('Nobody is connected', 'A hub is here for as long as a client is connected to it. ', h('a', { href: link('client') }, 'Connect a client of this page'), ' to try one.');
    const detail = connectionCard(ctx, () => refresh());
    const hubCard = card('All hubs', {}, hubTable.wrap, nobody);
    const rest = h('div.split.side', null, h('div.panel-body', null, card('Groups', {}, groupTable.wrap, groupTable.more), card('Users', {}, userTable.wrap, userTable.more)), h('div.panel-body', null, card('Connections', {}, chosenText, connectionTable.wrap, connectionTable.more), detail.node));
    const toolbar = h('form.toolbar', { role: 'search', on: { submit: (event) => event.preventDefault() } }, h('div.grow', null, field('Filter', filter)));
    root.append(hubCard, toolbar, rest);

    const choose = (name, value) => {
      chosen[name] = value;
      if (name === 'hub') Object.assign(chosen, { group: null, user: null, connection: null });
      note('hubs', chosen);
      render();
    };
    const toggle = (name, value) => choose(name, chosen[name] === value ? null : value);

    function render() {
      const names = Object.keys(state);
      if (!names.includes(chosen.hub)) chosen.hub = names[0] ?? null;
      const all = state[chosen.hub] ?? [];
      const wanted = filter.value.toLowerCase();
      const fits = (...texts) => !wanted || texts.some((text) => text?.toLowerCase().includes(wanted));
      const isEmpty = names.length === 0;
      nobody.hidden = !isEmpty;
      for (const node of [hubTable.wrap, rest, toolbar]) node.hidden = isEmpty;

      hubTable.show(names.map((name) => summed(name, state[name])), (hub) => hub.name, (hub) => [choice(hub.name, hub.name === chosen.hub, () => choose('hub', hub.name)), hub.connections, hub.users, hub.groups, hub.lost, hub.queued].map(cell), (hub) => hub.name === chosen.hub);
      const groups = counted(all, (connection) => connection.groups);
      const users = counted(all, (connection) => (connection.userId === null ? [] : [connection.userId]));
      const row = (name, own) => ([key, count]) => [choice(key, own === key, () => toggle(name, key)), cell(count)];
      groupTable.show(groups.filter(([name]) => fits(name)), ([name]) => name, row('group', chosen.group), ([name]) => name === chosen.group, 'No groups.');
      userTable.show(users.filter(([name]) => fits(name)), ([name]) => name, row('user', chosen.user), ([name]) => name === chosen.user, 'No users: the clients are anonymous.');
      const within = all.filter((own) => (!chosen.group || own.groups.includes(chosen.group)) && (!chosen.user || own.userId === chosen.user));
      const found = within.filter((own) => fits(own.connectionId, own.userId, ...own.groups));
      connectionTable.show(found, (own) => own.connectionId, connectionRow, (own) => own.connectionId === chosen.connection, 'None.');
      const limits = ['group', 'user'].filter((name) => chosen[name] !== null && chosen[name] !== undefined);
      const text = JSON.stringify([limits.map((name) => chosen[name]), within.length]);
      if (chosenText.dataset.text !== text) {
        chosenText.dataset.text = text;
        chosenText.hidden = limits.length === 0;
        fill(chosenText, h('span.muted', null, `${numberText(within.length)} of ${numberText(all.length)}:`), limits.map((name) => h('button.btn.small', { on: { click: () => choose(name, null) } }, `${name} ${chosen[name]} ×`)));
      }
      detail.show(chosen.hub, all.find((own) => own.connectionId === chosen.connection), chosen.connection);
    }

    const connectionRow = (own) => [
      choice(own.connectionId, own.connectionId === chosen.connection, () => toggle('connection', own.connectionId), true),
      own.userId === null ? h('span.muted', null, 'anonymous') : h('span.break', null, own.userId),
      protocolText(own.subprotocol),
      cell(own.groups.length),
      own.isLost ? badge('lost, may recover', 'warn') : badge('connected', 'ok'),
    ];

    const refresh = ctx.every(1000, async () => {
      state = await getAt('pubsub', 'connections', { signal: ctx.signal });
      ctx.clear();
      render();
    });
    render();
  },
};

export const protocolText = (name) => (name === null ? 'simple' : name.replace('.webpubsub.azure.v1', '').replace(/(.*)\.reliable/, 'reliable $1'));

const num = (title) => ({ title, num: true });
const cell = (value) => (typeof value === 'number' ? numberText(value) : value);

function choice(text, isPressed, click, isMono) {
  return h(isMono ? 'button.cell-link.mono' : 'button.cell-link', { 'aria-pressed': String(isPressed), on: { click } }, text === '' ? '(empty)' : text);
}

function summed(name, connections) {
  const users = new Set(connections.filter((own) => own.userId !== null).map((own) => own.userId));
  const groups = new Set(connections.flatMap((own) => own.groups));
  const sum = (of) => connections.reduce((total, own) => total + of(own), 0);
  return { name, connections: connections.length, users: users.size, groups: groups.size, lost: sum((own) => Number(own.isLost)), queued: sum((own) => own.queuedMessages) };
}

function counted(connections, of) {
  const counts = new Map();
  for (const connection of connections) for (const key of of(connection)) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].sort(([left], [right]) => (left < right ? -1 : 1));
}

/** A table whose rows are kept while their texts stay the same. */
function table(id, caption, columns, tall) {
  const { wrap, body } = tableOf({ id, caption, columns, tall });
  const more = h('p.muted.small', { hidden: true });
  const isNumber = columns.map((column) => typeof column !== 'string');
  const create = () => h('tr', null, columns.map((_, index) => h(isNumber[index] ? 'td.num' : 'td')));
  const show = (items, keyOf, cellsOf, isSelected, none) => {
    const first = items.slice(0, MOST);
    reconcile(body, first, keyOf, create, (row, item) => {
      row.classList.toggle('is-selected', isSelected(item));
      cellsOf(item).forEach((wanted, index) => update(row.cells[index], wanted));
    });
    more.hidden = items.length > 0 && items.length <= MOST;
    setText(more, items.length === 0 ? (none ?? '') : `The first ${MOST} of ${numberText(items.length)}. The filter finds the others.`);
    wrap.hidden = items.length === 0;
  };
  return { wrap, more, show };
}

function update(node, wanted) {
  if (!(wanted instanceof Node)) return setText(node, wanted);
  const old = node.firstChild;
  // The same but for its state: a button keeps its focus.
  if (old?.nodeName === wanted.nodeName && old.textContent === wanted.textContent && old.className === wanted.className) {
    if (wanted.hasAttribute('aria-pressed')) old.setAttribute('aria-pressed', wanted.getAttribute('aria-pressed'));
    return old;
  }
  return fill(node, wanted);
}
