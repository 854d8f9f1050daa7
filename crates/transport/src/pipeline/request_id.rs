//! The `x-ms-client-request-id` header, by which a call is found in Azure's logs.

use std::fmt;

use async_trait::async_trait;
use http::{HeaderName, HeaderValue, Request, Response};

use super::{Next, Policy};
use crate::splitmix::SharedSplitMix64;
use crate::{Body, Result};

/// Sets `x-ms-client-request-id` on requests that have none. Before the
/// [`RetryPolicy`](super::RetryPolicy), all tries of a call have the same.
pub struct RequestIdPolicy {
    source: Source,
}

enum Source {
    Series(SharedSplitMix64),
    Function(Box<dyn Fn() -> HeaderValue + Send + Sync>),
}

impl RequestIdPolicy {
    /// Sends random UUIDs (version 4) from the series of `seed`. They tell calls
    /// apart, but are no secrets.
    pub fn new(seed: u64) -> Self {
        Self {
            source: Source::Series(SharedSplitMix64::new(seed)),
        }
    }

    /// Sends what `function` returns, asked once for each request.
    pub fn from_fn(function: impl Fn() -> HeaderValue + Send + Sync + 'static) -> Self {
        Self {
            source: Source::Function(Box::new(function)),
        }
    }
}

#[async_trait]
impl Policy for RequestIdPolicy {
    async fn send(&self, mut request: Request<Body>, next: Next<'_>) -> Result<Response<Body>> {
        request
            .headers_mut()
            .entry(CLIENT_REQUEST_ID)
            .or_insert_with(|| match &self.source {
                Source::Series(series) => uuid(series.next_u64(), series.next_u64()),
                Source::Function(function) => function(),
            });
        next.send(request).await
    }
}

impl fmt::Debug for RequestIdPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestIdPolicy").finish_non_exhaustive()
    }
}

/// RFC 9562 §5.4: 122 random bits, version 4 and variant 10 in their places.
fn uuid(high: u64, low: u64) -> HeaderValue {
    let text = format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0x0fff,
        (low >> 48) & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff,
    );
    HeaderValue::try_from(text).expect("hexadecimal digits and hyphens make a header value")
}

/// The header that carries the id, as the Azure REST guidelines name it.
pub(super) const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_version_and_variant_whatever_the_bits() {
        assert_eq!(uuid(0, 0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(
            uuid(u64::MAX, u64::MAX),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
    }
}
