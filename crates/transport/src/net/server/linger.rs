//! Closes connections so that a response that was sent before its request had been
//! read still arrives (RFC 9112 §9.6). Shell.
//!
//! A socket that is closed with unread bytes, or that still receives bytes, is
//! reset, and the reset destroys what the client has not read yet.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::future::{Either, select};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::track::Open;
use crate::{Error, ErrorKind, Result, SharedRuntime, Sleep};

/// The progress of the connection's current request. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    /// Whether bytes have arrived since the last request that was read completely.
    is_amid: AtomicBool,
    /// Whether the connection no longer speaks HTTP.
    is_over: AtomicBool,
    /// Whether the body of the current request was not asked for, and so may or may not arrive.
    is_last: AtomicBool,
    /// For how long the client may take nothing of the current response, in milliseconds; 0 forever.
    write_timeout: AtomicU64,
}

impl Progress {
    /// Sets for how long the client may take nothing of the response that follows.
    pub(super) fn set_write_timeout(&self, timeout: Option<WriteTimeout>) {
        let milliseconds = timeout.map_or(0, |WriteTimeout(timeout)| timeout.as_millis().max(1));
        let milliseconds = u64::try_from(milliseconds).unwrap_or(u64::MAX);
        self.0.write_timeout.store(milliseconds, Ordering::Relaxed);
    }

    fn write_timeout(&self) -> Option<Duration> {
        let milliseconds = self.0.write_timeout.load(Ordering::Relaxed);
        (milliseconds > 0).then(|| Duration::from_millis(milliseconds))
    }

    /// Marks everything that has arrived as read.
    pub(super) fn finish_request(&self) {
        self.0.is_amid.store(false, Ordering::Relaxed);
    }

    /// Marks the end of HTTP: whoever owns the connection from here on closes it.
    pub(super) fn finish_http(&self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }

    /// Whether the next bytes cannot be distinguished from the body of the current
    /// request, so that it must be the last one.
    pub(super) fn is_last(&self) -> bool {
        self.0.is_last.load(Ordering::Relaxed)
    }

    fn hear(&self) {
        self.0.is_amid.store(true, Ordering::Relaxed);
    }

    fn is_amid_request(&self) -> bool {
        self.0.is_amid.load(Ordering::Relaxed) && !self.0.is_over.load(Ordering::Relaxed)
    }
}

/// For how long a client may take nothing of a response before its connection is ended: an extension of
/// the response. Without it, a response waits forever, as one must that somebody reads slowly on
/// purpose; with it, a stream without an end does not stay for a reader that has none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WriteTimeout(Duration);

impl WriteTimeout {
    /// Creates one of this length, in real time.
    pub fn new(timeout: Duration) -> Self {
        Self(timeout)
    }
}

/// A connection that is not closed in the middle of a request: only its write side is closed, and
/// incoming bytes are then discarded until the client closes it too, within limits.
pub(super) struct Lingering<T> {
    io: T,
    progress: Progress,
    runtime: SharedRuntime,
    phase: Phase,
    /// When the client has taken nothing for too long.
    stalled: Option<Pin<Box<dyn Sleep>>>,
    /// After `io`, so that the connection is counted until it is gone.
    _open: Open,
}

enum Phase {
    Open,
    Lingering { limits: Limits },
    Ended,
}

impl<T> Lingering<T> {
    pub(super) fn new(io: T, open: Open, progress: Progress, runtime: SharedRuntime) -> Self {
        Self {
            io,
            progress,
            runtime,
            phase: Phase::Open,
            stalled: None,
            _open: open,
        }
    }
}

impl<T> Lingering<T> {
    /// Ends a write that has made no progress for too long.
    fn judge(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let Some(timeout) = self.progress.write_timeout() else {
            return Poll::Pending;
        };
        let runtime = &self.runtime;
        let stalled = self
            .stalled
            .get_or_insert_with(|| runtime.sleep_until(runtime.after(timeout)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Lingering<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.progress.hear();
        }
        polled
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.judge(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.judge(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self {
            io,
            progress,
            runtime,
            phase,
            ..
        } = &mut *self;
        loop {
            *phase = match phase {
                Phase::Open => {
                    ready!(Pin::new(&mut *io).poll_shutdown(cx))?;
                    if progress.is_amid_request() {
                        let limits = Limits::start(runtime);
                        Phase::Lingering { limits }
                    } else {
                        Phase::Ended
                    }
                }
                Phase::Lingering { limits } => {
                    let mut scratch = [0; SCRATCH];
                    let mut buffer = ReadBuf::new(&mut scratch);
                    match Pin::new(&mut *io).poll_read(cx, &mut buffer) {
                        Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                            if limits.progress(runtime) {
                                continue;
                            }
                        }
                        Poll::Ready(_) => {}
                        Poll::Pending => ready!(limits.silence.as_mut().poll(cx)),
                    }
                    Phase::Ended
                }
                Phase::Ended => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// Limits on how long unwanted bytes are read.
struct Limits {
    silence: Pin<Box<dyn Sleep>>,
    end: Instant,
}

impl Limits {
    fn start(runtime: &SharedRuntime) -> Self {
        Self {
            silence: runtime.sleep_until(runtime.after(LONGEST_SILENCE)),
            end: runtime.after(LONGEST),
        }
    }

    /// Records incoming bytes; returns `false` once this has gone on for too long.
    fn progress(&mut self, runtime: &SharedRuntime) -> bool {
        let deadline = runtime.after(LONGEST_SILENCE).min(self.end);
        self.silence.as_mut().reset(deadline);
        runtime.now() < self.end
    }
}

/// A request body. What the handler leaves unread is handed on, so that it
/// is read while the response is sent: a client that reads nothing before it has
/// sent everything would otherwise wait forever, and the connection could not be reused.
pub(super) struct RequestBody {
    /// `None` after its end.
    body: Option<Incoming>,
    /// Whether the client waits to be asked for the body (`Expect: 100-continue`).
    is_held_back: bool,
    progress: Progress,
    leftovers: UnboundedSender<Incoming>,
}

impl RequestBody {
    pub(super) fn new(
        body: Incoming,
        is_held_back: bool,
        progress: Progress,
        leftovers: UnboundedSender<Incoming>,
    ) -> Self {
        Self {
            body: Some(body),
            is_held_back,
            progress,
            leftovers,
        }
    }
}

impl Stream for RequestBody {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self {
            body: slot,
            is_held_back,
            progress,
            ..
        } = &mut *self;
        *is_held_back = false;
        loop {
            let Some(body) = slot else {
                return Poll::Ready(None);
            };
            let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
            if body.is_end_stream() || frame.is_none() {
                progress.finish_request();
                *slot = None;
            }
            match frame.map(|frame| frame.map(hyper::body::Frame::into_data)) {
                Some(Ok(Ok(chunk))) => return Poll::Ready(Some(Ok(chunk))),
                // Trailers: no handler asks for them.
                Some(Ok(Err(_))) => {}
                Some(Err(error)) => {
                    *slot = None;
                    let error = Error::new(ErrorKind::Closed, error)
                        .with_context("the request body ended prematurely");
                    return Poll::Ready(Some(Err(error)));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some(body) = self.body.take() else {
            return;
        };
        if self.is_held_back {
            // Reading it would ask the client to send it.
            self.progress.0.is_last.store(true, Ordering::Relaxed);
        } else {
            // Without a connection there is nothing to read.
            let _ = self.leftovers.send(body);
        }
    }
}

/// Reads the leftover request bodies, forever, within limits for each.
pub(super) async fn discard(
    mut leftovers: UnboundedReceiver<Incoming>,
    progress: Progress,
    runtime: SharedRuntime,
) -> std::convert::Infallible {
    while let Some(mut body) = leftovers.recv().await {
        let mut limits = Limits::start(&runtime);
        loop {
            match select(body.frame(), limits.silence.as_mut()).await {
                Either::Left((Some(Ok(_)), _)) => {
                    if !limits.progress(&runtime) {
                        break;
                    }
                }
                Either::Left((None, _)) => {
                    progress.finish_request();
                    break;
                }
                Either::Left((Some(Err(_)), _)) | Either::Right(_) => break,
            }
        }
    }
    std::future::pending().await
}

/// nginx's `lingering_timeout`.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);
/// nginx's `lingering_time`.
const LONGEST: Duration = Duration::from_secs(30);
const SCRATCH: usize = 16 * 1024;
