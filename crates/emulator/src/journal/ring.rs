//! The newest records, bounded in bytes. Pure.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use super::record::Record;

/// The newest records; the oldest make room for new ones.
#[derive(Debug)]
pub(crate) struct Ring {
    /// With consecutive ids.
    records: VecDeque<Arc<Record>>,
    /// What they weigh.
    bytes: usize,
    /// What they may weigh at most.
    capacity: usize,
    /// The id of the next record.
    next: u64,
    /// The id of the first record since it was cleared: what was before is not missed.
    since: u64,
    /// How often it was cleared.
    clears: u64,
}

/// A reader's place in the ring.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Cursor {
    /// The id of the next record to read.
    next: u64,
    /// How often the ring had been cleared.
    clears: u64,
}

/// What a reader finds.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In order, and without gaps but the one before the first.
    pub(crate) records: Vec<Arc<Record>>,
    /// How many came too early to be still there.
    pub(crate) missed: u64,
    /// Whether the ring was cleared since the reader looked.
    pub(crate) was_cleared: bool,
}

/// There is no record with this id yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct OfTheFuture {
    /// The id of the newest record, or 0.
    pub(crate) newest: u64,
}

impl Ring {
    /// Creates an empty ring that holds records of `capacity` bytes.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            records: VecDeque::new(),
            bytes: 0,
            capacity,
            next: 1,
            since: 1,
            clears: 0,
        }
    }

    /// Adds a record, which gets the next id. One that is larger than the whole ring counts, but
    /// is not kept.
    pub(crate) fn push(&mut self, now: SystemTime, mut record: Record) {
        record.id = self.next;
        record.time = now;
        self.next += 1;
        self.bytes += record.size();
        self.records.push_back(Arc::new(record));
        while self.bytes > self.capacity
            && let Some(oldest) = self.records.pop_front()
        {
            self.bytes -= oldest.size();
        }
    }

    /// Removes all records, and returns them: there may be many to free. Ids go on.
    #[must_use]
    pub(crate) fn clear(&mut self) -> VecDeque<Arc<Record>> {
        self.bytes = 0;
        self.since = self.next;
        self.clears += 1;
        std::mem::take(&mut self.records)
    }

    /// Returns the id of the newest record, or 0.
    pub(crate) fn newest(&self) -> u64 {
        self.next - 1
    }

    /// Returns at most so many of the newest records, the oldest of them first.
    pub(crate) fn last(&self, count: usize) -> Vec<Arc<Record>> {
        let skipped = self.records.len().saturating_sub(count);
        self.records.iter().skip(skipped).cloned().collect()
    }

    /// Returns the place of a reader who has read the record `id`, or none with 0.
    ///
    /// # Errors
    ///
    /// Fails if there is no such record yet.
    pub(crate) fn after(&self, id: u64) -> Result<Cursor, OfTheFuture> {
        let newest = self.newest();
        if id > newest {
            return Err(OfTheFuture { newest });
        }
        Ok(Cursor {
            next: id + 1,
            clears: self.clears,
        })
    }

    /// Reads at most `limit` records, and moves the cursor behind them.
    pub(crate) fn read(&self, cursor: &mut Cursor, limit: usize) -> Found {
        let first = self.next - self.records.len() as u64;
        let start = cursor.next.max(first);
        // Those that were cleared are no loss: somebody wanted it.
        let missed = start - cursor.next.max(self.since).min(start);
        // It is less than the length.
        let skipped = usize::try_from(start - first).unwrap_or(usize::MAX);
        let records = self.records.iter().skip(skipped).take(limit);
        let records: Vec<_> = records.cloned().collect();
        let was_cleared = cursor.clears != self.clears;
        *cursor = Cursor {
            next: start + records.len() as u64,
            clears: self.clears,
        };
        Found {
            records,
            missed,
            was_cleared,
        }
    }
}

impl Cursor {
    /// Returns the id of the last record that was read or missed: the `after` with which another
    /// reader goes on.
    pub(crate) fn last(&self) -> u64 {
        self.next - 1
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use transport::_internal::SplitMix64;

    use super::super::details::{Details, Fault};
    use super::super::kind::Service;
    use super::super::payload::Payload;
    use super::*;

    fn record(length: usize) -> Record {
        let details = Details::Fault(Fault::default());
        let payload = Payload::of("text", &vec![b'x'; length]);
        Record::new(Service::PubSub, details).with_payload(payload)
    }

    fn ids(found: &Found) -> Vec<u64> {
        found.records.iter().map(|record| record.id).collect()
    }

    #[test]
    fn the_oldest_make_room_and_a_late_reader_is_told() {
        let size = record(100).size();
        let mut ring = Ring::new(3 * size);
        let mut early = ring.after(0).unwrap();
        for second in 0..5 {
            ring.push(UNIX_EPOCH + Duration::from_secs(second), record(100));
        }
        assert_eq!(ring.newest(), 5);
        let found = ring.read(&mut early, 2);
        assert_eq!((ids(&found), found.missed), (vec![3, 4], 2));
        assert_eq!(found.records[0].time, UNIX_EPOCH + Duration::from_secs(2));
        let found = ring.read(&mut early, 2);
        assert_eq!((ids(&found), found.missed), (vec![5], 0));
        assert_eq!(ids(&ring.read(&mut early, 2)), [0; 0]);
        assert_eq!(early.last(), 5);

        let mut late = ring.after(4).unwrap();
        assert_eq!(ids(&ring.read(&mut late, 9)), [5]);
        assert_eq!(ring.after(6), Err(OfTheFuture { newest: 5 }));

        // Larger than the ring: everything goes, and it is missed, too.
        ring.push(UNIX_EPOCH, record(4000));
        let found = ring.read(&mut late, 9);
        assert_eq!((found.records.len(), found.missed), (0, 1));
        assert_eq!((ring.bytes, ring.records.len()), (0, 0));
    }

    #[test]
    fn what_was_cleared_is_no_loss_and_every_reader_learns_of_it_once() {
        let mut ring = Ring::new(record(10).size());
        let mut reader = ring.after(0).unwrap();
        for _ in 0..3 {
            ring.push(UNIX_EPOCH, record(10));
        }
        assert_eq!(ring.clear().len(), 1);
        ring.push(UNIX_EPOCH, record(10));
        ring.push(UNIX_EPOCH, record(10));
        let found = ring.read(&mut reader, 9);
        // The fourth made room for the fifth; the three before were cleared.
        assert_eq!(
            (ids(&found), found.missed, found.was_cleared),
            (vec![5], 1, true)
        );
        assert!(!ring.read(&mut reader, 9).was_cleared);
    }

    /// The ring against all records in a list.
    #[test]
    fn random_operations_find_what_a_list_has() {
        for seed in 0..200 {
            let mut random = SplitMix64::new(seed);
            let mut below = |limit: u64| random.next_u64() % limit;
            let capacity = usize::try_from(below(40_000)).unwrap();
            let mut ring = Ring::new(capacity);
            // The sizes by id - 1, and the id before the first that was not cleared.
            let (mut sizes, mut cleared) = (Vec::<usize>::new(), 0);
            let mut cursors = vec![(ring.after(0).unwrap(), 0_u64, 0_u64)];
            let mut clears = 0;
            for step in 0..400 {
                match below(20) {
                    0 => {
                        drop(ring.clear());
                        cleared = sizes.len() as u64;
                        clears += 1;
                    }
                    1 => {
                        let id = below(sizes.len() as u64 + 3);
                        let after = ring.after(id);
                        assert_eq!(after.is_ok(), id <= sizes.len() as u64, "{seed} {step}");
                        cursors.extend(after.map(|cursor| (cursor, id, clears)));
                    }
                    2..=6 => {
                        let which = usize::try_from(below(cursors.len() as u64)).unwrap();
                        let (cursor, last, seen) = &mut cursors[which];
                        let limit = usize::try_from(below(8)).unwrap();
                        let found = ring.read(cursor, limit);
                        // What is still there: the longest end of the list that fits.
                        let (mut kept, mut bytes) = (sizes.len() as u64, 0);
                        while kept > cleared {
                            bytes += sizes[usize::try_from(kept).unwrap() - 1];
                            if bytes > capacity {
                                break;
                            }
                            kept -= 1;
                        }
                        let start = kept.max(*last);
                        let missed = start - (*last).max(cleared).min(start);
                        let expected = (start + 1..=sizes.len() as u64).take(limit);
                        let expected: Vec<_> = expected.collect();
                        assert_eq!(ids(&found), expected, "{seed} {step}");
                        assert_eq!(found.missed, missed, "{seed} {step}");
                        assert_eq!(found.was_cleared, *seen != clears, "{seed} {step}");
                        (*last, *seen) = (start + expected.len() as u64, clears);
                        assert_eq!(cursor.last(), *last, "{seed} {step}");
                    }
                    _ => {
                        let record = record(usize::try_from(below(6000)).unwrap());
                        sizes.push(record.size());
                        ring.push(UNIX_EPOCH, record);
                    }
                }
                let weight: usize = ring.records.iter().map(|record| record.size()).sum();
                assert_eq!(ring.bytes, weight, "{seed} {step}");
                assert!(ring.bytes <= capacity, "{seed} {step}");
            }
        }
    }
}
