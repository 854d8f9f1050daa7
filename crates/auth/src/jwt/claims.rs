//! The claims of both services' tokens; pure.

use std::fmt;
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Compact, JwtError, decode};
use crate::error::{Error, ErrorKind, Result};
use crate::sas::Audience;

/// What a token says. Times are whole seconds on the wire (RFC 7519 §2).
///
/// # Reading
///
/// Claims are read as Microsoft.IdentityModel.JsonWebTokens 8 reads them, the
/// library of servers on .NET and of Microsoft's emulator, and where a right or a
/// limit is at stake never more laxly:
///
/// - `exp`, `nbf` and `iat` may be a number or a text that holds one. A fraction
///   is rounded to the nearest second, half to the even one. Before 1970 is
///   1970, beyond the year 9999 is its end. Outside of 64 bits, `null` (but for
///   `exp`, which is missing then) and every other type are
///   [`JwtError::Malformed`]: a limit that cannot be read must not become none.
/// - `sub` may be a number, which is read as its text; `null` is no subject.
/// - `role` and `webpubsub.group` may be one value or an array of values;
///   numbers and booleans are read as their texts (`True`, `False`), `null` is
///   left out. Arrays and objects inside are refused.
/// - `aud` is a text or an array of texts; `null` is left out. `iss` is a text or `null`.
/// - Of a claim that comes twice the last counts, at the place of the first
///   (RFC 7519 §4 leaves that or a refusal). Each must be readable.
///
/// `Debug` shows neither the values of custom claims nor the query string of an
/// audience.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use azwire_auth::Claims;
///
/// let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
/// let claims = Claims::new("https://contoso.webpubsub.azure.com/client/hubs/chat", now + Duration::from_secs(3600))
///     .with_issued_at(now)
///     .with_subject("user1")
///     .with_roles(["webpubsub.joinLeaveGroup"])
///     .with_claim("tenant", &42)?;
/// assert_eq!(claims.claim::<u32>("tenant")?, Some(42));
/// # Ok::<(), azwire_auth::Error>(())
/// ```
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Claims {
    /// `aud`: what the token is valid for, one or several.
    pub audiences: Vec<String>,
    /// `exp`: when the token expires. A verifier demands it.
    pub expires_on: Option<SystemTime>,
    /// `iat`: when the token was made.
    pub issued_at: Option<SystemTime>,
    /// `nbf`: from when on the token is valid.
    pub not_before: Option<SystemTime>,
    /// `iss`: who made the token. No verifier here asks for it.
    pub issuer: Option<String>,
    /// `sub`: the user id.
    pub subject: Option<String>,
    /// `role`: what a client may do.
    pub roles: Vec<String>,
    /// `webpubsub.group`: the groups that a client joins as it connects.
    pub groups: Vec<String>,
    /// Every other claim: its name and its value as JSON text, in order.
    pub(super) custom: Vec<(String, String)>,
}

impl Claims {
    /// Claims for one audience until `expires_on`, and nothing else.
    pub fn new(audience: impl Into<String>, expires_on: SystemTime) -> Self {
        Self {
            audiences: vec![audience.into()],
            expires_on: Some(expires_on),
            ..Self::default()
        }
    }

    /// Reads the claims of a token **without checking its signature, its
    /// algorithm, its times or its audience**. Whatever it says may be a lie:
    /// valid for showing, and for tokens whose keys are out of reach.
    ///
    /// # Errors
    ///
    /// [`JwtError::Malformed`] if the text is not three parts in base64url of which
    /// the second is JSON with claims of the right types.
    pub fn decode_unverified(token: &str) -> Result<Self, JwtError> {
        let parts = Compact::split(token)?;
        decode(parts.header)?;
        decode(parts.signature)?;
        parts.claims()
    }

    /// Adds one more audience.
    #[must_use]
    pub fn with_audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Sets `iat`.
    #[must_use]
    pub fn with_issued_at(mut self, issued_at: SystemTime) -> Self {
        self.issued_at = Some(issued_at);
        self
    }

    /// Sets `nbf`.
    #[must_use]
    pub fn with_not_before(mut self, not_before: SystemTime) -> Self {
        self.not_before = Some(not_before);
        self
    }

    /// Sets `iss`.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets `sub`, the user id.
    #[must_use]
    pub fn with_subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Adds roles.
    #[must_use]
    pub fn with_roles<I>(mut self, roles: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.roles.extend(roles.into_iter().map(Into::into));
        self
    }

    /// Adds groups.
    #[must_use]
    pub fn with_groups<I>(mut self, groups: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.groups.extend(groups.into_iter().map(Into::into));
        self
    }

    /// Sets a claim that has no field here, replacing one of the same name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidToken`] if the claim has a field, or the value
    /// cannot be written as JSON.
    pub fn with_claim(mut self, name: impl Into<String>, value: &impl Serialize) -> Result<Self> {
        let name = name.into();
        if Field::of(&name).is_some() {
            let text = format!("the claim `{name}` has a field of its own");
            return Err(Error::message(ErrorKind::InvalidToken, text));
        }
        let json = serde_json::to_string(value).map_err(|error| {
            Error::new(ErrorKind::InvalidToken, error)
                .with_context(format!("the value of the claim `{name}` is not JSON"))
        })?;
        match self.custom.iter_mut().find(|(known, _)| *known == name) {
            Some((_, value)) => *value = json,
            None => self.custom.push((name, json)),
        }
        Ok(self)
    }

    /// Reads a claim that has no field here.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidToken`] if the value does not read as a `T`.
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some((_, json)) = self.custom.iter().find(|(known, _)| known == name) else {
            return Ok(None);
        };
        serde_json::from_str(json).map(Some).map_err(|_| {
            // The cause would quote the value.
            let text = format!("the claim `{name}` has another type");
            Error::message(ErrorKind::InvalidToken, text)
        })
    }

    /// The claims that have no field here: name and value as JSON text, in order.
    pub fn custom(&self) -> impl Iterator<Item = (&str, &str)> {
        self.custom
            .iter()
            .map(|(name, json)| (name.as_str(), json.as_str()))
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let audiences: Vec<_> = self.audiences.iter().map(Audience::verbatim).collect();
        let custom: Vec<_> = self.custom.iter().map(|(name, _)| name).collect();
        f.debug_struct("Claims")
            .field("audiences", &audiences)
            .field("expires_on", &self.expires_on)
            .field("issued_at", &self.issued_at)
            .field("not_before", &self.not_before)
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("roles", &self.roles)
            .field("groups", &self.groups)
            .field("custom", &custom)
            .finish()
    }
}

/// The claims that have a field.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Field {
    Audiences,
    ExpiresOn,
    IssuedAt,
    NotBefore,
    Issuer,
    Subject,
    Roles,
    Groups,
}

impl Field {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "aud" => Self::Audiences,
            "exp" => Self::ExpiresOn,
            "iat" => Self::IssuedAt,
            "nbf" => Self::NotBefore,
            "iss" => Self::Issuer,
            "sub" => Self::Subject,
            "role" => Self::Roles,
            "webpubsub.group" => Self::Groups,
            _ => return None,
        })
    }
}
