//! Signing of tokens with HS256; pure.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Claims, HEADER};
use crate::hmac::HmacSha256;
use crate::key::AccessKey;
use crate::secret::Secret;

/// Signs JSON Web Tokens with one key, which is parsed once.
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
#[derive(Clone, Debug)]
pub struct JwtSigner {
    hmac: HmacSha256,
}

impl JwtSigner {
    /// Parses the key.
    pub fn new(key: &AccessKey) -> Self {
        Self { hmac: key.signer() }
    }

    /// Signs a token that says `claims`, in the compact form without `Bearer`.
    pub fn sign(&self, claims: &Claims) -> Secret {
        let mut payload = Vec::with_capacity(claims.json_len_hint());
        claims.write_json(&mut payload);
        self.sign_bytes(&payload)
    }

    /// Signs a token with a ready payload, such as claims in another order.
    ///
    /// `payload` is signed as it is; nothing checks that it is a JSON object,
    /// as it must be to be read again.
    pub fn sign_payload(&self, payload: &str) -> Secret {
        self.sign_bytes(payload.as_bytes())
    }

    fn sign_bytes(&self, payload: &[u8]) -> Secret {
        let payload_len = encoded_len(payload.len());
        let mut token = String::with_capacity(HEADER.len() + 1 + payload_len + 1 + SIGNATURE_LEN);
        token.push_str(HEADER);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.hmac.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Secret::new(token)
    }
}

/// The length of `len` bytes in base64 without padding.
const fn encoded_len(len: usize) -> usize {
    (len * 4).div_ceil(3)
}

const SIGNATURE_LEN: usize = encoded_len(HmacSha256::LEN);
