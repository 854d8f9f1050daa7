//! How long a pair carries nothing.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use transport::{SharedRuntime, Sleep, after};

/// The timer of an idle limit. While bytes move, it only notes when: the timer itself is set when it fires.
pub(super) struct IdleTimer {
    /// [`Duration::MAX`] for none.
    limit: Duration,
    last: Option<Instant>,
    timer: Option<Pin<Box<dyn Sleep>>>,
}

impl IdleTimer {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            last: None,
            timer: None,
        }
    }

    /// Completes once nothing has moved for the limit. `has_moved` says whether anything has since the last call.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        runtime: &SharedRuntime,
        has_moved: bool,
    ) -> Poll<()> {
        if self.limit == Duration::MAX {
            return Poll::Pending;
        }
        if has_moved || self.last.is_none() {
            self.last = Some(runtime.now());
        }
        let Some(last) = self.last else {
            return Poll::Pending;
        };
        let deadline = after(last, self.limit);
        let timer = self
            .timer
            .get_or_insert_with(|| runtime.sleep_until(deadline));
        while timer.as_mut().poll(cx).is_ready() {
            if deadline <= runtime.now() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use transport::testing::ManualRuntime;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn only_silence_as_long_as_the_limit_counts() {
        let clock = ManualRuntime::new();
        let runtime = clock.shared();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut idle = IdleTimer::new(10 * SECOND);
        assert!(idle.poll(&mut cx, &runtime, false).is_pending());
        for _ in 0..3 {
            clock.advance(9 * SECOND);
            assert!(idle.poll(&mut cx, &runtime, true).is_pending());
        }
        clock.advance(9 * SECOND);
        assert!(idle.poll(&mut cx, &runtime, false).is_pending());
        clock.advance(SECOND);
        assert!(idle.poll(&mut cx, &runtime, false).is_ready());
        let mut never = IdleTimer::new(Duration::MAX);
        assert!(never.poll(&mut cx, &runtime, false).is_pending());
        clock.advance(1_000_000 * SECOND);
        assert!(never.poll(&mut cx, &runtime, false).is_pending());
    }
}
