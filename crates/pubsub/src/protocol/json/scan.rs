//! The fast path for data messages, the most frequent kind: a single pass over a
//! frame as the service usually writes it. Anything unusual, such as whitespace,
//! escapes, rare fields and invalid input, is left to the
//! slow path. Pure.

use serde::Deserialize;
use serde_json::value::RawValue;
use transport::Text;

use crate::protocol::{Data, DataOrigin, DownstreamMessage, Metadata};

/// Decodes a data message; `None` only means that the slow path must decode the frame.
pub(super) fn data_message(text: &Text) -> Option<DownstreamMessage> {
    let mut scan = Scan(text.as_str());
    let mut kind = None;
    let mut from = None;
    let mut group = None;
    let mut user = None;
    let mut data_type = None;
    let mut data = None;
    let mut sequence_id = None;
    scan.byte(b'{')?;
    loop {
        let name = scan.string()?;
        scan.byte(b':')?;
        match name {
            "type" => set(&mut kind, scan.string().filter(|kind| *kind == "message"))?,
            "from" => set(&mut from, scan.string())?,
            "group" => set(&mut group, scan.string())?,
            "fromUserId" => set(&mut user, scan.string())?,
            "dataType" => set(&mut data_type, scan.string())?,
            "data" => set(&mut data, scan.value())?,
            "sequenceId" => set(&mut sequence_id, scan.number())?,
            _ => return None,
        }
        if scan.byte(b',').is_none() {
            scan.byte(b'}')?;
            break;
        }
    }
    if !scan.0.is_empty() || kind.is_none() {
        return None;
    }
    let from = match from? {
        "group" => DataOrigin::Group {
            group: group.filter(|group| !group.is_empty())?.to_owned(),
            from_user_id: user.map(str::to_owned),
        },
        "server" => DataOrigin::Server,
        _ => return None,
    };
    let data = data.filter(|data| *data != "null")?;
    let data = match data_type? {
        "json" => Data::Json(text.slice_ref(data)),
        "text" => {
            let part = data.strip_prefix('"')?.strip_suffix('"')?;
            Data::Text(text.slice_ref(Some(part).filter(|part| !part.contains('\\'))?))
        }
        _ => return None,
    };
    Some(DownstreamMessage::Data {
        from,
        data,
        sequence_id,
        metadata: Metadata::new(),
        stream: None,
    })
}

/// Sets a field, which must not be repeated.
fn set<T>(field: &mut Option<T>, value: Option<T>) -> Option<()> {
    field.replace(value?).is_none().then_some(())
}

/// The rest of the text.
struct Scan<'a>(&'a str);

impl<'a> Scan<'a> {
    fn byte(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(char::from(byte))?;
        Some(())
    }

    /// Scans a string without escapes.
    fn string(&mut self) -> Option<&'a str> {
        let rest = self.0.strip_prefix('"')?;
        let is_end = |byte: u8| matches!(byte, b'"' | b'\\' | ..=0x1f);
        let (part, rest) = rest.split_at(rest.bytes().position(is_end)?);
        self.0 = rest.strip_prefix('"')?;
        Some(part)
    }

    fn number(&mut self) -> Option<u64> {
        let end = self.0.bytes().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        // JSON allows no leading zeros.
        if digits.len() > 1 && digits.starts_with('0') {
            return None;
        }
        digits.parse().ok()
    }

    /// Scans and validates any value, and returns it raw.
    fn value(&mut self) -> Option<&'a str> {
        if self
            .0
            .starts_with(|first: char| first.is_ascii_whitespace())
        {
            return None;
        }
        let mut deserializer = serde_json::Deserializer::from_str(self.0);
        let raw = <&RawValue>::deserialize(&mut deserializer).ok()?.get();
        self.0 = &self.0[raw.len()..];
        Some(raw)
    }
}
