//! The first message each way on aztunnel's wire: which target a sender wants, and whether it was reached. Pure.
//!
//! ```text
//! sender → listener   {"version":1,"target":"host:port","metadata":{…}?,"bridge_id":"…"?}
//! listener → sender   {"version":1,"ok":true}
//!                     {"version":1,"ok":false,"error":"…","code":"connection_refused"?}
//! ```
//!
//! Each is one text message of JSON; data in binary messages follows the response. Unknown fields are
//! ignored. Source: `internal/protocol/envelope.go` and `internal/listener/listener.go` of philsphicas/aztunnel.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::host_port::HostPort;

mod failure;
mod scanner;

pub use failure::{ConnectCode, ConnectFailure};
use scanner::Scanner;

/// The largest envelope in bytes: 32 KiB, the limit of a message in aztunnel's WebSocket library.
pub const MAX_LEN: usize = 32 << 10;

/// What a sender asks for.
#[derive(Clone, Eq, PartialEq)]
pub struct ConnectRequest {
    target: HostPort,
    metadata: BTreeMap<String, String>,
    bridge_id: Option<String>,
}

impl ConnectRequest {
    /// Asks for a connection to `target`.
    pub fn new(target: HostPort) -> Self {
        Self {
            target,
            metadata: BTreeMap::new(),
            bridge_id: None,
        }
    }

    /// Sets the id under which both sides log the connection. Default: none.
    #[must_use]
    pub fn with_bridge_id(mut self, bridge_id: impl Into<String>) -> Self {
        self.bridge_id = Some(bridge_id.into());
        self
    }

    /// Returns the target to dial.
    pub fn target(&self) -> &HostPort {
        &self.target
    }

    /// Returns the id under which the sender logs the connection.
    pub fn bridge_id(&self) -> Option<&str> {
        self.bridge_id.as_deref()
    }

    /// Returns the sender's other data. aztunnel reserves it, also for tokens: do not log it.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Returns the text of the message.
    pub fn encode(&self) -> String {
        to_json(&RequestText {
            version: VERSION,
            target: self.target.to_string(),
            metadata: self.metadata.clone(),
            bridge_id: self.bridge_id.clone(),
        })
    }

    /// Reads a whole message.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError`], whose [`response`](EnvelopeError::response) goes to the sender.
    pub fn decode(text: &[u8]) -> Result<Self, EnvelopeError> {
        let RequestText {
            version,
            target,
            metadata,
            bridge_id,
        } = from_json(text)?;
        if version != VERSION {
            return Err(EnvelopeError::Version(version));
        }
        if target.is_empty() {
            return Err(EnvelopeError::MissingTarget);
        }
        Ok(Self {
            target: target.parse().map_err(EnvelopeError::Target)?,
            metadata,
            bridge_id,
        })
    }
}

/// Without the values of the metadata.
impl fmt::Debug for ConnectRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectRequest")
            .field("target", &self.target)
            .field("metadata", &self.metadata.keys())
            .field("bridge_id", &self.bridge_id)
            .finish()
    }
}

/// What a listener answers to a [`ConnectRequest`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnectResponse {
    outcome: Result<(), ConnectFailure>,
    listener_id: Option<String>,
}

impl ConnectResponse {
    /// The target is connected; data follows.
    pub fn connected() -> Self {
        Self {
            outcome: Ok(()),
            listener_id: None,
        }
    }

    /// The target is not connected.
    pub fn failed(failure: ConnectFailure) -> Self {
        Self {
            outcome: Err(failure),
            listener_id: None,
        }
    }

    /// Sets the id of the listener that answers. Default: none.
    #[must_use]
    pub fn with_listener_id(mut self, listener_id: impl Into<String>) -> Self {
        self.listener_id = Some(listener_id.into());
        self
    }

    /// Returns whether the target is connected, or why not.
    pub fn outcome(&self) -> Result<(), &ConnectFailure> {
        self.outcome.as_ref().copied()
    }

    /// Returns the id of the listener that answered.
    pub fn listener_id(&self) -> Option<&str> {
        self.listener_id.as_deref()
    }

    /// Returns the text of the message.
    pub fn encode(&self) -> String {
        let failure = self.outcome.as_ref().err();
        to_json(&ResponseText {
            version: VERSION,
            ok: failure.is_none(),
            error: failure.map(|failure| failure.message().to_owned()),
            code: failure.and_then(|failure| Some(failure.code()?.as_str().to_owned())),
            listener_id: self.listener_id.clone(),
        })
    }

    /// Reads a whole message.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError`]: the listener does not speak this protocol.
    pub fn decode(text: &[u8]) -> Result<Self, EnvelopeError> {
        let ResponseText {
            version,
            ok,
            error,
            code,
            listener_id,
        } = from_json(text)?;
        if version != VERSION {
            return Err(EnvelopeError::Version(version));
        }
        let failure = || {
            let code = code.as_deref().and_then(ConnectCode::from_text);
            ConnectFailure::new(error.unwrap_or_default(), code)
        };
        Ok(Self {
            outcome: if ok { Ok(()) } else { Err(failure()) },
            listener_id,
        })
    }
}

/// Reads a [`ConnectRequest`] from bytes in any pieces.
#[derive(Debug, Default)]
pub struct RequestDecoder(Scanner);

impl RequestDecoder {
    /// Starts before the first byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what belongs to the request from the front of `input`, with a line feed after it,
    /// and returns it once it is whole. `None` asks for more; after 32 KiB there is an error instead.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError`], whose [`response`](EnvelopeError::response) goes to the sender. Decode nothing
    /// further after an error.
    pub fn push(&mut self, input: &mut Bytes) -> Result<Option<ConnectRequest>, EnvelopeError> {
        let text = self.0.push(input)?;
        text.map(|text| ConnectRequest::decode(&text)).transpose()
    }
}

/// Reads a [`ConnectResponse`] from bytes in any pieces.
#[derive(Debug, Default)]
pub struct ResponseDecoder(Scanner);

impl ResponseDecoder {
    /// Starts before the first byte.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what belongs to the response from the front of `input` and returns it once it is whole;
    /// then what is left of `input` is data. `None` asks for more; after 32 KiB there is an error instead.
    ///
    /// One line feed after the response belongs to it, since some encoders end a text with it: more may be
    /// data of the target.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError`]: the listener does not speak this protocol.
    pub fn push(&mut self, input: &mut Bytes) -> Result<Option<ConnectResponse>, EnvelopeError> {
        let text = self.0.push(input)?;
        text.map(|text| ConnectResponse::decode(&text)).transpose()
    }
}

/// What is wrong with an envelope. `Display` never shows what is in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Not JSON, or a field of another type.
    #[error("the envelope is not valid: {}", Place(*.column))]
    Invalid {
        /// Where it was found, from 1; 0 if that is not known.
        column: usize,
    },
    /// It does not end within [`MAX_LEN`].
    #[error("the envelope is longer than {MAX_LEN} bytes")]
    TooLong,
    /// Another version than 1.
    #[error("the peer speaks version {0} of aztunnel's protocol, not 1")]
    Version(i64),
    /// The target is missing or empty.
    #[error("the envelope names no target")]
    MissingTarget,
    /// The target is not a host and a port.
    #[error("the target is not valid: {0}")]
    Target(#[source] crate::host_port::HostPortError),
}

impl EnvelopeError {
    /// Returns what the listener answers before it closes: aztunnel's words.
    pub fn response(&self) -> ConnectResponse {
        ConnectResponse::failed(ConnectFailure::other(match self {
            Self::Invalid { .. } | Self::TooLong => "invalid envelope",
            Self::Version(_) => "unsupported protocol version",
            Self::MissingTarget => "missing target",
            Self::Target(_) => "invalid target",
        }))
    }
}

struct Place(usize);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("expected a JSON object with version, target or ok"),
            column => write!(
                f,
                "expected a JSON object with version, target or ok, at byte {column}"
            ),
        }
    }
}

/// The fields of a request, in the order in which aztunnel writes them.
#[derive(Deserialize, Serialize)]
struct RequestText {
    #[serde(default)]
    version: i64,
    #[serde(default)]
    target: String,
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bridge_id: Option<String>,
}

/// The fields of a response, in the order in which aztunnel writes them.
#[derive(Deserialize, Serialize)]
struct ResponseText {
    #[serde(default)]
    version: i64,
    #[serde(default)]
    ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listener_id: Option<String>,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(
    source: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::deserialize(source)?.unwrap_or_default())
}

fn to_json(value: &impl Serialize) -> String {
    // Strings, numbers and maps with keys of text always become JSON.
    serde_json::to_string(value).unwrap_or_default()
}

fn from_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, EnvelopeError> {
    if text.len() > MAX_LEN {
        return Err(EnvelopeError::TooLong);
    }
    // serde would also take the fields in an array.
    if !text.trim_ascii_start().starts_with(b"{") {
        return Err(EnvelopeError::Invalid { column: 0 });
    }
    serde_json::from_slice(text).map_err(|error| EnvelopeError::Invalid {
        // Its text may quote the envelope.
        column: if error.line() == 1 { error.column() } else { 0 },
    })
}

/// The one version of the protocol.
const VERSION: i64 = 1;

#[cfg(test)]
mod tests;
