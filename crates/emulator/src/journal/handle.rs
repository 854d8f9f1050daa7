//! The handle of the journal.

use std::fmt;
use std::sync::{Arc, Mutex};

use auth::{Clock as _, SharedClock};
use transport::_internal::lock;
use transport::SharedRuntime;

use super::filter::Filter;
use super::reader::Reader;
use super::record::Record;
use super::store::Store;
use super::stream::RecordStream;
use super::wait::{Look, WaitForRecord};
use crate::{Error, WaitFor};

/// The journal of one emulator: what happened, newest last. Clones share it.
#[derive(Clone)]
pub struct Journal {
    store: Store,
    /// The emulator's clock.
    clock: SharedClock,
    runtime: SharedRuntime,
    /// How often the emulator had been reset when it was made: a service that a reset has
    /// replaced records no more.
    resets: u64,
}

impl Journal {
    pub(crate) fn new(store: &Store, clock: SharedClock, runtime: &SharedRuntime) -> Self {
        Self {
            resets: store.resets(),
            store: store.clone(),
            clock,
            runtime: runtime.clone(),
        }
    }

    /// Returns a handle for a service that starts now, after the resets so far.
    pub(crate) fn for_service(&self) -> Self {
        Self::new(&self.store, self.clock.clone(), &self.runtime)
    }

    /// Returns a handle that records nothing.
    #[cfg(any(test, feature = "_fuzzing", feature = "relay"))]
    pub(crate) fn off() -> Self {
        let runtime = SharedRuntime::default();
        Self::new(&Store::new(0), SharedClock::default(), &runtime)
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
        let Some(mut reader) = self.reader(filter.clone()) else {
            return Vec::new();
        };
        let mut records = Vec::new();
        loop {
            let (found, is_all) = reader.read();
            records.extend(found.records);
            if is_all {
                return records;
            }
        }
    }

    /// Waits for the first record that fits, and returns it. One that is there already counts: a
    /// test may act first, and wait then. For the next one after it,
    /// [`Filter::with_after`] its [id](Record::id).
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
    /// let connected = Filter::default().with_kind(Kind::Connected).with_user("ann");
    /// let connected = emulator.journal().wait_for(connected);
    /// // Nobody comes, and the error says what happened instead.
    /// let error = connected.with_timeout(Duration::from_millis(10)).await.unwrap_err();
    /// assert!(error.is_timeout());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails after 10 seconds of real time by default ([`WaitForRecord::with_timeout`]), as soon as
    /// the emulator is dropped, and at once if the journal is off.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn wait_for(&self, filter: Filter) -> WaitForRecord {
        let store = self.store.clone();
        let reader = Mutex::new(self.reader(filter));
        let refusal = (!self.is_on()).then(|| Error::message("the journal is off"));
        let look = move || Look {
            record: lock(&reader).as_mut().and_then(first),
            store: store.clone(),
        };
        let changes = self.store.readers();
        let wait = WaitFor::new(&changes, &self.runtime, look, |look| look.record.is_some());
        WaitForRecord::new(wait.refused(refusal))
    }

    /// Returns the records that fit, the oldest first, and then those to come.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use azwire_emulator::Emulator;
    /// use azwire_emulator::journal::{Filter, Kind};
    /// use futures::StreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> azwire_emulator::Result<()> {
    /// let emulator = Emulator::builder().start().await?;
    /// let mut clocks = emulator.journal().stream(Filter::default().with_kind(Kind::Clock));
    /// emulator.clock().advance(Duration::from_secs(31));
    /// let clock = clocks.next().await.expect("the emulator runs");
    /// println!("{clock}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream(&self, filter: Filter) -> RecordStream {
        RecordStream::new(self.reader(filter))
    }

    /// Returns a reader; `None` if the journal is off.
    pub(crate) fn reader(&self, filter: Filter) -> Option<Reader> {
        Reader::new(&self.store, filter)
    }

    /// Returns a number that tells this journal from that of another run.
    pub(crate) fn run(&self) -> u32 {
        self.store.run()
    }

    /// Returns the id of the newest record, or 0.
    pub(crate) fn newest(&self) -> u64 {
        self.store.newest()
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

/// Returns the first record that a reader finds. What it has looked at once, it does not look at again.
fn first(reader: &mut Reader) -> Option<Arc<Record>> {
    loop {
        let (found, is_all) = reader.read();
        if let Some(record) = found.records.into_iter().next() {
            return Some(record);
        }
        if is_all {
            return None;
        }
    }
}
