//! Long inputs out of short ones: a fuzzer would take very long to find them by itself.

/// The longest one is somewhat over the 64 KiB at which most limits are.
const MAX: usize = 160 * 1024;

/// `bytes` with a part of it repeated; the part is its last `length` bytes.
pub fn long(bytes: &[u8], length: u8, times: u16) -> Vec<u8> {
    let at = bytes.len().saturating_sub(usize::from(length));
    let (start, part) = bytes.split_at(at);
    let room = MAX.saturating_sub(bytes.len()) / part.len().max(1);
    [start, &part.repeat(usize::from(times).min(room))].concat()
}

/// The same for text; what is cut in two becomes U+FFFD.
#[allow(dead_code, reason = "not every target has text")]
pub fn long_text(text: &str, length: u8, times: u16) -> String {
    String::from_utf8_lossy(&long(text.as_bytes(), length, times)).into_owned()
}
