//! JSON serialization of claims, straight into a buffer; pure.

use super::Claims;
use crate::clock::{to_unix, to_unix_rounded_up};

impl Claims {
    /// Writes the claims as one JSON object without whitespace, in the order of the
    /// official Python SDK: `aud`, `iat`, `nbf`, `exp`, `sub`, `role`,
    /// `webpubsub.group`, then `iss` and the others.
    pub(super) fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter {
            out,
            is_empty: true,
        };
        match self.audiences.as_slice() {
            [] => {}
            [audience] => object.string("aud", audience),
            several => object.strings("aud", several),
        }
        for (name, seconds) in [
            ("iat", self.issued_at.map(to_unix)),
            ("nbf", self.not_before.map(to_unix)),
            ("exp", self.expires_on.map(to_unix_rounded_up)),
        ] {
            if let Some(seconds) = seconds {
                object.number(name, seconds);
            }
        }
        if let Some(subject) = &self.subject {
            object.string("sub", subject);
        }
        if !self.roles.is_empty() {
            object.strings("role", &self.roles);
        }
        if !self.groups.is_empty() {
            object.strings("webpubsub.group", &self.groups);
        }
        if let Some(issuer) = &self.issuer {
            object.string("iss", issuer);
        }
        for (name, json) in &self.custom {
            object.raw(name, json);
        }
        object.end();
    }

    /// Estimates the length of the JSON, so that its buffer need not grow.
    pub(super) fn json_len_hint(&self) -> usize {
        let strings = [&self.audiences, &self.roles, &self.groups];
        let strings: usize = strings
            .into_iter()
            .flatten()
            .map(|text| text.len() + 3)
            .sum();
        let others = [&self.subject, &self.issuer];
        let others: usize = others.into_iter().flatten().map(String::len).sum();
        let custom: usize = self
            .custom
            .iter()
            .map(|(name, json)| name.len() + json.len() + 4)
            .sum();
        // For names, brackets and three times.
        strings + others + custom + 128
    }
}

/// Writes the members of a JSON object.
struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl ObjectWriter<'_> {
    fn name(&mut self, name: &str) {
        self.out.push(if self.is_empty { b'{' } else { b',' });
        self.is_empty = false;
        write_string(self.out, name);
        self.out.push(b':');
    }

    fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        // The digits are on the stack to avoid an allocation.
        let mut digits = [0; MAX_DIGITS];
        let mut start = digits.len();
        let mut rest = number;
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[start..]);
    }

    fn raw(&mut self, name: &str, json: &str) {
        self.name(name);
        self.out.extend_from_slice(json.as_bytes());
    }

    fn string(&mut self, name: &str, text: &str) {
        self.name(name);
        write_string(self.out, text);
    }

    fn strings(&mut self, name: &str, texts: &[String]) {
        self.name(name);
        for (index, text) in texts.iter().enumerate() {
            self.out.push(if index == 0 { b'[' } else { b',' });
            write_string(self.out, text);
        }
        self.out.push(b']');
    }

    fn end(self) {
        if self.is_empty {
            self.out.push(b'{');
        }
        self.out.push(b'}');
    }
}

/// Appends a JSON string (RFC 8259 §7): only quotes, backslashes and control
/// characters need an escape.
fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest
        .iter()
        .position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\'))
    {
        out.extend_from_slice(&rest[..at]);
        let byte = rest[at];
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// The length of the largest `u64` in decimal.
const MAX_DIGITS: usize = 20;

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn written(claims: &Claims) -> String {
        let mut out = Vec::new();
        claims.write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_as_by_the_official_sdks() {
        let claims = Claims::default().with_subject("a\"b\\c\u{1}/é");
        assert_eq!(written(&claims), r#"{"sub":"a\"b\\c\u0001/é"}"#);
    }

    #[test]
    fn the_buffer_has_room_for_all_and_little_more() {
        let many = (100..300).map(|n| n.to_string());
        let single = Claims::new("https://contoso.webpubsub.azure.com", UNIX_EPOCH)
            .with_issued_at(UNIX_EPOCH)
            .with_subject("s".repeat(1000))
            .with_issuer("i".repeat(1000));
        let listed = Claims::default().with_roles(many.clone());
        let custom = many.fold(Claims::default(), |claims, name| {
            claims.with_claim(name, &1).unwrap()
        });
        let all = single
            .clone()
            .with_roles(["r"])
            .with_claim("c", &1)
            .unwrap();
        for claims in [single, listed, custom, all] {
            let (len, hint) = (written(&claims).len(), claims.json_len_hint());
            assert!((len..len + 128).contains(&hint), "{hint} for {len}");
        }
    }
}
