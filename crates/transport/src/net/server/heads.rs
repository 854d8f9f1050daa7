//! Detection of what hyper does not report about request heads: whether one
//! announces its body both by a `Content-Length` and as chunked. hyper uses
//! the latter, drops the former and closes; the server must refuse such a request. Sans-io,
//! except for the wrapper that feeds it the bytes read.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Scans a connection's bytes from head to head.
#[derive(Debug)]
struct Heads {
    /// The number of complete heads.
    count: u64,
    max_head: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Within a head; holds its bytes so far.
    Head(Vec<u8>),
    /// Within a body; holds the number of bytes left.
    Body(u64),
    Chunked(Part),
    /// Nothing that follows matters.
    Over,
}

/// A part of a chunked body.
#[derive(Debug)]
enum Part {
    /// The line with a chunk's size.
    Size(Vec<u8>),
    /// A chunk with its line end; holds the number of bytes left.
    Data(u64),
    /// A trailer line.
    Trailer(Vec<u8>),
}

impl Heads {
    fn new(max_head: usize) -> Self {
        Self {
            count: 0,
            max_head,
            state: State::Head(Vec::new()),
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Processes the next bytes. Returns the number, counted from one, of the head
    /// that is ambiguous. Everything after such a head is ignored.
    fn pass(&mut self, mut bytes: &[u8]) -> Option<u64> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Over => return None,
                State::Head(before) => {
                    // hyper skips them between requests.
                    if before.is_empty() && matches!(bytes[0], b'\r' | b'\n') {
                        bytes = &bytes[1..];
                        continue;
                    }
                    let start = before.len();
                    let (head, rest) = if start == 0 {
                        match end_of_head(bytes, 0) {
                            Some(end) => bytes.split_at(end),
                            None => {
                                before.extend_from_slice(bytes);
                                self.bound();
                                return None;
                            }
                        }
                    } else {
                        before.extend_from_slice(bytes);
                        match end_of_head(before, start) {
                            Some(end) => (&before[..end], &bytes[end - start..]),
                            None => {
                                self.bound();
                                return None;
                            }
                        }
                    };
                    let framing = framing(head);
                    self.count += 1;
                    self.state = match framing {
                        Some(Framing::Length(0)) => State::Head(Vec::new()),
                        Some(Framing::Length(length)) => State::Body(length),
                        Some(Framing::Chunked) => State::Chunked(Part::Size(Vec::new())),
                        Some(Framing::Both) => {
                            self.state = State::Over;
                            return Some(self.count);
                        }
                        None => State::Over,
                    };
                    bytes = rest;
                }
                State::Body(left) => {
                    bytes = skip(bytes, left);
                    if *left == 0 {
                        self.state = State::Head(Vec::new());
                    }
                }
                State::Chunked(part) => {
                    bytes = match part.pass(bytes) {
                        Some((rest, false)) => rest,
                        Some((rest, true)) => {
                            self.state = State::Head(Vec::new());
                            rest
                        }
                        None => {
                            self.state = State::Over;
                            return None;
                        }
                    };
                }
            }
        }
        None
    }

    /// Stops at a head that hyper rejects too.
    fn bound(&mut self) {
        if let State::Head(before) = &self.state
            && before.len() > self.max_head
        {
            self.state = State::Over;
        }
    }
}

impl Part {
    /// Processes the next bytes. Returns the bytes left and whether the body
    /// has ended, or `None` for a malformed chunk.
    fn pass<'a>(&mut self, bytes: &'a [u8]) -> Option<(&'a [u8], bool)> {
        match self {
            Self::Size(line) => {
                let (part, rest, is_whole) = line_of(bytes);
                line.extend_from_slice(part);
                if !is_whole {
                    return (line.len() <= MAX_LINE).then_some((rest, false));
                }
                let Ok(httparse::Status::Complete((_, size))) = httparse::parse_chunk_size(line)
                else {
                    return None;
                };
                *self = match size {
                    0 => Self::Trailer(Vec::new()),
                    size => Self::Data(size.checked_add(2)?),
                };
                Some((rest, false))
            }
            Self::Data(left) => {
                let rest = skip(bytes, left);
                if *left == 0 {
                    *self = Self::Size(Vec::new());
                }
                Some((rest, false))
            }
            Self::Trailer(line) => {
                let (part, rest, is_whole) = line_of(bytes);
                line.extend_from_slice(part);
                if !is_whole {
                    return (line.len() <= MAX_LINE).then_some((rest, false));
                }
                let is_last = matches!(line.as_slice(), b"\n" | b"\r\n");
                line.clear();
                Some((rest, is_last))
            }
        }
    }
}

/// How a request announces its body.
enum Framing {
    Length(u64),
    Chunked,
    Both,
}

/// Returns `None` for a malformed head, or one that does not determine its body.
fn framing(head: &[u8]) -> Option<Framing> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let parsed = request.parse(head).ok()?;
    if !parsed.is_complete() {
        return None;
    }
    let mut length = None;
    let mut is_chunked = false;
    for field in request.headers.iter() {
        if field.name.eq_ignore_ascii_case(CONTENT_LENGTH.as_str()) {
            length = Some(std::str::from_utf8(field.value).ok()?.parse().ok()?);
        }
        is_chunked |= field.name.eq_ignore_ascii_case(TRANSFER_ENCODING.as_str());
    }
    Some(match (length, is_chunked) {
        (Some(_), true) => Framing::Both,
        (None, true) => Framing::Chunked,
        (length, false) => Framing::Length(length.unwrap_or_default()),
    })
}

/// Returns the end of the head that `bytes` begins with; there was none before `seen`.
fn end_of_head(bytes: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(2);
    let ends = bytes[from..].iter().enumerate();
    ends.filter(|(_, byte)| **byte == b'\n')
        .find_map(|(at, _)| match bytes[from + at + 1..] {
            [b'\n', ..] => Some(from + at + 2),
            [b'\r', b'\n', ..] => Some(from + at + 3),
            _ => None,
        })
}

fn skip<'a>(bytes: &'a [u8], left: &mut u64) -> &'a [u8] {
    let count = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
    *left -= count as u64;
    &bytes[count..]
}

/// Returns the bytes up to the end of a line, the rest, and whether the end was found.
fn line_of(bytes: &[u8]) -> (&[u8], &[u8], bool) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..=at], &bytes[at + 1..], true),
        None => (bytes, &[], false),
    }
}

/// A connection whose heads are scanned as hyper reads them.
pub(super) struct TimedBody<T> {
    io: T,
    heads: Heads,
    ambiguous: Arc<AtomicU64>,
}

impl<T> TimedBody<T> {
    /// `ambiguous` receives the number of the request to refuse.
    pub(super) fn new(io: T, max_head: usize, ambiguous: Arc<AtomicU64>) -> Self {
        Self {
            io,
            heads: Heads::new(max_head),
            ambiguous,
        }
    }

    /// Returns the connection, once no heads follow.
    pub(super) fn into_inner(self) -> T {
        self.io
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for TimedBody<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.io).poll_read(cx, buffer);
        if !this.heads.is_over()
            && let Some(number) = this.heads.pass(&buffer.filled()[before..])
        {
            // The reader of this value is in the same task.
            this.ambiguous.store(number, Ordering::Relaxed);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for TimedBody<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// hyper's own limit.
const MAX_FIELDS: usize = 100;
/// The longest chunk size line or trailer line; hyper accepts 16 KiB of either.
const MAX_LINE: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn ambiguous(wire: &[u8], step: usize) -> Option<u64> {
        let mut heads = Heads::new(64 * 1024);
        wire.chunks(step).find_map(|bytes| heads.pass(bytes))
    }

    #[test]
    fn a_head_with_both_announcements_is_found_wherever_it_is() {
        const BOTH: &str = "POST /b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n";
        const REVERSED: &str =
            "POST /b HTTP/1.1\nCONTENT-LENGTH: 5\nhost: x\nTRANSFER-encoding: chunked\n\n";
        let inner = format!("POST /a HTTP/1.1\r\nContent-Length: {}\r\n\r\n", BOTH.len());
        for (wire, expected) in [
            (BOTH.to_owned(), Some(1)),
            (format!("\r\n\r\n{REVERSED}"), Some(1)),
            (format!("GET /a HTTP/1.1\r\nHost: x\r\n\r\n{BOTH}"), Some(2)),
            // Within a body it is not a head.
            (format!("{inner}{BOTH}"), None),
            (format!("{inner}{BOTH}{BOTH}"), Some(2)),
            (
                format!(
                    "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{:x};ext=\"1\"\r\n{BOTH}\r\n0\r\nTrailer: 1\r\n\r\n",
                    BOTH.len()
                ),
                None,
            ),
            (
                format!(
                    "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n{BOTH}"
                ),
                Some(2),
            ),
            (
                format!(
                    "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{REVERSED}"
                ),
                Some(2),
            ),
            // What hyper refuses is not followed further.
            (format!("nonsense\r\n\r\n{BOTH}"), None),
            (
                format!("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{BOTH}"),
                None,
            ),
            (
                format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(100_000)),
                None,
            ),
        ] {
            for step in [1, 2, 3, 7, 50, usize::MAX] {
                assert_eq!(
                    ambiguous(wire.as_bytes(), step),
                    expected,
                    "{step}: {}",
                    &wire[..wire.len().min(300)]
                );
            }
        }
    }

    #[test]
    fn a_head_without_end_is_not_kept() {
        let mut heads = Heads::new(8 * 1024);
        heads.pass(b"GET / HTTP/1.1\r\n");
        for _ in 0..10 {
            heads.pass(&[b'x'; 1024]);
        }
        assert!(heads.is_over());
    }
}
