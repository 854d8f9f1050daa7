//! Token providers that sign tokens locally.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use super::TokenProvider;
use crate::access_token::AccessToken;
use crate::clock::{Clock, SharedClock, after, from_unix, to_unix_rounded_up};
use crate::error::Result;
use crate::jwt::{Claims, JwtSigner};
use crate::key::{AccessKey, SharedAccessKey};
use crate::sas::{Audience, SasSigner};

/// A token provider that signs a new SAS token on every call.
///
/// Signing takes about a microsecond, so it needs no cache.
#[derive(Clone, Debug)]
pub struct SasTokenProvider {
    signer: SasSigner,
    lifetime: Duration,
    clock: SharedClock,
}

impl SasTokenProvider {
    /// Creates a provider that signs with `key`, with the default lifetime and the system clock.
    pub fn new(key: &SharedAccessKey) -> Self {
        Self {
            signer: SasSigner::new(key),
            lifetime: Self::DEFAULT_LIFETIME,
            clock: SharedClock::default(),
        }
    }

    /// Sets the token lifetime: at least one second, at most a century, rounded up to whole
    /// seconds. Default: [`DEFAULT_LIFETIME`](Self::DEFAULT_LIFETIME).
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the clock from which lifetimes count; default: the system clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = SharedClock::new(clock);
        self
    }

    /// One hour, the lifetime that the official .NET, Java and Node clients of Azure Relay use.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);
}

#[async_trait]
impl TokenProvider for SasTokenProvider {
    async fn token(&self, audience: &Audience) -> Result<AccessToken> {
        let expires_on = expiry(&self.clock, self.lifetime);
        Ok(self.signer.sign(audience, expires_on).into_access_token())
    }
}

/// A token provider that signs a new JSON Web Token with `aud` and `exp` on every call, as
/// the official Python SDK of Web PubSub does.
///
/// Signing takes about a microsecond, so it needs no cache.
#[derive(Clone, Debug)]
pub struct JwtTokenProvider {
    signer: JwtSigner,
    lifetime: Duration,
    clock: SharedClock,
}

impl JwtTokenProvider {
    /// Creates a provider that signs with `key`, with the default lifetime and the system clock.
    pub fn new(key: &AccessKey) -> Self {
        Self {
            signer: JwtSigner::new(key),
            lifetime: Self::DEFAULT_LIFETIME,
            clock: SharedClock::default(),
        }
    }

    /// Sets the token lifetime: at least one second, at most a century, rounded up to whole
    /// seconds. Default: [`DEFAULT_LIFETIME`](Self::DEFAULT_LIFETIME).
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the clock from which lifetimes count; default: the system clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = SharedClock::new(clock);
        self
    }

    /// One minute, the lifetime that the official Python SDK gives the token of each request.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);
}

#[async_trait]
impl TokenProvider for JwtTokenProvider {
    async fn token(&self, audience: &Audience) -> Result<AccessToken> {
        let expires_on = expiry(&self.clock, self.lifetime);
        let token = self
            .signer
            .sign(&Claims::new(audience.as_str(), expires_on));
        Ok(AccessToken::new(token, expires_on))
    }
}

/// Returns the time `lifetime` from now, in whole seconds as a token carries it.
fn expiry(clock: &SharedClock, lifetime: Duration) -> SystemTime {
    let now = clock.now();
    // A shorter token would expire before it is used.
    let end = after(now, lifetime.max(Duration::from_secs(1)));
    from_unix(to_unix_rounded_up(end)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use futures::executor::block_on;

    use super::*;
    use crate::clock::FixedClock;
    use crate::jwt::JwtVerifier;
    use crate::sas::{SasRule, SasVerifier};

    const HALF_PAST: Duration = Duration::from_millis(1_700_000_000_500);

    #[test]
    fn sas_tokens_live_as_long_as_asked_in_whole_seconds() {
        let key = SharedAccessKey::new("listen", "key");
        let clock = FixedClock::new(UNIX_EPOCH + HALF_PAST);
        let provider = SasTokenProvider::new(&key)
            .with_lifetime(Duration::from_secs(100))
            .with_clock(clock.clone());
        let audience = Audience::normalized("sb://contoso.servicebus.windows.net/hc1");
        let verifier = SasVerifier::new([SasRule::from(&key)]);
        for start in [1_700_000_000, 1_700_001_000] {
            let token = block_on(provider.token(&audience)).unwrap();
            let expires_on = UNIX_EPOCH + Duration::from_secs(start + 101);
            assert_eq!(token.expires_on(), expires_on);
            let verified = verifier
                .verify(token.token().expose(), clock.now())
                .unwrap();
            assert_eq!(verified.expires_on(), expires_on);
            clock.advance(Duration::from_secs(1000));
        }
    }

    #[test]
    fn jwts_are_for_the_audience_as_it_is() {
        let key = AccessKey::new("key");
        let clock = FixedClock::new(UNIX_EPOCH + HALF_PAST);
        let provider = JwtTokenProvider::new(&key).with_clock(clock.clone());
        let url = "https://contoso.webpubsub.azure.com/api/hubs/chat/:send?api-version=2024-12-01";
        let token = block_on(provider.token(&Audience::verbatim(url))).unwrap();
        let expires_on = UNIX_EPOCH + Duration::from_secs(1_700_000_061);
        assert_eq!(token.expires_on(), expires_on);
        let claims = JwtVerifier::new([&key])
            .verify(token.token().expose(), &[url], clock.now())
            .unwrap();
        assert_eq!(claims, Claims::new(url, expires_on));
    }

    #[test]
    fn no_token_ends_before_its_time() {
        let sas = SasTokenProvider::new(&SharedAccessKey::new("listen", "key"));
        let jwt = JwtTokenProvider::new(&AccessKey::new("key"));
        let second = Duration::from_secs(1);
        for since in [0, 1, 500_000_000, 999_999_999] {
            let now = UNIX_EPOCH + Duration::new(1_700_000_000, since);
            for lifetime in [
                0,
                1,
                999_999_999,
                1_000_000_000,
                1_000_000_001,
                1_500_000_000,
            ] {
                let lifetime = Duration::from_nanos(lifetime);
                let providers: [&dyn TokenProvider; 2] = [
                    &sas.clone()
                        .with_clock(FixedClock::new(now))
                        .with_lifetime(lifetime),
                    &jwt.clone()
                        .with_clock(FixedClock::new(now))
                        .with_lifetime(lifetime),
                ];
                let end = now + lifetime.max(second);
                for provider in providers {
                    let token = block_on(provider.token(&Audience::verbatim("a"))).unwrap();
                    let expires_on = token.expires_on();
                    assert!(expires_on >= end, "{since} {lifetime:?}");
                    assert!(expires_on < end + second, "{since} {lifetime:?}");
                }
            }
        }
    }

    #[test]
    fn a_lifetime_beyond_any_clock_does_not_panic() {
        let key = SharedAccessKey::new("listen", "key");
        let provider = SasTokenProvider::new(&key)
            .with_lifetime(Duration::MAX)
            .with_clock(FixedClock::new(UNIX_EPOCH));
        assert!(block_on(provider.token(&Audience::verbatim("a"))).is_ok());
    }
}
