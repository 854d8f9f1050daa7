//! Encoding and decoding of `json.webpubsub.azure.v1`. Pure.
//!
//! Frames are read into one flat struct that borrows from the text, payloads as
//! raw JSON: a tagged enum would parse every payload twice. Unknown fields are
//! ignored, unknown kinds are reported as such.
//!
//! Source: the JSON subprotocol reference of Azure Web PubSub.

use std::borrow::Cow;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use transport::Text;

use super::{AckError, Data, DownstreamMessage, ProtocolError, Sender, UpstreamMessage};

/// Reads what a client says.
///
/// # Errors
///
/// A [`ProtocolError`] for anything that the subprotocol does not allow.
pub fn decode_upstream(text: &Text) -> Result<UpstreamMessage, ProtocolError> {
    let frame = Frame::parse(text)?;
    let kind = frame.kind.as_str();
    if kind.eq_ignore_ascii_case("joinGroup") {
        Ok(UpstreamMessage::JoinGroup {
            group: frame.group("joinGroup")?,
            ack_id: frame.ack_id,
        })
    } else if kind.eq_ignore_ascii_case("leaveGroup") {
        Ok(UpstreamMessage::LeaveGroup {
            group: frame.group("leaveGroup")?,
            ack_id: frame.ack_id,
        })
    } else if kind.eq_ignore_ascii_case("sendToGroup") {
        Ok(UpstreamMessage::SendToGroup {
            group: frame.group("sendToGroup")?,
            ack_id: frame.ack_id,
            no_echo: frame.no_echo.unwrap_or(false),
            data: frame.data(text, "sendToGroup")?,
        })
    } else if kind.eq_ignore_ascii_case("event") {
        Ok(UpstreamMessage::Event {
            event: frame
                .event
                .as_ref()
                .map(|event| event.0.clone().into_owned())
                .filter(|event| crate::EventName::new(event).is_ok())
                .ok_or(ProtocolError::Field {
                    message: "event",
                    field: "event",
                    rule: "must be an event name",
                })?,
            ack_id: frame.ack_id,
            data: frame.data(text, "event")?,
        })
    } else if kind.eq_ignore_ascii_case("sequenceAck") {
        Ok(UpstreamMessage::SequenceAck {
            sequence_id: frame.sequence_id.ok_or(ProtocolError::Field {
                message: "sequenceAck",
                field: "sequenceId",
                rule: "must be present",
            })?,
        })
    } else if kind.eq_ignore_ascii_case("ping") {
        Ok(UpstreamMessage::Ping)
    } else {
        Err(ProtocolError::UnknownKind(kind.to_owned()))
    }
}

/// Writes what a client says, in the key order of the official JS client.
pub fn encode_upstream(message: &UpstreamMessage) -> Text {
    let mut out = String::with_capacity(128);
    match message {
        UpstreamMessage::JoinGroup { group, ack_id } => {
            out.push_str(r#"{"type":"joinGroup","group":"#);
            push_string(&mut out, group);
            push_ack_id(&mut out, *ack_id);
        }
        UpstreamMessage::LeaveGroup { group, ack_id } => {
            out.push_str(r#"{"type":"leaveGroup","group":"#);
            push_string(&mut out, group);
            push_ack_id(&mut out, *ack_id);
        }
        UpstreamMessage::SendToGroup {
            group,
            ack_id,
            no_echo,
            data,
        } => {
            out.push_str(r#"{"type":"sendToGroup","group":"#);
            push_string(&mut out, group);
            push_ack_id(&mut out, *ack_id);
            out.push_str(if *no_echo {
                r#","noEcho":true"#
            } else {
                r#","noEcho":false"#
            });
            push_data(&mut out, data);
        }
        UpstreamMessage::Event {
            event,
            ack_id,
            data,
        } => {
            out.push_str(r#"{"type":"event","event":"#);
            push_string(&mut out, event);
            push_ack_id(&mut out, *ack_id);
            push_data(&mut out, data);
        }
        UpstreamMessage::SequenceAck { sequence_id } => {
            let _ = write!(out, r#"{{"type":"sequenceAck","sequenceId":{sequence_id}"#);
        }
        UpstreamMessage::Ping => out.push_str(r#"{"type":"ping""#),
    }
    out.push('}');
    out.into()
}

/// Reads what the service says.
///
/// # Errors
///
/// [`ProtocolError::UnknownKind`] for kinds, events and senders that this
/// version does not know, which a client passes over; otherwise what is wrong.
pub fn decode_downstream(text: &Text) -> Result<DownstreamMessage, ProtocolError> {
    let frame = Frame::parse(text)?;
    match frame.kind.as_str() {
        "message" => {
            let from = match frame.from.as_ref().map(Str::as_str) {
                Some("group") => Sender::Group {
                    group: frame.group("message")?,
                    from_user_id: frame
                        .from_user_id
                        .as_ref()
                        .map(|user| user.as_str().to_owned()),
                },
                Some("server") => Sender::Server,
                other => {
                    return Err(ProtocolError::UnknownKind(format!(
                        "message from {other:?}"
                    )));
                }
            };
            Ok(DownstreamMessage::Data {
                from,
                data: frame.data(text, "message")?,
                sequence_id: frame.sequence_id,
            })
        }
        "ack" => Ok(DownstreamMessage::Ack {
            ack_id: frame.ack_id.ok_or(ProtocolError::Field {
                message: "ack",
                field: "ackId",
                rule: "must be present",
            })?,
            result: match (frame.success, frame.error) {
                (Some(true), _) => Ok(()),
                (_, Some(error)) => Err(AckError::new(error.name, error.message)),
                (_, None) => Err(AckError::new("Unknown", "")),
            },
        }),
        "system" => match frame.event.as_ref().map(Str::as_str) {
            Some("connected") => Ok(DownstreamMessage::Connected {
                connection_id: frame.connection_id.map(Str::into_string).ok_or(
                    ProtocolError::Field {
                        message: "connected",
                        field: "connectionId",
                        rule: "must be present",
                    },
                )?,
                // The service writes null, "" or nothing for an anonymous client.
                user_id: frame
                    .user_id
                    .map(Str::into_string)
                    .filter(|user| !user.is_empty()),
                reconnection_token: frame
                    .reconnection_token
                    .map(|token| auth::Secret::new(token.into_string())),
            }),
            Some("disconnected") => Ok(DownstreamMessage::Disconnected {
                message: frame.message.map(Str::into_string),
            }),
            other => Err(ProtocolError::UnknownKind(format!(
                "system event {other:?}"
            ))),
        },
        "pong" => Ok(DownstreamMessage::Pong),
        other => Err(ProtocolError::UnknownKind(other.to_owned())),
    }
}

/// Writes what the service says.
pub fn encode_downstream(message: &DownstreamMessage) -> Text {
    let mut out = String::with_capacity(160);
    match message {
        DownstreamMessage::Connected {
            connection_id,
            user_id,
            reconnection_token,
        } => {
            out.push_str(r#"{"type":"system","event":"connected","userId":"#);
            match user_id {
                Some(user) => push_string(&mut out, user),
                None => out.push_str("null"),
            }
            out.push_str(r#","connectionId":"#);
            push_string(&mut out, connection_id);
            if let Some(token) = reconnection_token {
                out.push_str(r#","reconnectionToken":"#);
                push_string(&mut out, token.expose());
            }
        }
        DownstreamMessage::Disconnected { message } => {
            out.push_str(r#"{"type":"system","event":"disconnected""#);
            if let Some(message) = message {
                out.push_str(r#","message":"#);
                push_string(&mut out, message);
            }
        }
        DownstreamMessage::Ack { ack_id, result } => {
            let _ = write!(
                out,
                r#"{{"type":"ack","ackId":{ack_id},"success":{}"#,
                result.is_ok()
            );
            if let Err(error) = result {
                out.push_str(r#","error":{"name":"#);
                push_string(&mut out, &error.name);
                out.push_str(r#","message":"#);
                push_string(&mut out, &error.message);
                out.push('}');
            }
        }
        DownstreamMessage::Data {
            from,
            data,
            sequence_id,
        } => {
            out.reserve(data.as_bytes().len() * 4 / 3);
            out.push('{');
            if let Some(id) = sequence_id {
                let _ = write!(out, r#""sequenceId":{id},"#);
            }
            match from {
                Sender::Server => out.push_str(r#""type":"message","from":"server""#),
                Sender::Group {
                    group,
                    from_user_id,
                } => {
                    out.push_str(r#""type":"message","from":"group","group":"#);
                    push_string(&mut out, group);
                    if let Some(user) = from_user_id {
                        out.push_str(r#","fromUserId":"#);
                        push_string(&mut out, user);
                    }
                }
            }
            push_data(&mut out, data);
        }
        DownstreamMessage::Pong => out.push_str(r#"{"type":"pong""#),
    }
    out.push('}');
    out.into()
}

/// Every field of every message, borrowed from the frame's text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    group: Option<Str<'a>>,
    #[serde(borrow)]
    event: Option<Str<'a>>,
    #[serde(borrow)]
    from: Option<Str<'a>>,
    #[serde(borrow)]
    from_user_id: Option<Str<'a>>,
    #[serde(borrow)]
    connection_id: Option<Str<'a>>,
    #[serde(borrow)]
    user_id: Option<Str<'a>>,
    #[serde(borrow)]
    reconnection_token: Option<Str<'a>>,
    #[serde(borrow)]
    message: Option<Str<'a>>,
    #[serde(borrow)]
    data_type: Option<Str<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    ack_id: Option<u64>,
    sequence_id: Option<u64>,
    no_echo: Option<bool>,
    success: Option<bool>,
    error: Option<FrameError>,
}

#[derive(Deserialize)]
struct FrameError {
    #[serde(default)]
    name: String,
    #[serde(default)]
    message: String,
}

/// A string that borrows when the JSON holds no escapes; `Option<Cow<str>>` never does.
#[derive(Deserialize)]
#[serde(transparent)]
struct Str<'a>(#[serde(borrow)] Cow<'a, str>);

impl Str<'_> {
    fn as_str(&self) -> &str {
        &self.0
    }

    fn into_string(self) -> String {
        self.0.into_owned()
    }
}

impl<'a> Frame<'a> {
    fn parse(text: &'a Text) -> Result<Self, ProtocolError> {
        // The text of serde's error names a position and a type, never a value of a string.
        serde_json::from_str(text).map_err(|error| {
            ProtocolError::Format(format!("line {} column {}", error.line(), error.column()))
        })
    }

    fn group(&self, message: &'static str) -> Result<String, ProtocolError> {
        match &self.group {
            Some(group) if crate::GroupName::new(group.as_str()).is_ok() => {
                Ok(group.as_str().to_owned())
            }
            _ => Err(ProtocolError::Field {
                message,
                field: "group",
                rule: "must be a group name",
            }),
        }
    }

    fn data(&self, text: &Text, message: &'static str) -> Result<Data, ProtocolError> {
        let wrong = |rule| ProtocolError::Field {
            message,
            field: "data",
            rule,
        };
        let raw = self.data.ok_or(wrong("must be present"))?.get();
        let kind = self.data_type.as_ref().map_or("json", Str::as_str);
        if kind.eq_ignore_ascii_case("json") {
            return Ok(Data::Json(text.slice_ref(raw)));
        }
        let string: Str<'_> =
            serde_json::from_str(raw).map_err(|_| wrong("must be a string for this dataType"))?;
        if kind.eq_ignore_ascii_case("text") {
            return Ok(Data::Text(match string.0 {
                Cow::Borrowed(part) => text.slice_ref(part),
                Cow::Owned(part) => part.into(),
            }));
        }
        let bytes = || {
            STANDARD
                .decode(string.as_str())
                .map_err(|_| wrong("must be base64 for this dataType"))
        };
        if kind.eq_ignore_ascii_case("binary") {
            Ok(Data::Binary(bytes()?.into()))
        } else if kind.eq_ignore_ascii_case("protobuf") {
            Ok(Data::Protobuf(bytes()?.into()))
        } else {
            Err(ProtocolError::Field {
                message,
                field: "dataType",
                rule: "must be json, text, binary or protobuf",
            })
        }
    }
}

fn push_ack_id(out: &mut String, ack_id: Option<u64>) {
    if let Some(id) = ack_id {
        let _ = write!(out, r#","ackId":{id}"#);
    }
}

fn push_data(out: &mut String, data: &Data) {
    let _ = write!(out, r#","dataType":"{}","data":"#, data.type_name());
    match data {
        Data::Text(text) => push_string(out, text),
        Data::Json(text) => out.push_str(text),
        Data::Binary(bytes) | Data::Protobuf(bytes) => {
            out.push('"');
            STANDARD.encode_string(bytes, out);
            out.push('"');
        }
    }
}

/// Writes a JSON string; runs without escapes are copied whole.
fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut start = 0;
    for (index, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[start..index]);
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
        start = index + 1;
    }
    out.push_str(&text[start..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstream_frames_are_those_of_the_official_client() {
        for frame in [
            r#"{"type":"joinGroup","group":"g1","ackId":1}"#,
            r#"{"type":"leaveGroup","group":"room-7","ackId":12}"#,
            r#"{"type":"sendToGroup","group":"g1","ackId":2,"noEcho":false,"dataType":"text","data":"hi"}"#,
            r#"{"type":"sendToGroup","group":"g1","noEcho":false,"dataType":"binary","data":"AQID"}"#,
            r#"{"type":"event","event":"ev","ackId":4,"dataType":"json","data":{"x":1}}"#,
            r#"{"type":"sequenceAck","sequenceId":3}"#,
            r#"{"type":"ping"}"#,
        ] {
            let message = decode_upstream(&frame.into()).unwrap();
            assert_eq!(encode_upstream(&message).as_str(), frame);
        }
    }

    #[test]
    fn downstream_frames_decode_and_encode_to_the_same_text() {
        for frame in [
            r#"{"type":"system","event":"connected","userId":"ann","connectionId":"conn-1","reconnectionToken":"rtok"}"#,
            r#"{"type":"system","event":"connected","userId":null,"connectionId":"conn-2"}"#,
            r#"{"type":"system","event":"disconnected","message":"maintenance"}"#,
            r#"{"type":"ack","ackId":11,"success":true}"#,
            r#"{"type":"ack","ackId":13,"success":false,"error":{"name":"Forbidden","message":"no role"}}"#,
            r#"{"sequenceId":5,"type":"message","from":"group","group":"room-7","fromUserId":"bob","dataType":"text","data":"hi"}"#,
            r#"{"type":"message","from":"server","dataType":"json","data":{"a" : 1}}"#,
            r#"{"type":"message","from":"server","dataType":"binary","data":"AQID"}"#,
            r#"{"type":"pong"}"#,
        ] {
            let message = decode_downstream(&frame.into()).unwrap();
            assert_eq!(encode_downstream(&message).as_str(), frame);
        }
    }

    #[test]
    fn refuses_what_the_service_refuses() {
        for frame in [
            "[]",
            r#"{"type":"nope"}"#,
            r#"{"type":"joinGroup"}"#,
            r#"{"type":"joinGroup","group":"  "}"#,
            r#"{"type":"joinGroup","group":"g","ackId":"1"}"#,
            r#"{"type":"joinGroup","group":"g","ackId":-1}"#,
            r#"{"type":"sendToGroup","group":"g"}"#,
            r#"{"type":"sendToGroup","group":"g","dataType":"text","data":5}"#,
            r#"{"type":"sendToGroup","group":"g","dataType":"binary","data":"@@"}"#,
            r#"{"type":"sendToGroup","group":"g","data":null}"#,
            r#"{"type":"sendToGroup","group":"g","data":1,"noEcho":"yes"}"#,
            r#"{"type":"event","event":"9x","data":1}"#,
            r#"{"type":"sequenceAck"}"#,
        ] {
            assert!(decode_upstream(&frame.into()).is_err(), "{frame}");
        }
    }

    #[test]
    fn payloads_share_the_frames_bytes() {
        let frame =
            Text::from(r#"{"type":"message","from":"server","dataType":"json","data":[1, 2]}"#);
        let DownstreamMessage::Data { data, .. } = decode_downstream(&frame).unwrap() else {
            panic!("a data message was expected");
        };
        let range = frame.as_bytes().as_ptr_range();
        assert!(range.contains(&data.as_bytes().as_ptr()));
        assert_eq!(data.as_bytes(), b"[1, 2]");
    }

    #[test]
    fn strings_are_escaped_as_serde_json_does() {
        for text in [
            "",
            "plain",
            "a\"b\\c",
            "line\nfeed\r\ttab",
            "\u{1}\u{1f}\u{7f}",
            "ü 连接 🦀",
        ] {
            let mut out = String::new();
            push_string(&mut out, text);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn the_reconnection_token_is_not_printed() {
        let frame = r#"{"type":"system","event":"connected","userId":"u","connectionId":"c","reconnectionToken":"very-secret"}"#;
        let message = decode_downstream(&frame.into()).unwrap();
        assert!(!format!("{message:?}").contains("very-secret"));
    }
}
