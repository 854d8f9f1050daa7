//! The records as a stream.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;

use super::reader::Reader;
use super::record::Record;

/// The records that fit a filter, the oldest first, and those to come: a [`Stream`], from
/// [`Journal::stream`](super::Journal::stream). It ends with the emulator, or at once if the journal is off.
///
/// It keeps no records of its own, so it may be left unread: records that made room for newer ones
/// before they were read are not in it, and are [counted](Self::missed).
#[derive(Debug)]
pub struct RecordStream {
    /// `None` after the end.
    reader: Option<Reader>,
    records: VecDeque<Arc<Record>>,
    missed: u64,
}

impl RecordStream {
    pub(super) fn new(reader: Option<Reader>) -> Self {
        Self {
            reader,
            records: VecDeque::new(),
            missed: 0,
        }
    }

    /// Returns how many records it was too late for so far, whether they would have fitted or not.
    /// Those that somebody [cleared](super::Journal::clear) do not count.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

impl Stream for RecordStream {
    type Item = Arc<Record>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Arc<Record>>> {
        loop {
            if let Some(record) = self.records.pop_front() {
                return Poll::Ready(Some(record));
            }
            let Some(reader) = &mut self.reader else {
                return Poll::Ready(None);
            };
            match std::task::ready!(reader.poll_found(cx)) {
                Some(found) => {
                    self.missed = self.missed.saturating_add(found.missed);
                    self.records = found.records.into();
                }
                None => self.reader = None,
            }
        }
    }
}
