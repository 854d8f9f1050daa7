//! Records as server-sent events. Shell.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use transport::{SharedRuntime, Sleep};

use crate::journal::{Found, Reader, Record};

/// The chunks of a stream of server-sent events, each of them whole.
///
/// It has no queue but the rest of one batch, which it shares with the journal: a reader that is
/// slow is told how many records it missed.
pub(super) struct Events {
    reader: Reader,
    /// Which run of which emulator the ids are of.
    run: u32,
    runtime: SharedRuntime,
    /// What comes before the first record.
    greeting: Option<String>,
    /// What is left of a batch.
    rest: VecDeque<Arc<Record>>,
    /// Until when the next batch waits.
    pause: Option<Pin<Box<dyn Sleep>>>,
    /// When a sign of life is due.
    heartbeat: Pin<Box<dyn Sleep>>,
}

impl Events {
    /// Creates the chunks. A reader that begins again, because it knew another run, is told so.
    pub(super) fn new(
        reader: Reader,
        run: u32,
        runtime: SharedRuntime,
        begins_again: bool,
    ) -> Self {
        let mut greeting = ": the journal\n\n".to_owned();
        if begins_again {
            greeting.push_str(CLEARED);
        }
        Self {
            reader,
            run,
            greeting: Some(greeting),
            rest: VecDeque::new(),
            pause: None,
            heartbeat: runtime.sleep_until(runtime.after(HEARTBEAT)),
            runtime,
        }
    }

    /// Reads the id of an event: `Some(None)` if it is of another run, `None` if it is not one.
    pub(super) fn read_id(id: &[u8], run: u32) -> Option<Option<u64>> {
        let id = std::str::from_utf8(id).ok()?;
        let Some((id, of)) = id.split_once('-') else {
            return id.parse().ok().map(Some);
        };
        let id: u64 = id.parse().ok()?;
        let of = u32::from_str_radix(of, 16).ok()?;
        Some((of == run).then_some(id))
    }

    /// Returns a chunk, after which no sign of life is due for a while.
    fn alive(&mut self, chunk: String) -> Bytes {
        let next = self.runtime.after(HEARTBEAT);
        self.heartbeat.as_mut().reset(next);
        chunk.into()
    }

    /// Writes the beginning of a batch.
    fn write(&mut self, found: Found) -> String {
        let mut text = String::new();
        if found.was_cleared {
            text.push_str(CLEARED);
        }
        // Writing to a string never fails.
        if found.missed > 0 {
            let missed = found.missed;
            let _ = write!(text, "event: missed\ndata: {{\"missed\":{missed}}}\n\n");
        }
        self.rest = found.records.into();
        self.write_rest(text)
    }

    /// Adds as much of a batch as a chunk may have, and at least one record.
    fn write_rest(&mut self, mut text: String) -> String {
        while let Some(record) = self.rest.pop_front() {
            let (id, run, line) = (record.id, self.run, self.reader.line(&record));
            let _ = write!(text, "id: {id}-{run:08x}\ndata: {line}\n\n");
            if text.len() >= CHUNK {
                break;
            }
        }
        text
    }
}

impl Stream for Events {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(greeting) = self.greeting.take() {
            return Poll::Ready(Some(Ok(greeting.into())));
        }
        if !self.rest.is_empty() {
            let text = self.write_rest(String::new());
            return Poll::Ready(Some(Ok(self.alive(text))));
        }
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        let text = match self.reader.poll_found(cx) {
            Poll::Ready(Some(found)) => {
                let pause = self.runtime.after(PAUSE);
                self.pause = Some(self.runtime.sleep_until(pause));
                self.write(found)
            }
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => {
                std::task::ready!(self.heartbeat.as_mut().poll(cx));
                ":\n\n".to_owned()
            }
        };
        Poll::Ready(Some(Ok(self.alive(text))))
    }
}

/// The records before it are gone: after a reset, or because somebody removed them.
const CLEARED: &str = "event: cleared\ndata: {}\n\n";
/// Between two batches: a hundred readers then take a small part of one core, however much happens. A
/// person sees no difference.
pub(super) const PAUSE: Duration = Duration::from_millis(50);
/// How long a chunk gets, in bytes, before a record is left for the next one: what is on the way to
/// a peer that takes nothing is not much more, for however many peers.
pub(super) const CHUNK: usize = 64 * 1024;
/// Below the minute after which proxies end what is silent.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a peer may take nothing of what is sent to it. Longer than a browser stops for
/// anything but a debugger.
pub(super) const LONGEST_STALL: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_another_run_are_told_from_what_is_none() {
        for (id, read) in [
            ("7-0000002a", Some(Some(7))),
            ("7", Some(Some(7))),
            ("7-0000002b", Some(None)),
            ("7-", None),
            ("x", None),
            ("", None),
            ("-2a", None),
            ("-7", None),
            ("7-2a-1", None),
        ] {
            assert_eq!(Events::read_id(id.as_bytes(), 42), read, "{id}");
        }
        assert_eq!(Events::read_id(b"\xff", 42), None);
    }
}
