//! JSON text as it is: where strings and values end, without a parser that would build them. Pure.
//!
//! It decides what is usual. Whatever it does not accept is left to serde, so that it can be
//! stricter than serde, but never laxer.

/// Returns the length of the JSON value at the beginning of `text`; `None` if it is not valid, begins
/// with whitespace, or is nested deeper than 63 levels.
pub(super) fn value_len(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    // A bit for each level, the innermost last: whether it is an object. The first bit is the end.
    let mut levels = 1_u64;
    loop {
        match *text.get(at)? {
            b'"' => at = string_end(text, at + 1)?,
            b'-' | b'0'..=b'9' => at = number_end(text, at)?,
            b't' => at = literal_end(text, at, b"true")?,
            b'f' => at = literal_end(text, at, b"false")?,
            b'n' => at = literal_end(text, at, b"null")?,
            open @ (b'{' | b'[') => {
                if levels.leading_zeros() == 0 {
                    return None;
                }
                let is_object = open == b'{';
                levels = levels << 1 | u64::from(is_object);
                at = blank_end(text, at + 1);
                // The closing bracket is for the loop below. In ASCII it is two after the opening one.
                if text.get(at) != Some(&(open + 2)) {
                    if is_object {
                        at = name_end(text, at)?;
                    }
                    continue;
                }
            }
            _ => return None,
        }
        loop {
            if levels == 1 {
                return Some(at);
            }
            at = blank_end(text, at);
            let is_object = levels & 1 == 1;
            match (*text.get(at)?, is_object) {
                (b',', _) => {
                    at = blank_end(text, at + 1);
                    if is_object {
                        at = name_end(text, at)?;
                    }
                    break;
                }
                (b'}', true) | (b']', false) => {
                    at += 1;
                    levels >>= 1;
                }
                _ => return None,
            }
        }
    }
}

/// Returns where the bytes from `at` end that stand for themselves in a JSON string: none ends it,
/// begins an escape or is a control character. That may be the end of the text.
#[inline]
pub(super) fn plain_end(text: &[u8], mut at: usize) -> usize {
    const BLOCK: usize = 32;
    const WORD: usize = 8;
    if text.get(at..).is_none() {
        return text.len();
    }
    // Most strings are short.
    for _ in 0..2 {
        let Some(word) = text[at..].first_chunk::<WORD>() else {
            break;
        };
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += WORD;
    }
    while let Some(block) = text[at..].first_chunk::<BLOCK>() {
        // Without a branch for each byte, so that it is done for all of them at once.
        if block.map(is_special).iter().fold(false, |any, is| any | is) {
            break;
        }
        at += BLOCK;
    }
    while let Some(word) = text[at..].first_chunk::<WORD>() {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += WORD;
    }
    let rest = &text[at..];
    at + rest
        .iter()
        .position(|byte| is_special(*byte))
        .unwrap_or(rest.len())
}

fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// Returns a word whose lowest bit set, if any, is in the first special byte of `word`.
#[inline]
fn special_bytes(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 255;
    // The highest bit of each byte that is less than `limit`, exact up to the first such byte:
    // borrows only go up.
    let less = |word: u64, limit: u8| word.wrapping_sub(EACH * u64::from(limit)) & !word;
    let equal = |byte: u8| less(word ^ (EACH * u64::from(byte)), 1);
    (less(word, 0x20) | equal(b'"') | equal(b'\\')) & (EACH << 7)
}

/// Returns the end of a string, the quote included, from a place in it.
#[inline]
fn string_end(text: &[u8], at: usize) -> Option<usize> {
    let mut at = plain_end(text, at);
    loop {
        match *text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at = escape_end(text, at + 1)?,
            _ => return None,
        }
        at = plain_end(text, at);
    }
}

fn escape_end(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
        b'u' => {
            let digits = text.get(at + 1..at + 5)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 5)
        }
        _ => None,
    }
}

/// Returns where the value begins after the name of a member.
#[inline]
fn name_end(text: &[u8], at: usize) -> Option<usize> {
    if *text.get(at)? != b'"' {
        return None;
    }
    let at = blank_end(text, string_end(text, at + 1)?);
    if *text.get(at)? != b':' {
        return None;
    }
    Some(blank_end(text, at + 1))
}

#[inline]
fn blank_end(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = text.get(at) {
        at += 1;
    }
    at
}

fn literal_end(text: &[u8], at: usize, literal: &[u8]) -> Option<usize> {
    let is_there = text[at..].starts_with(literal);
    is_there.then_some(at + literal.len())
}

fn number_end(text: &[u8], start: usize) -> Option<usize> {
    let start = start + usize::from(text.get(start) == Some(&b'-'));
    let mut at = some_digits_end(text, start)?;
    // No leading zeros.
    if at > start + 1 && text[start] == b'0' {
        return None;
    }
    if text.get(at) == Some(&b'.') {
        at = some_digits_end(text, at + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        at += usize::from(matches!(text.get(at), Some(b'+' | b'-')));
        at = some_digits_end(text, at)?;
    }
    Some(at)
}

/// Returns the end of at least one digit.
fn some_digits_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    while text.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    (at > start).then_some(at)
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    const VALID: &[&str] = &[
        "0",
        "-0",
        "12.50",
        "1e5",
        "-1E-07",
        "3.5e+1",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00eF\\ud800\"",
        "\"ü 连接 🦀 \u{7f}\"",
        "[]",
        "{}",
        "[ ]",
        "{\n}",
        "[1, [2,[ ] ], {}]",
        "{\"a\":{\"b\" :[ {}, \"}\", \"]\" ]\t}, \"c\":null}",
        "{\"t\":21,\"state\":\"on\",\"text\":\"0123456789abcdef0123456789abcdef0123456789abcdef\"}",
    ];

    fn is_value(text: &str) -> bool {
        serde_json::from_str::<&RawValue>(text).is_ok()
    }

    #[test]
    fn whole_values_are_found_whatever_follows() {
        for value in VALID {
            for after in ["", " ", ",1", "}", "]", ":", "\n\"x\""] {
                let text = format!("{value}{after}");
                assert_eq!(value_len(text.as_bytes()), Some(value.len()), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_value_is_not_found() {
        for bad in [
            "",
            " 1",
            "\u{feff}1",
            "tru",
            "nul",
            "True",
            "-",
            "+1",
            ".5",
            "01",
            "-01",
            "1.",
            "1.e5",
            "1e",
            "1e+",
            "\"",
            "\"a",
            "\"\\",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\u123",
            "\"a\nb\"",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1}",
            "[}",
            "{",
            "{]",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{\"a\":1]",
            "{\"a\" 1}",
            "{a:1}",
            "{1:1}",
            "{,}",
            "]",
            "}",
            ",",
            ":",
            "'a'",
            "// x\n1",
            "\u{b}1",
        ] {
            assert_eq!(value_len(bad.as_bytes()), None, "{bad}");
            // Serde alone allows whitespace before a value.
            assert_eq!(is_value(bad), bad == " 1", "{bad}");
        }
    }

    #[test]
    fn deep_nesting_is_left_to_serde() {
        for (depth, is_found) in [(1, true), (63, true), (64, false), (10_000, false)] {
            for (open, close) in [("[", "]"), ("{\"a\":[", "]}")] {
                let depth = depth / open.matches(['[', '{']).count();
                let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
                let found = value_len(text.as_bytes());
                assert_eq!(found, is_found.then_some(text.len()), "{depth} of {open}");
            }
        }
    }

    #[test]
    fn strings_end_at_each_special_byte_wherever_it_is() {
        for length in 0..100 {
            for at in 0..=length {
                for special in (0..0x20).chain(*b"\"\\") {
                    for filler in [b'x', 0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xa2, 0xff] {
                        let mut text = vec![filler; length];
                        if at < length {
                            text[at] = special;
                        }
                        assert_eq!(plain_end(&text, 0), at, "{special} at {at} of {length}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_string_ends_at_the_first_of_several_special_bytes_from_its_start() {
        const LENGTH: usize = 72;
        for (start, special) in [(0, b'"'), (1, b'\\'), (5, b'\n'), (40, b'"')] {
            for first in start..LENGTH {
                for second in first..LENGTH {
                    let mut text = vec![b'x'; LENGTH];
                    text[..start].fill(b'"');
                    text[first] = special;
                    text[second] = special;
                    assert_eq!(plain_end(&text, start), first, "{first} and {second}");
                }
            }
        }
    }

    /// Values with a byte changed, left out, doubled or cut off: whatever is found is one for serde.
    #[test]
    fn nothing_is_found_that_serde_refuses() {
        const BYTES: &[u8] = b"{}[]:,\"\\ \t\n\x0b-+.0159eEtfnu/\0\x1f a";
        let mut found = 0;
        for value in VALID {
            let bytes = value.as_bytes();
            for at in 0..bytes.len() {
                let mut changed = vec![bytes[..at].to_vec()];
                changed.push([&bytes[..at], &bytes[at + 1..]].concat());
                changed.push([&bytes[..=at], &bytes[at..]].concat());
                for byte in BYTES {
                    changed.push([&bytes[..at], &[*byte], &bytes[at + 1..]].concat());
                    changed.push([&bytes[..at], &[*byte], &bytes[at..]].concat());
                }
                for text in changed.into_iter().flat_map(String::from_utf8) {
                    if let Some(length) = value_len(text.as_bytes()) {
                        found += 1;
                        assert!(is_value(&text[..length]), "{text}");
                    }
                }
            }
        }
        assert!(found > 1000, "{found}");
    }
}
