//! Tokens that a test makes, right or wrong in any way. Pure.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth::_internal::HmacSha256;
use auth::Secret;
use serde_json::{Map, Value};
use transport::_internal::lock;

use super::authority::{Authority, LONGEST, Proof};
use super::keys::SigningKey;
use super::now::{Now, seconds};
use super::principal::Principal;
use super::token::{RS256, join, message};

/// A token that a test makes: a right one, until something in it is changed.
///
/// Its times are those of the emulator's clock when it was begun.
///
/// ```
/// use std::time::Duration;
///
/// use azwire_emulator::{Emulator, Identity, IdentityConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> azwire_emulator::Result<()> {
/// let emulator = Emulator::builder()
///     .identity(IdentityConfig::default().with_port(0))
///     .start()
///     .await?;
/// let identity = emulator.identity().expect("it is switched on");
/// let right = identity.token(Identity::WEB_PUBSUB).sign();
/// let expired = identity
///     .token(Identity::WEB_PUBSUB)
///     .with_lifetime(Duration::ZERO)
///     .with_claim("nbf", 0)
///     .sign();
/// assert_ne!(right, expired);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct EntraToken {
    key: Arc<SigningKey>,
    issued: SystemTime,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    payload: Option<String>,
    signature: Signature,
}

#[derive(Clone)]
enum Signature {
    Own,
    OfAStranger,
    Hmac(Vec<u8>),
    Nothing,
}

impl EntraToken {
    pub(super) fn new(
        authority: &Authority,
        principal: &Principal,
        audience: &str,
        now: Now,
    ) -> Self {
        let key = lock(&authority.keys).current();
        let mut header = Map::new();
        for (name, value) in [
            ("typ", "JWT"),
            ("alg", RS256),
            ("x5t", &key.id),
            ("kid", &key.id),
        ] {
            header.insert(name.to_owned(), value.into());
        }
        Self {
            issued: now.emulated,
            header,
            claims: authority.claims(principal, audience, Proof::Secret, now),
            payload: None,
            signature: Signature::Own,
            key,
        }
    }

    /// Sets a claim.
    pub fn with_claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Removes a claim.
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets how long it is valid, from when it was begun; at most a century.
    pub fn with_lifetime(self, lifetime: Duration) -> Self {
        let lifetime = lifetime.min(LONGEST);
        let end = self.issued.checked_add(lifetime).unwrap_or(self.issued);
        self.with_claim("exp", seconds(end))
    }

    /// Sets a member of its header, such as `kid`.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.header.insert(name.into(), value.into());
        self
    }

    /// Replaces all claims by this text, verbatim: what is not JSON, or has a claim twice.
    pub fn with_payload(mut self, payload: impl Into<String>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// Returns the claims as JSON.
    pub fn payload(&self) -> String {
        match &self.payload {
            Some(payload) => payload.clone(),
            None => Value::from(self.claims.clone()).to_string(),
        }
    }

    /// Has a key sign it that the emulator does not have, under the name of one that it has.
    pub fn with_key_of_a_stranger(mut self) -> Self {
        self.signature = Signature::OfAStranger;
        self
    }

    /// Signs it with HS256 and these bytes, such as those of the public key.
    pub fn with_hmac(self, key: impl Into<Vec<u8>>) -> Self {
        let mut token = self.with_header("alg", "HS256");
        token.signature = Signature::Hmac(key.into());
        token
    }

    /// Leaves it unsigned, with the algorithm `none`.
    pub fn with_no_signature(self) -> Self {
        let mut token = self.with_header("alg", "none");
        token.signature = Signature::Nothing;
        token
    }

    /// Returns the text of the token, without `Bearer`.
    ///
    /// # Panics
    ///
    /// If the system has no random numbers, without which no RSA key signs.
    pub fn sign(&self) -> Secret {
        let header = Value::from(self.header.clone()).to_string();
        let message = message(&header, &self.payload());
        let bytes = message.as_bytes();
        let by = |key: &SigningKey| key.pair.sign(bytes).expect("the system has random numbers");
        let signature = match &self.signature {
            Signature::Own => by(&self.key),
            Signature::OfAStranger => by(&SigningKey::of_a_stranger()),
            Signature::Hmac(key) => HmacSha256::new(key).sign(bytes).to_vec(),
            Signature::Nothing => Vec::new(),
        };
        join(&message, &signature)
    }
}

impl fmt::Debug for EntraToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claims: Vec<_> = self.claims.keys().collect();
        f.debug_struct("EntraToken")
            .field("claims", &claims)
            .finish_non_exhaustive()
    }
}
