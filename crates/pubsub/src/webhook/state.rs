//! Connection state. Pure.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, ErrorKind, Result};

/// The state of a connection: a text that a handler returns in a response to
/// `connect` or to a user event, and that the service repeats with every later
/// event of that connection.
///
/// The text is opaque to the service. The official SDKs use base64 of
/// JSON, as do [`json`](Self::json) and [`to_json`](Self::to_json); for any
/// other text use [`raw`](Self::raw). It is sent in a header, so it should
/// stay well under 8 KiB. It ends with the connection.
///
/// ```
/// use azwire_pubsub::webhook::ConnectionState;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Deserialize, PartialEq, Serialize)]
/// struct Turn {
///     counter: u32,
/// }
///
/// # fn main() -> Result<(), azwire_pubsub::Error> {
/// let state = ConnectionState::json(&Turn { counter: 2 })?;
/// assert_eq!(state.as_str(), "eyJjb3VudGVyIjoyfQ==");
/// assert_eq!(state.to_json::<Turn>()?, Turn { counter: 2 });
/// # Ok(())
/// # }
/// ```
///
/// Source: the CloudEvents extension for Web PubSub (`ce-connectionState`).
#[derive(Clone, Eq, PartialEq)]
pub struct ConnectionState(String);

impl ConnectionState {
    /// Encodes a value as the official SDKs do: as base64 of its JSON.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the value cannot be serialized.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self> {
        let json = serde_json::to_vec(value)
            .map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
        Ok(Self(BASE64.encode(json)))
    }

    /// Creates a state from a text, verbatim.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if it is not a valid header value: it
    /// must consist of visible ASCII and spaces, and not begin or end with a space.
    pub fn raw(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) || text.trim() != text {
            return Err(Error::invalid("state", "must be a valid header value"));
        }
        Ok(Self(text))
    }

    /// Creates the state that the service repeats, in any form.
    pub(super) fn from_service(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the text as sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Decodes a value that was encoded by [`json`](Self::json) or by an official SDK.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) if the text is not base64 of such JSON.
    pub fn to_json<T: DeserializeOwned>(&self) -> Result<T> {
        let wrong = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::new(ErrorKind::Protocol, error)
        };
        let json = BASE64
            .decode(&self.0)
            .map_err(|error| wrong(error.into()))?;
        serde_json::from_slice(&json).map_err(|error| wrong(error.into()))
    }

    pub(super) fn to_header(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(self.0.as_bytes()).ok()
    }
}

impl fmt::Debug for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The state is application data, like a payload.
        write!(f, "ConnectionState({} bytes)", self.0.len())
    }
}

/// Base64 with padding, as the SDKs write it; when reading, padding is optional.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn passes_the_vectors() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../tests/vectors/signature.json")).unwrap();
        for vector in vectors["connection_states"].as_array().unwrap() {
            let header = vector["header"].as_str().unwrap();
            let value: Value = serde_json::from_str(vector["json"].as_str().unwrap()).unwrap();
            assert_eq!(ConnectionState::json(&value).unwrap().as_str(), header);
            let state = ConnectionState::from_service(header.trim_end_matches('='));
            assert_eq!(state.to_json::<Value>().unwrap(), value);
        }
    }

    #[test]
    fn a_header_must_be_able_to_hold_it() {
        for good in ["", "a", "a b;c=d", "{\"a\":1}"] {
            let state = ConnectionState::raw(good).unwrap();
            assert_eq!(state.to_header().unwrap(), good);
        }
        for bad in ["a\r\nb", "ü", " a", "a ", "\u{7f}"] {
            let error = ConnectionState::raw(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn what_is_not_json_is_an_error_that_shows_nothing() {
        for bad in ["s3cret!", "czNjcmV0"] {
            let state = ConnectionState::from_service(bad);
            let error = state.to_json::<Value>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol);
            assert!(!format!("{state:?} {error}").contains("s3cret"));
        }
        assert!(
            ConnectionState::json(&json!(null))
                .unwrap()
                .to_json::<Option<u8>>()
                .is_ok()
        );
    }
}
