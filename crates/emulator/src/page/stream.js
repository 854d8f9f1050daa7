// The journal as it comes: the newest records of the emulator, kept in this tab.
import { address, connection, events, get } from './api.js';

/** How many are kept, and how many characters of JSON. */
const MOST = 10000;
const MOST_TEXT = 32 << 20;

/** The oldest first. Each has its line of JSON as `line`. */
export const records = [];
/** How many could not be had; and what is wrong, if there is no journal. */
export const feed = { missed: 0, error: null };

const watchers = new Set();
let size = 0;
let source = null;
let last = 0;
let isPending = false;

/**
 * Calls `fn({ cleared })` after new records, now and then, until the panel is left.
 */
export function watchFeed(ctx, fn) {
  watchers.add(fn);
  ctx.onCleanup(() => watchers.delete(fn));
  if (!source) open();
}

function open() {
  close();
  if (document.hidden && last) return;
  const url = address('journal/stream');
  if (last) url.searchParams.set('after', last);
  source = new EventSource(url);
  source.onopen = () => {
    feed.error = null;
  };
  source.onmessage = ({ data }) => {
    const record = JSON.parse(data);
    Object.defineProperty(record, 'line', { value: data });
    last = record.id;
    size += data.length;
    records.push(record);
    told();
  };
  source.addEventListener('missed', ({ data }) => {
    feed.missed += JSON.parse(data).missed;
    told();
  });
  source.addEventListener('cleared', clear);
  source.onerror = () => {
    // Otherwise the browser tries again by itself.
    if (source?.readyState === EventSource.CLOSED) explain();
  };
}

function close() {
  source?.close();
  source = null;
}

/** An event source does not say why it was refused. */
async function explain() {
  close();
  try {
    await get(`journal?limit=1&after=${last}`);
  } catch (error) {
    if (error.status === 400) clear();
    else if (error.status) feed.error = error.message;
    told();
  }
}

function clear() {
  records.length = 0;
  size = 0;
  last = 0;
  feed.missed = 0;
  feed.error = null;
  for (const watcher of [...watchers]) watcher({ cleared: true });
}

function told() {
  if (isPending) return;
  isPending = true;
  // Not a frame: a page that nobody looks at has none.
  setTimeout(tell, 30);
}

function tell() {
  isPending = false;
  let cut = 0;
  while (records.length - cut > MOST || (size > MOST_TEXT && cut < records.length - 1)) {
    size -= records[cut].line.length;
    cut += 1;
  }
  if (cut) records.splice(0, cut);
  for (const watcher of [...watchers]) watcher({ cleared: false });
}

// A connection less for those who look at another tab.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) close();
  else if (watchers.size || last) open();
});
events.addEventListener('restart', () => {
  clear();
  open();
});
let before = connection.value.state;
connection.subscribe(({ state }) => {
  if (state === 'up' && before === 'gone' && (source || watchers.size)) open();
  before = state;
});
