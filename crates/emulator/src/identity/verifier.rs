//! The check of a token. Pure.
//!
//! What is refused before its signature is checked costs a check all the same, so that the time
//! of a refusal does not say what was wrong.

#[cfg(feature = "pubsub")]
use std::borrow::Cow;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use transport::_internal::lock;

use super::authority::{Authority, EXCHANGE};
use super::caller::Caller;
use super::keys::SigningKey;
use super::resource::Resource;
use super::token::{Header, Parts};
#[cfg(feature = "pubsub")]
use crate::date::timestamp;

/// Why a token is refused, in the order of the checks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TokenError {
    TooLarge,
    Malformed,
    Algorithm,
    Key,
    Signature,
    /// The claims are not those of a token of ours, or one is given twice.
    Claims,
    Issuer,
    Tenant,
    Audience,
    NotYetValid(SystemTime),
    Expired(SystemTime),
}

impl TokenError {
    #[cfg(feature = "pubsub")]
    /// Returns the description of a challenge, in the words of the sister service; empty if
    /// it has none.
    pub(crate) fn description(&self) -> Cow<'static, str> {
        match self {
            Self::TooLarge | Self::Malformed | Self::Claims => "".into(),
            Self::Algorithm | Self::Key => "The signature key was not found".into(),
            Self::Signature => "The signature is invalid".into(),
            Self::Issuer | Self::Tenant => "The issuer is invalid".into(),
            Self::Audience => "The audience is invalid".into(),
            Self::NotYetValid(from) => {
                format!("The token is not valid before '{}'", american(*from)).into()
            }
            Self::Expired(on) => format!("The token expired at '{}'", american(*on)).into(),
        }
    }

    /// Returns the reason for the emulator's log.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::TooLarge => "the Entra token is larger than 32 KiB",
            Self::Malformed => "the Entra token is not three parts of base64url",
            Self::Algorithm => "the Entra token is not signed with RS256",
            Self::Key => {
                "the Entra token names a key that this emulator does not have: it comes from another authority"
            }
            Self::Signature => "the signature of the Entra token is wrong",
            Self::Claims => {
                "a claim of the Entra token is missing, of the wrong type or there twice"
            }
            Self::Issuer => "the Entra token has another issuer",
            Self::Tenant => "the Entra token is of another tenant",
            Self::Audience => "the Entra token is for another service",
            Self::NotYetValid(_) => "the Entra token is not valid yet",
            Self::Expired(_) => "the Entra token has expired",
        }
    }
}

/// The claims that are checked. One that is given twice makes the token malformed.
#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    tid: String,
    exp: u64,
    #[serde(default)]
    nbf: u64,
    #[serde(default)]
    iat: Option<u64>,
    #[serde(default)]
    oid: Option<String>,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    appid: Option<String>,
    #[serde(default)]
    azp: Option<String>,
}

impl Authority {
    /// Whether a token is for this authority to judge, and nobody else: it names one of its keys,
    /// or it claims RS256 and `others_are_taken` unchecked is false.
    pub(crate) fn is_concerned(&self, token: &str, others_are_taken: bool) -> bool {
        let Some(header) = Header::of(token) else {
            return false;
        };
        let is_own = |id: &String| lock(&self.keys).is_own(id);
        header.kid.as_ref().is_some_and(is_own) || header.is_rs256() && !others_are_taken
    }

    /// Checks a token for a service; returns whom it was issued to. An expired one is taken
    /// for `grace` more.
    pub(crate) fn verify(
        &self,
        token: &str,
        resource: Resource,
        grace: Duration,
        now: SystemTime,
    ) -> Result<Caller, TokenError> {
        let is_audience = |audience: &str| Resource::of(audience) == Some(resource);
        let claims = self.checked_claims(token, is_audience, grace, now)?;
        Ok(Caller {
            object_id: claims.oid.filter(|id| !id.is_empty()),
            client_id: claims.appid.or(claims.azp).filter(|id| !id.is_empty()),
            issued_at: claims.iat.and_then(time),
            expires_on: time(claims.exp).ok_or(TokenError::Claims)?,
        })
    }

    /// Checks an assertion, with which a workload signs in; returns whose it is.
    pub(super) fn verify_assertion(
        &self,
        token: &str,
        now: SystemTime,
    ) -> Result<Option<String>, TokenError> {
        let is_audience = |audience: &str| audience == EXCHANGE;
        let claims = self.checked_claims(token, is_audience, SKEW, now)?;
        Ok(claims.sub)
    }

    fn checked_claims(
        &self,
        token: &str,
        is_audience: impl Fn(&str) -> bool,
        grace: Duration,
        now: SystemTime,
    ) -> Result<Claims, TokenError> {
        let payload = self.genuine(token, now)?;
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| TokenError::Claims)?;
        if claims.iss != self.issuer {
            return Err(TokenError::Issuer);
        }
        if claims.tid != self.tenant_id {
            return Err(TokenError::Tenant);
        }
        if !is_audience(&claims.aud) {
            return Err(TokenError::Audience);
        }
        let (from, until) = (time(claims.nbf), time(claims.exp));
        let (from, until) = from.zip(until).ok_or(TokenError::Claims)?;
        if from.duration_since(now).is_ok_and(|early| early > SKEW) {
            return Err(TokenError::NotYetValid(from));
        }
        if now.duration_since(until).is_ok_and(|late| late >= grace) {
            return Err(TokenError::Expired(until));
        }
        Ok(claims)
    }

    /// Returns the payload of a token that one of the keys signed.
    fn genuine(&self, token: &str, now: SystemTime) -> Result<Vec<u8>, TokenError> {
        match self.prepare(token, now) {
            Ok((parts, key)) if is_signature_of(&key, &parts) => Ok(parts.payload),
            Ok(_) => Err(TokenError::Signature),
            Err(error) => {
                let key = lock(&self.keys).current();
                let public = key.pair.public();
                // Smaller than every modulus, so that it is really computed.
                let signature = vec![1; public.modulus().len()];
                black_box(public.verify(b"", &signature));
                Err(error)
            }
        }
    }

    fn prepare<'a>(
        &self,
        token: &'a str,
        now: SystemTime,
    ) -> Result<(Parts<'a>, Arc<SigningKey>), TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::TooLarge);
        }
        let parts = Parts::read(token).ok_or(TokenError::Malformed)?;
        // Pinned: the public key must never become the key of another algorithm.
        if !parts.header.is_rs256() || parts.header.crit.is_some() {
            return Err(TokenError::Algorithm);
        }
        let id = parts.header.kid.as_deref().ok_or(TokenError::Key)?;
        let key = lock(&self.keys).find(id, now).ok_or(TokenError::Key)?;
        // What is no number below the modulus is refused before anything is computed.
        let modulus = key.pair.public().modulus();
        if parts.signature.len() != modulus.len() || parts.signature.as_slice() >= modulus {
            return Err(TokenError::Signature);
        }
        Ok((parts, key))
    }
}

fn is_signature_of(key: &SigningKey, parts: &Parts<'_>) -> bool {
    key.pair.public().verify(parts.message, &parts.signature)
}

fn time(seconds: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(feature = "pubsub")]
/// Formats as .NET does without a culture: `11/29/2026 12:28:22`.
fn american(time: SystemTime) -> String {
    let text = timestamp(time);
    match (
        text.get(..4),
        text.get(5..7),
        text.get(8..10),
        text.get(11..),
    ) {
        (Some(year), Some(month), Some(day), Some(clock)) => {
            format!("{month}/{day}/{year} {clock}")
        }
        _ => text,
    }
}

/// The grace on both ends of a token's life: five minutes, the default of
/// Microsoft's verifier. Relay has a setting for the later end.
pub(crate) const SKEW: Duration = Duration::from_secs(5 * 60);
/// Real ones have 1 to 10 KiB.
const MAX_TOKEN: usize = 32 * 1024;
