// The journal: what happened, newest first.
import { del } from './api.js';
import { debounce, fill, h, setText } from './dom.js';
import { feed, records, watchFeed } from './stream.js';
import { detailed, setBadge, windowed } from './list.js';
import { KINDS, outcomeOf, recordDetails, summaryOf, whereOf, whoOf } from './record.js';
import { note } from './router.js';
import { badge, confirmButton, copyButton, empty, field, notice, numberText, pretty, select, spanText, timeText } from './ui.js';

const COLUMNS = [
  { name: 'time', title: 'Time' },
  { name: 'kind', title: 'Kind' },
  { name: 'outcome', title: 'Outcome' },
  { name: 'where', title: 'Where' },
  { name: 'who', title: 'Who' },
  { name: 'what', title: 'What happened' },
  { name: 'took', title: 'Took' },
];

export const journal = {
  id: 'journal',
  title: 'Journal',
  section: 'Emulator',
  mount(root, ctx) {
    const controls = filterControls(ctx.params);
    const count = h('span.muted', { id: 'journal-count' });
    const place = h('div');
    const list = windowed({ id: 'journal-list', label: 'Journal, newest first', columns: COLUMNS, show, keyOf: (record) => record.id, onSelect: (record) => detail.show(shown(record)) }, ctx);
    const box = h('section.card.list-card', { 'aria-label': 'Records' }, place, list.node);
    const detail = detailed(box, 'Record', 'journal-detail', list.deselect);

    let matching = [];
    let filter = controls.read();
    let isPaused = false;
    let waiting = 0;
    let seen = 0;
    /** The records that came since the last time. */
    const taken = () => {
      let from = records.length;
      while (from > 0 && records[from - 1].id > seen) from -= 1;
      seen = records.at(-1)?.id ?? 0;
      return records.slice(from).filter(filter);
    };

    const render = (added) => {
      list.set(matching, added);
      const all = records.length;
      const text = matching.length === all ? `${numberText(all)} records` : `${numberText(matching.length)} of ${numberText(all)} records`;
      setText(count, `${text}${feed.missed ? `, ${numberText(feed.missed)} missed` : ''}`);
      setText(pause, isPaused ? `Resume${waiting ? ` (${numberText(waiting)} new)` : ''}` : 'Pause');
      list.node.hidden = matching.length === 0;
      fill(place, feed.error ? notice('warn', feed.error) : matching.length ? null : nothing(all));
    };
    const refilter = () => {
      filter = controls.read();
      note('journal', controls.given());
      seen = 0;
      matching = taken();
      waiting = 0;
      render(0);
    };
    const news = ({ cleared }) => {
      if (cleared) {
        matching = [];
        waiting = seen = 0;
        detail.close();
      }
      const fresh = taken();
      if (isPaused && !cleared) {
        waiting += fresh.length;
        return setText(pause, `Resume (${numberText(waiting)} new)`);
      }
      // Those that the feed has dropped go, too.
      const oldest = records[0]?.id ?? Infinity;
      let cut = 0;
      while (cut < matching.length && matching[cut].id < oldest) cut += 1;
      if (cut) matching.splice(0, cut);
      matching.push(...fresh);
      render(fresh.length);
    };
    const toggle = () => {
      isPaused = !isPaused;
      pause.setAttribute('aria-pressed', String(isPaused));
      refilter();
    };
    const pause = h('button.btn', { id: 'journal-pause', 'aria-pressed': 'false', on: { click: toggle } }, 'Pause');
    const remove = async () => {
      try {
        await del('journal');
      } catch (error) {
        ctx.fail(error);
      }
    };
    ctx.actions(count, pause, confirmButton('Clear', remove, { id: 'journal-clear', question: 'Remove all records?' }));

    controls.node.addEventListener('input', debounce(refilter, 120));
    controls.node.addEventListener('submit', (event) => event.preventDefault());
    root.append(controls.node, detail.node);
    refilter();
    watchFeed(ctx, news);
  },
};

const nothing = (all) => (all ? empty('No record fits', 'Change or reset the filter.') : empty('Nothing has happened yet', 'What does appears here at once.'));

function show(cells, record) {
  setText(cells.time, timeText(Date.parse(record.time) / 1000));
  setText(cells.kind, record.kind);
  setBadge(cells.outcome, ...outcomeOf(record));
  setText(cells.where, whereOf(record));
  setText(cells.who, whoOf(record));
  setText(cells.what, summaryOf(record));
  setText(cells.took, record.took === undefined ? '' : spanText(record.took));
}

function shown(record) {
  const copy = copyButton(() => pretty(record.line), 'the record as JSON');
  return [h('div.row', null, h('strong', null, `#${record.id} ${record.kind}`), badge(...outcomeOf(record)), h('span.grow'), copy), recordDetails(record)];
}

/** The filter: a form, and what it lets through. */
function filterControls(params) {
  const input = (name, label, placeholder = 'any') => {
    const node = h('input', { type: 'search', name, value: params.get(name) ?? '', placeholder });
    return { name, node, field: field(label, node) };
  };
  const kinds = [['', 'All kinds'], ...KINDS.map((kind) => [kind, kind])];
  const kind = select(kinds, params.get('kind') ?? '', { name: 'kind' });
  const inputs = [input('text', 'Text', 'anywhere in the record'), input('hub', 'Hub or entity'), input('group', 'Group'), input('user', 'User'), input('connection', 'Connection')];
  const reset = () => {
    for (const own of [kind, ...inputs.map((input) => input.node)]) own.value = '';
    node.dispatchEvent(new Event('input'));
  };
  const node = h('form.form.filter', { id: 'journal-filter', role: 'search', 'aria-label': 'Filter of the journal' }, field('Kind', kind), inputs.map((own) => own.field), h('button.btn', { on: { click: reset } }, 'Reset'));
  const given = () => Object.fromEntries([['kind', kind.value], ...inputs.map((own) => [own.name, own.node.value])]);
  return { node, given, read: () => matcher(given()) };
}

function matcher({ kind, text, hub, group, user, connection }) {
  const same = (value, wanted) => value !== undefined && value.toLowerCase() === wanted;
  const wantedText = text.toLowerCase();
  const wantedHub = hub.toLowerCase();
  return (record) =>
    (!kind || record.kind === kind) &&
    (!hub || same(record.hub, wantedHub) || same(record.entity, wantedHub)) &&
    (!group || record.group === group || (record.groups?.includes(group) ?? false)) &&
    (!user || record.user === user) &&
    (!connection || record.connection === connection) &&
    (!text || [record.line, record.payload?.text, record.response?.text].some((own) => own?.toLowerCase().includes(wantedText)));
}
