// Relay: hybrid connections, who is joined, which requests went through, and a request of one's own.
import { getAt, postAt, request } from './api.js';
import { bytesRate, rateOf, series, sparkline } from './charts.js';
import { fill, h, reconcile, setText } from './dom.js';
import { recent, timeOf } from './recent.js';
import { outcomeOf } from './record.js';
import { link } from './router.js';
import { relayToken } from './token.js';
import { badge, bytesText, card, check, confirmButton, empty, field, jsonBlock, numberText, select, setOptions, spanText, tableOf } from './ui.js';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
/** How much of a response is shown. */
const SHOWN = 64 * 1024;

export const relay = {
  id: 'relay',
  title: 'Hybrid connections',
  section: 'Relay',
  needs: 'relay',
  mount(root, ctx) {
    const settings = new Map();
    const entities = entityCard();
    const pairs = pairCard(ctx);
    const form = requestCard(ctx, settings);
    root.append(entities.node, pairs.node, h('div.split', null, requestsCard(ctx), form.node));
    ctx.every(1000, async () => {
      const { signal } = ctx;
      const [state, found] = await Promise.all([getAt('relay', 'state', { signal }), getAt('relay', 'hybrid-connections', { signal })]);
      settings.clear();
      for (const own of found) settings.set(own.path, own);
      entities.show(found, state);
      pairs.show(state);
      form.show(found);
    });
  },
};

function entityCard() {
  const { wrap, body } = tableOf({ caption: 'Hybrid connections', id: 'relay-entities', columns: ['Path', 'Listeners', { title: 'Joined', num: true }, { title: 'Waiting', num: true }, 'Senders', 'Rules'] });
  const none = empty('There is no hybrid connection', 'Name one with --hybrid-connection, or let listeners create theirs with --auto-create.');
  const create = (own) => {
    const rules = own.rules.map(({ name, rights, isOwn }) => h('div', null, name, ' ', rights.map((right) => [badge(right), ' ']), h('span.small.muted.nowrap', null, isOwn ? 'its own' : 'of the namespace')));
    return h(
      'tr',
      null,
      h('th.name', { scope: 'row' }, h('span.cell-main', null, own.path), own.userMetadata ? h('div.small.muted', null, own.userMetadata) : null),
      h('td'),
      h('td.num'),
      h('td.num'),
      h('td', null, own.requiresClientAuthorization ? h('span.nowrap', null, 'need a token') : badge('anonymous', 'warn')),
      h('td', null, rules),
    );
  };
  const show = (found, { hybridConnections }) => {
    none.hidden = Boolean(found.length);
    wrap.hidden = !found.length;
    reconcile(body, found, (own) => JSON.stringify(own), create, (node, own) => {
      const state = hybridConnections[own.path.toLowerCase()];
      const [, listeners, joined, waiting] = node.children;
      const ids = state?.listeners ?? [];
      // Written only when it changes, so that an id can be selected and copied.
      if (node.dataset.listeners !== JSON.stringify(ids)) {
        node.dataset.listeners = JSON.stringify(ids);
        const count = badge(ids.length === 1 ? '1 listener' : `${ids.length} listeners`, 'ok');
        fill(listeners, ids.length ? h('div.ids', null, h('span', null, count), ids.map((id) => h('span.mono.nowrap', null, id))) : badge('nobody listens'));
      }
      setText(joined, numberText(state?.pairs.length ?? 0));
      setText(waiting, numberText((state?.pendingRendezvous ?? 0) + (state?.pendingRequests ?? 0)));
    });
  };
  return { node: card('Listeners and rules', {}, none, wrap), show };
}

function pairCard(ctx) {
  const columns = ['Hybrid connection', 'Sender and listener', { title: 'To listener', num: true }, { title: 'To sender', num: true }, 'Bytes a second', { title: 'Close', hidden: true }];
  const { wrap, body } = tableOf({ caption: 'Pairs', id: 'relay-pairs', columns, tall: true });
  const none = empty('Nobody is joined', 'A pair is here from when a listener accepts a sender’s WebSocket until it ends.');
  const measured = new WeakMap();

  const create = ({ path, pair }) => {
    const lines = [
      { title: 'to the listener', kind: 1, series: series(), rate: rateOf() },
      { title: 'to the sender', kind: 2, series: series(), rate: rateOf() },
    ];
    const line = sparkline('Bytes a second', lines, bytesRate);
    const close = async () => {
      ctx.clear();
      try {
        await postAt('relay', 'faults', { rules: [{ at: 'now', fault: 'close', code: 1001, reason: 'Closed on the emulator’s page.', scope: path, connection: pair.sender }] });
      } catch (error) {
        ctx.fail(error);
      }
    };
    const end = (title, id) => h('div.nowrap', null, h('span.small.muted', null, `${title} `), h('span.mono', null, id));
    const cell = () => {
      const [now, all] = [h('div'), h('div.small.muted')];
      return { now, all, node: h('td.num', null, now, all) };
    };
    const cells = [cell(), cell()];
    const node = h(
      'tr',
      null,
      h('th.name', { scope: 'row' }, path),
      h('td', null, end('Sender', pair.sender), end('Listener', pair.listener)),
      cells.map((own) => own.node),
      h('td', null, line.node),
      h('td.actions', null, confirmButton('Close', close, { small: true })),
    );
    measured.set(node, { lines, line, cells });
    return node;
  };
  const update = (node, { pair }) => {
    const { lines, line, cells } = measured.get(node);
    const at = performance.now();
    for (const [index, count] of [pair.bytesToListener, pair.bytesToSender].entries()) {
      const own = lines[index];
      own.series.push(own.rate(count, at));
      setText(cells[index].now, bytesRate(own.series.last));
      setText(cells[index].all, `${bytesText(count)} in all`);
    }
    line.draw();
  };
  const show = ({ hybridConnections }) => {
    const pairs = Object.entries(hybridConnections).flatMap(([path, own]) => own.pairs.map((pair) => ({ path, pair })));
    none.hidden = Boolean(pairs.length);
    wrap.hidden = !pairs.length;
    // Two senders may give the same id; the one is shown then.
    reconcile(body, pairs, ({ path, pair }) => `${path} ${pair.sender} ${pair.listener}`, create, update);
  };
  return { node: card('Joined pairs', {}, none, wrap), show };
}

function requestsCard(ctx) {
  const table = { caption: 'Relayed requests', id: 'relay-requests', columns: ['Time', 'Request', 'Status', { title: 'Took', num: true }] };
  const none = empty('No request went through', 'Requests of senders are listed with their status and time.');
  const row = (record) => {
    const about = [record.entity, record.isByRendezvous && 'by rendezvous', record.error].filter(Boolean).join(' · ');
    return h(
      'tr',
      null,
      h('td.nowrap', null, timeOf(record)),
      h('td.break', null, h('span.cell-main', null, record.method), ' ', record.url, h('div.small.muted', null, about)),
      h('td', null, badge(...outcomeOf(record))),
      h('td.num', null, record.took === undefined ? '' : spanText(record.took)),
    );
  };
  return card('Requests', { actions: [h('a', { href: link('journal', { kind: 'relayed-request' }) }, 'In the journal')] }, recent(ctx, 'relayed-request', table, none, row));
}

function requestCard(ctx, settings) {
  const entity = select([], '', { name: 'entity' });
  const method = select(METHODS, 'GET', { name: 'method' });
  const path = h('input.mono', { type: 'text', name: 'path', value: '', placeholder: '/orders?id=5', autocomplete: 'off', spellcheck: 'false' });
  const headers = h('textarea', { name: 'headers', rows: 2, placeholder: 'accept: application/json', spellcheck: 'false' });
  const body = h('textarea', { name: 'body', rows: 3, spellcheck: 'false' });
  const token = check('With a token', { name: 'token', checked: true });
  const send = h('button.btn.primary', { type: 'submit' }, 'Send');
  const result = h('div.stack', { id: 'relay-result', 'aria-live': 'polite' });
  const hasBody = () => !['GET', 'HEAD'].includes(method.value);

  const submit = async (event) => {
    event.preventDefault();
    ctx.clear();
    send.disabled = true;
    try {
      const fields = headersOf(headers.value);
      const target = `/${entity.value}${path.value && !/^[/?]/.test(path.value) ? '/' : ''}${path.value}`;
      if (token.input.checked) fields.set('ServiceBusAuthorization', await relayToken(entity.value));
      const from = performance.now();
      const response = await request('relay', method.value, target, { headers: fields, body: hasBody() ? body.value : undefined, signal: ctx.signal });
      const bytes = new Uint8Array(await response.arrayBuffer());
      fill(result, shown(response, bytes, (performance.now() - from) / 1000));
    } catch (error) {
      fill(result);
      ctx.fail(error instanceof TypeError ? new Error(`Not sent: ${error.message}`) : error);
    } finally {
      send.disabled = false;
    }
  };
  const bodyField = field('Body', body, { wide: true });
  const form = h(
    'form.form',
    { id: 'relay-form', on: { submit } },
    field('Hybrid connection', entity),
    field('Method', method),
    field('Path and query below it', path, { wide: true }),
    field('Headers, one on a line', headers, { wide: true }),
    bodyField,
    h('div.form-actions', null, send, token.node),
  );
  const update = () => {
    bodyField.hidden = !hasBody();
  };
  method.addEventListener('change', update);
  update();
  entity.addEventListener('change', () => {
    token.input.checked = settings.get(entity.value)?.requiresClientAuthorization ?? true;
  });
  return { node: card('Send a request', { id: 'relay-send' }, form, result), show: (found) => setOptions(entity, found.map((own) => own.path)) };
}

/** Fields from lines of `name: value`. */
function headersOf(text) {
  const fields = new Headers();
  for (const line of text.split('\n')) {
    if (!line.trim()) continue;
    const at = line.indexOf(':');
    if (at < 1) throw new Error(`“${line.trim()}” is no header: it has the form name: value.`);
    fields.append(line.slice(0, at).trim(), line.slice(at + 1).trim());
  }
  return fields;
}

function shown(response, bytes, seconds) {
  const fields = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  const size = `${bytesText(bytes.length)} in ${spanText(seconds)}`;
  const head = h('p.row', null, badge(`${response.status} ${response.statusText}`.trim(), outcomeOf(response)[1]), h('span.muted', null, size));
  return [
    head,
    h('details.details', null, h('summary', null, 'Headers of the response'), jsonBlock(fields)),
    bytes.length ? bodyBlock(bytes) : h('p.muted', null, 'The response has no body.'),
  ];
}

function bodyBlock(bytes) {
  const part = bytes.subarray(0, SHOWN);
  const block = jsonBlock(new TextDecoder().decode(part));
  block.setAttribute('aria-label', 'Body of the response');
  return h('div.stack', null, block, bytes.length > SHOWN ? h('p.muted', null, `The first ${bytesText(SHOWN)} are shown.`) : null);
}
