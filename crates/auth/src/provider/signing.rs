//! Providers that sign their tokens themselves.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use super::TokenProvider;
use crate::access_token::AccessToken;
use crate::clock::{Clock, SharedClock, from_unix, to_unix};
use crate::error::Result;
use crate::jwt::{Claims, JwtSigner};
use crate::key::{AccessKey, SharedAccessKey};
use crate::sas::{Audience, SasSigner};

/// Signs a SAS token for each audience that it is asked about.
///
/// Signing takes about a microsecond, so no cache is needed around it.
#[derive(Clone, Debug)]
pub struct SasTokenProvider {
    signer: SasSigner,
    lifetime: Duration,
    clock: SharedClock,
}

impl SasTokenProvider {
    /// Signs with `key`, for [`DEFAULT_LIFETIME`](Self::DEFAULT_LIFETIME), by the system's clock.
    pub fn new(key: &SharedAccessKey) -> Self {
        Self {
            signer: SasSigner::new(key),
            lifetime: Self::DEFAULT_LIFETIME,
            clock: SharedClock::default(),
        }
    }

    /// Sets for how long a token is good; it is signed in whole seconds.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the clock from which lifetimes count.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = SharedClock::new(clock);
        self
    }

    /// The lifetime of the official .NET, Java and Node clients of Azure Relay.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);
}

#[async_trait]
impl TokenProvider for SasTokenProvider {
    async fn token(&self, audience: &Audience) -> Result<AccessToken> {
        let expires_on = expiry(&self.clock, self.lifetime);
        Ok(self.signer.sign(audience, expires_on).into_access_token())
    }
}

/// Signs a JSON Web Token with `aud` and `exp` for each audience that it is
/// asked about, as the official Python SDK of Web PubSub does.
///
/// Signing takes about a microsecond, so no cache is needed around it.
#[derive(Clone, Debug)]
pub struct JwtTokenProvider {
    signer: JwtSigner,
    lifetime: Duration,
    clock: SharedClock,
}

impl JwtTokenProvider {
    /// Signs with `key`, for [`DEFAULT_LIFETIME`](Self::DEFAULT_LIFETIME), by the system's clock.
    pub fn new(key: &AccessKey) -> Self {
        Self {
            signer: JwtSigner::new(key),
            lifetime: Self::DEFAULT_LIFETIME,
            clock: SharedClock::default(),
        }
    }

    /// Sets for how long a token is good; it is signed in whole seconds.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the clock from which lifetimes count.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = SharedClock::new(clock);
        self
    }

    /// One minute, as the official Python SDK signs for each request.
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

/// The end of `lifetime` from now in whole seconds, as a token tells it; now, if
/// the system cannot tell that time.
fn expiry(clock: &SharedClock, lifetime: Duration) -> SystemTime {
    let now = clock.now();
    let end = now.checked_add(lifetime).unwrap_or(now);
    from_unix(to_unix(end)).unwrap_or(now)
}
