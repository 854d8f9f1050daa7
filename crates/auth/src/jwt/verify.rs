//! JWT verification, for servers and the emulator; pure.

use std::borrow::{Borrow, Cow};
use std::time::{Duration, SystemTime};

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Claims, Compact, HEADER, JwtError, decode};
use crate::hmac::HmacSha256;
use crate::key::AccessKey;

/// A verifier of JSON Web Tokens, with one or several keys.
///
/// The algorithm is pinned to HS256: `none`, any other algorithm and a header
/// without one are rejected, even with a correct signature. Signatures are compared in
/// constant time.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use azwire_auth::{AccessKey, Claims, JwtError, JwtSigner, JwtVerifier};
///
/// let audience = "https://contoso.webpubsub.azure.com/client/hubs/chat";
/// let key = AccessKey::new("bm90LWEtcmVhbC1rZXk=");
/// let expires_on = UNIX_EPOCH + Duration::from_secs(1_700_003_600);
/// let token = JwtSigner::new(&key).sign(&Claims::new(audience, expires_on).with_subject("user1"));
///
/// let verifier = JwtVerifier::new([key]);
/// let claims = verifier.verify(token.expose(), &[audience], expires_on)?;
/// assert_eq!(claims.subject.as_deref(), Some("user1"));
///
/// let late = expires_on + JwtVerifier::DEFAULT_SKEW;
/// let refused = verifier.verify(token.expose(), &[audience], late);
/// assert_eq!(refused, Err(JwtError::Expired { expired_on: expires_on }));
/// # Ok::<(), JwtError>(())
/// ```
#[derive(Clone, Debug)]
pub struct JwtVerifier {
    keys: Vec<HmacSha256>,
    skew: Duration,
}

impl JwtVerifier {
    /// Creates a verifier that accepts tokens signed with any of `keys`.
    pub fn new<I>(keys: I) -> Self
    where
        I: IntoIterator,
        I::Item: Borrow<AccessKey>,
    {
        Self {
            keys: keys
                .into_iter()
                .map(|key| HmacSha256::of(key.borrow()))
                .collect(),
            skew: Self::DEFAULT_SKEW,
        }
    }

    /// Sets the clock skew allowed between signer and verifier; default:
    /// [`DEFAULT_SKEW`](Self::DEFAULT_SKEW).
    #[must_use]
    pub fn with_skew(mut self, skew: Duration) -> Self {
        self.skew = skew;
        self
    }

    /// Checks algorithm, signature, `exp`, `nbf` and audience, in this order,
    /// and returns the claims. One of the token's audiences must be one of
    /// `accepted_audiences`, ignoring case; with an empty list no token
    /// is accepted.
    ///
    /// # Errors
    ///
    /// [`JwtError`]; each variant is named after its check.
    pub fn verify(
        &self,
        token: &str,
        accepted_audiences: &[&str],
        now: SystemTime,
    ) -> Result<Claims, JwtError> {
        let claims = self.verify_any_audience(token, now)?;
        let is_accepted = claims.audiences.iter().any(|audience| {
            accepted_audiences
                .iter()
                .any(|accepted| audience.eq_ignore_ascii_case(accepted))
        });
        if !is_accepted {
            return Err(JwtError::Audience);
        }
        Ok(claims)
    }

    /// Checks the bearer token of a REST request. `urls` holds the absolute URL of the
    /// request, query included, once for each name of the server.
    ///
    /// The official SDKs sign the URL with its query, the REST documentation
    /// the URL without query and trailing slash. Both are accepted, compared
    /// ignoring case, as received or with one side percent-decoded once.
    ///
    /// # Errors
    ///
    /// Same as [`verify`](Self::verify).
    pub fn verify_request(
        &self,
        token: &str,
        urls: &[&str],
        now: SystemTime,
    ) -> Result<Claims, JwtError> {
        let claims = self.verify_any_audience(token, now)?;
        let is_accepted = claims.audiences.iter().any(|audience| {
            urls.iter().any(|url| {
                let bare = url.split_once('?').map_or(*url, |(bare, _)| bare);
                is_same_url(audience, url) || is_same_url(audience, bare)
            })
        });
        if !is_accepted {
            return Err(JwtError::Audience);
        }
        Ok(claims)
    }

    /// Like [`verify`](Self::verify), but **accepts every audience**: the
    /// caller must check [`Claims::audiences`].
    ///
    /// # Errors
    ///
    /// Same as [`verify`](Self::verify), never [`JwtError::Audience`].
    pub fn verify_any_audience(&self, token: &str, now: SystemTime) -> Result<Claims, JwtError> {
        let token = token.trim();
        let parts = Compact::split(token)?;
        check_header(parts.header)?;
        let signature = decode(parts.signature)?;
        let message = &token[..parts.header.len() + 1 + parts.payload.len()];
        let is_genuine = self
            .keys
            .iter()
            .any(|key| key.verify(message.as_bytes(), &signature));
        if !is_genuine {
            return Err(JwtError::Signature);
        }

        let claims = parts.claims()?;
        let expired_on = claims.expires_on.ok_or(JwtError::MissingExpiry)?;
        if now
            .duration_since(expired_on)
            .is_ok_and(|late| late >= self.skew)
        {
            return Err(JwtError::Expired { expired_on });
        }
        if let Some(not_before) = claims.not_before
            && not_before
                .duration_since(now)
                .is_ok_and(|early| early > self.skew)
        {
            return Err(JwtError::NotYetValid { not_before });
        }
        Ok(claims)
    }

    /// The clock skew that the service allows: five minutes,
    /// the default of the verifier in Microsoft's emulator.
    pub const DEFAULT_SKEW: Duration = Duration::from_secs(5 * 60);
}

/// The header members that a verifier needs.
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow, default)]
    alg: Option<Cow<'a, str>>,
    #[serde(default)]
    crit: Option<IgnoredAny>,
}

fn check_header(encoded: &str) -> Result<(), JwtError> {
    if encoded == HEADER {
        return Ok(());
    }
    let header = decode(encoded)?;
    let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| JwtError::Malformed)?;
    // RFC 7515 §4.1.11: extensions listed in `crit` must be understood, and we support none.
    if header.alg.as_deref() != Some("HS256") || header.crit.is_some() {
        return Err(JwtError::Algorithm);
    }
    Ok(())
}

/// Whether the two are equal ignoring case and a trailing slash, as received or with one side
/// decoded.
fn is_same_url(audience: &str, url: &str) -> bool {
    let audience = audience.strip_suffix('/').unwrap_or(audience);
    let url = url.strip_suffix('/').unwrap_or(url);
    audience.eq_ignore_ascii_case(url)
        || audience.eq_ignore_ascii_case(&percent_decode_str(url).decode_utf8_lossy())
        || percent_decode_str(audience)
            .decode_utf8_lossy()
            .eq_ignore_ascii_case(url)
}
