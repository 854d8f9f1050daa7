//! Tokens as text: writing, splitting, and which algorithm one claims. Pure.

use auth::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::keys::SigningKey;

/// The parts of a token.
pub(super) struct Parts<'a> {
    pub(super) header: Header,
    /// What is signed: the first two parts, as they were written.
    pub(super) message: &'a [u8],
    pub(super) payload: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

/// The members of a header that matter. Members given twice are refused.
#[derive(Deserialize)]
pub(super) struct Header {
    #[serde(default)]
    pub(super) alg: Option<String>,
    #[serde(default)]
    pub(super) kid: Option<String>,
    /// Extensions that a reader must understand; none is here.
    #[serde(default)]
    pub(super) crit: Option<IgnoredAny>,
}

impl<'a> Parts<'a> {
    /// Splits a token into exactly three parts, each strictly base64url without padding.
    pub(super) fn read(token: &'a str) -> Option<Self> {
        let mut parts = token.split('.');
        let (header, payload) = (parts.next()?, parts.next()?);
        let signature = parts.next()?;
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            header: Header::read(header)?,
            message: &token.as_bytes()[..header.len() + 1 + payload.len()],
            payload: URL_SAFE_NO_PAD.decode(payload).ok()?,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }
}

impl Header {
    /// Reads the header of a token alone.
    pub(super) fn of(token: &str) -> Option<Self> {
        let header = token.split_once('.')?.0;
        Self::read(header)
    }

    pub(super) fn is_rs256(&self) -> bool {
        self.alg.as_deref() == Some(RS256)
    }

    fn read(encoded: &str) -> Option<Self> {
        if encoded.len() > MAX_HEADER {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()
    }
}

/// Signs a payload, as an authority does it, or `None` if the system has no random numbers.
pub(super) fn sign(key: &SigningKey, payload: &str) -> Option<Secret> {
    let message = message(&header(&key.id), payload);
    let signature = key.pair.sign(message.as_bytes())?;
    Some(join(&message, &signature))
}

/// Returns the header of v1 tokens, in which `x5t` and `kid` are the same.
pub(super) fn header(key_id: &str) -> String {
    format!(r#"{{"typ":"JWT","alg":"{RS256}","x5t":"{key_id}","kid":"{key_id}"}}"#)
}

/// Returns the first two parts.
pub(super) fn message(header: &str, payload: &str) -> String {
    let mut message = URL_SAFE_NO_PAD.encode(header);
    message.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut message);
    message
}

/// Returns the whole token.
pub(super) fn join(message: &str, signature: &[u8]) -> Secret {
    let signature = URL_SAFE_NO_PAD.encode(signature);
    Secret::new(format!("{message}.{signature}"))
}

pub(super) const RS256: &str = "RS256";
const MAX_HEADER: usize = 4 * 1024;
