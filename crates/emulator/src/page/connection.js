// One connection: its groups, what it may do, and its end.
import { fill, h, reconcile, setText } from './dom.js';
import { demand } from './rest.js';
import { link } from './router.js';
import { bytesText, card, confirmButton, copyButton, empty, field, kv, numberText, select } from './ui.js';

const PERMISSIONS = [['joinLeaveGroup', 'Join and leave'], ['sendToGroup', 'Send'], ['getGroupState', 'Get states'], ['setGroupState', 'Set a state']];

/** A card for the connection that is chosen; `onChange` is called after each change. */
export function connectionCard(ctx, onChange) {
  let hub;
  let id;
  const act = async (text, ...request) => {
    try {
      await demand(...request);
      ctx.clear();
      ctx.done(text);
    } catch (error) {
      ctx.fail(error);
    }
    onChange();
  };

  const values = {};
  const row = (name, key) => [h('dt', null, name), (values[key] = h('dd'))];
  const copy = copyButton(() => id, 'the connection id');
  const facts = h('dl.kv', null, row('Connection', 'id'), row('User', 'user'), row('Protocol', 'protocol'), row('State', 'state'), row('Messages', 'waiting'));

  const groupList = h('ul.row', { 'aria-label': 'Groups' });
  const groupName = h('input', { name: 'group', required: true });
  const add = (event) => {
    event.preventDefault();
    act(`Added to ${groupName.value}.`, 'PUT', hub, ['groups', groupName.value, 'connections', id]);
    groupName.value = '';
  };
  const groupForm = h('form.toolbar', { on: { submit: add } }, h('div.grow', null, field('Add to a group', groupName)), h('button.btn', { type: 'submit' }, 'Add'));

  const rights = PERMISSIONS.map(([name, title]) => [name, title, h('span')]);
  const permission = select(PERMISSIONS.slice(0, 2), 'sendToGroup', { name: 'permission' });
  const target = h('input', { name: 'targetName', placeholder: 'all groups' });
  const change = (method, text) => () => {
    const of = target.value ? `group ${target.value}` : 'all groups';
    return act(`${text} ${of}.`, method, hub, ['permissions', permission.value, 'connections', id], { query: { targetName: target.value } });
  };
  const permissionForm = h(
    'form.form',
    { id: 'permission-form', on: { submit: (event) => event.preventDefault() } },
    field('Permission', permission),
    field('Group', target),
    h('div.form-actions', null, h('button.btn', { on: { click: change('PUT', 'Granted for') } }, 'Grant'), h('button.btn', { on: { click: change('DELETE', 'Revoked for') } }, 'Revoke')),
  );

  const reason = h('input', { name: 'reason', placeholder: 'none' });
  const close = confirmButton('Close connection', () => act('The connection was closed.', 'DELETE', hub, ['connections', id], { query: { reason: reason.value } }), { id: 'close-connection' });
  const closing = h('div.toolbar', null, h('div.grow', null, field('Reason', reason)), close);

  const links = h('div.row');
  const body = h('div.stack', null, facts, links, h('h3', null, 'Groups'), groupList, groupForm, h('h3', null, 'Permissions'), kv(rights.map(([, title, node]) => [title, node])), permissionForm, closing);
  const nothing = h('div');
  const node = card('Connection', { id: 'connection-detail' }, nothing, body);
  let shownId = null;

  return {
    node,
    show(ownHub, connection, wanted) {
      hub = ownHub;
      id = connection?.connectionId;
      body.hidden = !connection;
      nothing.hidden = Boolean(connection);
      if (!connection) {
        shownId = null;
        const text = wanted ? `${wanted} is no longer connected.` : 'Select a connection to see and change its groups and permissions, or to close it.';
        return nothing.textContent.endsWith(text) ? null : fill(nothing, empty(wanted ? 'It has ended' : 'Nothing selected', text));
      }
      fill(nothing);
      if (shownId !== id) {
        shownId = id;
        fill(values.id, h('span.row', null, h('span.mono.break', null, id), copy));
        fill(links, h('a', { href: link('send', { hub, target: 'connection', connection: id }) }, 'Send to it'), h('a', { href: link('journal', { connection: id }) }, 'Its journal'));
      }
      setText(values.user, connection.userId ?? 'anonymous');
      setText(values.protocol, connection.subprotocol ?? 'simple WebSocket, or one that its handler chose');
      setText(values.state, connection.isLost ? 'lost its socket, may recover' : 'connected');
      const { queuedMessages, queuedBytes, unacknowledgedMessages, expiredMessages } = connection;
      setText(values.waiting, `${numberText(queuedMessages)} waiting (${bytesText(queuedBytes)}), ${numberText(unacknowledgedMessages)} not acknowledged, ${numberText(expiredMessages)} expired`);
      showGroups(connection.groups);
      for (const [name, , node] of rights) setText(node, rightText(connection.permissions[name]));
    },
  };

  function showGroups(groups) {
    const items = groups.length ? groups : [null];
    const leave = (name) => () => act(`Removed from ${name}.`, 'DELETE', hub, ['groups', name, 'connections', id]);
    const create = (name) => (name === null ? h('li.muted', null, 'None.') : h('li', null, h('span.chip', null, h('span.break', null, name), h('button', { 'aria-label': `Remove from group ${name}`, title: 'Remove', on: { click: leave(name) } }, '×'))));
    reconcile(groupList, items, (name) => `${shownId} ${name ?? ''}`, create);
  }
}

function rightText({ all, groups = [], patterns = [], revoked = [] }) {
  const some = [...groups, ...patterns.map((pattern) => `${pattern} (pattern)`)];
  const text = all ? 'all groups' : some.length ? some.join(', ') : 'no group';
  return revoked.length ? `${text}; not ${revoked.join(', ')}` : text;
}
