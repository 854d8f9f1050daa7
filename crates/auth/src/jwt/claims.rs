//! The claims of the tokens of both services; pure.

use std::fmt;
use std::time::SystemTime;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Compact, JwtError, decode};
use crate::error::{Error, ErrorKind, Result};
use crate::sas::Audience;

/// The claims of a JSON Web Token. Times are whole seconds on the wire (RFC 7519 §2).
///
/// # Reading
///
/// Claims are read as Microsoft.IdentityModel.JsonWebTokens 8 reads them, the
/// library of .NET servers and of Microsoft's emulator, and never more leniently where
/// they grant or limit something:
///
/// - `exp`, `nbf` and `iat` may be a number or a string that contains one. A fraction
///   is rounded to the nearest second, a half to the even one. Times before 1970 become
///   1970, times after the year 9999 its end. Numbers beyond 64 bits, `null` (except for
///   `exp`, which then counts as missing) and every other type are
///   [`JwtError::Malformed`]: an unreadable limit must not become no limit.
/// - `sub` may be a number, which is read as a string; `null` means no subject.
/// - `role` and `webpubsub.group` may be one value or an array of values;
///   numbers and booleans are read as strings (`True`, `False`), `null` is
///   skipped. Nested arrays and objects are rejected.
/// - `aud` is a string or an array of strings; `null` is skipped. `iss` is a string or `null`.
/// - If a claim is repeated, the last value counts, in the position of the first
///   (RFC 7519 §4 allows that or a rejection). Each must be readable.
///
/// `Debug` shows neither the values of custom claims nor the query strings of
/// audiences.
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
    /// `aud`: the audiences, one or several.
    pub audiences: Vec<String>,
    /// `exp`: when the token expires. Verifiers require it.
    pub expires_on: Option<SystemTime>,
    /// `iat`: when the token was issued.
    pub issued_at: Option<SystemTime>,
    /// `nbf`: when the token becomes valid.
    pub not_before: Option<SystemTime>,
    /// `iss`: the issuer. No verifier in this crate checks it.
    pub issuer: Option<String>,
    /// `sub`: the user id.
    pub subject: Option<String>,
    /// `role`: the roles, that is, the permissions of a client.
    pub roles: Vec<String>,
    /// `webpubsub.group`: the groups that a client joins when it connects.
    pub groups: Vec<String>,
    /// All other claims in order: the name and the value as JSON text.
    pub(super) custom: Vec<(String, String)>,
}

impl Claims {
    /// Creates claims with one audience and an expiry, and nothing else.
    pub fn new(audience: impl Into<String>, expires_on: SystemTime) -> Self {
        Self {
            audiences: vec![audience.into()],
            expires_on: Some(expires_on),
            ..Self::default()
        }
    }

    /// Reads the claims of a token **without checking its signature, its
    /// algorithm, its times or its audience**. Nothing in it can be trusted: use it for
    /// display, and for tokens whose keys are not available.
    ///
    /// # Errors
    ///
    /// [`JwtError::Malformed`] if the text is not three base64url parts, the second of which
    /// is JSON with claims of the right types.
    pub fn decode_unverified(token: &str) -> Result<Self, JwtError> {
        let parts = Compact::split(token)?;
        decode(parts.header)?;
        decode(parts.signature)?;
        parts.claims()
    }

    /// Adds an audience.
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

    /// Sets a claim that has no field in this type, replacing one of the same name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidToken`] if the claim has a field, or the value
    /// cannot be written as JSON.
    pub fn with_claim(mut self, name: impl Into<String>, value: &impl Serialize) -> Result<Self> {
        let name = name.into();
        if Field::of(&name).is_some() {
            let text = format!("the claim `{name}` must be set through its field");
            return Err(Error::message(ErrorKind::InvalidToken, text));
        }
        let json = serde_json::to_string(value).map_err(|error| {
            Error::new(ErrorKind::InvalidToken, error).with_context(format!(
                "the value of the claim `{name}` cannot be written as JSON"
            ))
        })?;
        match self.custom.iter_mut().find(|(known, _)| *known == name) {
            Some((_, value)) => *value = json,
            None => self.custom.push((name, json)),
        }
        Ok(self)
    }

    /// Reads a claim that has no field in this type.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidToken`] if the value cannot be read as a `T`.
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

    /// Returns the claims that have no field in this type, in order: the name and the value as JSON
    /// text.
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
