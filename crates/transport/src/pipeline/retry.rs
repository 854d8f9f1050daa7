//! When a call is tried again, and after how long.

use std::time::Duration;

use crate::BackoffOptions;

/// How often and how patiently a call is tried.
///
/// The defaults are Azure.Core's for .NET: three retries, 0.8 s doubled up to one minute.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RetryOptions {
    /// How often a call is tried at most, the first time included. Default 4; 0 counts as 1.
    pub max_tries: u32,
    /// The delays where the service names none.
    pub backoff: BackoffOptions,
    /// The longest `Retry-After` that is waited for. Default 60 s. A response
    /// that asks for more is given back to the caller.
    pub max_retry_after: Duration,
    /// Whether a call that is not idempotent is treated as one that is, though
    /// it may then be done twice. Default `false`.
    pub retry_sends: bool,
}

impl RetryOptions {
    /// Sets how often a call is tried, the first time included.
    #[must_use]
    pub fn with_max_tries(mut self, tries: u32) -> Self {
        self.max_tries = tries;
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
    pub fn with_retry_sends(mut self, retry: bool) -> Self {
        self.retry_sends = retry;
        self
    }
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self {
            max_tries: DEFAULT_MAX_TRIES,
            backoff: BackoffOptions::default(),
            max_retry_after: DEFAULT_MAX_RETRY_AFTER,
            retry_sends: false,
        }
    }
}

/// As Azure.Core for .NET, `RetryOptions.MaxRetries` and the first try.
const DEFAULT_MAX_TRIES: u32 = 4;
/// As Azure.Core for .NET, `RetryOptions.MaxDelay`.
const DEFAULT_MAX_RETRY_AFTER: Duration = Duration::from_secs(60);
