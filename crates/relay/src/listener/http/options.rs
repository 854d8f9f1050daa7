//! The options of HTTP requests at a listener.

use std::time::Duration;

use crate::exchange::SeveralCookies;

/// How a listener handles HTTP requests.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HttpOptions {
    /// How many requests may be answered at once; further ones get 503. Default: 256.
    pub max_requests: usize,
    /// How long the handler may take to start its response, counted from the end of the
    /// request, before the sender gets 504. Default: 58 s; zero means no limit.
    pub response_timeout: Duration,
    /// How long a rendezvous stays open after a response, for the sender's next request. Default: 30 s.
    pub rendezvous_idle: Duration,
    /// How to send a response that sets more than one cookie. Default: [`SeveralCookies::First`].
    pub several_cookies: SeveralCookies,
}

impl HttpOptions {
    /// 256.
    pub const DEFAULT_MAX_REQUESTS: usize = 256;
    /// 58 s: just under the 60 s after which the service gives up, so that the
    /// sender gets the listener's own response.
    pub const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(58);
    /// 30 s.
    pub const DEFAULT_RENDEZVOUS_IDLE: Duration = Duration::from_secs(30);

    /// Sets how many requests may be answered at once. A request counts from its
    /// announcement until its response has been handed to the socket on which it
    /// is sent, so a relay that reads slowly slows its senders down.
    #[must_use]
    pub fn with_max_requests(mut self, count: usize) -> Self {
        self.max_requests = count;
        self
    }

    /// Sets how long the handler may take to start its response, counted from
    /// the last piece of the request body that moved: a running upload
    /// is not cut off, but one that stalls for this long is. Zero means no limit.
    #[must_use]
    pub fn with_response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    /// Sets how long a rendezvous stays open after a response; zero closes it
    /// immediately. An idle one does not count towards the limit on requests. Up to
    /// [`max_requests`](Self::max_requests) may be idle; further ones close
    /// after their response, and the service then ends their sender's connection.
    #[must_use]
    pub fn with_rendezvous_idle(mut self, idle: Duration) -> Self {
        self.rendezvous_idle = idle;
        self
    }

    /// Sets how to send a response that sets more than one cookie;
    /// default: [`SeveralCookies::First`].
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
