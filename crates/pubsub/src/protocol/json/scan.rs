//! The fast path for data messages, the most frequent kind: a single pass over a
//! frame as the service usually writes it. Anything unusual, such as whitespace,
//! escapes, rare fields and invalid input, is left to the
//! slow path. Pure.

use transport::Text;

use crate::protocol::raw_json::{plain_end, value_len};
use crate::protocol::{Data, DataOrigin, PlainData, SharedStr};

/// Decodes a data message; `None` only means that the slow path must decode the frame.
pub(in crate::protocol) fn data_message(text: &Text) -> Option<PlainData> {
    let mut scan = Scan { text, at: 0 };
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
            "type" => set(&mut kind, scan.literal(r#""message""#))?,
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
    if scan.at < text.len() || kind.is_none() {
        return None;
    }
    let from = match from? {
        "group" => DataOrigin::Group {
            group: SharedStr::part(text, group.filter(|group| !group.is_empty())?),
            from_user_id: user.map(|user| SharedStr::part(text, user)),
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
    Some(PlainData {
        from,
        data,
        sequence_id,
    })
}

/// Sets a field, which must not be repeated.
fn set<T>(field: &mut Option<T>, value: Option<T>) -> Option<()> {
    field.replace(value?).is_none().then_some(())
}

/// A text, read up to `at`.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        (self.text.as_bytes().get(self.at) == Some(&byte)).then_some(())?;
        self.at += 1;
        Some(())
    }

    /// Takes `literal`.
    fn literal(&mut self, literal: &str) -> Option<()> {
        self.rest().starts_with(literal.as_bytes()).then_some(())?;
        self.at += literal.len();
        Some(())
    }

    /// Takes what has the given length.
    fn part(&mut self, length: usize) -> Option<&'a str> {
        let part = self.text.get(self.at..self.at + length)?;
        self.at += length;
        Some(part)
    }

    /// Scans a string without escapes.
    #[inline]
    fn string(&mut self) -> Option<&'a str> {
        self.byte(b'"')?;
        let end = plain_end(self.text.as_bytes(), self.at);
        let part = self.text.get(self.at..end)?;
        self.at = end;
        self.byte(b'"')?;
        Some(part)
    }

    fn number(&mut self) -> Option<u64> {
        let end = self.rest().iter().position(|byte| !byte.is_ascii_digit())?;
        let digits = self.part(end)?;
        // JSON allows no leading zeros.
        if digits.len() > 1 && digits.starts_with('0') {
            return None;
        }
        digits.parse().ok()
    }

    /// Scans and validates any value, and returns it raw.
    fn value(&mut self) -> Option<&'a str> {
        self.part(value_len(self.rest())?)
    }
}
