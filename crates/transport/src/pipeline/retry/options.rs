//! The settings of retries.

use std::time::Duration;

use crate::BackoffOptions;

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
    /// How many times a failed call is sent again at most; default:
    /// [3](Self::DEFAULT_MAX_RETRIES). 0 sends each call once.
    pub max_retries: u32,
    /// The delays where the service names none.
    pub backoff: BackoffOptions,
    /// The longest `Retry-After` that is waited for; default:
    /// [60 s](Self::DEFAULT_MAX_RETRY_AFTER). A response
    /// that asks for more is given back to the caller.
    pub max_retry_after: Duration,
    /// Whether a call that is not idempotent is treated as one that is, though
    /// it may then be done twice. Default `false`.
    pub retry_non_idempotent: bool,
}

impl RetryOptions {
    /// The default of [`max_retries`](Self::max_retries), as Azure.Core for .NET
    /// has it (`RetryOptions.MaxRetries`).
    pub const DEFAULT_MAX_RETRIES: u32 = 3;
    /// The default of [`max_retry_after`](Self::max_retry_after), as Azure.Core for
    /// .NET has it (`RetryOptions.MaxDelay`).
    pub const DEFAULT_MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

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
            max_retries: Self::DEFAULT_MAX_RETRIES,
            backoff: BackoffOptions::default(),
            max_retry_after: Self::DEFAULT_MAX_RETRY_AFTER,
            retry_non_idempotent: false,
        }
    }
}
