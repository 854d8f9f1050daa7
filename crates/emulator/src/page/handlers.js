// Calls of event handlers, with both sides, and once more.
import { postAt } from './api.js';
import { fill, h, setText } from './dom.js';
import { feed, records, watchFeed } from './stream.js';
import { detailed, setBadge, windowed } from './list.js';
import { outcomeOf, recordDetails, whoOf } from './record.js';
import { badge, empty, notice, numberText, spanText, timeText } from './ui.js';

const COLUMNS = [
  { name: 'time', title: 'Time' },
  { name: 'kind', title: 'Event' },
  { name: 'outcome', title: 'Outcome' },
  { name: 'where', title: 'Hub' },
  { name: 'who', title: 'Who' },
  { name: 'what', title: 'Address' },
  { name: 'took', title: 'Took' },
];
const SYSTEM = ['connect', 'connected', 'disconnected'];

export const handlers = {
  id: 'events',
  title: 'Event handlers',
  section: 'Web PubSub',
  needs: 'pubsub',
  mount(root, ctx) {
    const show = (cells, record) => {
      setText(cells.time, timeText(Date.parse(record.time) / 1000));
      setBadge(cells.outcome, ...outcomeOf(record));
      setText(cells.kind, record.event ?? 'validation');
      setText(cells.where, record.hub ?? '');
      setText(cells.who, whoOf(record));
      setText(cells.what, record.url);
      setText(cells.took, record.took === undefined ? '' : spanText(record.took));
    };
    const select = (record) => detail.show(h('div.row', null, h('strong', null, record.event ?? 'validation'), badge(...outcomeOf(record)), record.attempt > 1 ? badge(`attempt ${record.attempt}`, 'warn') : null, h('span.grow'), repeat(record, ctx)), recordDetails(record));
    const list = windowed({ id: 'event-list', label: 'Calls of event handlers, newest first', columns: COLUMNS, show, keyOf: (record) => record.id, onSelect: select }, ctx);
    const place = h('div');
    const box = h('section.card.list-card', { 'aria-label': 'Calls' }, place, list.node);
    const detail = detailed(box, 'Call', 'event-detail', list.deselect);
    const count = h('span.muted');
    let seen = 0;
    const render = () => {
      const calls = records.filter((record) => record.kind === 'event');
      const added = calls.filter((record) => record.id > seen).length;
      seen = calls.at(-1)?.id ?? 0;
      list.set(calls, added);
      list.node.hidden = calls.length === 0;
      setText(count, `${numberText(calls.length)} calls`);
      const nothing = () => empty('No event handler was called', 'A hub calls its handlers when clients connect, disconnect, or send events. --event-handler adds one.');
      fill(place, feed.error ? notice('warn', feed.error) : calls.length ? null : nothing());
    };
    watchFeed(ctx, ({ cleared }) => {
      if (cleared) {
        seen = 0;
        detail.close();
      }
      render();
    });
    render();
    ctx.actions(count);
    root.append(detail.node);
  },
};

/** A button that has the client send the event again, if that can be done truly. */
function repeat(record, ctx) {
  const type = typeOf(record);
  const reason = impossible(record, type);
  const click = async () => {
    const { payload } = record;
    const base64 = () => payload.base64 ?? btoa(String.fromCharCode(...new TextEncoder().encode(payload.text)));
    // JSON goes as it came.
    const data = type === 'json' ? payload.text : JSON.stringify(type === 'text' ? payload.text : base64());
    const quoted = JSON.stringify;
    const body = `{"hub":${quoted(record.hub)},"connectionId":${quoted(record.connection)},"message":{"type":"event","event":${quoted(record.event)},"dataType":"${type}","data":${data}}}`;
    try {
      await postAt('pubsub', 'messages', body);
      ctx.clear();
      ctx.done('The client sent the event again.');
    } catch (error) {
      ctx.fail(error);
    }
  };
  const button = h('button.btn', { id: 'event-repeat', disabled: Boolean(reason), on: { click } }, 'Send again');
  return reason ? h('span.row', null, h('span.muted.small', null, reason), button) : button;
}

function impossible(record, type) {
  if (!record.event) return 'The service asked whether the handler takes events.';
  const ceType = Object.entries(record.headers ?? {}).find(([name]) => name.toLowerCase() === 'ce-type')?.[1];
  const isSystem = ceType ? !ceType.startsWith('azure.webpubsub.user.') : SYSTEM.includes(record.event);
  if (isSystem) return 'Only events that clients send can be sent again.';
  if (!record.connection) return 'The call has no connection.';
  if (!record.payload) return 'The journal has no payload of it.';
  if (record.payload.isCut) return 'The journal has only the beginning of its payload.';
  if (!type) return `Its type is ${record.payload.type}.`;
  return null;
}

/** The data type of an event's payload, of a name or of a media type. */
function typeOf({ payload }) {
  const name = payload?.type.split(';')[0].trim().toLowerCase();
  return { text: 'text', 'text/plain': 'text', json: 'json', 'application/json': 'json', binary: 'binary', 'application/octet-stream': 'binary' }[name];
}
