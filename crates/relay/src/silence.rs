//! Waiting for a future for as long as bytes keep moving elsewhere.

use std::future::Future;
use std::pin::pin;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use transport::_internal::lock;
use transport::{SharedRuntime, after};

/// The time of the last movement.
#[derive(Debug)]
#[cfg_attr(not(feature = "_internal"), allow(unreachable_pub))]
pub struct LastMove {
    runtime: SharedRuntime,
    at: Mutex<Instant>,
}

#[cfg_attr(not(feature = "_internal"), allow(unreachable_pub))]
impl LastMove {
    /// Creates a tracker; creation counts as a movement.
    pub fn new(runtime: &SharedRuntime) -> Self {
        Self {
            runtime: runtime.clone(),
            at: Mutex::new(runtime.now()),
        }
    }

    /// Records a movement.
    pub fn mark(&self) {
        let now = self.runtime.now();
        *lock(&self.at) = now;
    }

    /// Returns the output of `future` if it completes before nothing has moved for `limit`.
    pub async fn unless_silent<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        loop {
            let deadline = after(self.at(), limit);
            match select(&mut future, self.runtime.sleep_until(deadline)).await {
                Either::Left((output, _)) => return Some(output),
                // Something moved in the meantime: the silence began later.
                Either::Right(_) if after(self.at(), limit) > deadline => {}
                Either::Right(_) => return None,
            }
        }
    }

    fn at(&self) -> Instant {
        *lock(&self.at)
    }
}

#[cfg(test)]
mod tests {
    use transport::Runtime;
    use transport::testing::ManualRuntime;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(58);

    #[test]
    fn silence_ends_the_wait_and_movement_extends_it() {
        let clock = ManualRuntime::new();
        let last_move = LastMove::new(&clock.shared());
        let mut waiting = Box::pin(last_move.unless_silent(LIMIT, std::future::pending::<()>()));
        let begun = clock.now();
        for _ in 0..5 {
            assert!(clock.poll(&mut waiting).is_pending());
            clock.advance(LIMIT - Duration::from_secs(1));
            last_move.mark();
        }
        assert!(clock.poll(&mut waiting).is_pending());
        clock.advance(LIMIT - Duration::from_secs(1));
        assert!(clock.poll(&mut waiting).is_pending());
        clock.advance(Duration::from_secs(1));
        assert!(clock.poll(&mut waiting).is_ready());
        assert_eq!(
            clock.now() - begun,
            5 * (LIMIT - Duration::from_secs(1)) + LIMIT
        );
    }

    #[test]
    fn a_limit_beyond_time_is_none() {
        let clock = ManualRuntime::new();
        let last_move = LastMove::new(&clock.shared());
        let mut waiting = Box::pin(last_move.unless_silent(Duration::MAX, async { 5 }));
        assert_eq!(clock.poll(&mut waiting), std::task::Poll::Ready(Some(5)));
    }
}
