//! Valid and invalid tokens for the emulator's Web PubSub side.

use std::time::SystemTime;

use auth::_internal::HmacSha256;
use auth::{AccessKey, JwtSigner};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use emulator::Emulator;
use serde_json::Value;
use transport::{Runtime as _, TokioRuntime};

pub fn signer(emulator: &Emulator) -> JwtSigner {
    JwtSigner::new(&AccessKey::new(key(emulator)))
}

/// The primary access key.
pub fn key(emulator: &Emulator) -> String {
    let string = emulator.pubsub().connection_string();
    let mut parts = string.expose().split(';');
    let key = parts.find_map(|part| part.strip_prefix("AccessKey="));
    key.unwrap().to_owned()
}

/// Signs a token with this header and these claims.
pub fn raw_token(key: &str, header: &str, claims: &Value) -> String {
    text_token(key, header, &claims.to_string())
}

/// Signs a token whose header and claims are given as text.
pub fn text_token(key: &str, header: &str, claims: &str) -> String {
    let claims = BASE64.encode(claims);
    let message = format!("{}.{claims}", BASE64.encode(header));
    let code = HmacSha256::new(key.as_bytes()).sign(message.as_bytes());
    format!("{message}.{}", BASE64.encode(code))
}

/// Returns the time at the emulator.
pub fn now(emulator: &Emulator) -> SystemTime {
    TokioRuntime::default().system_time() + emulator.clock().offset()
}
