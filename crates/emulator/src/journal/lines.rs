//! Records as lines of JSON, while they are being streamed: each is made once, however many read it. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The newest lines by the ids of their records, bounded in bytes.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: BTreeMap<u64, Arc<str>>,
    /// What they weigh.
    bytes: usize,
}

impl Lines {
    pub(super) fn get(&self, id: u64) -> Option<Arc<str>> {
        self.lines.get(&id).cloned()
    }

    /// Keeps a line, and lets the oldest ones go if there are too many bytes: they may be this one.
    pub(super) fn add(&mut self, id: u64, line: &Arc<str>) {
        if self.lines.insert(id, Arc::clone(line)).is_none() {
            self.bytes += weight(line);
        }
        while self.bytes > CAPACITY
            && let Some((_, oldest)) = self.lines.pop_first()
        {
            self.bytes -= weight(&oldest);
        }
    }
}

fn weight(line: &str) -> usize {
    line.len() + ENTRY
}

/// In bytes: far more than a hundred readers who are woken together need between the first and the last.
const CAPACITY: usize = 1024 * 1024;
/// What an entry of the map and an allocation cost.
const ENTRY: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_stay_within_the_bound() {
        let mut lines = Lines::default();
        let line: Arc<str> = "x".repeat(CAPACITY / 10 - ENTRY).into();
        // A reader that is behind adds older ones, too.
        for id in (1..=20).chain([3, 20, 19]) {
            lines.add(id, &line);
            assert!(lines.bytes <= CAPACITY);
            assert_eq!(lines.bytes, lines.lines.len() * weight(&line));
        }
        let kept: Vec<_> = (1..=20).filter(|id| lines.get(*id).is_some()).collect();
        assert_eq!(kept, (11..=20).collect::<Vec<u64>>());
        assert_eq!(lines.get(20), Some(line));
        lines.add(21, &"x".repeat(2 * CAPACITY).into());
        assert_eq!((lines.bytes, lines.lines.len()), (0, 0));
    }
}
