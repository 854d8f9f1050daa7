// Hubs, their groups, users and connections, as they are now.
import { getAt } from './api.js';
import { connectionCard } from './connection.js';
import { h, reconcile, setText } from './dom.js';
import { link, note } from './router.js';
import { card, empty, field, numberText, tableOf } from './ui.js';

/** How many rows a table shows; the filter finds the others. */
const MOST = 200;

export const hubs = {
  id: 'hubs',
  title: 'Hubs',
  section: 'Web PubSub',
  needs: 'pubsub',
  mount(root, ctx) {
    const chosen = Object.fromEntries(['hub', 'group', 'user', 'connection'].map((name) => [name, ctx.params.get(name)]));
    let state = {};

    const filter = h('input', { type: 'search', placeholder: 'Group, user or connection', on: { input: () => render() } });
    const toggle = (name) => (value) => {
      chosen[name] = name !== 'hub' && chosen[name] === value ? null : value;
      if (name === 'hub') chosen.group = chosen.user = chosen.connection = null;
      note('hubs', chosen);
      render();
    };
    const hubTable = table('hub-list', 'Hubs with clients', ['Hub', num('Connections'), num('Users'), num('Groups'), num('To recover'), num('Messages waiting')], toggle('hub'));
    const groupTable = table('group-list', 'Groups of the hub', ['Group', num('Connections')], toggle('group'));
    const userTable = table('user-list', 'Users of the hub', ['User', num('Connections')], toggle('user'));
    const connectionTable = table('connection-list', 'Connections of the hub', ['Connection', 'User', 'Protocol', num('Groups'), 'State'], toggle('connection'));
    connectionTable.wrap.classList.add('ids');
    const limits = h('p.muted.break', { role: 'status' });
    const nobody = empty('Nobody is connected', 'A hub is here while clients are. ', h('a', { href: link('client') }, 'Connect one of this page.'));
    const detail = connectionCard(ctx, () => refresh());
    const lists = h('div.panel-body', null, card('Groups', {}, groupTable.wrap, groupTable.more), card('Users', {}, userTable.wrap, userTable.more));
    const rest = h('div.panel-body', null, field('Filter', filter), h('div.split.side', null, lists, h('div.panel-body', null, card('Connections', {}, limits, connectionTable.wrap, connectionTable.more), detail.node)));
    root.append(card('All hubs', {}, hubTable.wrap, nobody), rest);

    function render() {
      const names = Object.keys(state);
      if (!names.includes(chosen.hub)) chosen.hub = names[0] ?? null;
      nobody.hidden = names.length > 0;
      rest.hidden = names.length === 0;
      const all = state[chosen.hub] ?? [];
      const wanted = filter.value.toLowerCase();
      const fits = (...texts) => !wanted || texts.some((text) => text?.toLowerCase().includes(wanted));

      hubTable.show(names.map((name) => [name, ...sums(state[name])]), chosen.hub);
      const named = ([name]) => fits(name);
      groupTable.show(counted(all, (own) => own.groups).filter(named), chosen.group, 'No groups.');
      userTable.show(counted(all, (own) => usersOf([own])).filter(named), chosen.user, 'No users: the clients are anonymous.');
      const within = all.filter((own) => (!chosen.group || own.groups.includes(chosen.group)) && (!chosen.user || own.userId === chosen.user));
      const found = within.filter((own) => fits(own.connectionId, own.userId, ...own.groups));
      connectionTable.show(found.map(rowOf), chosen.connection, 'None.');
      const given = ['group', 'user'].filter((name) => chosen[name]).map((name) => `${name} ${chosen[name]}`);
      setText(limits, given.length ? `${numberText(within.length)} of ${numberText(all.length)}: ${given.join(', ')}` : '');
      limits.hidden = given.length === 0;
      detail.show(chosen.hub, all.find((own) => own.connectionId === chosen.connection), chosen.connection);
    }

    const refresh = ctx.every(1000, async () => {
      state = await getAt('pubsub', 'connections', { signal: ctx.signal });
      render();
    });
    render();
  },
};

const num = (title) => ({ title, num: true });
const usersOf = (connections) => connections.map((own) => own.userId).filter((user) => user !== null);

function rowOf(own) {
  const protocol = own.subprotocol === null ? 'simple' : own.subprotocol.replace('.webpubsub.azure.v1', '').replace(/(.*)\.reliable/, 'reliable $1');
  return [own.connectionId, own.userId ?? 'anonymous', protocol, own.groups.length, own.isLost ? 'lost, may recover' : 'connected'];
}

function sums(connections) {
  const sum = (of) => connections.reduce((total, own) => total + of(own), 0);
  return [connections.length, new Set(usersOf(connections)).size, new Set(connections.flatMap((own) => own.groups)).size, sum((own) => Number(own.isLost)), sum((own) => own.queuedMessages)];
}

function counted(connections, of) {
  const counts = new Map();
  for (const connection of connections) for (const key of of(connection)) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].sort(([left], [right]) => (left < right ? -1 : 1));
}

/** A table whose rows are texts, the first of them a button with which the row is chosen. */
function table(id, caption, columns, choose) {
  const { wrap, body } = tableOf({ id, caption, columns, tall: true });
  const more = h('p.muted.small', { hidden: true });
  const create = ([key]) => {
    const button = h('button.cell-link', { on: { click: () => choose(key) } });
    return h('tr', null, columns.map(({ num: isNumber }, index) => h(isNumber ? 'td.num' : 'td.break', null, index === 0 ? button : null)));
  };
  const show = (rows, selected, none) => {
    reconcile(body, rows.slice(0, MOST), ([key]) => key, create, (row, texts) => {
      const isSelected = texts[0] === selected;
      row.classList.toggle('is-selected', isSelected);
      row.cells[0].firstChild.setAttribute('aria-pressed', String(isSelected));
      texts.forEach((text, index) => setText(index === 0 ? row.cells[0].firstChild : row.cells[index], typeof text === 'number' ? numberText(text) : text));
    });
    wrap.hidden = rows.length === 0;
    more.hidden = rows.length > 0 && rows.length <= MOST;
    setText(more, rows.length ? `The first ${MOST} of ${numberText(rows.length)}. The filter finds the others.` : none);
  };
  return { wrap, more, show };
}
