//! SAS token signing; pure.

use std::ops::Range;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Audience, SasToken};
use crate::clock::{from_unix, to_unix_rounded_up};
use crate::hmac::HmacSha256;
use crate::key::SharedAccessKey;
use crate::secret::Secret;

/// A signer of SAS tokens with the key of one rule. It parses the key once.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use azwire_auth::{Audience, SasSigner, SharedAccessKey};
///
/// let key = SharedAccessKey::new("listen", "bm90LWEtcmVhbC1rZXk=");
/// let audience = Audience::normalized("sb://contoso.servicebus.windows.net/hc1");
/// let expires_on = UNIX_EPOCH + Duration::from_secs(1_700_003_600);
/// let token = SasSigner::new(&key).sign(&audience, expires_on);
/// assert!(token.expose().starts_with("SharedAccessSignature sr=http%3A%2F%2Fcontoso."));
/// assert!(token.expose().ends_with("&se=1700003600&skn=listen"));
/// ```
#[derive(Clone, Debug)]
pub struct SasSigner {
    hmac: HmacSha256,
    /// The end of every token, `&skn=` and the encoded name.
    suffix: String,
}

impl SasSigner {
    /// Creates a signer with `key`.
    pub fn new(key: &SharedAccessKey) -> Self {
        let mut suffix = RULE.to_owned();
        encode_into(&mut suffix, key.name());
        Self {
            hmac: HmacSha256::new(key.key().expose().as_bytes()),
            suffix,
        }
    }

    /// Signs a token for `audience` that expires at `expires_on`, rounded up to whole seconds.
    pub fn sign(&self, audience: &Audience, expires_on: SystemTime) -> SasToken {
        let seconds = to_unix_rounded_up(expires_on);
        let digits = seconds.to_string();

        // The signed text is the audience, a line feed and the expiry. It is
        // built in the token's own buffer, so that one allocation serves both:
        // the signature then overwrites the line feed and the digits.
        let tail = SIGNATURE.len() + MAX_CODE_LEN + EXPIRY.len() + digits.len() + self.suffix.len();
        let mut text =
            String::with_capacity(RESOURCE.len() + audience.as_str().len() + USUAL_ESCAPES + tail);
        text.push_str(RESOURCE);
        encode_into(&mut text, audience.as_str());
        let resource = RESOURCE.len()..text.len();
        text.push('\n');
        text.push_str(&digits);
        let code = self.hmac.sign(&text.as_bytes()[resource.start..]);
        text.truncate(resource.end);

        // From here on the text is secret, and growing it would leave a copy in memory.
        text.reserve(tail);
        text.push_str(SIGNATURE);
        let signature = push(&mut text, |text| push_code(text, &code));
        text.push_str(EXPIRY);
        let expiry = push(&mut text, |text| text.push_str(&digits));
        text.push_str(&self.suffix);
        SasToken {
            resource,
            signature,
            rule: expiry.end + RULE.len()..text.len(),
            expiry,
            // As the token carries it: in whole seconds.
            expires_on: from_unix(seconds).unwrap_or(expires_on),
            text: Secret::new(text),
        }
    }
}

/// Runs `append` and returns the range of the appended text.
fn push(text: &mut String, append: impl FnOnce(&mut String)) -> Range<usize> {
    let start = text.len();
    append(text);
    start..text.len()
}

/// Appends `text`, escaped as by .NET's `WebUtility.UrlEncode`: a space
/// becomes `+`, escapes are upper case.
fn encode_into(out: &mut String, text: &str) {
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            out.push('+');
        }
        out.extend(utf8_percent_encode(word, ESCAPED));
    }
}

/// Appends the authentication code in base64, with `+`, `/` and `=` escaped.
fn push_code(text: &mut String, code: &[u8; HmacSha256::LEN]) {
    let mut encoded = [0; CODE_LEN];
    // The buffer has the exact length of 32 bytes in base64.
    let written = STANDARD
        .encode_slice(code, &mut encoded)
        .unwrap_or_default();
    for byte in &encoded[..written] {
        match byte {
            b'+' => text.push_str("%2B"),
            b'/' => text.push_str("%2F"),
            b'=' => text.push_str("%3D"),
            _ => text.push(char::from(*byte)),
        }
    }
}

/// The length of 32 bytes in base64, padded.
const CODE_LEN: usize = 44;

/// The same with every character escaped.
const MAX_CODE_LEN: usize = 3 * CODE_LEN;

/// The room for the escapes of an audience: two bytes for the colon and for each slash of a
/// usual one.
const USUAL_ESCAPES: usize = 16;

const RESOURCE: &str = "SharedAccessSignature sr=";
const SIGNATURE: &str = "&sig=";
const EXPIRY: &str = "&se=";
const RULE: &str = "&skn=";

/// What .NET's `WebUtility.UrlEncode` escapes: all but letters, digits and these.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'*')
    .remove(b'(')
    .remove(b')');
