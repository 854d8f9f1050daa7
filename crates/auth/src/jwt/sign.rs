//! JWT signing with HS256; pure.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Claims, HEADER};
use crate::hmac::HmacSha256;
use crate::key::AccessKey;
use crate::secret::Secret;

/// A signer of JSON Web Tokens. It parses its key once.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use azwire_auth::{AccessKey, Claims, JwtSigner};
///
/// let signer = JwtSigner::new(&AccessKey::new("bm90LWEtcmVhbC1rZXk="));
/// let expires_on = UNIX_EPOCH + Duration::from_secs(1_700_003_600);
/// let claims = Claims::new("https://contoso.webpubsub.azure.com/client/hubs/chat", expires_on);
/// let token = signer.sign(&claims);
/// assert_eq!(token.expose().split('.').count(), 3);
/// ```
#[derive(Clone)]
pub struct JwtSigner {
    hmac: HmacSha256,
    /// The encoded header.
    header: Cow<'static, str>,
}

impl JwtSigner {
    /// Creates a signer with `key`.
    pub fn new(key: &AccessKey) -> Self {
        Self {
            hmac: HmacSha256::of(key),
            header: Cow::Borrowed(HEADER),
        }
    }

    /// Sets the key id in the header of each token (`kid`, RFC 7515 §4.1.4), as
    /// the service does in the tokens that it issues; default: none.
    #[must_use]
    pub fn with_key_id(mut self, key_id: &str) -> Self {
        let header = format!(
            r#"{{"alg":"HS256","kid":{},"typ":"JWT"}}"#,
            serde_json::Value::from(key_id)
        );
        self.header = Cow::Owned(URL_SAFE_NO_PAD.encode(header));
        self
    }

    /// Signs `claims` and returns the token in the compact form, without `Bearer`.
    pub fn sign(&self, claims: &Claims) -> Secret {
        let mut payload = Vec::with_capacity(claims.json_len_hint());
        claims.write_json(&mut payload);
        self.sign_bytes(&payload)
    }

    /// Signs a ready-made payload, such as claims in another order.
    ///
    /// `payload` is signed verbatim. It must be a JSON object for a verifier to read it,
    /// but that is not checked.
    pub fn sign_payload(&self, payload: &str) -> Secret {
        self.sign_bytes(payload.as_bytes())
    }

    fn sign_bytes(&self, payload: &[u8]) -> Secret {
        let payload_len = encoded_len(payload.len());
        let header = &*self.header;
        let mut token = String::with_capacity(header.len() + 1 + payload_len + 1 + SIGNATURE_LEN);
        token.push_str(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.hmac.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Secret::new(token)
    }
}

impl fmt::Debug for JwtSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The header is not secret, but in a log it looks like the start of a token.
        f.debug_struct("JwtSigner")
            .field("hmac", &self.hmac)
            .finish_non_exhaustive()
    }
}

/// Returns the length of `len` bytes in base64 without padding.
const fn encoded_len(len: usize) -> usize {
    (len * 4).div_ceil(3)
}

const SIGNATURE_LEN: usize = encoded_len(HmacSha256::LEN);

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::jwt::JwtVerifier;

    #[test]
    fn a_key_can_be_named() {
        let key = AccessKey::new("key");
        let claims = Claims::new("a", UNIX_EPOCH);
        let header = |signer: &JwtSigner| {
            let token = signer.sign(&claims).expose().to_owned();
            let verified = JwtVerifier::new([&key]).verify(&token, &["A"], UNIX_EPOCH);
            assert_eq!(verified.as_ref(), Ok(&claims));
            let header = token.split('.').next().unwrap_or_default();
            String::from_utf8(URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
        };
        let plain = JwtSigner::new(&key);
        assert_eq!(header(&plain), r#"{"alg":"HS256","typ":"JWT"}"#);
        let named = plain.with_key_id(r#"s-"1""#);
        assert_eq!(
            header(&named),
            r#"{"alg":"HS256","kid":"s-\"1\"","typ":"JWT"}"#
        );
        assert!(!format!("{named:?}").contains("eyJ"));
    }
}
