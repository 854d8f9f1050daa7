//! Where the records are. Shell: the ring behind its lock, and those who wait for records.

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use transport::_internal::lock;

use super::lines::Lines;
use super::record::Record;
use super::ring::{Cursor, Found, Ring};
use crate::changes::{Changes, Waiting};

/// Where the records are, or nothing if the journal is off. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Store(Option<Arc<Shared>>);

/// Ends the journal: those who wait for records learn that none will come.
#[derive(Debug)]
pub(crate) struct StoreOwner(Store);

#[derive(Debug)]
struct Shared {
    ring: Mutex<Ring>,
    /// What several streams read at a time.
    lines: Mutex<Lines>,
    /// Wakes the herald, if anybody waits for a record: one wake a record, however many wait.
    news: Changes,
    /// Wakes those who wait for a record; the herald does.
    readers: Changes,
    /// Tells this journal from that of another run.
    run: u32,
    /// How often the emulator was reset: what is left of before records nothing.
    resets: AtomicU64,
}

impl Store {
    /// Creates a store of so many bytes; 0 switches the journal off.
    pub(crate) fn new(bytes: usize) -> Self {
        Self((bytes > 0).then(|| {
            Arc::new(Shared {
                ring: Mutex::new(Ring::new(bytes)),
                lines: Mutex::default(),
                news: Changes::default(),
                readers: Changes::default(),
                run: rand::random(),
                resets: AtomicU64::new(0),
            })
        }))
    }

    /// Records something that no service did. `make` is not called if the journal is off. It must not
    /// be called with a lock held that `make` takes.
    pub(crate) fn record(&self, now: impl FnOnce() -> SystemTime, make: impl FnOnce() -> Record) {
        let Some(shared) = &self.0 else { return };
        let (now, record) = (now(), make());
        shared.ring().push(now, record);
        shared.tell();
    }

    /// The same for a service that was started after so many resets.
    pub(super) fn record_since(
        &self,
        resets: u64,
        now: impl FnOnce() -> SystemTime,
        make: impl FnOnce() -> Record,
    ) {
        let Some(shared) = &self.0 else { return };
        if shared.resets() != resets {
            return;
        }
        let (now, record) = (now(), make());
        {
            let mut ring = shared.ring();
            // A reset counts under this lock.
            if shared.resets() != resets {
                return;
            }
            ring.push(now, record);
        }
        shared.tell();
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Returns a number that another run most likely does not have.
    pub(super) fn run(&self) -> u32 {
        self.0.as_ref().map_or(0, |shared| shared.run)
    }

    /// Returns how often the emulator was reset.
    pub(super) fn resets(&self) -> u64 {
        self.0.as_ref().map_or(0, |shared| shared.resets())
    }

    /// Removes all records.
    pub(super) fn clear(&self) {
        self.empty(0);
    }

    /// Removes all records, and takes none from the services that there are now.
    pub(crate) fn reset(&self) {
        self.empty(1);
    }

    /// Wakes all readers whenever there is something new, so that no writer has to; `None` if the journal is
    /// off.
    pub(crate) fn herald(&self) -> Option<impl Future<Output = ()> + Send + 'static> {
        let shared = Arc::clone(self.0.as_ref()?);
        Some(async move {
            let mut news = shared.news.wait();
            while poll_fn(|cx| news.poll_next(cx)).await.is_some() {
                shared.readers.notify();
            }
        })
    }

    /// Begins to wait for records; `None` if the journal is off.
    pub(super) fn wait(&self) -> Option<Waiting> {
        Some(self.0.as_ref()?.readers.wait())
    }

    /// Returns what those who wait for records wait for; nothing ever, if the journal is off.
    pub(super) fn readers(&self) -> Changes {
        let shared = self.0.as_ref();
        shared.map_or_else(Changes::default, |shared| shared.readers.clone())
    }

    /// Returns what ends the journal when it is dropped.
    pub(crate) fn owner(&self) -> StoreOwner {
        StoreOwner(self.clone())
    }

    /// Returns the id of the newest record, or 0.
    pub(super) fn newest(&self) -> u64 {
        self.0.as_ref().map_or(0, |shared| shared.ring().newest())
    }

    /// Returns at most so many of the newest records, the oldest of them first.
    pub(super) fn last(&self, count: usize) -> Vec<Arc<Record>> {
        let shared = self.0.as_ref();
        shared.map_or_else(Vec::new, |shared| shared.ring().last(count))
    }

    /// Returns a reader's place behind the record `id`; the next one if there is no such record yet.
    pub(super) fn after(&self, id: u64) -> Option<Cursor> {
        let ring = self.0.as_ref()?.ring();
        let newest = ring.newest();
        ring.after(id.min(newest)).ok()
    }

    /// Reads at most `limit` records, and moves the cursor behind them.
    pub(super) fn read(&self, cursor: &mut Cursor, limit: usize) -> Found {
        let shared = self.0.as_ref();
        shared.map_or_else(Found::default, |shared| shared.ring().read(cursor, limit))
    }

    /// Returns a record as a line of JSON, which is made once for all readers.
    pub(super) fn line(&self, record: &Record) -> Arc<str> {
        let lines = self.0.as_ref().map(|shared| &shared.lines);
        if let Some(line) = lines.and_then(|lines| lock(lines).get(record.id)) {
            return line;
        }
        // Not under the lock: others have other lines to read.
        let line = record.to_json().into();
        if let Some(lines) = lines {
            lock(lines).add(record.id, &line);
        }
        line
    }

    fn empty(&self, resets: u64) {
        let Some(shared) = &self.0 else { return };
        let records = {
            let mut ring = shared.ring();
            shared.resets.fetch_add(resets, Ordering::Relaxed);
            ring.clear()
        };
        *lock(&shared.lines) = Lines::default();
        shared.tell();
        drop(records);
    }
}

impl Drop for StoreOwner {
    fn drop(&mut self) {
        if let Some(shared) = &self.0.0 {
            shared.news.end();
            shared.readers.end();
        }
    }
}

impl Shared {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        // The ring is consistent between any two statements that could panic.
        lock(&self.ring)
    }

    /// Has the readers woken. The record must be in the ring by now.
    fn tell(&self) {
        if self.readers.is_awaited() {
            self.news.notify();
        }
    }

    fn resets(&self) -> u64 {
        self.resets.load(Ordering::Relaxed)
    }
}
