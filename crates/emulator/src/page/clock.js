// The emulator's clock, and its way back to the start.
import { clock, now, post, readClock, restarted } from './api.js';
import { h, setText } from './dom.js';
import { recent, timeOf } from './recent.js';
import { badge, card, confirmButton, dateText, empty, field, select, spanText } from './ui.js';

const STEPS = [['1 s', 1], ['30 s', 30], ['1 min', 60], ['5 min', 300], ['1 h', 3600], ['1 day', 86400]];
const UNITS = { s: 1, min: 60, h: 3600 };

export const clockPanel = {
  id: 'clock',
  title: 'Clock and reset',
  section: 'Control',
  mount(root, ctx) {
    root.append(h('div.cards', null, time(ctx), reset(ctx)), moves(ctx));
  },
};

function time(ctx) {
  const shown = h('p.clock-now', { id: 'clock-now' });
  const state = h('p.row', { id: 'clock-state', role: 'status' });
  const hold = h('button.btn', { type: 'button', id: 'clock-hold', on: { click: () => step({ hold: !clock.value?.isHeld }) } });
  const amount = h('input', { type: 'number', id: 'clock-amount', name: 'amount', min: 0, step: 'any', required: true, value: '90' });
  const unit = select(Object.keys(UNITS), 's', { name: 'unit' });

  async function step(body) {
    ctx.clear();
    try {
      await post('clock', body);
      await readClock();
      if (body.advance) ctx.done(`The clock was advanced by ${spanText(body.advance)}.`);
      else ctx.done(body.hold ? 'The clock stands still.' : 'The clock runs.');
    } catch (error) {
      ctx.fail(error);
    }
  }

  const show = () => setText(shown, dateText(now()));
  const timer = setInterval(show, 250);
  ctx.onCleanup(() => clearInterval(timer));
  ctx.watch(clock, (found) => {
    show();
    hold.disabled = !found;
    setText(hold, found?.isHeld ? 'Release' : 'Hold');
    if (!found) return;
    const ahead = found.offset >= 0.0005 ? `${spanText(found.offset)} ahead of real time` : 'at real time';
    state.replaceChildren(badge(found.isHeld ? 'Held' : 'Running', found.isHeld ? 'warn' : 'ok'), h('span.muted', null, ahead));
  });
  const submit = (event) => {
    event.preventDefault();
    step({ advance: Number(amount.value) * UNITS[unit.value] });
  };
  const steps = STEPS.map(([name, seconds]) => h('button.btn.small', { type: 'button', on: { click: () => step({ advance: seconds }) } }, `+ ${name}`));
  const form = h(
    'form.row',
    { id: 'clock-form', on: { submit } },
    h('div.grow', null, field('Advance by', amount)),
    h('div', null, field('Unit', unit)),
    h('button.btn.primary', { type: 'submit' }, 'Advance'),
  );
  form.classList.add('toolbar');
  const text = h('p.muted', null, 'Both services follow it: time-outs, expiry of tokens, retries, recovery. It never goes back but by a reset. While it is held, it moves only when it is advanced.');
  return card('Clock', { id: 'clock-card', actions: [hold] }, shown, state, h('div.row', { role: 'group', 'aria-label': 'Advance by' }, steps), form, text);
}

function reset(ctx) {
  const run = async () => {
    ctx.clear();
    try {
      await post('reset', {});
      await readClock();
      ctx.done('The emulator was reset.');
      restarted();
    } catch (error) {
      ctx.fail(error);
    }
  };
  const button = confirmButton('Reset the emulator', run, { question: 'Reset everything now?', id: 'reset' });
  return card(
    'Reset',
    { id: 'reset-card' },
    h('p', null, 'Makes everything as after a start: closes every connection, and forgets groups, permissions, sessions, queued events, faults, and the moves of the clock.'),
    h('p.muted', null, 'Addresses, keys and settings stay.'),
    h('div.row', null, button),
  );
}

function moves(ctx) {
  const table = { caption: 'Moves of the clock', id: 'clock-moves', columns: ['Time after it', 'What', { title: 'By', num: true }, { title: 'In all', num: true }] };
  const none = empty('The clock was not moved', 'Moves from here, from tests and from programs are listed.');
  const row = (record) =>
    h(
      'tr',
      null,
      h('td.nowrap', null, timeOf(record)),
      h('td', null, record.action[0].toUpperCase() + record.action.slice(1)),
      h('td.num', null, record.by === undefined ? '' : spanText(record.by)),
      h('td.num', null, spanText(record.offset)),
    );
  return card('Moves', {}, recent(ctx, 'clock', table, none, row));
}
