//! Request ids, under which the service logs calls.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;
use transport::_internal::request_id;

/// A generator of one UUID (version 4) for each call. The ids are unique, but not secret.
#[derive(Debug)]
pub(super) struct RequestIds {
    /// The first half of every id, which identifies the client.
    client: u64,
    keys: RandomState,
    calls: AtomicU64,
}

impl RequestIds {
    pub(super) fn new(client: u64) -> Self {
        Self {
            client,
            keys: RandomState::new(),
            calls: AtomicU64::new(0),
        }
    }

    pub(super) fn next(&self) -> RequestId {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        RequestId(u128::from(self.client) << 64 | u128::from(self.keys.hash_one(call)))
    }
}

/// The id of a call, as a number: each attempt writes it into its own header, since sharing
/// one value costs more.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestId(u128);

impl RequestId {
    pub(super) fn header(self) -> HeaderValue {
        request_id(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_calls_have_the_same_id() {
        let ids = RequestIds::new(7);
        let all: std::collections::HashSet<_> = (0..1000).map(|_| ids.next().header()).collect();
        assert_eq!(all.len(), 1000);
    }
}
