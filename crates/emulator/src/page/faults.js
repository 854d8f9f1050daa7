// Faults: to arm, what is armed, and what struck.
import { delAt, getAt, postAt, ready } from './api.js';
import { fill, h, reconcile, setText } from './dom.js';
import { recent, timeOf } from './recent.js';
import { link } from './router.js';
import { badge, card, check, confirmButton, copyButton, empty, field, jsonBlock, select, setOptions, suggested, tableOf } from './ui.js';

const SERVICES = { pubsub: 'Web PubSub', relay: 'Relay' };
const OCCASIONS = [
  ['now', 'Now', 'At once, on every connection that it is for.'],
  ['delivery', 'Delivery', 'In place of a message to a client, or of a command to a listener.'],
  ['message', 'Message', 'In place of what a client or a listener sent.'],
  ['ack', 'Acknowledgement', 'When an acknowledgement, or a response to a sender, is to go out.'],
  ['request', 'Request', 'In place of answering a REST request, or of relaying one.'],
  ['open', 'Opening', 'When a client, a listener or a sender connects.'],
];
const CONNECTION = ['now', 'delivery', 'message'];
const FAULTS = [
  { name: 'drop', title: 'Drop', text: 'The connection ends without a close frame.', at: CONNECTION },
  { name: 'close', title: 'Close', text: 'The connection ends with a close frame.', at: CONNECTION, fields: ['code', 'reason'] },
  { name: 'halfOpen', title: 'Half open', text: 'The connection stays open and carries nothing.', at: CONNECTION },
  { name: 'expireTokens', title: 'Expire tokens', text: 'Tokens that were issued before are refused.', at: ['now'] },
  { name: 'delayAck', title: 'Delay', text: 'It comes late.', at: ['ack'], fields: ['milliseconds'] },
  { name: 'withholdAck', title: 'Withhold', text: 'It does not come.', at: ['ack'] },
  { name: 'duplicateAck', title: 'Duplicate', text: 'It comes twice.', at: ['ack'], only: 'pubsub' },
  { name: 'refuseAck', title: 'Refuse', text: 'It says that it failed, although it was carried out.', at: ['ack'], only: 'pubsub', fields: ['name', 'message'] },
  { name: 'status', title: 'Status', text: 'The answer is an error status.', at: ['request', 'open'], fields: ['status', 'retryAfter'] },
];
const FIELDS = {
  code: ['Close code', { type: 'number', min: 1000, max: 4999, value: '1011', required: true }],
  reason: ['Reason', { maxlength: 123 }],
  milliseconds: ['Milliseconds', { type: 'number', min: 0, value: '500', required: true }],
  name: ['Name of the error', { value: 'InternalServerError', required: true }],
  message: ['Text of the error', {}],
  status: ['Status', { type: 'number', min: 400, max: 599, value: '503', required: true }],
  retryAfter: ['Retry-After, in seconds', { type: 'number', min: 0, placeholder: 'none' }],
};
const titleOf = (list, name) => list.find((own) => own[0] === name)?.[1] ?? name;
const faultOf = (name) => FAULTS.find((own) => own.name === name);

export const faults = {
  id: 'faults',
  title: 'Faults',
  section: 'Control',
  mount(root, ctx) {
    const armed = armedCard(ctx);
    root.append(armCard(ctx, armed.refresh), armed.node, struckCard(ctx));
  },
};

const here = () => Object.keys(SERVICES).filter((service) => !ready.value || ready.value.denied || ready.value[service]);

function armCard(ctx, refresh) {
  const number = (name, props) => h('input', { type: 'number', name, value: '1', required: true, ...props });
  const service = select([], 'pubsub', { name: 'service' });
  const at = select(OCCASIONS, 'delivery', { name: 'at' });
  const fault = select([], 'drop', { name: 'fault' });
  const limits = Object.fromEntries(['scope', 'user', 'connection'].map((name) => [name, suggested({ name, placeholder: 'any' })]));
  const every = number('every', { min: 1 });
  const times = number('times', { min: 1 });
  const forever = check('Without end', { name: 'forever' });
  const probability = number('probability', { min: 0, max: 1, step: 'any' });
  const seed = number('seed', { min: 0, value: '0' });
  const values = Object.fromEntries(Object.entries(FIELDS).map(([name, [, props]]) => [name, h('input', { name, ...props })]));
  const fields = Object.fromEntries(Object.entries(FIELDS).map(([name, [label]]) => [name, field(label, values[name])]));
  const atField = field('Occasion', at, { hint: ' ' });
  const faultField = field('Fault', fault, { hint: ' ' });
  const scopeField = field('Hub', limits.scope.input);
  const userField = field('User', limits.user.input);
  const lasting = [field('On every n-th occasion', every), field('Times', times), field('Probability, from 0 to 1', probability)];
  const preview = jsonBlock('');
  preview.setAttribute('aria-label', 'The plan as JSON');

  /** The plan, as the admin API takes it. */
  function plan() {
    const rule = { at: at.value, fault: fault.value };
    for (const name of faultOf(fault.value).fields ?? []) {
      const { type, value } = values[name];
      if (value !== '') rule[name] = type === 'number' ? Number(value) : value;
    }
    for (const [name, { input }] of Object.entries(limits)) {
      if (input.value && !(name === 'user' && service.value === 'relay')) rule[name] = input.value;
    }
    if (rule.at !== 'now') {
      if (every.value !== '1') rule.every = Number(every.value);
      if (forever.input.checked) rule.times = 'forever';
      else if (times.value !== '1') rule.times = Number(times.value);
      if (probability.value !== '1') rule.probability = Number(probability.value);
    }
    const found = { rules: [rule] };
    if (seed.value !== '0') found.seed = Number(seed.value);
    return found;
  }

  function show() {
    const isRelay = service.value === 'relay';
    const fits = FAULTS.filter((own) => own.at.includes(at.value) && (!own.only || own.only === service.value));
    setOptions(fault, fits.map((own) => [own.name, own.title]));
    if (!fits.some((own) => own.name === fault.value)) fault.value = fits[0].name;
    const used = faultOf(fault.value).fields ?? [];
    for (const [name, node] of Object.entries(fields)) {
      node.hidden = !used.includes(name);
      values[name].disabled = node.hidden;
    }
    setText(atField.lastChild, OCCASIONS.find((own) => own[0] === at.value)[2]);
    setText(faultField.lastChild, faultOf(fault.value).text);
    setText(scopeField.firstChild, isRelay ? 'Hybrid connection' : 'Hub');
    userField.hidden = isRelay;
    const isNow = at.value === 'now';
    for (const node of [...lasting, forever.node]) node.hidden = isNow;
    times.disabled = forever.input.checked || isNow;
    setText(preview, JSON.stringify(plan(), null, 2));
  }

  const submit = async (event) => {
    event.preventDefault();
    ctx.clear();
    try {
      await postAt(service.value, 'faults', plan());
      ctx.done(at.value === 'now' ? 'The fault struck.' : 'The fault is armed.');
      refresh();
    } catch (error) {
      ctx.fail(error);
    }
  };
  const form = h(
    'form.form',
    { id: 'fault-form', on: { submit, input: show, change: show } },
    field('Service', service),
    atField,
    faultField,
    Object.values(fields),
    scopeField,
    userField,
    field('Connection', limits.connection.input),
    lasting,
    field('Seed', seed),
    h('div.form-actions', null, h('button.btn.primary', { type: 'submit' }, 'Arm'), forever.node),
    h('details.details', { class: 'field wide' }, h('summary', null, 'As JSON, for POST faults'), preview, h('div.row', null, copyButton(() => preview.textContent, 'the plan'))),
    Object.values(limits).map((own) => own.list),
  );
  ctx.watch(ready, () => {
    setOptions(service, here().map((name) => [name, SERVICES[name]]));
    show();
  });
  // What there is to choose from.
  ctx.every(3000, async () => {
    const { signal } = ctx;
    const { scope, user, connection } = limits;
    if (service.value === 'relay') {
      const { hybridConnections } = await getAt('relay', 'state', { signal });
      scope.suggest(Object.keys(hybridConnections));
      connection.suggest(Object.values(hybridConnections).flatMap((own) => [...own.listeners, ...own.senders]));
    } else if (service.value) {
      const hubs = await getAt('pubsub', 'connections', { signal });
      const all = Object.values(hubs).flat();
      scope.suggest(Object.keys(hubs));
      user.suggest([...new Set(all.map((own) => own.userId).filter(Boolean))]);
      connection.suggest(all.map((own) => own.connectionId));
    }
  });
  return card('Arm a fault', { id: 'fault-arm' }, form);
}

function armedCard(ctx) {
  const { wrap, body } = tableOf({ caption: 'Armed faults', id: 'fault-list', columns: ['Service', 'Occasion', 'Fault', 'Only for', 'How often', { title: 'Struck', num: true }] });
  const none = empty('No fault is armed', 'Rules stay until they are disarmed or the emulator is reset.');
  const buttons = h('span.row');
  const refresh = ctx.every(1000, async () => {
    const found = await Promise.all(here().map(async (service) => [service, await getAt(service, 'faults', { signal: ctx.signal })]));
    const rules = found.flatMap(([service, { rules: own }]) => own.map((state, index) => ({ service, index, ...state })));
    wrap.hidden = !rules.length;
    none.hidden = Boolean(rules.length);
    const keyOf = ({ service, index, rule }) => `${service} ${index} ${JSON.stringify(rule)}`;
    reconcile(body, rules, keyOf, row, (node, { rule, struck }) => {
      const isSpent = rule.times !== 'forever' && struck >= rule.times;
      fill(node.lastChild, badge(rule.times === 'forever' ? `${struck}` : `${struck} of ${rule.times}`, isSpent ? 'muted' : struck ? 'warn' : 'info'));
    });
    const armed = found.filter(([, { rules: own }]) => own.length).map(([service]) => service);
    reconcile(buttons, armed, (service) => service, (service) => confirmButton(`Disarm all of ${SERVICES[service]}`, () => disarm(service), { small: true, question: 'Disarm?' }));
  });
  async function disarm(service) {
    ctx.clear();
    try {
      await delAt(service, 'faults');
      ctx.done(`The faults of ${SERVICES[service]} are disarmed.`);
      refresh();
    } catch (error) {
      ctx.fail(error);
    }
  }
  return { node: card('Armed', { id: 'fault-armed', actions: [buttons] }, none, wrap), refresh };
}

const ENDINGS = { one: 'st', two: 'nd', few: 'rd', other: 'th' };
const ordinal = (count) => count + ENDINGS[new Intl.PluralRules('en', { type: 'ordinal' }).select(count)];

function row({ service, rule }) {
  const values = (faultOf(rule.fault)?.fields ?? []).filter((name) => rule[name] !== undefined && rule[name] !== null && rule[name] !== '');
  const limits = [
    ['scope', service === 'relay' ? 'hybrid connection' : 'hub'],
    ['user', 'user'],
    ['connection', 'connection'],
  ].filter(([name]) => rule[name]);
  const often = [rule.every === 1 ? 'every time' : `every ${ordinal(rule.every)} time`, rule.probability === 1 ? null : `with probability ${rule.probability}`, rule.times === 'forever' ? 'without end' : null];
  return h(
    'tr',
    null,
    h('td.nowrap', null, SERVICES[service]),
    h('td', null, titleOf(OCCASIONS, rule.at)),
    h('td', null, h('span.cell-main', null, faultOf(rule.fault)?.title ?? rule.fault), values.map((name) => h('div.small.muted', null, `${name}: ${rule[name]}`))),
    h('td.break', null, limits.length ? limits.map(([name, title]) => h('div', null, h('span.muted', null, `${title} `), rule[name])) : h('span.muted', null, 'all')),
    h('td', null, often.filter(Boolean).join(', ')),
    h('td.num'),
  );
}

function struckCard(ctx) {
  const table = { caption: 'Faults that struck', id: 'fault-struck', columns: ['Time', 'Service', 'Occasion', 'Fault', 'Hub or hybrid connection', 'Connection'] };
  const row = (record) =>
    h(
      'tr',
      null,
      h('td.nowrap', null, timeOf(record)),
      h('td.nowrap', null, SERVICES[record.service]),
      h('td', null, titleOf(OCCASIONS, record.at)),
      h('td', null, faultOf(record.fault)?.title ?? record.fault),
      h('td.break', null, record.hub ?? record.entity),
      h('td.break.mono', null, record.connection),
    );
  return card('What struck', { actions: [h('a', { href: link('journal', { kind: 'fault' }) }, 'In the journal')] }, recent(ctx, 'fault', table, empty('No fault has struck'), row));
}
