//! Waiting until something has happened.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::record::Record;
use super::store::Store;
use crate::{Result, WaitFor};

/// The future of [`Journal::wait_for`](super::Journal::wait_for): resolves to the first record that
/// fits.
///
/// # Errors
///
/// Fails after [a time limit](Self::with_timeout), 10 seconds of real time by default, with an
/// error that says where the waiting began and which records came last
/// ([`is_timeout`](crate::Error::is_timeout)); as soon as the emulator is dropped; and at once if
/// the journal is off.
///
/// # Cancel safety
///
/// Nothing is lost when it is dropped: it only looks.
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct WaitForRecord(WaitFor<'static, Look>);

impl WaitForRecord {
    pub(super) fn new(inner: WaitFor<'static, Look>) -> Self {
        Self(inner)
    }

    /// Sets for how long to wait at the most, in real time; default: 10 s. See
    /// [`WaitFor::with_timeout`].
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self(self.0.with_timeout(timeout))
    }
}

impl Future for WaitForRecord {
    type Output = Result<Arc<Record>>;

    /// # Panics
    ///
    /// When polled again after it has completed.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_ok(|look| {
            let record = look.record;
            record.expect("it completes with a record only")
        })
    }
}

/// A look at the journal.
pub(super) struct Look {
    pub(super) store: Store,
    /// The first record that fits.
    pub(super) record: Option<Arc<Record>>,
}

/// How many records there were, and the newest of them.
impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let newest = self.store.newest();
        let last = self.store.last(SHOWN);
        write!(f, "{newest} records so far")?;
        for (index, record) in last.iter().enumerate() {
            let sign = if index == 0 {
                ", and the last are "
            } else {
                ", "
            };
            write!(f, "{sign}{record}")?;
        }
        Ok(())
    }
}

/// How many records the error shows.
const SHOWN: usize = 5;
