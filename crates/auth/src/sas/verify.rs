//! SAS token verification, for servers and the emulator; pure.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;

use super::{Audience, SasError, SasToken};
use crate::hmac::HmacSha256;
use crate::key::SharedAccessKey;
use crate::secret::Secret;

/// A verifier of SAS tokens, with a list of rules that have one or two keys each.
///
/// Rules are tried in the given order, the primary key before the secondary, so
/// a server puts an entity's rules before those of its namespace. Names are
/// compared ignoring case, authentication codes in constant time.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use azwire_auth::{Audience, KeySlot, SasError, SasRule, SasSigner, SasVerifier, SharedAccessKey};
///
/// let key = SharedAccessKey::new("listen", "bm90LWEtcmVhbC1rZXk=");
/// let audience = Audience::normalized("sb://contoso.servicebus.windows.net/hc1");
/// let expires_on = UNIX_EPOCH + Duration::from_secs(1_700_003_600);
/// let token = SasSigner::new(&key).sign(&audience, expires_on);
///
/// let verifier = SasVerifier::new([SasRule::from(&key).with_secondary("b3RoZXI=")]);
/// let verified = verifier.verify(token.expose(), expires_on - Duration::from_secs(1))?;
/// assert_eq!(verified.key(), KeySlot::Primary);
/// assert!(verified.covers("contoso.servicebus.windows.net", "/hc1"));
/// assert!(!verified.covers("contoso.servicebus.windows.net", "/hc10"));
///
/// let late = verifier.verify(token.expose(), expires_on);
/// assert_eq!(late.unwrap_err(), SasError::Expired { expired_on: expires_on });
/// # Ok::<(), SasError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SasVerifier {
    rules: Vec<SasRule>,
    grace: Duration,
}

impl SasVerifier {
    /// Creates a verifier with `rules` and no grace period.
    pub fn new(rules: impl IntoIterator<Item = SasRule>) -> Self {
        Self {
            rules: rules.into_iter().collect(),
            grace: Duration::ZERO,
        }
    }

    /// Sets the grace period: for how long after its expiry a token is still accepted;
    /// default: zero. The service was seen to grant about five minutes, which the official
    /// .NET and Node listeners rely on: they renew when the old token has expired.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Checks form, rule, signature and expiry, in this order, so that only a
    /// genuine token is reported as expired. The caller must check the audience,
    /// with [`VerifiedSas::covers`].
    ///
    /// # Errors
    ///
    /// [`SasError`]; each variant is named after its check.
    pub fn verify(&self, token: &str, now: SystemTime) -> Result<VerifiedSas, SasError> {
        self.verify_parsed(SasToken::parse(token)?, now)
    }

    /// Like [`verify`](Self::verify), for a token that is already parsed.
    ///
    /// # Errors
    ///
    /// Same as [`verify`](Self::verify).
    pub fn verify_parsed(&self, token: SasToken, now: SystemTime) -> Result<VerifiedSas, SasError> {
        let code = token.signature().ok_or(SasError::Malformed)?;
        // Checked over the bytes as received: encoding the audience again would reject
        // every producer whose escapes differ from ours.
        let message = token.signed_text();
        let name = token.rule();

        let mut is_known = false;
        let signed_by = self.rules.iter().enumerate().find_map(|(index, rule)| {
            if !rule.name.eq_ignore_ascii_case(&name) {
                return None;
            }
            is_known = true;
            let slot = rule.signed(message.as_bytes(), &code)?;
            Some((index, slot))
        });
        let (rule_index, key) = signed_by.ok_or(if is_known {
            SasError::Signature
        } else {
            SasError::UnknownRule
        })?;

        let expired_on = token.expires_on();
        let late = now.duration_since(expired_on).ok();
        if late.is_some_and(|late| late >= self.grace) {
            return Err(SasError::Expired { expired_on });
        }
        Ok(VerifiedSas {
            audience: Audience::verbatim(&*token.audience()),
            rule: self.rules[rule_index].name.clone(),
            rule_index,
            key,
            expires_on: expired_on,
        })
    }
}

/// A shared access rule for a verifier: a name and one or two keys.
#[derive(Clone, Debug)]
pub struct SasRule {
    name: String,
    primary: HmacSha256,
    secondary: Option<HmacSha256>,
}

impl SasRule {
    /// Creates a rule with one key.
    pub fn new(name: impl Into<String>, primary: impl Into<Secret>) -> Self {
        Self {
            name: name.into(),
            primary: HmacSha256::new(primary.into().expose().as_bytes()),
            secondary: None,
        }
    }

    /// Sets the secondary key, which is tried after the primary.
    #[must_use]
    pub fn with_secondary(mut self, secondary: impl Into<Secret>) -> Self {
        self.secondary = Some(HmacSha256::new(secondary.into().expose().as_bytes()));
        self
    }

    fn signed(&self, message: &[u8], code: &[u8]) -> Option<KeySlot> {
        if self.primary.verify(message, code) {
            return Some(KeySlot::Primary);
        }
        let secondary = self.secondary.as_ref()?;
        secondary
            .verify(message, code)
            .then_some(KeySlot::Secondary)
    }
}

impl From<&SharedAccessKey> for SasRule {
    fn from(key: &SharedAccessKey) -> Self {
        Self {
            name: key.name().to_owned(),
            primary: HmacSha256::new(key.key().expose().as_bytes()),
            secondary: None,
        }
    }
}

/// One of the two keys of a rule.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a rule has two keys, by the service's design"
)]
pub enum KeySlot {
    /// The primary key.
    Primary,
    /// The secondary key, which allows the primary to be rotated.
    Secondary,
}

/// The contents of a genuine token that has not expired.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "a genuine token may still be for another audience"]
pub struct VerifiedSas {
    audience: Audience,
    rule: String,
    rule_index: usize,
    key: KeySlot,
    expires_on: SystemTime,
}

impl VerifiedSas {
    /// Whether the token may be used for `path` at `host`; see [`Audience::covers`].
    #[must_use]
    pub fn covers(&self, host: &str, path: &str) -> bool {
        self.audience.covers(host, path)
    }

    /// Returns the audience, decoded once.
    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    /// Returns the name of the rule, as passed to the verifier.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Returns the index of the rule in the list passed to the verifier.
    pub fn rule_index(&self) -> usize {
        self.rule_index
    }

    /// Returns which key of the rule signed the token.
    pub fn key(&self) -> KeySlot {
        self.key
    }

    /// Returns the time at which the token expires, without the grace period.
    pub fn expires_on(&self) -> SystemTime {
        self.expires_on
    }
}

impl SasToken {
    /// Returns the bytes of the signature. Producers escape its base64 in upper or lower
    /// case or not at all, and a bare `+` may have become a space in transit.
    fn signature(&self) -> Option<Vec<u8>> {
        let decoded = percent_decode_str(self.part(&self.signature))
            .decode_utf8()
            .ok()?;
        BASE64.decode(decoded.replace(' ', "+")).ok()
    }

    /// Returns the text that the signature covers.
    fn signed_text(&self) -> String {
        [self.raw_resource(), self.part(&self.expiry)].join("\n")
    }
}

/// Standard base64; a producer may have omitted the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
