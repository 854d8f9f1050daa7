// Small charts: one line or a few, drawn as SVG from what was measured once a second.
import { clock, connection, getAt, now, ready } from './api.js';
import { fill, h, setText, svg } from './dom.js';
import { records, watchFeed } from './stream.js';
import { bytesText, card, numberText } from './ui.js';

/** How many measurements are shown. */
const SPAN = 90;
const WIDTH = 300;
const PEAK = 0.92;

const rate = (text) => (value) => `${text(value)}/s`;
export const bytesRate = rate((value) => bytesText(Math.round(value)));
const counted = (value) => numberText(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
const messagesRate = rate(counted);

/** The last measurements of something. */
export function series(length = SPAN) {
  const values = [];
  return {
    values,
    push(value) {
      values.push(value);
      if (values.length > length) values.shift();
    },
    get last() {
      return values.at(-1) ?? 0;
    },
    get peak() {
      return values.reduce((most, value) => Math.max(most, value), 0);
    },
    length,
  };
}

/** What a rate is from one count to the next; a count that falls begins anew. */
export function rateOf() {
  let before = null;
  return (count, at = performance.now()) => {
    const from = before;
    before = { count, at };
    if (!from || count < from.count || at <= from.at) return 0;
    return ((count - from.count) * 1000) / (at - from.at);
  };
}

/** Lines of a small plot. `text()` is what it says to those who do not see it. */
function plot(lines, height, text) {
  const shapes = lines.map(({ kind }) => svg(`polyline.line-${kind}`, { points: '' }));
  const areas = lines.map(({ kind }) => svg(`polygon.area-${kind}`, { points: '' }));
  const node = svg(
    'svg.plot',
    { viewBox: `0 0 ${WIDTH} ${height}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': text(), focusable: 'false' },
    svg('line.base', { x1: 0, x2: WIDTH, y1: height - 0.5, y2: height - 0.5 }),
    areas,
    shapes,
  );
  const draw = () => {
    const most = Math.max(...lines.map(({ series: own }) => own.peak)) || 1;
    for (const [index, { series: own }] of lines.entries()) {
      const step = WIDTH / (own.length - 1);
      const first = own.length - own.values.length;
      const y = (value) => (height - 1 - (value / most) * (height - 2) * PEAK).toFixed(1);
      const points = own.values.map((value, at) => `${((first + at) * step).toFixed(1)},${y(value)}`);
      shapes[index].setAttribute('points', points.join(' '));
      const under = [`${(first * step).toFixed(1)},${height}`, ...points, `${WIDTH},${height}`];
      areas[index].setAttribute('points', points.length > 1 ? under.join(' ') : '');
    }
    const label = text();
    if (node.getAttribute('aria-label') !== label) node.setAttribute('aria-label', label);
  };
  return { node, draw };
}

/** A line in a row of a table: `{ node, draw }`. */
export function sparkline(name, lines, format) {
  const text = () => lines.map(({ title, series: own }) => `${title} ${format(own.last)}, at most ${format(own.peak)}`).join('; ');
  const drawn = plot(lines, 24, () => `${name} in the last ${SPAN} seconds: ${text()}`);
  drawn.node.classList.add('is-small');
  return drawn;
}

/** A chart with a heading, a legend and its highest value: `{ node, draw }`. */
export function chart(title, lines, format) {
  const legend = lines.map(({ title: own, kind }) => {
    const value = h('dd');
    return { value, node: h('div', null, h('dt', null, h(`span.key-${kind}`, { 'aria-hidden': 'true' }), own), value) };
  });
  const top = h('span.chart-top', { 'aria-hidden': 'true' });
  const text = () => lines.map(({ title: own, series: values }) => `${own} now ${format(values.last)}, at most ${format(values.peak)}`).join('; ');
  const drawn = plot(lines, 72, () => `${title} in the last ${SPAN} seconds: ${text()}`);
  const node = card(title, {}, h('dl.legend', null, legend.map((own) => own.node)), h('div.chart-plot', null, top, drawn.node));
  const draw = () => {
    for (const [index, { series: own }] of lines.entries()) setText(legend[index].value, format(own.last));
    const most = Math.max(...lines.map(({ series: own }) => own.peak));
    setText(top, most ? format(most) : '');
    drawn.draw();
  };
  draw();
  return { node, draw };
}

/** The charts of the overview: messages and bytes a second, and connections. */
export function mountCharts(root, ctx) {
  const messages = { in: series(), out: series() };
  const bytes = { pubsub: series(), relay: series() };
  const connections = { clients: series(), listeners: series(), pairs: series() };
  const charts = [
    chart(
      'Messages',
      [
        { title: 'From clients and callers', kind: 1, series: messages.in },
        { title: 'To clients', kind: 2, series: messages.out },
      ],
      messagesRate,
    ),
    chart(
      'Payload',
      [
        { title: 'Web PubSub', kind: 1, series: bytes.pubsub },
        { title: 'Relay', kind: 2, series: bytes.relay },
      ],
      bytesRate,
    ),
    chart(
      'Connections',
      [
        { title: 'Clients', kind: 1, series: connections.clients },
        { title: 'Listeners', kind: 2, series: connections.listeners },
        { title: 'Joined pairs', kind: 3, series: connections.pairs },
      ],
      counted,
    ),
  ];
  root.hidden = false;
  root.classList.add('charts');
  fill(root, charts.map((own) => own.node));

  let before = null;
  let seen = 0;
  // Records of before the page was opened come with the others; a reset sets the clock back.
  let opened = null;
  const joined = rateOf();
  watchFeed(ctx, ({ cleared }) => {
    if (cleared) opened = 0;
  });
  const measure = ctx.every(1000, async () => {
    const { signal } = ctx;
    const line = ready.value;
    // Not yet known which services there are: what one has by then is not of this second.
    if (!line) return;
    const has = (service) => line[service] || line.denied;
    const [pubsub, relay] = await Promise.all([
      has('pubsub') ? getAt('pubsub', 'state', { signal }) : null,
      has('relay') ? getAt('relay', 'state', { signal }) : null,
    ]);
    const at = performance.now();
    const hubs = Object.values(pubsub?.hubs ?? {});
    const entities = Object.values(relay?.hybridConnections ?? {});
    const pairs = entities.flatMap((entity) => entity.pairs);
    connections.clients.push(hubs.reduce((sum, hub) => sum + hub.connections, 0));
    connections.listeners.push(entities.reduce((sum, entity) => sum + entity.listeners.length, 0));
    connections.pairs.push(pairs.length);
    if (clock.value) opened ??= now() - 1;
    const seconds = before ? (at - before) / 1000 : Infinity;
    const sums = summed(seen, opened ?? Infinity);
    seen = records.at(-1)?.id ?? 0;
    messages.in.push(sums.in / seconds);
    messages.out.push(sums.out / seconds);
    bytes.pubsub.push(sums.bytes / seconds);
    const flowing = joined(pairs.reduce((sum, pair) => sum + pair.bytesToListener + pair.bytesToSender, 0), at);
    bytes.relay.push(sums.relayed / seconds + flowing);
    before = at;
    for (const own of charts) own.draw();
  });
  ctx.watch(ready, measure);
  // A gap is a gap, and not a burst after it.
  ctx.watch(connection, ({ state }) => {
    if (state === 'gone') before = null;
  });
}

/** What the records after one amount to, without those from before a time. */
function summed(id, from) {
  const sums = { in: 0, out: 0, bytes: 0, relayed: 0 };
  for (let index = records.length - 1; index >= 0 && records[index].id > id; index -= 1) {
    const record = records[index];
    if (Date.parse(record.time) < from * 1000) break;
    const length = record.payload?.length ?? 0;
    if (record.kind === 'relayed-request') {
      sums.relayed += length + (record.response?.length ?? 0);
      continue;
    }
    // A handler's event repeats a client's message.
    if (!record.payload || (record.kind !== 'message' && record.kind !== 'request')) continue;
    const receivers = record.receivers ?? 0;
    sums.in += 1;
    sums.out += receivers;
    sums.bytes += length * (1 + receivers);
  }
  return sums;
}
