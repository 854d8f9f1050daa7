//! When a call is tried again, and after how long. The decision is pure; the
//! policy around it waits through the [`Runtime`](crate::Runtime).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use tracing::debug;

use super::{Next, Policy};
use crate::backoff::Backoff;
use crate::splitmix::SharedSplitMix64;
use crate::{BackoffOptions, Body, Error, ErrorKind, Result, SharedRuntime};

/// Tries a call again when that is safe and may help.
///
/// | what came back | idempotent, or [`retry_non_idempotent`](RetryOptions::retry_non_idempotent) | not idempotent |
/// | --- | --- | --- |
/// | 429, 503 | after `Retry-After`, or the backoff | only with `Retry-After` |
/// | 408, 500, 502, 504 | after `Retry-After`, or the backoff | no |
/// | an error that [may pass](Error::is_retryable) | after the backoff | only if [certainly not delivered](Error::may_be_delivered) |
/// | anything else | no | no |
///
/// Whether a call is idempotent says the [`Idempotency`] in the request's
/// extensions, or else its method (RFC 9110 §9.2.2). `Retry-After` is read as
/// seconds and as a date, which counts from the response's `Date` if it has
/// one; `retry-after-ms` and `x-ms-retry-after-ms` go before it. If it asks for
/// more than [`max_retry_after`](RetryOptions::max_retry_after), the response is
/// given back.
///
/// A body of bytes is sent again. A streamed one only if no try has taken
/// anything from it. Each try carries its [`TryNumber`].
#[derive(Debug)]
pub struct RetryPolicy {
    options: RetryOptions,
    runtime: SharedRuntime,
    seeds: SharedSplitMix64,
}

impl RetryPolicy {
    /// Creates the policy; `seed` decides the jitter.
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
                        "trying again"
                    );
                }
                Err(error) => debug!(number, kind = ?error.kind(), ?delay, "trying again"),
            }
            drop(result);
            self.runtime.sleep_until(self.runtime.after(delay)).await;
            number += 1;
        }
    }
}

/// For the sister crates, to which a request is cheaper to make than to clone.
#[cfg(feature = "_internal")]
impl RetryPolicy {
    /// Tries until the outcome is final, as the policy does, without a pipeline around it.
    ///
    /// `send` makes the try of the number that it is given, each with the whole body.
    ///
    /// # Errors
    ///
    /// That of the last try.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the try that is under way, and further ones.
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

/// How many retries, and the delays between them.
///
/// The defaults are Azure.Core's for .NET: three retries, 0.8 s doubled up to one minute.
///
/// ```
/// use std::time::Duration;
///
/// use azwire_transport::RetryOptions;
///
/// let patient = RetryOptions::default()
///     .with_max_retries(9)
///     .with_max_retry_after(Duration::from_secs(300));
/// assert!(!patient.retry_non_idempotent);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RetryOptions {
    /// How many times a failed call is sent again at most. Default 3; 0 sends each call once.
    pub max_retries: u32,
    /// The delays where the service names none.
    pub backoff: BackoffOptions,
    /// The longest `Retry-After` that is waited for. Default 60 s. A response
    /// that asks for more is given back to the caller.
    pub max_retry_after: Duration,
    /// Whether a call that is not idempotent is treated as one that is, though
    /// it may then be done twice. Default `false`.
    pub retry_non_idempotent: bool,
}

impl RetryOptions {
    /// Sets how many times a failed call is sent again at most.
    #[must_use]
    pub fn with_max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// Sets the delays where the service names none.
    #[must_use]
    pub fn with_backoff(mut self, backoff: BackoffOptions) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets the longest `Retry-After` that is waited for.
    #[must_use]
    pub fn with_max_retry_after(mut self, limit: Duration) -> Self {
        self.max_retry_after = limit;
        self
    }

    /// Sets whether calls that are not idempotent are retried as if they were.
    #[must_use]
    pub fn with_retry_non_idempotent(mut self, retry: bool) -> Self {
        self.retry_non_idempotent = retry;
        self
    }
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self {
            max_retries: DEFAULT_MAX_RETRIES,
            backoff: BackoffOptions::default(),
            max_retry_after: DEFAULT_MAX_RETRY_AFTER,
            retry_non_idempotent: false,
        }
    }
}

/// Whether doing a call twice is the same as doing it once; an extension of [`http::Request`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Idempotency {
    /// It is: the call may be retried when nobody knows whether it was done.
    Idempotent,
    /// It is not: a retry may do it twice.
    NonIdempotent,
}

impl Idempotency {
    fn of<T>(request: &Request<T>) -> Self {
        match request.extensions().get() {
            Some(class) => *class,
            None => Self::of_method(request.method()),
        }
    }

    /// RFC 9110 §9.2.2.
    fn of_method(method: &Method) -> Self {
        match *method {
            Method::DELETE
            | Method::GET
            | Method::HEAD
            | Method::OPTIONS
            | Method::PUT
            | Method::TRACE => Self::Idempotent,
            _ => Self::NonIdempotent,
        }
    }

    fn is_idempotent(self) -> bool {
        self == Self::Idempotent
    }
}

/// Which try of a call a request is, from 1; an extension of [`http::Request`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TryNumber(u32);

impl TryNumber {
    /// The number: 1 for the first try.
    pub fn as_u32(self) -> u32 {
        self.0
    }
}

/// What to do about one result.
#[derive(Debug, Eq, PartialEq)]
enum Wait {
    Never,
    /// As long as the service asked for.
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
        // The service turned the call away and says when to come back: it was not done.
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

/// How long the service asks to wait; `None` if it does not say, or nothing that can be read.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(delay) = ["retry-after-ms", "x-ms-retry-after-ms"]
        .iter()
        .find_map(|name| number(text(name)?).map(Duration::from_millis))
    {
        return Some(delay);
    }
    let value = text(RETRY_AFTER.as_str())?;
    if let Some(seconds) = number(value) {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    let from = text(DATE.as_str())
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or(now);
    // A moment that has passed is no wait at all.
    Some(at.duration_since(from).unwrap_or_default())
}

/// Digits alone (RFC 9110 §10.2.3); more of them than a number holds are the largest number.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// The body of a call, handed to each try.
enum Source {
    Bytes(Bytes),
    Stream {
        slot: Arc<Mutex<Option<Body>>>,
        length: Option<u64>,
    },
}

impl Source {
    fn new(body: Body) -> Self {
        match body.into_bytes() {
            Ok(bytes) => Self::Bytes(bytes),
            Err(body) => {
                let length = body.content_length();
                Self::Stream {
                    slot: Arc::new(Mutex::new(Some(body))),
                    length,
                }
            }
        }
    }

    /// The body for one try.
    fn body(&self) -> Body {
        match self {
            Self::Bytes(bytes) => Body::from(bytes.clone()),
            Self::Stream { slot, length } => {
                let loan = BodyLease {
                    slot: Arc::clone(slot),
                    taken: None,
                };
                Body::from_stream(loan, *length)
            }
        }
    }

    /// Whether another try would get all of it.
    fn is_whole(&self) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::Stream { slot, .. } => lock(slot).is_some(),
        }
    }
}

/// A streamed body that one try takes out of its slot when it first reads from it.
struct BodyLease {
    slot: Arc<Mutex<Option<Body>>>,
    taken: Option<Body>,
}

impl Stream for BodyLease {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.taken.is_none() {
            let taken = lock(&self.slot).take();
            self.taken = taken;
        }
        match &mut self.taken {
            Some(body) => Pin::new(body).poll_next(cx),
            // A try that was given up still holds its loan, and comes too late.
            None => Poll::Ready(Some(Err(Error::message(
                ErrorKind::Canceled,
                "the request body was sent by another try",
            )))),
        }
    }
}

fn lock(slot: &Mutex<Option<Body>>) -> MutexGuard<'_, Option<Body>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As Azure.Core for .NET, `RetryOptions.MaxRetries`.
const DEFAULT_MAX_RETRIES: u32 = 3;
/// As Azure.Core for .NET, `RetryOptions.MaxDelay`.
const DEFAULT_MAX_RETRY_AFTER: Duration = Duration::from_secs(60);
