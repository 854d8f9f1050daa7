//! The journal as a file of JSON lines: one task with a cursor of its own. Shell.

use std::fs::{File, OpenOptions};
use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::mpsc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};
use transport::_internal::within;
use transport::SharedRuntime;

use crate::journal::{Filter, Found, Journal, Reader};
use crate::{Error, Result};

/// A file that the journal will be written to.
#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    file: File,
}

/// The task that writes the file.
#[derive(Debug)]
pub(super) struct Recording {
    stop: oneshot::Sender<()>,
    done: oneshot::Receiver<()>,
}

impl JournalFile {
    /// Opens the file, to write at its end.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|error| {
            let text = format!("cannot open the journal {}: {error}", path.display());
            Error::new(text, error)
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Writes all records to it, from the first one on.
    pub(super) fn follow(self, journal: &Journal) -> Result<Recording> {
        let reader = journal.reader(Filter::default()).ok_or_else(|| {
            Error::message("--journal needs the journal, which --journal-bytes 0 switches off")
        })?;
        let (stop, stopped) = oneshot::channel();
        let (all_is_written, done) = oneshot::channel();
        let writer = Writer::start(self.file)?;
        SharedRuntime::default().spawn(Box::pin(async move {
            write_all(reader, &writer, &self.path, stopped).await;
            // Nobody may wait for it.
            let _ = all_is_written.send(());
        }));
        Ok(Recording { stop, done })
    }
}

impl Recording {
    /// Writes what there is, and ends. A file that takes nothing, such as a pipe that nobody
    /// reads, is not waited for.
    pub(super) async fn finish(self) {
        // If the task has ended, there is nothing left to write.
        let _ = self.stop.send(());
        let runtime = SharedRuntime::default();
        let done = within(&runtime, LONGEST_FINISH, self.done).await;
        if done.is_none() {
            tracing::warn!("the journal was not written to its end: its file takes nothing");
        }
    }
}

/// Writes batches where it may block: on a thread of its own, which does not keep the program from
/// ending.
struct Writer(mpsc::Sender<(Found, oneshot::Sender<Written>)>);

impl Writer {
    fn start(file: File) -> Result<Self> {
        let (batches, queue) = mpsc::channel::<(Found, oneshot::Sender<Written>)>();
        let mut lines = Lines::new(file);
        let run = move || {
            for (found, written) in queue {
                // If nobody waits for it, the program ends.
                let _ = written.send(lines.write(&found));
            }
        };
        let thread = std::thread::Builder::new().name("journal".to_owned());
        thread.spawn(run).map_err(|error| {
            let text = format!("cannot start the thread that writes the journal: {error}");
            Error::new(text, error)
        })?;
        Ok(Self(batches))
    }

    /// Writes one batch. A disk that is full costs the records that come meanwhile, never the
    /// emulator.
    async fn write(&self, found: Found, path: &Path) {
        let (written, outcome) = oneshot::channel();
        // The thread ends after this only, and nothing in it panics.
        let _ = self.0.send((found, written));
        let path = path.display();
        match outcome.await {
            Ok(Written::As(Change::Recovered { lost })) => {
                tracing::warn!(
                    "the journal is written to {path} again; {lost} records are not in it"
                );
            }
            Ok(Written::Failed(error)) => {
                tracing::warn!(
                    "cannot write the journal to {path}: {error}; records are lost until it can"
                );
            }
            Ok(Written::As(Change::Same)) | Err(_) => {}
        }
    }
}

/// Writes records until it is told to stop, and then those that are there.
async fn write_all(
    mut reader: Reader,
    writer: &Writer,
    path: &Path,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        let found = {
            let found = pin!(poll_fn(|cx| reader.poll_found(cx)));
            match select(found, &mut stopped).await {
                Either::Left((Some(found), _)) => Some(found),
                Either::Left((None, _)) | Either::Right(_) => None,
            }
        };
        let Some(found) = found else { break };
        writer.write(found, path).await;
    }
    loop {
        let (found, is_all) = reader.read();
        writer.write(found, path).await;
        if is_all {
            return;
        }
    }
}

/// Lines at the end of a file, each of them whole or still to be finished.
#[derive(Debug)]
struct Lines<W = File> {
    file: W,
    /// What is left of a line whose beginning was written.
    rest: Vec<u8>,
    /// How many records were missed or lost, and the file does not say so yet.
    lost: u64,
    is_failing: bool,
}

/// What came of a batch.
#[derive(Debug)]
enum Written {
    As(Change),
    /// The first failure since it was written.
    Failed(io::Error),
}

#[derive(Debug, Eq, PartialEq)]
enum Change {
    /// It goes on as before.
    Same,
    /// It can be written again.
    Recovered { lost: u64 },
}

impl<W: io::Write> Lines<W> {
    fn new(file: W) -> Self {
        Self {
            file,
            rest: Vec::new(),
            lost: 0,
            is_failing: false,
        }
    }

    /// Writes a batch, or counts it as lost.
    fn write(&mut self, found: &Found) -> Written {
        self.lost += found.missed;
        let mut bytes = std::mem::take(&mut self.rest);
        // The rest of a line counts with its line.
        let mut ends = vec![(bytes.len(), 0)];
        let lost = self.lost;
        if lost > 0 {
            bytes.extend(format!("{{\"missed\":{lost}}}\n").into_bytes());
            ends.push((bytes.len(), lost));
        }
        for record in &found.records {
            bytes.extend(record.to_json().into_bytes());
            bytes.push(b'\n');
            ends.push((bytes.len(), 1));
        }
        if bytes.is_empty() {
            return Written::As(Change::Same);
        }
        let mut written = 0;
        let error = loop {
            match self.file.write(&bytes[written..]) {
                Ok(0) => break Some(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Some(error),
            }
            if written == bytes.len() {
                break None;
            }
        };
        let was_failing = std::mem::replace(&mut self.is_failing, error.is_some());
        let Some(error) = error else {
            self.lost = 0;
            let change = if was_failing {
                Change::Recovered { lost }
            } else {
                Change::Same
            };
            return Written::As(change);
        };
        // A line that has begun will be finished; those behind it are lost.
        let begun = ends.iter().position(|(end, _)| *end >= written);
        let begun = begun.unwrap_or(ends.len() - 1);
        let start = begun.checked_sub(1).map_or(0, |before| ends[before].0);
        let is_amid = begun == 0 || start < written;
        let kept = if is_amid { begun + 1 } else { begun };
        if is_amid {
            self.rest = bytes[written..ends[begun].0].to_vec();
        }
        self.lost = ends[kept..].iter().map(|(_, records)| records).sum();
        match was_failing {
            true => Written::As(Change::Same),
            false => Written::Failed(error),
        }
    }
}

/// How long the end of the program waits for its file: more than a disk needs for all that the journal
/// has by default.
const LONGEST_FINISH: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use transport::_internal::SplitMix64;

    use super::*;
    use crate::journal::{Details, Payload, Record, Service};

    /// A disk with room for so many bytes.
    #[derive(Debug, Default)]
    struct Disk {
        bytes: Vec<u8>,
        room: usize,
    }

    impl io::Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            if count == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= count;
            self.bytes.extend(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn found(ids: impl IntoIterator<Item = u64>, missed: u64) -> Found {
        let records = ids.into_iter().map(|id| {
            let payload = Payload::of("text", b"a\nb");
            let details = Details::Clock(crate::journal::Clock::default());
            let mut record = Record::new(Service::Emulator, details).with_payload(payload);
            record.id = id;
            Arc::new(record)
        });
        Found {
            records: records.collect(),
            missed,
            was_cleared: false,
        }
    }

    /// Returns the ids in the file, and how many records it says are not in it.
    fn read(bytes: &[u8]) -> (Vec<u64>, u64) {
        let (mut ids, mut missed) = (Vec::new(), 0);
        for line in std::str::from_utf8(bytes).unwrap().lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect(line);
            ids.extend(line["id"].as_u64());
            missed += line["missed"].as_u64().unwrap_or_default();
        }
        (ids, missed)
    }

    #[test]
    fn a_full_disk_is_said_once_and_its_end_too() {
        let mut lines = Lines::new(Disk::default());
        lines.file.room = 10_000;
        assert!(matches!(
            lines.write(&found(1..=2, 0)),
            Written::As(Change::Same)
        ));
        // In the middle of the fourth.
        lines.file.room = lines.file.bytes.len() / 2 + 30;
        assert!(matches!(lines.write(&found(3..=5, 0)), Written::Failed(_)));
        assert!(matches!(
            lines.write(&found(6..=6, 2)),
            Written::As(Change::Same)
        ));
        lines.file.room = 10_000;
        let Written::As(change) = lines.write(&found(7..=7, 0)) else {
            panic!("there is room");
        };
        assert_eq!(change, Change::Recovered { lost: 4 });
        assert_eq!(read(&lines.file.bytes), (vec![1, 2, 3, 4, 7], 4));
    }

    #[test]
    fn every_record_is_in_the_file_or_counted_however_the_room_changes() {
        for seed in 0..300 {
            let mut random = SplitMix64::new(seed);
            let mut below = |limit: u64| random.next_u64() % limit;
            let mut lines = Lines::new(Disk::default());
            let (mut id, mut missed) = (0, 0);
            for _ in 0..40 {
                lines.file.room = usize::try_from(below(900)).unwrap();
                let (count, too_late) = (below(5), below(4).saturating_sub(2));
                lines.write(&found(id + 1..=id + count, too_late));
                id += count;
                missed += too_late;
            }
            lines.file.room = 1_000_000;
            lines.write(&found([], 0));
            assert_eq!((lines.lost, lines.rest.len()), (0, 0), "{seed}");
            let (ids, lost) = read(&lines.file.bytes);
            assert!(ids.is_sorted(), "{seed}");
            assert_eq!(ids.len() as u64 + lost, id + missed, "{seed}");
        }
    }
}
