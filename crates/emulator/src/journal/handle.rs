//! The handle of the journal.

use std::fmt;
use std::sync::Arc;

use auth::{Clock as _, SharedClock};

use super::filter::Filter;
use super::record::Record;
use super::store::Store;

/// The journal of one emulator: what happened, newest last. Clones share it.
#[derive(Clone)]
pub struct Journal {
    store: Store,
    /// The emulator's clock.
    clock: SharedClock,
    /// How often the emulator had been reset when it was made: a service that a reset has
    /// replaced records no more.
    resets: u64,
}

impl Journal {
    pub(crate) fn new(store: Store, clock: SharedClock) -> Self {
        Self {
            resets: store.resets(),
            store,
            clock,
        }
    }

    /// Returns a handle for a service that starts now, after the resets so far.
    pub(crate) fn for_service(&self) -> Self {
        Self::new(self.store.clone(), self.clock.clone())
    }

    /// Returns a handle that records nothing.
    #[cfg(any(test, feature = "_fuzzing", feature = "relay"))]
    pub(crate) fn off() -> Self {
        Self::new(Store::new(0), SharedClock::default())
    }

    /// Removes all records, and takes none from the services that there are now.
    pub(crate) fn reset(&self) {
        self.store.reset();
    }

    /// Whether the journal is on.
    pub fn is_on(&self) -> bool {
        self.store.is_on()
    }

    /// Returns the records that are there and fit, the oldest first. Those that made room for newer
    /// ones are not there.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use azwire_emulator::Emulator;
    /// use azwire_emulator::journal::{Filter, Kind};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> azwire_emulator::Result<()> {
    /// let emulator = Emulator::builder().start().await?;
    /// let refused = Filter::default().with_kind(Kind::Refused);
    /// assert!(emulator.journal().records(&refused).is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn records(&self, filter: &Filter) -> Vec<Arc<Record>> {
        let mut records = Vec::new();
        let Some(mut cursor) = self.store.after(filter.after()) else {
            return records;
        };
        loop {
            let found = self.store.read(&mut cursor, BATCH).records;
            if found.is_empty() {
                return records;
            }
            records.extend(found.into_iter().filter(|record| filter.matches(record)));
        }
    }

    /// Removes all records. Those that come later go on with the next [id](Record::id).
    ///
    /// Over HTTP it is `DELETE /_emulator/journal`. A [reset](crate::Emulator::reset) does it, too.
    pub fn clear(&self) {
        self.store.clear();
    }

    /// Records that something happened now, on the emulator's clock. `make` is called only if the journal is
    /// on, so that nothing is built or copied otherwise.
    #[inline]
    pub(crate) fn record(&self, make: impl FnOnce() -> Record) {
        if self.is_on() {
            self.store
                .record_since(self.resets, || self.clock.now(), make);
        }
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("is_on", &self.is_on())
            .finish_non_exhaustive()
    }
}

/// How many records are read at a time: a writer waits no longer than it takes to count them.
const BATCH: usize = 256;
