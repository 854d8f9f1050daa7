// Sending through the REST interface.
import { getAt } from './api.js';
import { h, reconcile } from './dom.js';
import { call } from './rest.js';
import { badge, card, empty, field, keeper, segmented, select, spanText, suggested, tableOf, timeText } from './ui.js';

const TARGETS = [['all', 'All'], ['group', 'Group'], ['user', 'User'], ['connection', 'Connection']];
const TYPES = { text: 'text/plain; charset=utf-8', json: 'application/json', hex: 'application/octet-stream' };
const SAMPLES = { text: 'Hello', json: '{ "hello": "world" }', hex: '00 ff 10' };

/** What was entered, from one visit to the next, and what came of it. */
const draft = { hub: 'chat', target: 'all', group: '', user: '', connection: '', type: 'text', payload: '', filter: '', ttl: '' };
let results = [];
let number = 0;

export const send = {
  id: 'send',
  title: 'Send',
  section: 'Web PubSub',
  needs: 'pubsub',
  mount(root, ctx) {
    for (const [name, value] of ctx.params) if (name in draft) draft[name] = value;
    const keep = keeper(draft);
    const hub = suggested({ ...keep('hub'), required: true });
    const names = Object.fromEntries(['group', 'user', 'connection'].map((name) => [name, suggested(keep(name))]));
    const nameFields = Object.fromEntries(Object.entries(names).map(([name, own]) => [name, field(name[0].toUpperCase() + name.slice(1), own.input)]));
    const type = select([['text', 'Text'], ['json', 'JSON'], ['hex', 'Bytes, as hexadecimal']], draft.type, { ...keep('type'), on: { change: showSample } });
    const payload = h('textarea', { ...keep('payload'), rows: 6 });
    const filter = h('input.mono', { placeholder: "userId eq 'ann'", ...keep('filter') });
    const ttl = h('input', { type: 'number', min: 0, max: 300, placeholder: 'none', ...keep('ttl') });
    const filterField = field('Filter', filter, { hint: 'OData: of userId, connectionId, groups.' });
    const target = segmented('Receivers', TARGETS, draft.target, (next) => {
      draft.target = next;
      showTarget();
    });
    target.node.dataset.name = 'target';
    const button = h('button.btn.primary', { type: 'submit' }, 'Send');

    function showTarget() {
      for (const [name, node] of Object.entries(nameFields)) {
        node.hidden = name !== draft.target;
        names[name].input.required = name === draft.target;
      }
      filterField.hidden = draft.target === 'connection';
    }
    function showSample() {
      draft.type = type.value;
      payload.placeholder = SAMPLES[draft.type];
    }
    showTarget();
    showSample();

    const submit = async (event) => {
      event.preventDefault();
      button.disabled = true;
      try {
        results = [{ number: (number += 1), at: Date.now() / 1000, ...(await sent(ctx.signal)) }, ...results].slice(0, 50);
        ctx.clear();
      } catch (error) {
        ctx.fail(error);
      }
      button.disabled = false;
      show();
    };
    const hurry = (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    };
    const form = h(
      'form.form',
      { id: 'send-form', on: { submit, keydown: hurry } },
      h('div.field.wide', null, h('span.label', null, 'Receivers'), h('div', null, target.node)),
      field('Hub', hub.input),
      hub.list,
      
      Object.values(nameFields),
      Object.values(names).map((own) => own.list),
      field('Type', type),
      field('Payload', payload, { wide: true }),
      filterField,
      field('Time to live, in seconds', ttl, { hint: '0 to 300' }),
      h('div.form-actions', null, button, h('span.muted.small', null, 'Or Control and Enter.')),
    );

    const { wrap, body } = tableOf({ id: 'send-result', caption: 'What was sent, newest first', columns: ['Time', 'Status', 'Request', { title: 'Took', num: true }] });
    const nothing = empty('Nothing was sent yet', 'Each request goes to the REST interface with a token that is made in this page.');
    function show() {
      reconcile(body, results, (result) => result.number, (result) => h('tr', null, h('td.nowrap', null, timeText(result.at)), h('td', null, badge(`${result.status} ${result.error ? 'refused' : 'accepted'}`, result.error ? 'bad' : 'ok')), h('td.wide', null, h('span.mono.break', null, `${result.method} ${result.target}`), result.error ? h('div.error.break', null, result.error) : null), h('td.num', null, spanText(result.took))));
      nothing.hidden = results.length > 0;
      wrap.hidden = results.length === 0;
    }
    show();
    root.append(card('Message', {}, form), card('Results', {}, nothing, wrap));

    ctx.every(3000, async () => {
      const state = await getAt('pubsub', 'connections', { signal: ctx.signal });
      hub.suggest(Object.keys(state));
      const all = state[draft.hub.toLowerCase()] ?? [];
      names.group.suggest([...new Set(all.flatMap((own) => own.groups))].sort());
      names.user.suggest([...new Set(all.map((own) => own.userId).filter((user) => user !== null))].sort());
      names.connection.suggest(all.map((own) => own.connectionId));
    });
  },
};

function sent(signal) {
  const path = { all: [], group: ['groups', draft.group], user: ['users', draft.user], connection: ['connections', draft.connection] }[draft.target];
  const query = { messageTtlSeconds: draft.ttl, filter: draft.target === 'connection' ? '' : draft.filter };
  return call('POST', draft.hub, [...path, ':send'], { query, type: TYPES[draft.type], body: bodyOf(draft.type, draft.payload), signal });
}

function bodyOf(type, text) {
  if (type === 'hex') {
    const digits = text.replace(/[\s,:]|0x/gi, '');
    if (digits.length % 2 || /[^0-9a-f]/i.test(digits)) throw new Error('Hexadecimal bytes are pairs of the digits 0 to 9 and a to f.');
    return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  }
  return text;
}
