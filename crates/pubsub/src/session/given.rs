//! Ids that the application has chosen in place of the session. Pure.

use std::collections::{BTreeSet, VecDeque};

/// The last ids chosen by the application. The session's own ids skip them,
/// but are not otherwise affected by them.
#[derive(Debug, Default)]
pub(super) struct GivenIds {
    order: VecDeque<u64>,
    known: BTreeSet<u64>,
}

impl GivenIds {
    pub(super) fn insert(&mut self, id: u64) {
        if self.known.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > MAX_GIVEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub(super) fn contains(&self, id: u64) -> bool {
        self.known.contains(&id)
    }
}

/// Twice as many as the service remembers: ids that it has forgotten may be used again.
const MAX_GIVEN: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_numbers_are_known_and_no_more_than_that() {
        let mut given = GivenIds::default();
        for id in (0..10_000).rev() {
            given.insert(id);
            given.insert(id);
        }
        assert_eq!(
            (given.order.len(), given.known.len()),
            (MAX_GIVEN, MAX_GIVEN)
        );
        assert!(given.contains(0) && given.contains(1999) && !given.contains(2000));
    }
}
