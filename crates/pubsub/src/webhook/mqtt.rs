//! The MQTT parts of events, and the codes that reject MQTT clients. Pure.
//!
//! Source: the CloudEvents extension for MQTT clients, and
//! `@azure/web-pubsub-express` for the mapping of codes and statuses.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;

use super::InvalidRequest;
use super::header;
use crate::members::{self, Members};

/// The MQTT context of an event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MqttContext {
    physical_connection_id: String,
    session_id: Option<String>,
}

impl MqttContext {
    /// A client with both headers is an MQTT client, as in the official handler.
    pub(super) fn read(headers: &HeaderMap) -> Result<Option<Self>, InvalidRequest> {
        let is_mqtt = header::SUBPROTOCOL
            .read(headers)?
            .is_some_and(|name| name.to_ascii_lowercase().contains("mqtt"));
        let Some(id) = header::PHYSICAL_CONNECTION_ID
            .read(headers)?
            .filter(|_| is_mqtt)
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            physical_connection_id: id.to_owned(),
            session_id: header::SESSION_ID.read(headers)?.map(str::to_owned),
        }))
    }

    /// Returns the id of the network connection; a session may have several, one after the other.
    pub fn physical_connection_id(&self) -> &str {
        &self.physical_connection_id
    }

    /// Returns the id of the session; `None` in `connect` events.
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }
}

/// The contents of an MQTT client's CONNECT packet.
#[derive(Clone)]
pub struct MqttConnect {
    protocol_version: u8,
    clean_start: Option<bool>,
    username: Option<String>,
    password: Option<Bytes>,
    user_properties: Vec<MqttUserProperty>,
}

impl MqttConnect {
    /// Reads an object with a version; `None` if the version, the user name or the
    /// password is malformed, so that no client passes for one
    /// without credentials.
    pub(super) fn read(value: &RawValue) -> Option<Self> {
        let members = Members::of(value)?;
        let username = members.get("username");
        let password = members.get("password");
        Some(Self {
            protocol_version: number(members.get("protocolVersion")?)?,
            clean_start: members.lenient("cleanStart", truth),
            username: match username {
                Some(name) => Some(members::text(name)?),
                None => None,
            },
            password: match password {
                Some(text) => Some(STANDARD.decode(members::text(text)?).ok()?.into()),
                None => None,
            },
            user_properties: MqttUserProperty::read_all(&members),
        })
    }

    /// Returns the protocol version: 4 is MQTT 3.1.1, 5 is MQTT 5.0.
    pub fn protocol_version(&self) -> u8 {
        self.protocol_version
    }

    /// Returns whether the client requests a new session, if the service sent that.
    pub fn clean_start(&self) -> Option<bool> {
        self.clean_start
    }

    /// Returns the user name; the service does not check it.
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// Returns the password as the client sent it; the service does not check it.
    pub fn password(&self) -> Option<&[u8]> {
        self.password.as_deref()
    }

    /// Returns the user properties, in order; only MQTT 5.0 has them.
    pub fn user_properties(&self) -> &[MqttUserProperty] {
        &self.user_properties
    }
}

impl fmt::Debug for MqttConnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MqttConnect")
            .field("protocol_version", &self.protocol_version)
            .field("clean_start", &self.clean_start)
            .field("has_password", &self.password.is_some())
            .finish_non_exhaustive()
    }
}

/// The end of an MQTT client's session.
#[derive(Clone, Debug)]
pub struct MqttDisconnected {
    initiated_by_client: bool,
    disconnect_packet: Option<MqttDisconnectPacket>,
}

impl MqttDisconnected {
    pub(super) fn read(value: &RawValue) -> Option<Self> {
        let members = Members::of(value)?;
        Some(Self {
            initiated_by_client: members
                .lenient("initiatedByClient", truth)
                .unwrap_or_default(),
            disconnect_packet: members.lenient("disconnectPacket", MqttDisconnectPacket::read),
        })
    }

    /// Whether the client ended it, with a packet or by closing the connection.
    pub fn is_initiated_by_client(&self) -> bool {
        self.initiated_by_client
    }

    /// Returns the last DISCONNECT packet; `None` if the network connection ended without one.
    pub fn disconnect_packet(&self) -> Option<&MqttDisconnectPacket> {
        self.disconnect_packet.as_ref()
    }
}

/// A DISCONNECT packet from either side.
#[derive(Clone, Debug)]
pub struct MqttDisconnectPacket {
    code: u8,
    user_properties: Vec<MqttUserProperty>,
}

impl MqttDisconnectPacket {
    fn read(value: &RawValue) -> Option<Self> {
        let members = Members::of(value)?;
        Some(Self {
            code: members.lenient("code", number).unwrap_or_default(),
            user_properties: MqttUserProperty::read_all(&members),
        })
    }

    /// Returns the reason code (MQTT 5.0 §3.14.2.1); always 0 for MQTT 3.1.1.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Returns the user properties, in order.
    pub fn user_properties(&self) -> &[MqttUserProperty] {
        &self.user_properties
    }
}

/// A user property of an MQTT 5.0 packet: a name and a value for the application.
#[derive(Clone, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MqttUserProperty {
    /// The name, which may be repeated.
    pub name: String,
    /// The value.
    pub value: String,
}

impl MqttUserProperty {
    /// Creates a user property.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }

    /// Reads the properties of an object, skipping malformed entries.
    fn read_all(members: &Members<'_>) -> Vec<Self> {
        let list = members.lenient("userProperties", members::items);
        let list = list.unwrap_or_default().into_iter();
        list.filter_map(|property| {
            let members = Members::of(property)?;
            Some(Self {
                name: members.lenient("name", members::text)?,
                value: members.lenient("value", members::text)?,
            })
        })
        .collect()
    }
}

impl fmt::Debug for MqttUserProperty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value belongs to the application.
        write!(f, "MqttUserProperty({:?})", self.name)
    }
}

/// A code that rejects an MQTT client: below 128 a return code of MQTT 3.1.1
/// (§3.2.2.3), from 128 a reason code of MQTT 5.0 (§3.2.2.2).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct MqttConnectCode(u8);

/// Declares the codes: name, number, HTTP status, and doc text.
macro_rules! codes {
    ($($name:ident = $code:literal, $status:ident, $doc:literal;)*) => {
        impl MqttConnectCode {
            $(#[doc = $doc] pub const $name: Self = Self($code);)*

            /// Returns the HTTP status of the code; 500 for an unknown one.
            pub fn status(self) -> StatusCode {
                match self.0 {
                    $($code => StatusCode::$status,)*
                    _ => StatusCode::INTERNAL_SERVER_ERROR,
                }
            }
        }
    };
}

codes! {
    V311_UNACCEPTABLE_PROTOCOL_VERSION = 1, BAD_REQUEST, "3.1.1: the protocol version is not supported.";
    V311_IDENTIFIER_REJECTED = 2, BAD_REQUEST, "3.1.1: the client id is not allowed.";
    V311_SERVER_UNAVAILABLE = 3, SERVICE_UNAVAILABLE, "3.1.1: the service is not available.";
    V311_BAD_USER_NAME_OR_PASSWORD = 4, UNAUTHORIZED, "3.1.1: the user name or the password is malformed.";
    V311_NOT_AUTHORIZED = 5, UNAUTHORIZED, "3.1.1: the client is not authorized to connect.";
    UNSPECIFIED_ERROR = 0x80, INTERNAL_SERVER_ERROR, "5.0: no reason is specified.";
    MALFORMED_PACKET = 0x81, BAD_REQUEST, "5.0: the packet is malformed.";
    PROTOCOL_ERROR = 0x82, INTERNAL_SERVER_ERROR, "5.0: the packet violates the protocol.";
    IMPLEMENTATION_SPECIFIC_ERROR = 0x83, BAD_REQUEST, "5.0: the packet is valid, but the server does not accept it.";
    UNSUPPORTED_PROTOCOL_VERSION = 0x84, BAD_REQUEST, "5.0: the protocol version is not supported.";
    CLIENT_IDENTIFIER_NOT_VALID = 0x85, BAD_REQUEST, "5.0: the client id is not allowed.";
    BAD_USER_NAME_OR_PASSWORD = 0x86, UNAUTHORIZED, "5.0: the user name or the password is not accepted.";
    NOT_AUTHORIZED = 0x87, UNAUTHORIZED, "5.0: the client is not authorized to connect.";
    SERVER_UNAVAILABLE = 0x88, INTERNAL_SERVER_ERROR, "5.0: the service is not available.";
    SERVER_BUSY = 0x89, INTERNAL_SERVER_ERROR, "5.0: the service is busy; try again later.";
    BANNED = 0x8a, FORBIDDEN, "5.0: the client was banned.";
    BAD_AUTHENTICATION_METHOD = 0x8c, BAD_REQUEST, "5.0: the authentication method is not supported.";
    TOPIC_NAME_INVALID = 0x90, BAD_REQUEST, "5.0: the topic of the will is not accepted.";
    PACKET_TOO_LARGE = 0x95, BAD_REQUEST, "5.0: the packet is too large.";
    QUOTA_EXCEEDED = 0x97, TOO_MANY_REQUESTS, "5.0: a limit was exceeded.";
    PAYLOAD_FORMAT_INVALID = 0x99, BAD_REQUEST, "5.0: the payload of the will does not match its format indicator.";
    RETAIN_NOT_SUPPORTED = 0x9a, BAD_REQUEST, "5.0: retained messages are not supported.";
    QOS_NOT_SUPPORTED = 0x9b, BAD_REQUEST, "5.0: the QoS of the will is not supported.";
    USE_ANOTHER_SERVER = 0x9c, INTERNAL_SERVER_ERROR, "5.0: use another server for now.";
    SERVER_MOVED = 0x9d, INTERNAL_SERVER_ERROR, "5.0: use another server from now on.";
    CONNECTION_RATE_EXCEEDED = 0x9f, TOO_MANY_REQUESTS, "5.0: too many connections in a short time.";
}

impl MqttConnectCode {
    /// Creates a code from its number, known or unknown.
    pub const fn new(code: u8) -> Self {
        Self(code)
    }

    /// Returns the number.
    pub const fn as_u8(self) -> u8 {
        self.0
    }

    /// Returns the code for a handler that rejected with only a status.
    ///
    /// 403 and 429 are not in the table of `@azure/web-pubsub-express`, which
    /// allows only 400, 401 and 500; here they get the codes that map to them.
    pub(super) fn from_status(status: StatusCode, protocol_version: u8) -> Self {
        match (protocol_version, status.as_u16()) {
            (4, 400) => Self::V311_BAD_USER_NAME_OR_PASSWORD,
            (4, 401 | 403) => Self::V311_NOT_AUTHORIZED,
            (4, _) => Self::V311_SERVER_UNAVAILABLE,
            (5, 400) => Self::BAD_USER_NAME_OR_PASSWORD,
            (5, 401) => Self::NOT_AUTHORIZED,
            (5, 403) => Self::BANNED,
            (5, 429) => Self::CONNECTION_RATE_EXCEEDED,
            (5, _) => Self::UNSPECIFIED_ERROR,
            _ => Self::V311_UNACCEPTABLE_PROTOCOL_VERSION,
        }
    }
}

/// Reads a whole number from 0 to 255.
fn number(value: &RawValue) -> Option<u8> {
    serde_json::from_str(value.get()).ok()
}

fn truth(value: &RawValue) -> Option<bool> {
    serde_json::from_str(value.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_statuses_belong_together_as_in_the_official_handler() {
        for (code, status) in [
            (1, 400),
            (2, 400),
            (3, 503),
            (4, 401),
            (5, 401),
            (0x87, 401),
            (0x86, 401),
            (0x85, 400),
            (0x97, 429),
            (0x9f, 429),
            (0x8a, 403),
            (0x89, 500),
            (0x82, 500),
            (0xff, 500),
            (0, 500),
        ] {
            assert_eq!(MqttConnectCode::new(code).status(), status, "{code}");
        }
        for (status, version, code) in [
            (400, 4, 4),
            (401, 4, 5),
            (500, 4, 3),
            (418, 4, 3),
            (400, 5, 0x86),
            (401, 5, 0x87),
            (500, 5, 0x80),
            (503, 5, 0x80),
            (401, 3, 1),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let found = MqttConnectCode::from_status(status, version);
            assert_eq!(found.as_u8(), code, "{status} {version}");
        }
    }

    fn connect(json: &str) -> Option<MqttConnect> {
        MqttConnect::read(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_connect_is_read_with_and_without_its_parts() {
        let json = r#"{"protocolVersion":5,"cleanStart":true,"username":"u","password":"cGFzcw==","userProperties":[{"name":"a","value":"1"}],"new":1}"#;
        let found = connect(json).unwrap();
        assert_eq!(found.protocol_version(), 5);
        assert_eq!(found.clean_start(), Some(true));
        assert_eq!(found.username(), Some("u"));
        assert_eq!(found.password(), Some(&b"pass"[..]));
        assert_eq!(found.user_properties(), [MqttUserProperty::new("a", "1")]);
        let shown = format!("{found:?}");
        assert!(!shown.contains("cGFz") && !shown.contains("pass\"") && !shown.contains("\"u\""));

        let json = r#"{"protocolVersion":4,"username":null,"password":null,"userProperties":null}"#;
        let found = connect(json).unwrap();
        assert_eq!((found.username(), found.password()), (None, None));
    }

    #[test]
    fn what_decides_who_an_mqtt_client_is_must_be_readable_and_nothing_else() {
        for bad in [
            "[5]",
            "5",
            "{}",
            r#"{"protocolVersion":null}"#,
            r#"{"protocolVersion":"5"}"#,
            r#"{"protocolVersion":256}"#,
            r#"{"protocolVersion":4,"password":"?"}"#,
            r#"{"protocolVersion":4,"password":[97]}"#,
            r#"{"protocolVersion":4,"username":5}"#,
        ] {
            assert!(connect(bad).is_none(), "{bad}");
        }
        let json = r#"{"protocolVersion":4,"protocolVersion":5,"cleanStart":"yes","userProperties":
            [["a","1"],{"name":"b"},{"name":"c","value":2},{"name":"d","value":"4"},null]}"#;
        let found = connect(json).unwrap();
        assert_eq!((found.protocol_version(), found.clean_start()), (5, None));
        assert_eq!(found.user_properties(), [MqttUserProperty::new("d", "4")]);
    }
}
