//! The fields of all messages, deserialized into flat structs that borrow from the
//! text, with payloads as raw JSON: a tagged enum would parse every payload twice. Rare
//! parts stay raw until the kind of message is known. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::value::RawValue;
use transport::Text;

use crate::protocol::data::is_any;
use crate::protocol::{
    AckError, Data, DataOrigin, DownstreamMessage, GroupStateItem, GroupStates, Metadata,
    ProtocolError, SharedStr, StreamError, StreamFragment,
};

/// The fields of frequent messages, borrowed from the text of the frame. Moving a
/// struct of all fields would cost twice as much.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Frame<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Str<'a>,
    #[serde(borrow)]
    pub(super) group: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) event: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) from: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) from_user_id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) data_type: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
    pub(super) ack_id: Option<u64>,
    pub(super) sequence_id: Option<u64>,
    pub(super) success: Option<bool>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) stream: Option<&'a RawValue>,
}

/// The fields of all other messages, deserialized from the same text in a second pass.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rest<'a> {
    #[serde(borrow)]
    pub(super) connection_id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) user_id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) reconnection_token: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) message: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) invocation_id: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) stream_id: Option<Str<'a>>,
    pub(super) expected_sequence_id: Option<u64>,
    #[serde(borrow)]
    pub(super) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) items: Option<&'a RawValue>,
}

impl<'a> Frame<'a> {
    pub(super) fn read(text: &'a Text) -> Result<Self, ProtocolError> {
        // serde would also accept an array for a struct.
        if !text.trim_start_matches(WHITE_SPACE).starts_with('{') {
            return Err(ProtocolError::Format("not a JSON object".to_owned()));
        }
        serde_json::from_str(text).map_err(|error| format_error(&error))
    }

    pub(super) fn metadata_of_service(&self) -> Result<Metadata, ProtocolError> {
        match self.metadata {
            None => Ok(Metadata::new()),
            Some(raw) => entries(raw, "message", "metadata").map(Metadata::from_service),
        }
    }

    pub(super) fn data_message(self, text: &Text) -> Result<DownstreamMessage, ProtocolError> {
        let from = match self.from.as_ref().map(Str::as_str) {
            Some("group") => DataOrigin::Group {
                group: match &self.group {
                    Some(group) if !group.as_str().is_empty() => shared(text, group),
                    _ => return Err(field("message", "group", "must be present and not empty")),
                },
                from_user_id: self.from_user_id.as_ref().map(|user| shared(text, user)),
            },
            Some("server") => DataOrigin::Server,
            other => {
                return Err(ProtocolError::UnknownKind(format!(
                    "message from {other:?}"
                )));
            }
        };
        let metadata = self.metadata_of_service()?;
        let stream = self.stream.map(stream_fragment).transpose()?;
        let data = if self.data.is_none() && stream.as_ref().is_some_and(|part| part.is_end) {
            Data::Text(Text::default())
        } else {
            self.data_beside(text, "message", &metadata)?
        };
        Ok(DownstreamMessage::Data {
            from,
            data,
            sequence_id: self.sequence_id,
            metadata,
            stream,
        })
    }

    /// Returns the payload; a message with metadata may have none, which counts as empty text.
    pub(super) fn data_beside(
        &self,
        text: &Text,
        message: &'static str,
        metadata: &Metadata,
    ) -> Result<Data, ProtocolError> {
        match self.optional_data(text, message)? {
            Some(data) => Ok(data),
            None if !metadata.is_empty() => Ok(Data::Text(Text::default())),
            None => Err(field(message, "data", "must be present")),
        }
    }

    pub(super) fn optional_data(
        &self,
        text: &Text,
        message: &'static str,
    ) -> Result<Option<Data>, ProtocolError> {
        let Some(raw) = self.data else {
            return Ok(None);
        };
        let kind = self.data_type.as_ref().map_or("json", Str::as_str);
        payload(text, kind, raw.get(), message).map(Some)
    }

    pub(super) fn invocation_result(
        &self,
        text: &Text,
    ) -> Result<Result<Option<Data>, AckError>, ProtocolError> {
        if present(self.success, "invokeResponse", "success")? {
            Ok(Ok(self.optional_data(text, "invokeResponse")?))
        } else {
            Ok(Err(self.ack_error("invokeResponse")?))
        }
    }

    pub(super) fn ack_error(&self, message: &'static str) -> Result<AckError, ProtocolError> {
        let error = self.error(message)?;
        let (name, text) = error.map_or((None, None), |error| (error.name, error.message));
        Ok(AckError::new(
            name.unwrap_or_else(|| "Unknown".to_owned()),
            text.unwrap_or_default(),
        ))
    }

    pub(super) fn error(&self, message: &'static str) -> Result<Option<FrameError>, ProtocolError> {
        self.error
            .map(|error| part(error, message, "error"))
            .transpose()
    }

    pub(super) fn group_states(
        &self,
        text: &Text,
        message: &'static str,
    ) -> Result<GroupStates, ProtocolError> {
        let items: Vec<FrameItem> = match Rest::read(text)?.items {
            Some(items) => part(items, message, "items")?,
            None => return Err(field(message, "items", "must be present")),
        };
        Ok(GroupStates {
            group: id(&self.group, message, "group")?,
            items: items
                .into_iter()
                .map(|item| GroupStateItem {
                    connection_id: item.connection_id,
                    user_id: item.user_id,
                    state: item.state,
                    updated_at_ms: item.updated_at,
                })
                .collect(),
            sequence_id: self.sequence_id,
        })
    }
}

impl<'a> Rest<'a> {
    pub(super) fn read(text: &'a Text) -> Result<Self, ProtocolError> {
        serde_json::from_str(text).map_err(|error| format_error(&error))
    }

    pub(super) fn stream_id(&self, message: &'static str) -> Result<String, ProtocolError> {
        id(&self.stream_id, message, "streamId")
    }

    pub(super) fn invocation_id(&self, message: &'static str) -> Result<String, ProtocolError> {
        id(&self.invocation_id, message, "invocationId")
    }

    pub(super) fn expected(&self, message: &'static str) -> Result<u64, ProtocolError> {
        present(self.expected_sequence_id, message, "expectedSequenceId")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FrameError {
    pub(super) name: Option<String>,
    pub(super) message: Option<String>,
    pub(super) user_error_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameStream {
    stream_id: String,
    stream_sequence_id: Option<u64>,
    #[serde(default)]
    end_of_stream: Option<bool>,
    error: Option<FrameError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameItem {
    connection_id: String,
    user_id: Option<String>,
    state: Option<BTreeMap<String, String>>,
    updated_at: i64,
}

/// A string that is borrowed if the JSON contains no escapes; `Option<Cow<str>>` never is.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Str<'a>(#[serde(borrow)] Cow<'a, str>);

impl Str<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_string(self) -> String {
        self.0.into_owned()
    }
}

impl<'a> Str<'a> {
    pub(super) fn into_cow(self) -> Cow<'a, str> {
        self.0
    }
}

/// Decodes a JSON payload of one of the four data types.
pub(super) fn payload(
    text: &Text,
    kind: &str,
    raw: &str,
    message: &'static str,
) -> Result<Data, ProtocolError> {
    let wrong = |rule| field(message, "data", rule);
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
    let bytes = || base64(string.as_str()).ok_or_else(|| wrong("must be base64 for this dataType"));
    if kind.eq_ignore_ascii_case("binary") {
        Ok(Data::Binary(bytes()?.into()))
    } else if kind.eq_ignore_ascii_case("protobuf") {
        let bytes = bytes()?;
        if !is_any(&bytes) {
            return Err(wrong("must be a serialized Any for this dataType"));
        }
        Ok(Data::Protobuf(bytes.into()))
    } else {
        Err(ProtocolError::UnknownKind(format!("dataType {kind:?}")))
    }
}

/// Decodes base64 as .NET does: whitespace and the excess bits of the last character
/// are ignored; padding is required.
fn base64(text: &str) -> Option<Vec<u8>> {
    let is_blank = |c| matches!(c, ' ' | '\t' | '\r' | '\n');
    BASE64.decode(text).ok().or_else(|| {
        let dense: String = text.split(is_blank).collect();
        (dense.len() < text.len())
            .then(|| BASE64.decode(dense).ok())
            .flatten()
    })
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

pub(super) fn id(
    id: &Option<Str<'_>>,
    message: &'static str,
    name: &'static str,
) -> Result<String, ProtocolError> {
    match id {
        Some(id) if !id.as_str().is_empty() => Ok(id.as_str().to_owned()),
        _ => Err(field(message, name, "must be present and not empty")),
    }
}

/// Returns a string of the frame, which shares its bytes unless it has escapes.
fn shared(text: &Text, string: &Str<'_>) -> SharedStr {
    match &string.0 {
        Cow::Borrowed(part) => SharedStr::part(text, part),
        Cow::Owned(part) => part.as_str().into(),
    }
}

fn stream_fragment(raw: &RawValue) -> Result<Box<StreamFragment>, ProtocolError> {
    let stream: FrameStream = part(raw, "message", "stream")?;
    Ok(Box::new(StreamFragment {
        stream_id: stream.stream_id,
        sequence_id: present(stream.stream_sequence_id, "message", "streamSequenceId")?,
        is_end: stream.end_of_stream.unwrap_or(false),
        error: stream.error.map(|error| StreamError {
            name: error.name.unwrap_or_default(),
            message: error.message,
            user_error_code: error.user_error_code,
        }),
    }))
}

pub(super) fn entries(
    raw: &RawValue,
    message: &'static str,
    name: &'static str,
) -> Result<BTreeMap<String, String>, ProtocolError> {
    part(raw, message, name)
}

fn part<'a, T: Deserialize<'a>>(
    raw: &'a RawValue,
    message: &'static str,
    name: &'static str,
) -> Result<T, ProtocolError> {
    serde_json::from_str(raw.get())
        .map_err(|_| field(message, name, "must be of the type in the reference"))
}

pub(super) fn present<T>(
    value: Option<T>,
    message: &'static str,
    name: &'static str,
) -> Result<T, ProtocolError> {
    value.ok_or_else(|| field(message, name, "must be present"))
}

pub(super) fn field(
    message: &'static str,
    field: &'static str,
    rule: &'static str,
) -> ProtocolError {
    ProtocolError::Field {
        message,
        field,
        rule,
    }
}

pub(super) fn format_error(error: &serde_json::Error) -> ProtocolError {
    // The text of serde's error may contain string values.
    ProtocolError::Format(format!("line {} column {}", error.line(), error.column()))
}

/// The whitespace of JSON (RFC 8259 §2).
const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];
