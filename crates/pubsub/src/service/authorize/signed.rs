//! Request tokens signed with an access key.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, UNIX_EPOCH};

use auth::{Clock, JwtSigner, SharedClock};
use http::HeaderValue;
use serde::Serialize;
use transport::_internal::lock;
use transport::Result;

use super::super::request::Call;
use super::header;

/// A signer of one token for each attempt.
///
/// Its claims are the audience and the expiry, in whole seconds. All tokens have the same
/// lifetime, so two attempts with one audience within a second have identical tokens,
/// which are signed only once.
pub(in crate::service) struct Signed {
    signer: JwtSigner,
    lifetime: Duration,
    clock: SharedClock,
    recent: Mutex<Recent>,
}

impl Signed {
    pub(in crate::service) fn new(
        signer: JwtSigner,
        lifetime: Duration,
        clock: SharedClock,
    ) -> Self {
        Self {
            signer,
            lifetime,
            clock,
            recent: Mutex::default(),
        }
    }

    pub(super) fn bearer(&self, call: &Call) -> Result<HeaderValue> {
        let now = self.clock.now().duration_since(UNIX_EPOCH);
        let end = now.unwrap_or_default().saturating_add(self.lifetime);
        // Rounded up, so that a token does not expire early.
        let expires_on = end
            .as_secs()
            .saturating_add(u64::from(end.subsec_nanos() > 0));
        if let Some(bearer) = lock(&self.recent).find(expires_on, call) {
            return Ok(bearer);
        }
        let bearer = self.sign(call, expires_on)?;
        lock(&self.recent).insert(expires_on, call, &bearer);
        Ok(bearer)
    }

    /// Signs the same claims as `JwtTokenProvider`.
    fn sign(&self, call: &Call, expires_on: u64) -> Result<HeaderValue> {
        #[derive(Serialize)]
        struct Claims<'a> {
            aud: &'a str,
            exp: u64,
        }
        let audience = call.audience();
        let claims = Claims {
            aud: audience.as_str(),
            exp: expires_on,
        };
        let payload =
            serde_json::to_string(&claims).expect("a string and a number serialize as JSON");
        header(self.signer.sign_payload(&payload).expose())
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").finish_non_exhaustive()
    }
}

/// The tokens signed within one second.
#[derive(Default)]
struct Recent {
    expires_on: u64,
    tokens: Vec<(Call, HeaderValue)>,
    /// The index of the next one to replace, once there are [`MAX_RECENT`].
    oldest: usize,
}

impl Recent {
    fn find(&self, expires_on: u64, call: &Call) -> Option<HeaderValue> {
        if self.expires_on != expires_on {
            return None;
        }
        let mut tokens = self.tokens.iter();
        let (_, bearer) = tokens.find(|(other, _)| call.has_audience_of(other))?;
        Some(bearer.clone())
    }

    fn insert(&mut self, expires_on: u64, call: &Call, bearer: &HeaderValue) {
        if self.expires_on != expires_on {
            self.expires_on = expires_on;
            self.oldest = 0;
            self.tokens.clear();
        }
        let token = (call.without_content(), bearer.clone());
        if self.tokens.len() < MAX_RECENT {
            self.tokens.push(token);
        } else {
            self.tokens[self.oldest] = token;
            self.oldest = (self.oldest + 1) % MAX_RECENT;
        }
    }
}

/// Enough for an application that keeps sending to a few groups; searching them costs
/// a small fraction of a signature.
const MAX_RECENT: usize = 8;

#[cfg(test)]
mod tests {
    use auth::{AccessKey, Claims};

    use super::*;
    use crate::generated::operations as op;
    use crate::service::request::Target;

    /// Advances by a second with each reading.
    #[derive(Debug, Default)]
    struct Ticking(std::sync::atomic::AtomicU64);

    impl Clock for Ticking {
        fn now(&self) -> std::time::SystemTime {
            let seconds = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
        }
    }

    fn call(group: &str) -> Call {
        let endpoint = "https://contoso.webpubsub.azure.com".parse().unwrap();
        let target = Target::new(endpoint, None, "2024-12-01");
        let names = [("hub", "chat"), ("group", group)];
        let request = target.request(&op::SEND_TO_GROUP, &names).unwrap();
        request.build().unwrap()
    }

    fn signed(clock: SharedClock) -> Signed {
        let signer = JwtSigner::new(&AccessKey::new("key"));
        Signed::new(signer, Duration::from_secs(300), clock)
    }

    fn claims(bearer: &HeaderValue) -> Claims {
        let token = bearer.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        Claims::decode_unverified(token).unwrap()
    }

    #[test]
    fn each_second_has_tokens_of_its_own() {
        let signed = signed(SharedClock::new(Ticking::default()));
        let call = call("g");
        for second in 0..3 {
            let bearer = signed.bearer(&call).unwrap();
            assert!(bearer.is_sensitive());
            let claims = claims(&bearer);
            assert_eq!(
                claims.expires_on,
                Some(UNIX_EPOCH + Duration::from_secs(1_700_000_300 + second))
            );
        }
    }

    #[test]
    fn what_is_kept_is_what_would_be_signed() {
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let clock = || SharedClock::new(auth::FixedClock::new(now));
        let long_lived = signed(clock());
        // More audiences than are kept, in rotation, each several times.
        for round in 0..3 {
            for group in 0..MAX_RECENT + 3 {
                let call = call(&format!("g{group}"));
                for _ in 0..2 {
                    let bearer = long_lived.bearer(&call).unwrap();
                    assert_eq!(bearer, signed(clock()).bearer(&call).unwrap(), "{round}");
                    assert_eq!(
                        claims(&bearer).audiences.first().map(String::as_str),
                        Some(call.audience().as_str())
                    );
                }
            }
        }
        assert_eq!(lock(&long_lived.recent).tokens.len(), MAX_RECENT);
        assert!(!format!("{long_lived:?}").contains("g1"));
    }
}
