//! Payloads of others in one line for people. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Returns text without the end of its last line, and with other control characters escaped: it
/// stays one line, and cannot command the terminal.
pub(crate) fn of_text(text: &str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => line.push(c),
            _ if c.is_control() => line.extend(c.escape_default()),
            _ => line.push(c),
        }
    }
    line
}

/// Returns bytes in base64, marked as such by their count.
pub(crate) fn of_bytes(bytes: &[u8]) -> String {
    let unit = match bytes.len() {
        1 => "byte",
        _ => "bytes",
    };
    format!("{} {unit}: {}", bytes.len(), STANDARD.encode(bytes))
}
