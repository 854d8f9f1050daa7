// How a record of the journal reads.
import { h } from './dom.js';
import { link } from './router.js';
import { badge, bytesText, copyButton, kv, pretty, spanText } from './ui.js';

export const KINDS = ['request', 'connected', 'disconnected', 'message', 'event', 'refused', 'listener', 'sender', 'relayed-request', 'rendezvous', 'fault', 'clock'];

const statusKind = (status) => (status >= 500 ? 'bad' : status >= 400 ? 'warn' : 'ok');

/** `[text, kind]`: how it ended. */
export function outcomeOf(record) {
  const { kind, status, error } = record;
  if (kind === 'refused') return [status ? `refused ${status}` : 'refused', 'bad'];
  if (kind === 'fault') return [record.fault, 'warn'];
  if (kind === 'event' && !status) return [record.willRetry ? 'failed, retries' : 'failed', 'bad'];
  if (status) return [String(status), statusKind(status)];
  if (error) return [error, 'bad'];
  if (kind === 'message') return ['done', 'ok'];
  if (kind === 'disconnected') return [record.code ? String(record.code) : 'no close', record.code === 1000 ? 'muted' : 'warn'];
  if (kind === 'connected') return [record.isRecovered ? 'recovered' : 'open', 'ok'];
  if (record.action) return [record.action, { rejected: 'bad', expired: 'bad', closed: 'muted', ended: 'muted' }[record.action] ?? 'info'];
  return ['', 'muted'];
}

/** The hub or hybrid connection, and the group. */
export function whereOf(record) {
  const place = record.hub ?? record.entity ?? '';
  return record.group === undefined ? place : `${place} › ${record.group}`;
}

export function whoOf(record) {
  return record.user ?? record.connection ?? '';
}

const BY = { network: 'nobody: the connection broke', eventHandler: 'event handler' };
const many = (count, of) => (count === undefined ? null : `${count} ${count === 1 ? of : `${of}s`}`);
const joined = (...parts) => parts.filter(Boolean).join(' · ');

/** What happened, in a line. */
export function summaryOf(record) {
  const text = record.payload && payloadText(record.payload);
  switch (record.kind) {
    case 'request':
      return joined(record.operation ?? `${record.method} ${record.url}`, many(record.receivers, 'receiver'), record.error, text);
    case 'connected':
      return joined(record.subprotocol ?? 'simple WebSocket', record.groups && `in ${record.groups.join(', ')}`);
    case 'disconnected':
      return joined(`by ${BY[record.endedBy] ?? record.endedBy}`, record.reason, record.mayRecover && 'may recover');
    case 'message':
      return joined(record.event ? `${record.operation} ${record.event}` : record.operation, record.ackId !== undefined && `ack ${record.ackId}`, many(record.receivers, 'receiver'), text);
    case 'event':
      return joined(record.event ?? 'validation', record.url, record.attempt > 1 && `attempt ${record.attempt}`, record.error);
    case 'refused':
      return joined(record.subject, record.rule, record.operation);
    case 'listener':
    case 'rendezvous':
      return joined(record.reason, record.endedBy && `by ${BY[record.endedBy] ?? record.endedBy}`, record.bytesToListener !== undefined && `${bytesText(record.bytesToListener)} to the listener, ${bytesText(record.bytesToSender ?? 0)} to the sender`);
    case 'sender':
      return joined(record.url, record.error);
    case 'relayed-request':
      return joined(`${record.method} ${record.url}`, record.error, record.isByRendezvous && 'by rendezvous');
    case 'fault':
      return `struck at ${record.at}`;
    case 'clock':
      return joined(record.by !== undefined && `by ${spanText(record.by)}`, `${spanText(record.offset ?? 0)} ahead`, record.isHeld && 'held');
    default:
      return joined(record.operation, record.error, text);
  }
}

/** The preview of a payload as one text. */
export function payloadText(payload) {
  return payload.text ?? `${bytesText(payload.length)} of ${payload.type}`;
}

/** A payload: its type, its length and its preview. */
export function payloadBlock(title, payload) {
  if (!payload) return null;
  const { type, length, text, base64, isCut } = payload;
  const whole = text ?? base64 ?? '';
  const shown = text && /json/.test(type) ? pretty(text) : whole;
  const head = h('div.card-head', null, h('h3', null, title), badge(type), h('span.muted.small', null, bytesText(length), isCut ? ', the beginning is shown' : '', base64 === undefined ? '' : ', as base64'), h('div.actions', null, copyButton(() => whole, title.toLowerCase())));
  return h('div', null, head, shown === '' ? h('p.muted', null, 'Empty.') : h('pre.code', { tabindex: 0 }, shown));
}

const COMMON = new Set(['id', 'time', 'kind', 'service', 'hub', 'entity', 'group', 'user', 'connection', 'trackingId', 'took', 'payload', 'response', 'headers', 'state']);

/** Everything that a record says. */
export function recordDetails(record) {
  const filter = (name, value) => (value === undefined ? null : h('a', { href: link('journal', { [name]: value }), title: 'Show its records' }, value));
  const pairs = [
    ['Time', h('span.mono', null, record.time)],
    ['Service', record.service],
    ['Hub', filter('hub', record.hub)],
    ['Hybrid connection', filter('hub', record.entity)],
    ['Group', filter('group', record.group)],
    ['User', filter('user', record.user)],
    ['Connection', record.connection && h('span.mono', null, filter('connection', record.connection))],
    ['Tracking id', record.trackingId && h('span.mono', null, record.trackingId)],
    ['Took', record.took === undefined ? null : spanText(record.took)],
  ].filter(([, value]) => value);
  const own = Object.entries(record).filter(([name]) => !COMMON.has(name));
  const shown = (value) => (value === true ? 'yes' : value === false ? 'no' : typeof value === 'object' ? JSON.stringify(value) : String(value));
  const rest = own.map(([name, value]) => [name === 'url' ? 'Address' : words(name), name === 'url' ? h('span.mono', null, shown(value)) : shown(value)]);
  return [
    kv([...pairs, ...rest]),
    payloadBlock(record.response ? 'Request' : 'Payload', record.payload),
    payloadBlock('Response', record.response),
    record.state && h('div.stack', null, h('h3', null, 'State of the connection'), h('pre.code', { tabindex: 0 }, record.state)),
    record.headers && h('details.details', null, h('summary', null, 'Headers'), kv(Object.entries(record.headers).map(([name, value]) => [h('span.mono', null, name), h('span.mono', null, shown(value))]))),
  ];
}

function words(name) {
  const text = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return text[0].toUpperCase() + text.slice(1);
}
