// A table of the newest records of a kind.
import { reconcile } from './dom.js';
import { records, watchFeed } from './stream.js';
import { tableOf, timeText } from './ui.js';

const MOST = 100;

/** What is shown for none, and the table, newest first. */
export function recent(ctx, kind, table, none, row) {
  const { wrap, body } = tableOf({ ...table, tall: true });
  const show = () => {
    const own = records.filter((record) => record.kind === kind).slice(-MOST).reverse();
    wrap.hidden = !own.length;
    none.hidden = !wrap.hidden;
    reconcile(body, own, (record) => record.id, row);
  };
  show();
  watchFeed(ctx, show);
  return [none, wrap];
}

/** The time of day of a record. */
export const timeOf = (record) => timeText(Date.parse(record.time) / 1000);
