//! Writing the values and members of JSON objects. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::protocol::raw_json::plain_end;
use crate::protocol::{Data, Metadata, ProtocolError};

/// Appends a payload. The only place where input is written verbatim.
pub(super) fn push_data(out: &mut String, data: &Data) -> Result<(), ProtocolError> {
    data.check()?;
    out.push_str(data_head(data));
    match data {
        Data::Text(text) => push_string(out, text),
        Data::Json(text) => out.push_str(text),
        Data::Binary(bytes) | Data::Protobuf(bytes) => {
            out.push('"');
            STANDARD.encode_string(bytes, out);
            out.push('"');
        }
    }
    Ok(())
}

fn data_head(data: &Data) -> &'static str {
    match data {
        Data::Text(_) => r#","dataType":"text","data":"#,
        Data::Json(_) => r#","dataType":"json","data":"#,
        Data::Binary(_) => r#","dataType":"binary","data":"#,
        Data::Protobuf(_) => r#","dataType":"protobuf","data":"#,
    }
}

/// Returns the length of what [`push_data`] appends.
pub(super) fn data_len(data: &Data) -> usize {
    let value = match data {
        Data::Text(text) => string_len(text),
        Data::Json(text) => text.len(),
        Data::Binary(bytes) | Data::Protobuf(bytes) => 2 + bytes.len().div_ceil(3) * 4,
    };
    data_head(data).len() + value
}

pub(super) fn push_metadata(out: &mut String, metadata: &Metadata) {
    if metadata.is_empty() {
        return;
    }
    out.push_str(METADATA);
    let mut members = Members::default();
    for (name, value) in metadata.iter() {
        members.push(out, name, Some(value));
    }
    out.push('}');
}

/// Returns the length of what [`push_metadata`] appends.
pub(super) fn metadata_len(metadata: &Metadata) -> usize {
    if metadata.is_empty() {
        return 0;
    }
    // A colon and a comma, or the closing brace, for each.
    let members = metadata.iter();
    let lengths = members.map(|(name, value)| string_len(name) + string_len(value) + 2);
    METADATA.len() + lengths.sum::<usize>()
}

const METADATA: &str = r#","metadata":{"#;

pub(super) fn push_entries(out: &mut String, entries: &BTreeMap<String, String>) {
    out.push('{');
    let mut members = Members::default();
    for (name, value) in entries {
        members.push(out, name, Some(value));
    }
    out.push('}');
}

/// Appends a member after others of the same object.
pub(super) fn push_member(out: &mut String, name: &str, value: Option<&str>) {
    Members { any: true }.push(out, name, value);
}

/// A writer of the members of one object.
#[derive(Default)]
pub(super) struct Members {
    any: bool,
}

impl Members {
    pub(super) fn push(&mut self, out: &mut String, name: &str, value: Option<&str>) {
        let Some(value) = value else {
            return;
        };
        if self.any {
            out.push(',');
        }
        self.any = true;
        push_string(out, name);
        out.push(':');
        push_string(out, value);
    }
}

/// Returns the number of digits that [`push_u64`] appends.
pub(super) fn u64_len(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

pub(super) fn push_u64(out: &mut String, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend(digits[start..].iter().map(|digit| char::from(*digit)));
}

/// Appends a JSON string; runs without escapes are copied at once.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    loop {
        let (plain, special) = rest.split_at(plain_end(rest.as_bytes(), 0));
        out.push_str(plain);
        let mut special = special.chars();
        match special.next() {
            None => break,
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(other) => {
                let _ = write!(out, "\\u{:04x}", u32::from(other));
            }
        }
        rest = special.as_str();
    }
    out.push('"');
}

/// Returns the length of what [`push_string`] appends.
pub(super) fn string_len(text: &str) -> usize {
    let mut length = 2 + text.len();
    let mut at = 0;
    loop {
        at = plain_end(text.as_bytes(), at);
        length += match text.as_bytes().get(at) {
            None => return length,
            Some(b'"' | b'\\' | b'\n' | b'\r' | b'\t') => 1,
            Some(_) => 5,
        };
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_serde_json_does() {
        for text in [
            "",
            "plain",
            "a\"b\\c",
            "line\nfeed\r\ttab",
            "\u{1}\u{1f}\u{7f}",
            "ü 连接 🦀",
            "a long text with a \" in its second half, and nothing else",
            "\\\\\"\"",
        ] {
            let mut out = String::new();
            push_string(&mut out, text);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
            assert_eq!(out, serde_json::to_string(text).unwrap());
            assert_eq!(string_len(text), out.len(), "{text}");
        }
    }

    #[test]
    fn the_length_of_a_payload_is_that_of_what_is_written() {
        for len in 0..100_u8 {
            let bytes = bytes::Bytes::from(vec![b'a'; len.into()]);
            // An `Any` with a type and a value.
            let any = [&[0x0a, 1, b'a', 0x12, len], &*bytes].concat();
            let len = usize::from(len);
            for data in [
                Data::Text("\"".repeat(len).into()),
                Data::Json(format!("\"{}\"", "a".repeat(len)).into()),
                Data::Binary(bytes),
                Data::Protobuf(any.into()),
            ] {
                let mut out = String::new();
                push_data(&mut out, &data).unwrap();
                assert_eq!(data_len(&data), out.len(), "{data:?}");
            }
        }
    }

    #[test]
    fn numbers_are_written_whole() {
        for number in [0, 7, 10, 1_234_567_890, u64::MAX] {
            let mut out = String::new();
            push_u64(&mut out, number);
            assert_eq!(out, number.to_string());
            assert_eq!(u64_len(number), out.len());
        }
    }
}
