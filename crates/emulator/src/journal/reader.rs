//! One who reads the records one after the other, and waits for more. Shell.

use std::sync::Arc;
use std::task::{Context, Poll};

use transport::_internal::ROUNDS_BEFORE_YIELD;

use super::filter::Filter;
use super::record::Record;
use super::ring::{Cursor, Found};
use super::store::Store;
use crate::changes::Waiting;

/// A place in the journal, a filter, and a bell that rings when there is more.
///
/// It has no queue: what it does not read in time makes room in the ring, and is counted.
#[derive(Debug)]
pub(crate) struct Reader {
    store: Store,
    filter: Filter,
    cursor: Cursor,
    waiting: Waiting,
}

impl Reader {
    /// Creates a reader that begins with the oldest record that the filter wants; `None` if the
    /// journal is off.
    pub(super) fn new(store: &Store, filter: Filter) -> Option<Self> {
        // Before it looks, so that it misses no record that comes meanwhile.
        let waiting = store.wait()?;
        let cursor = store.after(filter.after())?;
        Some(Self {
            store: store.clone(),
            filter,
            cursor,
            waiting,
        })
    }

    /// Waits for records that fit, or for something to say about those that there were; `None` once
    /// the emulator has ended. At most a batch.
    pub(crate) fn poll_found(&mut self, cx: &Context<'_>) -> Poll<Option<Found>> {
        for _ in 0..ROUNDS_BEFORE_YIELD {
            let (found, is_all) = self.read();
            if !found.is_empty() {
                return Poll::Ready(Some(found));
            }
            if !is_all {
                continue;
            }
            match self.waiting.poll_next(cx) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads a batch, and returns what fits, and whether there was no more.
    pub(crate) fn read(&mut self) -> (Found, bool) {
        let mut found = self.store.read(&mut self.cursor, BATCH);
        let is_all = found.records.len() < BATCH;
        found.records.retain(|record| self.filter.matches(record));
        (found, is_all)
    }

    /// Returns a record as a line of JSON.
    pub(crate) fn line(&self, record: &Record) -> Arc<str> {
        self.store.line(record)
    }

    /// Returns the id of the last record that it has looked at.
    pub(crate) fn last(&self) -> u64 {
        self.cursor.last()
    }
}

impl Found {
    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.missed == 0 && !self.was_cleared
    }
}

/// How many records are read at a time: a writer waits no longer than it takes to count them.
const BATCH: usize = 256;
