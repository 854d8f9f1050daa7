//! Retries: which calls are retried, and after which delay. The decision is pure; the
//! policy around it waits through the [`Runtime`](crate::Runtime).

mod body;
mod idempotency;
mod options;
mod retry_after;

pub use idempotency::Idempotency;
pub use options::RetryOptions;

use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, Response, StatusCode};
use tracing::debug;

use super::{Next, Policy};
use crate::backoff::Backoff;
use crate::splitmix::SharedSplitMix64;
use crate::{Body, Error, Result, SharedRuntime};
use body::Source;
use retry_after::retry_after;

/// Retries a call when that is safe and may help.
///
/// | outcome | idempotent, or [`retry_non_idempotent`](RetryOptions::retry_non_idempotent) | not idempotent |
/// | --- | --- | --- |
/// | 429, 503 | after `Retry-After`, or the backoff | only with `Retry-After` |
/// | 408, 500, 502, 504 | after `Retry-After`, or the backoff | no |
/// | a [retryable](Error::is_retryable) error | after the backoff | only if [certainly not delivered](Error::may_be_delivered) |
/// | anything else | no | no |
///
/// The [`Idempotency`] in the request's extensions, or else the method (RFC 9110 §9.2.2),
/// decides whether a call is idempotent. `Retry-After` may be a number of
/// seconds or a date, which is relative to the response's `Date` if there is
/// one; `retry-after-ms` and `x-ms-retry-after-ms` take precedence. If the response asks for
/// more than [`max_retry_after`](RetryOptions::max_retry_after), it is
/// returned to the caller.
///
/// A body of bytes is sent again; a streamed one only if no attempt has read
/// from it. Each attempt carries its [`TryNumber`].
#[derive(Debug)]
pub struct RetryPolicy {
    options: RetryOptions,
    runtime: SharedRuntime,
    seeds: SharedSplitMix64,
}

impl RetryPolicy {
    /// Creates the policy; `seed` determines the jitter.
    pub fn new(options: RetryOptions, runtime: SharedRuntime, seed: u64) -> Self {
        Self {
            options,
            runtime,
            seeds: SharedSplitMix64::new(seed),
        }
    }

    async fn tries<F>(
        &self,
        class: Idempotency,
        mut send: impl FnMut(TryNumber) -> F,
        is_whole: impl Fn() -> bool,
    ) -> Result<Response<Body>>
    where
        F: Future<Output = Result<Response<Body>>>,
    {
        let may_repeat = self.options.retry_non_idempotent || class.is_idempotent();
        let mut backoff = None;
        let mut number = 1;
        loop {
            let result = send(TryNumber(number)).await;
            let wait = match &result {
                _ if number > self.options.max_retries => Wait::Never,
                Ok(response) => after_response(response, may_repeat, &self.runtime),
                Err(error) => after_error(error, may_repeat),
            };
            let delay = match wait {
                Wait::Never => return result,
                _ if !is_whole() => return result,
                Wait::Asked(delay) if delay > self.options.max_retry_after => return result,
                Wait::Asked(delay) => delay,
                Wait::Backoff => backoff
                    .get_or_insert_with(|| {
                        Backoff::new(self.options.backoff.clone(), self.seeds.next_u64())
                    })
                    .next_delay(),
            };
            match &result {
                Ok(response) => {
                    debug!(
                        number,
                        status = response.status().as_u16(),
                        ?delay,
                        "retrying"
                    );
                }
                Err(error) => debug!(number, kind = ?error.kind(), ?delay, "retrying"),
            }
            drop(result);
            self.runtime.sleep_until(self.runtime.after(delay)).await;
            number += 1;
        }
    }
}

/// For the sister crates, for which creating a request is cheaper than cloning it.
#[cfg(feature = "_internal")]
impl RetryPolicy {
    /// Retries until the outcome is final, as the policy does, without a pipeline around it.
    ///
    /// `send` performs the attempt with the given number, each time with the complete body.
    ///
    /// # Errors
    ///
    /// The error of the last attempt.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the current attempt, and no further one is made.
    #[doc(hidden)]
    pub fn run<F>(
        &self,
        class: Idempotency,
        send: impl FnMut(TryNumber) -> F,
    ) -> impl Future<Output = Result<Response<Body>>>
    where
        F: Future<Output = Result<Response<Body>>>,
    {
        self.tries(class, send, || true)
    }
}

#[async_trait]
impl Policy for RetryPolicy {
    async fn send(&self, mut request: Request<Body>, next: Next<'_>) -> Result<Response<Body>> {
        if self.options.max_retries == 0 {
            request.extensions_mut().insert(TryNumber(1));
            return next.send(request).await;
        }
        let class = Idempotency::of(&request);
        let (parts, body) = request.into_parts();
        let source = Source::new(body);
        let attempt = |number: TryNumber| {
            let mut attempt = Request::from_parts(parts.clone(), source.body());
            attempt.extensions_mut().insert(number);
            next.send(attempt)
        };
        self.tries(class, attempt, || source.is_whole()).await
    }
}

/// The number of a request among the attempts of its call, from 1; an extension of [`http::Request`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TryNumber(u32);

impl TryNumber {
    /// Returns the number: 1 for the first attempt.
    pub fn as_u32(self) -> u32 {
        self.0
    }
}

/// The decision about one outcome.
#[derive(Debug, Eq, PartialEq)]
enum Wait {
    Never,
    /// As long as the service asks for.
    Asked(Duration),
    Backoff,
}

fn after_response<T>(response: &Response<T>, may_repeat: bool, clock: &SharedRuntime) -> Wait {
    let overloaded = matches!(
        response.status(),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    let passing = overloaded
        || matches!(
            response.status(),
            StatusCode::REQUEST_TIMEOUT
                | StatusCode::INTERNAL_SERVER_ERROR
                | StatusCode::BAD_GATEWAY
                | StatusCode::GATEWAY_TIMEOUT
        );
    if !passing {
        return Wait::Never;
    }
    match retry_after(response.headers(), clock.system_time()) {
        // The service rejected the call and says when to come back: it had no effect.
        Some(delay) if may_repeat || overloaded => Wait::Asked(delay),
        None if may_repeat => Wait::Backoff,
        _ => Wait::Never,
    }
}

fn after_error(error: &Error, may_repeat: bool) -> Wait {
    if error.is_retryable() && (may_repeat || !error.may_be_delivered()) {
        Wait::Backoff
    } else {
        Wait::Never
    }
}
