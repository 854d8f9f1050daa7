// A client to play with: every frame of it is shown, as it goes over the wire.
import { getAt, socketUrl } from './api.js';
import { fill, h, setText } from './dom.js';
import { detailed, setBadge, windowed } from './list.js';
import { store } from './store.js';
import { clientToken } from './token.js';
import { badge, bytesText, card, check, copyButton, empty, field, keeper, notice, numberText, pretty, segmented, select, suggested, timeText } from './ui.js';

const RELIABLE = 'json.reliable.webpubsub.azure.v1';
const PROTOCOLS = [['json.webpubsub.azure.v1', 'JSON'], [RELIABLE, 'Reliable JSON'], ['', 'Simple WebSocket']];
const ACTIONS = [['join', 'Join'], ['leave', 'Leave'], ['publish', 'Publish'], ['event', 'Event'], ['invoke', 'Invoke'], ['raw', 'Raw frame']];
const TYPES = [['text', 'Text'], ['json', 'JSON'], ['base64', 'Bytes, as base64']];
const ROLES = { join: 'webpubsub.joinLeaveGroup', send: 'webpubsub.sendToGroup' };
const MOST_FRAMES = 1000;
const LONGEST_FRAME = 64 * 1024;

// The connection outlives the panel: other panels show what comes of it.
const client = store({ state: 'closed' });
const frames = [];
let frameNumber = 0;
let ackId = 0;
let socket = null;
let lastSequence = 0;
let watcher = null;
const draft = { hub: 'chat', user: 'page', protocol: 'json.webpubsub.azure.v1', groups: '', roles: '', join: true, send: true, acknowledge: true, action: 'join', group: 'room', event: 'message', type: 'text', data: '', wantsAck: true, noEcho: false };

function noted(direction, data, note) {
  const isText = typeof data === 'string';
  const size = isText ? new TextEncoder().encode(data).length : data.byteLength;
  const text = isText ? data.slice(0, LONGEST_FRAME) : hexOf(new Uint8Array(data).subarray(0, 4096));
  frames.push({ number: (frameNumber += 1), at: Date.now() / 1000, direction, isText, size, text, note, isCut: isText ? data.length > LONGEST_FRAME : size > 4096 });
  if (frames.length > MOST_FRAMES) frames.splice(0, frames.length - MOST_FRAMES);
  watcher?.(1);
}

const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

async function connect() {
  const isSimple = draft.protocol === '';
  const url = socketUrl('pubsub', `/client/hubs/${encodeURIComponent(draft.hub)}`);
  const list = (text) => text.split(',').map((own) => own.trim()).filter(Boolean);
  const roles = [draft.join && ROLES.join, draft.send && ROLES.send, ...list(draft.roles)].filter(Boolean);
  url.searchParams.set('access_token', await clientToken(draft.hub, { userId: draft.user, roles, groups: list(draft.groups) }));
  ackId = 0;
  lastSequence = 0;
  const opened = isSimple ? new WebSocket(url) : new WebSocket(url, draft.protocol);
  opened.binaryType = 'arraybuffer';
  socket = opened;
  client.set({ state: 'opening' });
  opened.onopen = () => client.set({ ...client.value, state: 'open', isSimple });
  opened.onmessage = ({ data }) => {
    noted('in', data);
    if (!isSimple && typeof data === 'string') understood(data);
  };
  opened.onclose = ({ code, reason }) => {
    if (socket !== opened) return;
    socket = null;
    const wasOpen = client.value.state !== 'opening';
    noted('end', '', wasOpen ? `closed with ${code}${reason ? `: ${reason}` : ''}` : 'the opening was refused; the journal says why');
    client.set({ state: 'closed' });
  };
}

function understood(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return;
  }
  if (message.type === 'system' && message.event === 'connected') {
    client.set({ ...client.value, id: message.connectionId });
  }
  if (typeof message.sequenceId === 'number' && message.sequenceId > lastSequence) {
    lastSequence = message.sequenceId;
    if (draft.acknowledge) transmit(JSON.stringify({ type: 'sequenceAck', sequenceId: lastSequence }));
  }
}

function transmit(data) {
  if (socket?.readyState !== WebSocket.OPEN) throw new Error('The client is not connected.');
  socket.send(data);
  noted('out', typeof data === 'string' ? data : data.buffer);
}

/** The frame of an action, as the JSON subprotocols have it. */
function frameOf({ isSimple }) {
  const { action, group, event, type, data } = draft;
  if (action === 'raw' || isSimple) return type === 'base64' ? decoded(data) : data;
  const id = draft.wantsAck && action !== 'invoke' ? { ackId: (ackId += 1) } : {};
  const payload = () => {
    if (type === 'json') parsed(data);
    if (type === 'base64') decoded(data);
    return { dataType: type === 'base64' ? 'binary' : type, ...(type === 'json' ? {} : { data }) };
  };
  const message = {
    join: () => ({ type: 'joinGroup', group, ...id }),
    leave: () => ({ type: 'leaveGroup', group, ...id }),
    publish: () => ({ type: 'sendToGroup', group, ...(draft.noEcho ? { noEcho: true } : {}), ...id, ...payload() }),
    event: () => ({ type: 'event', event, ...id, ...payload() }),
    invoke: () => ({ type: 'invoke', invocationId: `page-${(ackId += 1)}`, target: 'event', event, ...payload() }),
  }[action]();
  const text = JSON.stringify(message);
  // JSON goes as it was entered.
  return type === 'json' && message.dataType ? `${text.slice(0, -1)},"data":${data}}` : text;
}

function parsed(text) {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new Error(`The payload is not JSON: ${error.message}`);
  }
}

function decoded(text) {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    throw new Error('The payload is not base64.');
  }
}

export const player = {
  id: 'client',
  title: 'Client',
  section: 'Web PubSub',
  needs: 'pubsub',
  mount(root, ctx) {
    for (const [name, value] of ctx.params) if (name in draft) draft[name] = value;
    const act = (work) => async (event) => {
      event?.preventDefault();
      try {
        await work();
        ctx.clear();
      } catch (error) {
        ctx.fail(error);
      }
    };
    const opening = openingForm(ctx, act);
    const actions = actionForm(act);
    const list = frameList(ctx);
    root.append(opening.node, actions.node, list);
    ctx.watch(client, (now) => {
      opening.show(now);
      actions.show(now);
    });
    ctx.onCleanup(() => {
      watcher = null;
    });
    ctx.every(3000, async () => {
      const state = await getAt('pubsub', 'connections', { signal: ctx.signal });
      opening.hub.suggest(Object.keys(state));
      actions.group.suggest([...new Set((state[draft.hub.toLowerCase()] ?? []).flatMap((own) => own.groups))].sort());
    });
  },
};

const keep = keeper(draft);
const tick = (label, name) => check(label, { name, checked: draft[name], on: { change: (event) => { draft[name] = event.target.checked; } } });

function openingForm(ctx, act) {
  const hub = suggested({ ...keep('hub'), required: true });
  const user = h('input', { placeholder: 'anonymous', ...keep('user') });
  const groups = h('input', { placeholder: 'none', ...keep('groups') });
  const roles = h('input', { placeholder: 'webpubsub.…', ...keep('roles') });
  const [join, sendTo, acknowledge] = [tick('Join and leave all groups', 'join'), tick('Send to all groups', 'send'), tick('Acknowledge what comes', 'acknowledge')];
  const protocol = select(PROTOCOLS, draft.protocol, { ...keep('protocol'), on: { change: showProtocol } });
  const open = h('button.btn.primary', { type: 'submit', id: 'client-connect' }, 'Connect');
  const shut = h('button.btn', { id: 'client-close', hidden: true, on: { click: () => { client.set({ ...client.value, state: 'closing' }); socket?.close(1000); } } }, 'Disconnect');
  const state = h('span.row', { role: 'status', id: 'client-state' });
  function showProtocol() {
    draft.protocol = protocol.value;
    acknowledge.node.hidden = draft.protocol !== RELIABLE;
  }
  showProtocol();
  const inputs = h('fieldset', null, h('legend.visually-hidden', null, 'Connection'), h('div.form.tight', null, field('Hub', hub.input), hub.list, field('User', user), field('Protocol', protocol), field('Groups, by commas', groups), field('More roles, by commas', roles), h('div.form-actions', null, join.node, sendTo.node, acknowledge.node)));
  const form = h('form.stack', { id: 'client-form', on: { submit: act(connect) } }, inputs, h('div.form-actions', null, open, shut, state));
  const show = (now) => {
    const isOpen = now.state === 'open' || now.state === 'closing';
    const isClosed = now.state === 'closed';
    inputs.disabled = !isClosed;
    open.hidden = !isClosed;
    shut.hidden = isClosed;
    const texts = { closed: ['Not connected', 'muted'], opening: ['Connecting', 'info'], open: ['Connected', 'ok'], closing: ['Closing', 'info'] };
    fill(state, badge(...texts[now.state]), isOpen && now.id ? h('span.mono.break', null, now.id) : null);
  };
  return { node: card('Connection', {}, form), hub, show };
}

function actionForm(act) {
  const group = suggested(keep('group'));
  const groupField = field('Group', group.input);
  const eventField = field('Event', h('input', keep('event')));
  const type = select(TYPES, draft.type, keep('type'));
  const typeField = field('Type', type);
  const dataField = field('Payload', h('textarea', { rows: 3, ...keep('data') }), { wide: true });
  const [wantsAck, noEcho] = [tick('Ask for an acknowledgement', 'wantsAck'), tick('Not to this client itself', 'noEcho')];
  const choice = segmented('What to send', ACTIONS, draft.action, (next) => {
    draft.action = next;
    show(client.value);
  });
  const button = h('button.btn.primary', { type: 'submit' }, 'Send');
  const simple = notice('info', 'A simple client sends frames as they are: each is an event named message.');
  const form = h('form.stack', { id: 'client-actions', on: { submit: act(() => transmit(frameOf(client.value))) } }, choice.node, simple, h('div.form', null, groupField, group.list, eventField, typeField, dataField), h('div.form-actions', null, button, wantsAck.node, noEcho.node));
  function show(now) {
    const { action } = draft;
    const isSimple = Boolean(now.isSimple) && now.state === 'open';
    const hasGroup = ['join', 'leave', 'publish'].includes(action);
    choice.node.hidden = isSimple;
    simple.hidden = !isSimple;
    groupField.hidden = isSimple || !hasGroup;
    eventField.hidden = isSimple || !['event', 'invoke'].includes(action);
    const hasData = isSimple || !['join', 'leave'].includes(action);
    typeField.hidden = dataField.hidden = !hasData;
    wantsAck.node.hidden = isSimple || action === 'raw' || action === 'invoke';
    noEcho.node.hidden = isSimple || action !== 'publish';
    button.disabled = now.state !== 'open';
  }
  return { node: card('Send', {}, form), group, show };
}

function frameList(ctx) {
  const columns = [{ name: 'time', title: 'Time' }, { name: 'kind', title: 'Way' }, { name: 'outcome', title: 'Size' }, { name: 'what', title: 'Frame' }];
  const ways = { in: ['received', 'info'], out: ['sent', 'accent'], end: ['end', 'muted'] };
  const show = (cells, frame) => {
    setText(cells.time, timeText(frame.at));
    setBadge(cells.kind, ...ways[frame.direction]);
    setText(cells.outcome, frame.direction === 'end' ? '' : bytesText(frame.size));
    setText(cells.what, frame.note ?? (frame.isText ? frame.text : `binary ${frame.text}`));
  };
  const shown = (frame) => {
    if (frame.note) return h('p', null, frame.note);
    const text = frame.isText ? pretty(frame.text) : frame.text;
    return [h('div.row', null, badge(...ways[frame.direction]), h('span.muted', null, `${frame.isText ? 'text' : 'binary'} frame, ${bytesText(frame.size)}${frame.isCut ? ', the beginning is shown' : ''}`), h('span.grow'), copyButton(() => frame.text, 'the frame')), h('pre.code', { tabindex: 0 }, text === '' ? '(empty)' : text)];
  };
  const list = windowed({ id: 'client-frames', label: 'Frames, newest first', columns, show, keyOf: (frame) => frame.number, onSelect: (frame) => detail.show(shown(frame)) }, ctx);
  const count = h('span.muted');
  const nothing = empty('No frames yet', 'Connect, and everything that goes over the WebSocket appears here.');
  const clear = h('button.btn.small', { on: { click: () => { frames.length = 0; detail.close(); render(0); } } }, 'Clear');
  const render = (added) => {
    list.set(frames, added);
    list.node.hidden = frames.length === 0;
    nothing.hidden = frames.length > 0;
    setText(count, `${numberText(frames.length)} kept`);
  };
  watcher = render;
  const box = h('section.card.list-card', { 'aria-label': 'Frames' }, h('div.list-title', null, h('h2', null, 'Frames'), count, h('span.grow'), clear), nothing, list.node);
  const detail = detailed(box, 'Frame', 'frame-detail', list.deselect);
  render(0);
  return detail.node;
}
