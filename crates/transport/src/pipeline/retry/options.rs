//! The options of retries.

use std::time::Duration;

use crate::BackoffOptions;

/// How many retries, and the delays between them.
///
/// The defaults are those of Azure.Core for .NET: three retries, 0.8 s doubled up to one minute.
///
/// ```
/// use std::time::Duration;
///
/// use azwire_transport::pipeline::RetryOptions;
///
/// let patient = RetryOptions::default()
///     .with_max_retries(9)
///     .with_max_retry_after(Duration::from_secs(300));
/// assert!(!patient.retry_non_idempotent);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RetryOptions {
    /// The maximum number of retries of a failed call; default:
    /// [3](Self::DEFAULT_MAX_RETRIES). 0 sends each call once.
    pub max_retries: u32,
    /// The delays when the service does not specify one.
    pub backoff: BackoffOptions,
    /// The longest `Retry-After` to wait for; default:
    /// [60 s](Self::DEFAULT_MAX_RETRY_AFTER). A response
    /// that asks for more is returned to the caller.
    pub max_retry_after: Duration,
    /// Whether to retry calls that are not idempotent as if they were, although
    /// they may then take effect twice; default: `false`.
    pub retry_non_idempotent: bool,
}

impl RetryOptions {
    /// The default of [`max_retries`](Self::max_retries), that of Azure.Core for .NET
    /// (`RetryOptions.MaxRetries`).
    pub const DEFAULT_MAX_RETRIES: u32 = 3;
    /// The default of [`max_retry_after`](Self::max_retry_after), that of Azure.Core for
    /// .NET (`RetryOptions.MaxDelay`).
    pub const DEFAULT_MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

    /// Sets the maximum number of retries of a failed call.
    #[must_use]
    pub fn with_max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// Sets the delays when the service does not specify one.
    #[must_use]
    pub fn with_backoff(mut self, backoff: BackoffOptions) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets the longest `Retry-After` to wait for.
    #[must_use]
    pub fn with_max_retry_after(mut self, limit: Duration) -> Self {
        self.max_retry_after = limit;
        self
    }

    /// Sets whether to retry calls that are not idempotent as if they were.
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
