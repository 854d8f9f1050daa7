//! The fast path for data messages, the most frequent kind: a single pass over a frame as the
//! service usually writes it, whose parts share its bytes. Anything unusual, such as metadata,
//! streams, repeated or unknown fields and invalid input, is left to the slow path. Pure.

use bytes::Bytes;
use transport::Text;

use crate::protocol::data::is_any;
use crate::protocol::fields::{FieldValue, Fields};
use crate::protocol::{Data, DataOrigin, PlainData, SharedStr};

/// Decodes a data message; `None` only means that the slow path must decode the frame.
pub(in crate::protocol) fn data_message(frame: &Bytes) -> Option<PlainData> {
    let (2, content) = only_field(frame)? else {
        return None;
    };
    let mut from = None;
    let mut group = None;
    let mut data = None;
    let mut sequence_id = None;
    for field in Fields::new(content) {
        match field.ok()? {
            (1, FieldValue::Bytes(part)) => set(&mut from, part)?,
            (2, FieldValue::Bytes(part)) => set(&mut group, part)?,
            (3, FieldValue::Bytes(part)) => set(&mut data, part)?,
            (4, FieldValue::Varint(id)) => set(&mut sequence_id, id)?,
            _ => return None,
        }
    }
    let from = match (from?, group) {
        (b"group", Some(group)) if !group.is_empty() => DataOrigin::Group {
            group: SharedStr::part_of_bytes(frame, group)?,
            from_user_id: None,
        },
        (b"server", None) => DataOrigin::Server,
        _ => return None,
    };
    let data = match only_field(data?)? {
        (1, part) => Data::Text(text(frame, part)?),
        (2, part) => Data::Binary(frame.slice_ref(part)),
        (3, part) => Data::Protobuf(frame.slice_ref(Some(part).filter(|part| is_any(part))?)),
        (4, part) => Data::Json(text(frame, part)?),
        _ => return None,
    };
    Some(PlainData {
        from,
        data,
        sequence_id,
    })
}

/// Returns the number and the content of a field that is all there is.
fn only_field(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut fields = Fields::new(bytes);
    let (number, FieldValue::Bytes(content)) = fields.next()?.ok()? else {
        return None;
    };
    fields.next().is_none().then_some((number, content))
}

/// Sets a field, which must not be repeated.
fn set<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}

/// Returns a part of the frame that is text.
fn text(frame: &Bytes, part: &[u8]) -> Option<Text> {
    frame.slice_ref(part).try_into().ok()
}
