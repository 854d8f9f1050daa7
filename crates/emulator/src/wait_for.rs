//! Waiting until the emulator's state satisfies a condition.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use transport::_internal::ROUNDS_BEFORE_YIELD;
use transport::{SharedRuntime, Sleep};

use crate::changes::{Changes, Waiting};
use crate::{Error, Result};

/// The future of `PubSub::wait_for`, `Relay::wait_for` and `Relay::wait_for_listener`: resolves
/// to the first state that satisfies the condition.
///
/// It looks at the state when it is first polled, and again after each change; it does not
/// poll. What lasts for less than an instant may be missed: wait for a counter rather
/// than for something that ends by itself.
///
/// # Errors
///
/// Fails after [a time limit](Self::with_timeout), 10 seconds of real time by default, with an
/// error that says where the waiting began and what the state was then
/// ([`is_timeout`](Error::is_timeout)); and as soon as the emulator is dropped.
///
/// # Cancel safety
///
/// Nothing is lost when it is dropped: it only looks.
#[must_use = "futures do nothing unless polled"]
pub struct WaitFor<'a, S> {
    look: Box<dyn Fn() -> S + Send>,
    condition: Box<dyn FnMut(&S) -> bool + Send + 'a>,
    changes: Changes,
    waiting: Option<Waiting>,
    runtime: SharedRuntime,
    timeout: Duration,
    sleep: Option<Pin<Box<dyn Sleep>>>,
    began_at: &'static Location<'static>,
    /// Why it can only fail.
    refusal: Option<Error>,
    is_done: bool,
}

impl<'a, S> WaitFor<'a, S> {
    /// Creates the future. `look` takes a snapshot of the state.
    #[track_caller]
    pub(crate) fn new(
        changes: &Changes,
        runtime: &SharedRuntime,
        look: impl Fn() -> S + Send + 'static,
        condition: impl FnMut(&S) -> bool + Send + 'a,
    ) -> Self {
        Self {
            look: Box::new(look),
            condition: Box::new(condition),
            changes: changes.clone(),
            waiting: None,
            runtime: runtime.clone(),
            timeout: TIMEOUT,
            sleep: None,
            began_at: Location::caller(),
            refusal: None,
            is_done: false,
        }
    }

    /// Fails at once, if there is a reason.
    pub(crate) fn refused(mut self, refusal: Option<Error>) -> Self {
        self.refusal = refusal;
        self
    }

    /// Sets for how long to wait at the most, in real time, not on the emulator's clock;
    /// default: 10 s. It begins with the first poll. Zero looks at the state once;
    /// [`Duration::MAX`] never ends. A slow machine is the reason for more, a condition that
    /// is expected not to come true is one for less.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl<S: fmt::Display> WaitFor<'_, S> {
    fn poll_state(&mut self, cx: &mut Context<'_>) -> Poll<Result<S>> {
        let waiting = self.waiting.get_or_insert_with(|| self.changes.wait());
        for _ in 0..ROUNDS_BEFORE_YIELD {
            match waiting.poll_next(cx) {
                Poll::Ready(Some(())) => {
                    let state = (self.look)();
                    if (self.condition)(&state) {
                        return Poll::Ready(Ok(state));
                    }
                }
                Poll::Ready(None) => {
                    let began_at = self.began_at;
                    let error = format!("the emulator ended while {began_at} waited for it");
                    return Poll::Ready(Err(Error::message(error)));
                }
                Poll::Pending => return self.poll_timeout(cx),
            }
        }
        cx.waker().wake_by_ref();
        self.poll_timeout(cx)
    }

    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<Result<S>> {
        let sleep = self.sleep.get_or_insert_with(|| {
            let deadline = self.runtime.after(self.timeout);
            self.runtime.sleep_until(deadline)
        });
        if !self.timeout.is_zero() && sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let mut state = (self.look)().to_string();
        if let Some((end, _)) = state.char_indices().nth(MAX_SHOWN) {
            state.truncate(end);
            state.push('…');
        }
        let (timeout, began_at) = (self.timeout, self.began_at);
        Poll::Ready(Err(Error::timeout(format!(
            "what {began_at} waits for has not happened within {timeout:?}; the state is: {state}"
        ))))
    }
}

impl<S: fmt::Display> Future for WaitFor<'_, S> {
    type Output = Result<S>;

    /// # Panics
    ///
    /// When polled again after it has completed.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<S>> {
        assert!(!self.is_done, "it was polled after it had completed");
        let polled = match self.refusal.take() {
            Some(refusal) => Poll::Ready(Err(refusal)),
            None => self.poll_state(cx),
        };
        if polled.is_ready() {
            self.is_done = true;
            // It no longer costs the emulator anything.
            self.waiting = None;
        }
        polled
    }
}

// Nothing in it is pinned in place.
impl<S> Unpin for WaitFor<'_, S> {}

impl<S> fmt::Debug for WaitFor<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitFor")
            .field("began_at", &self.began_at)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Far more than anything on one machine takes, and less than a test runner's patience.
const TIMEOUT: Duration = Duration::from_secs(10);
/// In characters: a screenful.
const MAX_SHOWN: usize = 4_000;
