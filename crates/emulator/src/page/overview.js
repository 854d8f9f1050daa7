// What the emulator is, and how programs reach it.
import { clock, connection, ready } from './api.js';
import { mountCharts } from './charts.js';
import { fill, h, setText } from './dom.js';
import { remembered } from './store.js';
import { keys, learn } from './token.js';
import { card, copyButton, copyRow, dateText, empty, field, masked, notice, segmented, spanText } from './ui.js';

const shell = remembered('shell', 'posix');

const SHELLS = [['posix', 'Shell'], ['powershell', 'PowerShell'], ['file', '.env file']];
const LINES = {
  posix: (name, value) => `export ${name}='${value.replaceAll("'", "'\\''")}'`,
  powershell: (name, value) => `$env:${name} = '${value.replaceAll("'", "''")}'`,
  file: (name, value) => `${name}="${value.replace(/["\\$`]/g, '\\$&')}"`,
};

export const overview = {
  id: 'overview',
  title: 'Overview',
  section: 'Emulator',
  mount(root, ctx) {
    const details = h('div.panel-body');
    root.append(health(ctx), h('div', { id: 'overview-charts', hidden: true }), details);
    mountCharts(root.querySelector('#overview-charts'), ctx);
    ctx.watch(ready, (line) => {
      if (!line) fill(details);
      else if (line.denied) fill(details, denied(line.denied, ctx));
      else fill(details, addresses(line), connectionStrings(line), environment(line));
    });
  },
};

function health(ctx) {
  const value = () => h('dd');
  const shown = { state: value(), uptime: value(), version: value(), clock: value(), moved: value() };
  const stat = (name, dd) => h('div.stat', null, h('dt', null, name), dd);
  ctx.watch(connection, ({ state, version, uptime }) => {
    setText(shown.state, { up: 'Healthy', gone: 'No answer', connecting: '…' }[state]);
    setText(shown.version, version ?? '…');
    setText(shown.uptime, uptime === undefined ? '…' : spanText(uptime));
  });
  ctx.watch(clock, (now) => {
    setText(shown.clock, now ? dateText(now.now).slice(11) : '…');
    const ahead = now && now.offset >= 0.5 ? `+${spanText(now.offset)}` : 'real time';
    setText(shown.moved, now ? (now.isHeld ? `held, ${ahead}` : ahead) : '…');
  });
  const list = h(
    'dl.stats',
    null,
    stat('Health', shown.state),
    stat('Running for', shown.uptime),
    stat('Version', shown.version),
    stat('Clock', shown.clock),
    stat('Clock runs', shown.moved),
  );
  return card('Health', { id: 'health' }, list);
}

function addresses(line) {
  const rows = [
    line.pubsub && copyRow('Web PubSub', line.pubsub.endpoint),
    line.pubsub && copyRow('Web PubSub, TLS', line.pubsub.secureEndpoint),
    line.relay && copyRow('Relay, TLS', line.relay.endpoint),
    line.relay && copyRow('Relay, plain text', endpointOf(line.relay.plainConnectionString)),
    line.identity && copyRow('Identity', line.identity.authority),
    copyRow('Admin API', line.control),
    copyRow('Authority for TLS', line.caCertificate),
  ].filter(Boolean);
  const authority = h('p.muted', null, 'Every port speaks both. Programs that use TLS must trust the authority, ', h('a', { href: 'ca.pem', download: 'ca.pem' }, 'ca.pem'), '.');
  return card('Addresses', { id: 'addresses' }, authority, h('div', null, rows));
}

const endpointOf = (text) => /Endpoint=([^;]+)/.exec(text ?? '')?.[1] ?? null;

function connectionStrings(line) {
  const secret = { secret: true };
  const rows = [
    line.pubsub && copyRow('Web PubSub', line.pubsub.connectionString, secret),
    line.pubsub && copyRow('Web PubSub, TLS', line.pubsub.secureConnectionString, secret),
    line.relay && copyRow('Relay, TLS', line.relay.connectionString, secret),
    line.relay && copyRow('Relay, plain text', line.relay.plainConnectionString, secret),
  ].filter(Boolean);
  const text = rows.length ? h('div', null, rows) : empty('There is no service with a key');
  return card('Connection strings', { id: 'connection-strings' }, text);
}

function environment(line) {
  const block = h('pre.code.lines', { tabindex: 0, 'aria-label': 'Environment' });
  const variables = variablesOf(line);
  const lines = () => variables.map(([name, value]) => LINES[shell.value](name, value)).join('\n');
  const show = () => setText(block, masked(lines()));
  const choice = segmented('Form of the lines', SHELLS, shell.value, (next) => {
    shell.set(next);
    show();
  });
  show();
  const text = h('p.muted', null, 'What ', h('code.code', null, 'azwire-emulator exec'), ' sets for a program, except for certificates. Keys are copied whole.');
  return card('Environment', { id: 'environment', actions: [choice.node, copyButton(lines, 'the lines of the environment')] }, text, block);
}

function variablesOf(line) {
  return [
    ...(line.pubsub ? [['WEBPUBSUB_CONNECTION_STRING', line.pubsub.connectionString], ['WEBPUBSUB_ENDPOINT', line.pubsub.secureEndpoint]] : []),
    ...(line.relay ? [['RELAY_CONNECTION_STRING', line.relay.connectionString]] : []),
    ...Object.entries(line.identity?.environment ?? {}).filter(([name]) => /^(AZURE|IDENTITY)_/.test(name)),
  ];
}

/** For browsers on other machines: keys are entered, and stay in this tab. */
function denied(reason, ctx) {
  const input = h('input.mono', { type: 'password', name: 'connection-string', placeholder: 'Endpoint=…;AccessKey=…' });
  const known = h('p');
  const submit = (event) => {
    event.preventDefault();
    const service = learn(input.value);
    if (!service) return ctx.fail(new Error('A connection string has an AccessKey or a SharedAccessKey.'));
    ctx.clear();
    input.value = '';
    ctx.done('This tab keeps the key until it is closed.');
  };
  ctx.watch(keys, ({ pubsub, relay }) => {
    const names = [pubsub && 'Web PubSub', relay && 'Relay'].filter(Boolean);
    setText(known, names.length ? `Known: the key of ${names.join(' and ')}` : '');
  });
  const form = h('form.form', { on: { submit } }, field('Connection string', input, { wide: true }), h('div.form-actions', null, h('button.btn.primary', { type: 'submit' }, 'Use it'), known));
  return card('Connection strings', { id: 'connection-strings' }, notice('info', `Not shown here: ${reason}. Enter one to send from this page.`), form);
}
