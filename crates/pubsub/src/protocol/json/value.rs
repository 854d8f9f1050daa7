//! Writing the values and members of JSON objects. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::protocol::{Data, Metadata, ProtocolError};

/// Appends a payload. The only place where input is written verbatim.
pub(super) fn push_data(out: &mut String, data: &Data) -> Result<(), ProtocolError> {
    data.check()?;
    out.push_str(match data {
        Data::Text(_) => r#","dataType":"text","data":"#,
        Data::Json(_) => r#","dataType":"json","data":"#,
        Data::Binary(_) => r#","dataType":"binary","data":"#,
        Data::Protobuf(_) => r#","dataType":"protobuf","data":"#,
    });
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

/// Estimates the length of a payload; text with many escapes makes the buffer grow.
pub(super) fn encoded_len(data: &Data) -> usize {
    let len = data.as_bytes().len();
    match data {
        Data::Text(_) | Data::Json(_) => len,
        Data::Binary(_) | Data::Protobuf(_) => len / 3 * 4 + 4,
    }
}

pub(super) fn push_metadata(out: &mut String, metadata: &Metadata) {
    if metadata.is_empty() {
        return;
    }
    out.push_str(r#","metadata":{"#);
    let mut members = Members::default();
    for (name, value) in metadata.iter() {
        members.push(out, name, Some(value));
    }
    out.push('}');
}

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
    fn numbers_are_written_whole() {
        for number in [0, 7, 10, 1_234_567_890, u64::MAX] {
            let mut out = String::new();
            push_u64(&mut out, number);
            assert_eq!(out, number.to_string());
        }
    }
}
