//! Waiting until a deadline that moves, and for a future until a deadline.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::{SharedRuntime, Sleep};

/// The single timer of a task whose next deadline keeps changing.
#[derive(Default)]
pub struct Deadline {
    /// The timer and its deadline.
    timer: Option<(Instant, Pin<Box<dyn Sleep>>)>,
}

impl Deadline {
    /// Waits for `deadline`; forever without one. `now` is `runtime`'s time.
    ///
    /// Once ready, it waits for the deadline of the next call.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        runtime: &SharedRuntime,
        now: Instant,
        deadline: Option<Instant>,
    ) -> Poll<()> {
        let Some(deadline) = deadline else {
            self.timer = None;
            return Poll::Pending;
        };
        // Timers are coarse, and setting one costs more than comparing.
        if deadline <= now {
            return Poll::Ready(());
        }
        let timer = match &mut self.timer {
            Some((set, timer)) => {
                if *set != deadline {
                    *set = deadline;
                    timer.as_mut().reset(deadline);
                }
                timer
            }
            none => &mut none.insert((deadline, runtime.sleep_until(deadline))).1,
        };
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.timer = None;
        Poll::Ready(())
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.timer.as_ref().map(|(set, _)| set);
        f.debug_tuple("Deadline").field(&set).finish()
    }
}

/// Returns the output of `future` if it completes within `limit`, at the limit included.
pub async fn within<F: Future>(
    runtime: &SharedRuntime,
    limit: Duration,
    future: F,
) -> Option<F::Output> {
    before(runtime, runtime.after(limit), future).await
}

/// Returns the output of `future` if it completes before `deadline`, at the deadline included.
pub async fn before<F: Future>(
    runtime: &SharedRuntime,
    deadline: Instant,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut timer = runtime.sleep_until(deadline);
    poll_fn(|cx| {
        // The future goes first: at the same instant, a deadline inside it has the more precise error.
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        timer.as_mut().poll(cx).map(|()| None)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::Runtime;
    use crate::testing::ManualRuntime;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_deadline_that_moves_is_waited_for_where_it_is() {
        let clock = ManualRuntime::new();
        let runtime = clock.shared();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut deadline = Deadline::default();
        let start = clock.now();
        let mut poll = |at: Option<Instant>| deadline.poll(&mut cx, &runtime, clock.now(), at);
        assert!(poll(None).is_pending());
        assert!(poll(Some(start)).is_ready());
        assert!(poll(Some(start + SECOND)).is_pending());
        assert!(poll(Some(start + 3 * SECOND)).is_pending());
        clock.advance(2 * SECOND);
        assert!(poll(Some(start + 3 * SECOND)).is_pending());
        assert!(poll(Some(start + 2 * SECOND)).is_ready());
        clock.advance(SECOND);
        assert!(poll(Some(start + 3 * SECOND)).is_ready());
        assert!(poll(Some(start + 4 * SECOND)).is_pending());
        assert!(poll(None).is_pending());
    }

    #[test]
    fn a_timer_that_fires_wakes_the_task() {
        let clock = ManualRuntime::new();
        let runtime = clock.shared();
        let mut deadline = Deadline::default();
        let at = clock.now() + SECOND;
        let mut task = Box::pin(poll_fn(move |cx| {
            deadline.poll(cx, &runtime, runtime.now(), Some(at))
        }));
        assert!(clock.poll(&mut task).is_pending());
        clock.advance(SECOND);
        assert!(clock.poll(&mut task).is_ready());
    }

    #[test]
    fn what_comes_at_the_deadline_comes_in_time() {
        let clock = ManualRuntime::new();
        let runtime = clock.shared();
        let mut at_once = Box::pin(within(&runtime, Duration::ZERO, ready(5)));
        assert_eq!(clock.poll(&mut at_once), Poll::Ready(Some(5)));
        let mut never = Box::pin(within(&runtime, SECOND, pending::<()>()));
        assert!(clock.poll(&mut never).is_pending());
        clock.advance(SECOND);
        assert_eq!(clock.poll(&mut never), Poll::Ready(None));
    }
}
