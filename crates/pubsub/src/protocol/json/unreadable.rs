//! A second look at a frame from the service with a field of an unusual
//! type: which kind of message it is, and which of its fields are invalid. Pure.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use transport::Text;

use super::frame::{Frame, Rest, Str, field};
use crate::protocol::{Number, ProtocolError};

/// The raw fields of a frame, including duplicates.
pub(super) struct UnreadableFrame<'a> {
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
    kind: Cow<'a, str>,
    /// The kind, if this version knows it.
    known: Option<&'static Kind>,
}

/// A kind of message and the fields that it uses.
struct Kind {
    name: &'static str,
    /// The event of a `system` message.
    event: Option<&'static str>,
    fields: &'static [&'static str],
}

/// Returns the sequence id of a malformed frame.
pub(in crate::protocol) fn number_of(text: &Text) -> Number {
    let Some(frame) = UnreadableFrame::read(text) else {
        return Number::None;
    };
    if !frame.uses("sequenceId") {
        return Number::None;
    }
    let mut ids = frame.values("sequenceId");
    match (ids.next().map(RawValue::get), ids.next()) {
        (None | Some("null"), None) => Number::None,
        (Some(id), None) => id.parse().map_or(Number::Unreadable, Number::Id),
        (_, Some(_)) => Number::Unreadable,
    }
}

impl<'a> UnreadableFrame<'a> {
    /// Reads a JSON object with a type; `None` for anything else.
    pub(super) fn read(text: &'a Text) -> Option<Self> {
        let Fields(fields) = serde_json::from_str(text).ok()?;
        let text_of = |name| {
            let mut values = fields.iter().filter(|(own, _)| own == name);
            let (_, value) = values.next_back()?;
            serde_json::from_str::<Str<'_>>(value.get()).ok()
        };
        let kind = text_of("type")?.into_cow();
        let event = text_of("event");
        let known = KINDS.iter().find(|known| {
            known.name == kind
                && (known.event.is_none() || known.event == event.as_ref().map(Str::as_str))
        });
        Some(Self {
            fields,
            kind,
            known,
        })
    }

    /// Returns a frame with only the fields that the kind of message uses.
    pub(super) fn used_fields(&self) -> Result<Text, ProtocolError> {
        let kind = self.known()?;
        let mut out = String::from("{");
        for name in TYPE.iter().chain(kind.fields) {
            let mut values = self.values(name);
            if let Some(value) = values.next() {
                push_field(&mut out, name, value);
            }
            if values.next().is_some() {
                return Err(field(kind.name, name, "must not be repeated"));
            }
        }
        out.push('}');
        Ok(out.into())
    }

    /// Returns the error for a field of the wrong type.
    pub(super) fn broken_field(&self) -> ProtocolError {
        let kind = match self.known() {
            Ok(kind) => kind,
            Err(error) => return error,
        };
        let is_broken = |name: &&&str| {
            self.values(name).any(|value| {
                let mut alone = String::from(r#"{"type":"""#);
                push_field(&mut alone, name, value);
                alone.push('}');
                let alone = alone.into();
                Frame::read(&alone).is_err() || Rest::read(&alone).is_err()
            })
        };
        let broken = kind.fields.iter().find(is_broken);
        field(
            kind.name,
            broken.unwrap_or(&"type"),
            "must be of the type in the reference",
        )
    }

    fn known(&self) -> Result<&'static Kind, ProtocolError> {
        self.known
            .ok_or_else(|| ProtocolError::UnknownKind(self.kind.clone().into_owned()))
    }

    fn uses(&self, name: &str) -> bool {
        self.known.is_some_and(|kind| kind.fields.contains(&name))
    }

    fn values<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'a RawValue> + 'b {
        self.fields
            .iter()
            .filter(move |(own, _)| own == name)
            .map(|(_, value)| *value)
    }
}

/// Adds a field whose name needs no escapes.
fn push_field(out: &mut String, name: &str, value: &RawValue) {
    if out.len() > 1 {
        out.push(',');
    }
    out.extend(["\"", name, "\":", value.get()]);
}

/// The fields of an object, except those with malformed names.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    if let Ok(name) = serde_json::from_str::<Str<'_>>(name.get()) {
                        fields.push((name.into_cow(), value));
                    }
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

const TYPE: [&str; 1] = ["type"];

/// The kinds of messages from the service.
const KINDS: &[Kind] = &[
    Kind::new(
        "message",
        &[
            "from",
            "group",
            "fromUserId",
            "dataType",
            "data",
            "sequenceId",
            "metadata",
            "stream",
        ],
    ),
    Kind::new("ack", &["ackId", "success", "error"]),
    Kind {
        name: "system",
        event: Some("connected"),
        fields: &["event", "connectionId", "userId", "reconnectionToken"],
    },
    Kind {
        name: "system",
        event: Some("disconnected"),
        fields: &["event", "message"],
    },
    Kind::new("pong", &[]),
    Kind::new(
        "invokeResponse",
        &[
            "invocationId",
            "success",
            "dataType",
            "data",
            "error",
            "metadata",
        ],
    ),
    Kind::new("cancelInvocation", &["invocationId"]),
    Kind::new("streamAck", &["streamId", "expectedSequenceId"]),
    Kind::new(
        "streamNack",
        &["streamId", "expectedSequenceId", "name", "message"],
    ),
    Kind::new("streamClosed", &["streamId", "error"]),
    Kind::new("groupStateSnapshot", &["group", "items", "sequenceId"]),
    Kind::new("groupStateUpdate", &["group", "items", "sequenceId"]),
];

impl Kind {
    const fn new(name: &'static str, fields: &'static [&'static str]) -> Self {
        Self {
            name,
            event: None,
            fields,
        }
    }
}
