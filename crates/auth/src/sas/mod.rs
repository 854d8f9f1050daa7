//! Shared access signatures: the token text and its parts.
//!
//! `SharedAccessSignature sr={audience}&sig={code}&se={expiry}&skn={rule}`
//! (Azure Relay, "Shared Access Signature authentication"). The fields may come
//! in any order; the authentication code covers the audience exactly as written, a line
//! feed, and the expiry. Parsing needs no crypto; signing and verifying do.

mod audience;
#[cfg(feature = "_hmac")]
mod sign;
#[cfg(feature = "_hmac")]
mod verify;

pub use self::audience::Audience;
#[cfg(feature = "_hmac")]
pub use self::sign::SasSigner;
#[cfg(feature = "_hmac")]
pub use self::verify::{KeySlot, SasRule, SasVerifier, VerifiedSas};

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::time::SystemTime;

use percent_encoding::percent_decode_str;

use crate::access_token::AccessToken;
use crate::clock::from_unix;
use crate::error::{Error, ErrorKind};
use crate::secret::Secret;

/// A shared access signature, signed by a `SasSigner` or parsed from text. It need not be valid.
///
/// `Debug` shows everything except the signature, and there is no `Display`, so
/// that a token is never printed by accident: [`expose`](Self::expose) and
/// [`into_secret`](Self::into_secret) return its text.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use azwire_auth::SasToken;
///
/// let token = SasToken::parse("SharedAccessSignature sr=http%3A%2F%2Fa%2Fhc1&sig=c2ln&se=1700000000&skn=send")?;
/// assert_eq!(token.expires_on(), UNIX_EPOCH + Duration::from_secs(1_700_000_000));
/// assert!(!format!("{token:?}").contains("c2ln"));
/// # Ok::<(), azwire_auth::SasError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct SasToken {
    text: Secret,
    resource: Range<usize>,
    signature: Range<usize>,
    rule: Range<usize>,
    expiry: Range<usize>,
    expires_on: SystemTime,
}

impl SasToken {
    /// Parses a token: the scheme in any case, one space, and the fields `sr`,
    /// `sig`, `se`, `skn` in any order and case; other fields are ignored.
    ///
    /// # Errors
    ///
    /// [`SasError::Malformed`] if the scheme or a field is missing, a field
    /// is repeated, or the expiry is not a decimal number of seconds.
    pub fn parse(text: &str) -> Result<Self, SasError> {
        let text = text.trim();
        let (scheme, fields) = text.split_once(' ').ok_or(SasError::Malformed)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(SasError::Malformed);
        }

        let mut found: [Option<Range<usize>>; 4] = [const { None }; 4];
        let mut start = scheme.len() + 1;
        for field in fields.split('&') {
            let end = start + field.len();
            if let Some((name, value)) = field.split_once('=') {
                let name = name.trim();
                let index = FIELDS
                    .iter()
                    .position(|known| name.eq_ignore_ascii_case(known));
                if let Some(index) = index
                    && found[index].replace(end - value.len()..end).is_some()
                {
                    return Err(SasError::Malformed);
                }
            }
            start = end + 1;
        }
        let [Some(resource), Some(signature), Some(expiry), Some(rule)] = found else {
            return Err(SasError::Malformed);
        };

        let digits = &text[expiry.clone()];
        // `u64::from_str` alone would also accept a sign.
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = digits.parse().ok().filter(|_| is_number);
        let expires_on = seconds.and_then(from_unix).ok_or(SasError::Malformed)?;
        Ok(Self {
            text: Secret::new(text),
            resource,
            signature,
            rule,
            expiry,
            expires_on,
        })
    }

    /// Returns the audience exactly as written in the token, still percent-encoded.
    pub fn raw_resource(&self) -> &str {
        self.part(&self.resource)
    }

    /// Returns the audience, decoded once: a URI with any scheme, or only a part of one.
    pub fn audience(&self) -> Cow<'_, str> {
        decode(self.raw_resource())
    }

    /// Returns the name of the rule whose key the token claims to be signed with.
    pub fn rule(&self) -> Cow<'_, str> {
        decode(self.part(&self.rule))
    }

    /// Returns the time at which the token expires.
    pub fn expires_on(&self) -> SystemTime {
        self.expires_on
    }

    /// Returns the text of the token, for sending; never print it.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// Converts the token into its text.
    pub fn into_secret(self) -> Secret {
        self.text
    }

    /// Converts the token into its text and expiry.
    pub fn into_access_token(self) -> AccessToken {
        AccessToken::new(self.text, self.expires_on)
    }

    fn part(&self, range: &Range<usize>) -> &str {
        &self.text.expose()[range.clone()]
    }
}

impl fmt::Debug for SasToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SasToken")
            .field("audience", &Audience::verbatim(&*self.audience()))
            .field("rule", &self.rule())
            .field("expires_on", &self.expires_on)
            .finish_non_exhaustive()
    }
}

impl From<SasToken> for AccessToken {
    fn from(token: SasToken) -> Self {
        token.into_access_token()
    }
}

/// The reason why a SAS token is rejected. No variant contains a part of the token.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SasError {
    /// The signature is right, but the token has expired.
    #[error("the token has expired")]
    Expired {
        /// When it expired, without the grace period.
        expired_on: SystemTime,
    },
    /// The text is not a shared access signature.
    #[error("the text is not a shared access signature")]
    Malformed,
    /// The signature matches no key of the rule.
    #[error("the token has an invalid signature")]
    Signature,
    /// No rule has the name that the token claims.
    #[error("the token names an unknown rule")]
    UnknownRule,
}

impl From<SasError> for Error {
    fn from(error: SasError) -> Self {
        let kind = match error {
            SasError::Expired { .. } => ErrorKind::Expired,
            SasError::Malformed | SasError::Signature | SasError::UnknownRule => {
                ErrorKind::InvalidToken
            }
        };
        Self::message(kind, error.to_string())
    }
}

/// Decodes the encoding of any producer; bytes that are not UTF-8 are replaced.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8_lossy();
    }
    let text = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&text).decode_utf8_lossy().into_owned())
}

const SCHEME: &str = "SharedAccessSignature";

/// The required fields of a token, in the order in which we write them.
const FIELDS: [&str; 4] = ["sr", "sig", "se", "skn"];
