//! The claims of both services' tokens: what they are, and reading them in one pass; pure.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Compact, JwtError, decode};
use crate::error::{Error, ErrorKind, Result};
use crate::sas::Audience;

/// What a token says. Times are whole seconds on the wire (RFC 7519 §2).
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
    /// `aud`: what the token is good for, one or several.
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
    /// good for showing, and for tokens whose keys are out of reach.
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

    /// Reads a payload: one JSON object, no claim twice.
    pub(super) fn from_json(json: &[u8]) -> Result<Self, JwtError> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let claims = deserializer
            .deserialize_map(ClaimsVisitor)
            .map_err(|_| JwtError::Malformed)?;
        deserializer.end().map_err(|_| JwtError::Malformed)?;
        Ok(claims)
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
enum Field {
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
    fn of(name: &str) -> Option<Self> {
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

/// The name of a claim; that of one with a field is not copied.
enum Name {
    Field(Field),
    Custom(String),
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a claim")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Name, E> {
        Ok(Field::of(name).map_or_else(|| Name::Custom(name.to_owned()), Name::Field))
    }
}

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
        let mut claims = Claims::default();
        let mut seen: Vec<Field> = Vec::with_capacity(8);
        while let Some(name) = map.next_key::<Name>()? {
            let field = match name {
                Name::Field(field) => field,
                Name::Custom(name) => {
                    let value = map.next_value::<Box<RawValue>>()?;
                    claims.custom.push((name, value.get().to_owned()));
                    continue;
                }
            };
            if seen.contains(&field) {
                return Err(de::Error::custom(TWICE));
            }
            seen.push(field);
            match field {
                Field::Audiences => claims.audiences = strings(&mut map)?,
                Field::ExpiresOn => claims.expires_on = time(&mut map)?,
                Field::IssuedAt => claims.issued_at = time(&mut map)?,
                Field::NotBefore => claims.not_before = time(&mut map)?,
                Field::Issuer => claims.issuer = map.next_value()?,
                Field::Subject => claims.subject = map.next_value()?,
                Field::Roles => claims.roles = strings(&mut map)?,
                Field::Groups => claims.groups = strings(&mut map)?,
            }
        }
        let mut names: Vec<_> = claims.custom.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(de::Error::custom(TWICE));
        }
        Ok(claims)
    }
}

/// One string or an array of them; both are in use for `aud` (RFC 7519 §4.1.3)
/// and for roles and groups.
struct Strings(Vec<String>);

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StringsVisitor)
    }
}

struct StringsVisitor;

impl<'de> Visitor<'de> for StringsVisitor {
    type Value = Strings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Strings, E> {
        Ok(Strings(vec![text.to_owned()]))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Strings, E> {
        Ok(Strings(Vec::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Strings, A::Error> {
        let mut strings = Vec::new();
        while let Some(text) = sequence.next_element()? {
            strings.push(text);
        }
        Ok(Strings(strings))
    }
}

fn strings<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Vec<String>, A::Error> {
    map.next_value::<Strings>().map(|strings| strings.0)
}

/// A number of seconds, which may have a fraction (RFC 7519 §2); the fraction
/// is dropped, and times before 1970 count as its start.
fn time<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<SystemTime>, A::Error> {
    let Some(seconds) = map.next_value::<Option<f64>>()? else {
        return Ok(None);
    };
    // Whole seconds stay exact in a float for the next 285 million years.
    let since = Duration::try_from_secs_f64(seconds.max(0.0).trunc()).map_err(de::Error::custom)?;
    let time = UNIX_EPOCH.checked_add(since);
    time.map(Some)
        .ok_or_else(|| de::Error::custom("a time is out of range"))
}

/// RFC 7519 §4: claim names must be unique; two readers that chose differently
/// would see two different tokens.
const TWICE: &str = "a claim comes twice";
