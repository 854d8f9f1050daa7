//! The limits on HTTP requests.

use std::time::Duration;

use crate::exchange::SeveralCookies;

/// How a listener treats HTTP requests.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HttpOptions {
    /// How many requests may be answered at once; further ones get 503.
    pub max_requests: usize,
    /// How long the handler may take to begin its response, from when the
    /// request was whole, before the sender gets 504; zero is no limit.
    pub response_timeout: Duration,
    /// How long a rendezvous stays open after a response, for the sender's next request.
    pub rendezvous_idle: Duration,
    /// What becomes of the cookies of a response that sets more than one.
    pub several_cookies: SeveralCookies,
}

impl HttpOptions {
    /// 256.
    pub const DEFAULT_MAX_REQUESTS: usize = 256;
    /// 58 s: just under the 60 s after which the service gives up, so that the
    /// sender gets an answer of the listener that says so.
    pub const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(58);
    /// 30 s.
    pub const DEFAULT_RENDEZVOUS_IDLE: Duration = Duration::from_secs(30);

    /// Sets how many requests may be answered at once. A request counts from its
    /// announcement until its response has been handed to the socket on which it
    /// leaves, so that a relay that reads slowly slows its senders down.
    #[must_use]
    pub fn with_max_requests(mut self, count: usize) -> Self {
        self.max_requests = count;
        self
    }

    /// Sets how long the handler may take to begin its response, counted from
    /// the last piece of the request's body that moved: an upload that goes on
    /// is not cut off, one that stands still for so long is. Zero is no limit.
    #[must_use]
    pub fn with_response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    /// Sets how long a rendezvous stays open after a response; zero closes it at
    /// once. An open one counts towards no limit on requests. As many as
    /// [`max_requests`](Self::max_requests) may be open so; further ones close
    /// after their response, and the service then ends their sender's connection.
    #[must_use]
    pub fn with_rendezvous_idle(mut self, idle: Duration) -> Self {
        self.rendezvous_idle = idle;
        self
    }

    /// Sets what becomes of the cookies of a response that sets more than one;
    /// default [`SeveralCookies::First`].
    #[must_use]
    pub fn with_several_cookies(mut self, several: SeveralCookies) -> Self {
        self.several_cookies = several;
        self
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            max_requests: Self::DEFAULT_MAX_REQUESTS,
            response_timeout: Self::DEFAULT_RESPONSE_TIMEOUT,
            rendezvous_idle: Self::DEFAULT_RENDEZVOUS_IDLE,
            several_cookies: SeveralCookies::default(),
        }
    }
}
