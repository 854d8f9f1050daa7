//! The JSON of the control channel: the relay's commands to a listener, and the
//! listener's replies. Pure.
//!
//! Source: the Azure Relay Hybrid Connections protocol guide, and the official
//! .NET, Java and Node clients for what they require beyond it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

/// A command from the relay to a listener. Unknown fields are ignored.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// A sender requests a WebSocket.
    Accept(Accept),
    /// A sender sent an HTTP request.
    Request(Request),
}

impl Command {
    /// Parses a text message of the control channel; `Ok(None)` for an unknown command.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for text that is not a JSON object, or for a known command that lacks a field.
    pub fn decode(text: &str) -> Result<Option<Self>, ParseError> {
        let frame: CommandFrame = serde_json::from_str(text).map_err(ParseError::new)?;
        Ok(match frame {
            CommandFrame {
                accept: Some(accept),
                ..
            } => Some(Self::Accept(accept)),
            CommandFrame {
                request: Some(request),
                ..
            } => Some(Self::Request(request)),
            _ => None,
        })
    }

    /// Writes the command as the relay does.
    pub fn encode(&self) -> String {
        let (accept, request) = match self {
            Self::Accept(accept) => (Some(accept), None),
            Self::Request(request) => (None, Some(request)),
        };
        let frame = CommandFrameRef { accept, request };
        serde_json::to_string(&frame).expect("maps of strings always serialize")
    }
}

/// A sender requests a WebSocket: open `address` to accept, or open it with a status appended to reject.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Accept {
    /// The rendezvous address; a bearer secret, valid for one use within about 30 s.
    pub address: String,
    /// The tracking id of the connection.
    pub id: String,
    /// The sender's handshake headers without its tokens; repeated ones are joined by `, `.
    #[serde(default, deserialize_with = "or_empty")]
    pub connect_headers: BTreeMap<String, String>,
    /// The sender's address, as the relay sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_endpoint: Option<RemoteEndpoint>,
}

impl Accept {
    /// Creates a command without headers.
    pub fn new(address: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            id: id.into(),
            connect_headers: BTreeMap::new(),
            remote_endpoint: None,
        }
    }
}

impl fmt::Debug for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address is a secret, and the headers may contain the application's.
        f.debug_struct("Accept")
            .field("id", &self.id)
            .field("remote_endpoint", &self.remote_endpoint)
            .finish_non_exhaustive()
    }
}

/// A sender sent an HTTP request. Without a method it only refers to `address`,
/// where the whole request is waiting.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The rendezvous address; a bearer secret.
    pub address: String,
    /// The id that the response must carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The path, including the hybrid connection's own, and the application's query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_target: Option<String>,
    /// The method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The sender's address, as the relay sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_endpoint: Option<RemoteEndpoint>,
    /// The sender's headers; repeated ones are joined by `, `.
    #[serde(default, deserialize_with = "or_empty")]
    pub request_headers: BTreeMap<String, String>,
    /// Whether one binary message with the body follows immediately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<bool>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("id", &self.id)
            .field("method", &self.method)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// An IP address and a port.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RemoteEndpoint {
    /// The address.
    #[serde(default)]
    pub address: String,
    /// The port.
    #[serde(default)]
    pub port: u16,
}

impl RemoteEndpoint {
    /// Creates an endpoint.
    pub fn new(address: impl Into<String>, port: u16) -> Self {
        Self {
            address: address.into(),
            port,
        }
    }
}

/// A reply of a listener.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// A new token for the control channel. The relay does not answer if it is valid.
    RenewToken(auth::Secret),
    /// The head of an HTTP response.
    Response(Response),
}

impl Reply {
    /// Parses a text message of a listener; `Ok(None)` for an unknown reply.
    ///
    /// # Errors
    ///
    /// [`ParseError`] for text that is not a JSON object, or for a known reply that lacks a field.
    pub fn decode(text: &str) -> Result<Option<Self>, ParseError> {
        let frame: ReplyFrame = serde_json::from_str(text).map_err(ParseError::new)?;
        Ok(match frame {
            ReplyFrame {
                renew_token: Some(renew),
                ..
            } => Some(Self::RenewToken(auth::Secret::new(renew.token))),
            ReplyFrame {
                response: Some(response),
                ..
            } => Some(Self::Response(response)),
            _ => None,
        })
    }

    /// Writes the reply.
    pub fn encode(&self) -> String {
        let frame = match self {
            Self::RenewToken(token) => ReplyFrame {
                renew_token: Some(RenewToken {
                    token: token.expose().to_owned(),
                }),
                response: None,
            },
            Self::Response(response) => ReplyFrame {
                renew_token: None,
                response: Some(response.clone()),
            },
        };
        serde_json::to_string(&frame).expect("maps of strings always serialize")
    }
}

/// The head of an HTTP response.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The id of the request.
    pub request_id: String,
    /// The status. Accepted as a number or as text, because the protocol guide shows text.
    #[serde(deserialize_with = "number_or_text")]
    pub status_code: u16,
    /// The reason phrase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_description: Option<String>,
    /// The headers, one value each.
    #[serde(
        default,
        deserialize_with = "or_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub response_headers: BTreeMap<String, String>,
    /// Whether one binary message with the body follows immediately.
    #[serde(default, deserialize_with = "or_empty")]
    pub body: bool,
}

impl Response {
    /// Creates a head without headers and without a body.
    pub fn new(request_id: impl Into<String>, status_code: u16) -> Self {
        Self {
            request_id: request_id.into(),
            status_code,
            status_description: None,
            response_headers: BTreeMap::new(),
            body: false,
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("request_id", &self.request_id)
            .field("status_code", &self.status_code)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// The error of a message of the control channel that could not be parsed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid control channel message at line {line} column {column}")]
pub struct ParseError {
    line: usize,
    column: usize,
}

impl ParseError {
    fn new(error: serde_json::Error) -> Self {
        Self {
            line: error.line(),
            column: error.column(),
        }
    }
}

#[derive(Deserialize)]
struct CommandFrame {
    accept: Option<Accept>,
    request: Option<Request>,
}

#[derive(Serialize)]
struct CommandFrameRef<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    accept: Option<&'a Accept>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a Request>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReplyFrame {
    #[serde(skip_serializing_if = "Option::is_none")]
    renew_token: Option<RenewToken>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Response>,
}

#[derive(Deserialize, Serialize)]
struct RenewToken {
    token: String,
}

/// Serializers that write every member produce `null` where there is nothing.
fn or_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Status {
        Number(u16),
        Text(String),
    }
    match Status::deserialize(deserializer)? {
        Status::Number(status) => Ok(status),
        Status::Text(text) => text.parse().map_err(|_| D::Error::custom("not a status")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_is_read_with_and_without_the_remote_endpoint() {
        let text = r#"{"accept":{"address":"wss:\/\/h/$hc/p?sb-hc-action=accept&sb-hc-id=I","id":"I","connectHeaders":{"X-Custom":"1"},"remoteEndpoint":{"address":"203.0.113.9","port":51234},"futureField":[1,2]}}"#;
        let Ok(Some(Command::Accept(accept))) = Command::decode(text) else {
            panic!("expected an accept");
        };
        assert_eq!(
            accept.address,
            "wss://h/$hc/p?sb-hc-action=accept&sb-hc-id=I"
        );
        assert_eq!(accept.connect_headers["X-Custom"], "1");
        assert_eq!(
            accept.remote_endpoint,
            Some(RemoteEndpoint::new("203.0.113.9", 51234))
        );

        let text = r#"{"accept":{"address":"wss://h/p","id":"I","connectHeaders":{}}}"#;
        let Ok(Some(command)) = Command::decode(text) else {
            panic!("expected an accept");
        };
        assert_eq!(command.encode(), text);
    }

    #[test]
    fn requests_are_read_in_both_forms() {
        let pointer = r#"{"request":{"address":"wss://h/$hc/p?sb-hc-action=request&sb-hc-id=I"}}"#;
        let Ok(Some(Command::Request(request))) = Command::decode(pointer) else {
            panic!("expected a request");
        };
        assert_eq!((request.method, request.body), (None, None));
        let full = r#"{"request":{"address":"wss://h/p","id":"I","requestTarget":"/p","method":"GET","requestHeaders":{},"body":false}}"#;
        let Ok(Some(Command::Request(request))) = Command::decode(full) else {
            panic!("expected a request");
        };
        assert_eq!(request.method.as_deref(), Some("GET"));
        assert_eq!(request.body, Some(false));
    }

    #[test]
    fn unknown_commands_are_passed_over_and_broken_ones_refused() {
        assert_eq!(Command::decode(r#"{"somethingNew":{"a":1}}"#), Ok(None));
        for broken in ["", "[]", "{", r#"{"accept":{"id":"I"}}"#, r#"{"accept":5}"#] {
            assert!(Command::decode(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn replies_are_written_as_the_relay_reads_them() {
        let renew = Reply::RenewToken(auth::Secret::new("SharedAccessSignature sr=x"));
        assert_eq!(
            renew.encode(),
            r#"{"renewToken":{"token":"SharedAccessSignature sr=x"}}"#
        );
        assert_eq!(Reply::decode(&renew.encode()), Ok(Some(renew.clone())));
        assert!(!format!("{renew:?}").contains("sr=x"));
        let response = Reply::Response(Response::new("I", 204));
        assert_eq!(
            response.encode(),
            r#"{"response":{"requestId":"I","statusCode":204,"body":false}}"#
        );
        let text = r#"{"response":{"requestId":"I","statusCode":"200"}}"#;
        assert_eq!(
            Reply::decode(text),
            Ok(Some(Reply::Response(Response::new("I", 200))))
        );
    }

    #[test]
    fn debug_shows_ids_and_neither_addresses_nor_headers() {
        let mut accept = Accept::new("wss://h/secret", "I1");
        accept
            .connect_headers
            .insert("Cookie".to_owned(), "secret".to_owned());
        let request = r#"{"request":{"address":"wss://h/secret","id":"I2","requestTarget":"/?secret","method":"GET","requestHeaders":{"Cookie":"secret"},"body":false}}"#;
        let Ok(Some(Command::Request(request))) = Command::decode(request) else {
            panic!("expected a request");
        };
        let mut response = Response::new("I3", 204);
        response
            .response_headers
            .insert("Set-Cookie".to_owned(), "secret".to_owned());
        for (text, start) in [
            (format!("{accept:?}"), r#"Accept { id: "I1""#),
            (
                format!("{request:?}"),
                r#"Request { id: Some("I2"), method: Some("GET"), body: Some(false)"#,
            ),
            (
                format!("{response:?}"),
                r#"Response { request_id: "I3", status_code: 204, body: false"#,
            ),
        ] {
            assert!(text.starts_with(start), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }
}
