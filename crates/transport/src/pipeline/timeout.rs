//! Timeouts: for the response head, and for pauses in the body.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use http::{Request, Response};

use super::{Next, Policy};
use crate::rt::limit;
use crate::{Body, Error, ErrorKind, Result, SharedRuntime, Sleep};

/// Fails when no response arrives in time: before the [`RetryPolicy`](super::RetryPolicy)
/// for the whole call with all its attempts and delays, after it for each attempt.
///
/// The timeout ends when the response head has arrived. The body may then take
/// any amount of time, unless [`with_body_idle`](Self::with_body_idle) limits the pauses in it.
///
/// Both fail with kind [`Timeout`](ErrorKind::Timeout); the request may have been delivered.
#[derive(Clone, Debug)]
pub struct TimeoutPolicy {
    timeout: Duration,
    body_idle: Option<Duration>,
    runtime: SharedRuntime,
}

impl TimeoutPolicy {
    /// Creates the policy; zero means no timeout.
    pub fn new(timeout: Duration, runtime: SharedRuntime) -> Self {
        Self {
            timeout: limit(timeout),
            body_idle: None,
            runtime,
        }
    }

    /// Limits how long the reader of the response body waits for the next
    /// chunk; zero means no limit. Time during which nothing is being read does not count.
    #[must_use]
    pub fn with_body_idle(mut self, pause: Duration) -> Self {
        self.body_idle = (!pause.is_zero()).then_some(pause);
        self
    }
}

#[async_trait]
impl Policy for TimeoutPolicy {
    async fn send(&self, request: Request<Body>, next: Next<'_>) -> Result<Response<Body>> {
        self.within(next.send(request)).await
    }
}

/// For the sister crates, for which a boxed future and a request that carries everything
/// an attempt needs cost too much.
#[cfg(feature = "_internal")]
impl TimeoutPolicy {
    /// Waits for one response as the policy does, without a pipeline around it.
    ///
    /// # Errors
    ///
    /// That of `response`, or [`Timeout`](ErrorKind::Timeout).
    ///
    /// # Cancel safety
    ///
    /// That of `response`.
    #[doc(hidden)]
    pub fn limit(
        &self,
        response: impl Future<Output = Result<Response<Body>>>,
    ) -> impl Future<Output = Result<Response<Body>>> {
        self.within(response)
    }
}

impl TimeoutPolicy {
    /// Waits for one response. The timeout starts with the first poll; a response
    /// that is ready by then costs no timer.
    async fn within(
        &self,
        response: impl Future<Output = Result<Response<Body>>>,
    ) -> Result<Response<Body>> {
        let mut response = pin!(response);
        let mut timer = None;
        let response = poll_fn(|cx| {
            if let Poll::Ready(result) = response.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            let timer = timer.get_or_insert_with(|| {
                let deadline = self.runtime.after(self.timeout);
                self.runtime.sleep_until(deadline)
            });
            timer.as_mut().poll(cx).map(|()| {
                let text = format!("no response arrived within {:?}", self.timeout);
                Err(Error::message(ErrorKind::Timeout, text))
            })
        })
        .await?;
        Ok(match self.body_idle {
            Some(pause) if !response.body().is_empty() => response.map(|body| {
                let length = body.content_length();
                let watched = TimedBody {
                    body: Some(body),
                    pause,
                    timer: None,
                    runtime: self.runtime.clone(),
                };
                Body::from_stream(watched, length)
            }),
            _ => response,
        })
    }
}

/// A body with a limit on how long its reader waits.
struct TimedBody {
    /// `None` after its end.
    body: Option<Body>,
    pause: Duration,
    /// Set while the reader is waiting.
    timer: Option<Pin<Box<dyn Sleep>>>,
    runtime: SharedRuntime,
}

impl Stream for TimedBody {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self {
            body: slot,
            pause,
            timer,
            runtime,
        } = &mut *self;
        let Some(body) = slot else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(next) = Pin::new(body).poll_next(cx) {
            *timer = None;
            return Poll::Ready(next);
        }
        let timer = timer.get_or_insert_with(|| runtime.sleep_until(runtime.after(*pause)));
        ready!(timer.as_mut().poll(cx));
        *slot = None;
        let text = format!("the response body paused for more than {pause:?}");
        Poll::Ready(Some(Err(Error::message(ErrorKind::Timeout, text))))
    }
}
