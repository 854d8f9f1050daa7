//! Ends connections so that an answer that was given before its request was
//! read arrives (RFC 9112 §9.6). Shell.
//!
//! A socket that is closed with bytes unread, or to which bytes still come, is
//! reset, and the reset takes with it what the client has not read yet.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

/// What is known of the request that a connection is at. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<Flags>);

#[derive(Debug, Default)]
struct Flags {
    /// Bytes have come since the last request that was read to its end.
    is_amid: AtomicBool,
    /// The connection is no longer one of HTTP.
    is_over: AtomicBool,
    /// The body of the present request was not asked for, and may or may not come.
    is_last: AtomicBool,
}

impl Progress {
    /// Everything that has come was read.
    pub(super) fn finish_request(&self) {
        self.0.is_amid.store(false, Ordering::Relaxed);
    }

    /// Whoever has the connection from here on ends it as they like.
    pub(super) fn finish_http(&self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }

    /// Whether the next bytes cannot be told from the body of the present
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

/// A connection that is not closed amid a request: its writing side is, and then
/// what comes is discarded until the client ends it too, within bounds.
pub(super) struct Lingering<T> {
    io: T,
    progress: Progress,
    runtime: SharedRuntime,
    phase: Phase,
    /// After `io`, so that the connection counts until it is gone.
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
            _open: open,
        }
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

/// For how long what nobody wants is read.
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

    /// Something came; `false` if it has been going on for too long.
    fn progress(&mut self, runtime: &SharedRuntime) -> bool {
        let deadline = runtime.after(LONGEST_SILENCE).min(self.end);
        self.silence.as_mut().reset(deadline);
        runtime.now() < self.end
    }
}

/// The body of a request. What the handler leaves of it is handed on, so that it
/// is read while the answer is sent: a client that reads nothing before it has
/// sent everything would wait forever, and the connection could not be used again.
pub(super) struct RequestBody {
    /// `None` after its end.
    body: Option<Incoming>,
    /// The client waits to be asked for the body (`Expect: 100-continue`).
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
                // Trailers: nobody here asks for any.
                Some(Ok(Err(_))) => {}
                Some(Err(error)) => {
                    *slot = None;
                    let error = Error::new(ErrorKind::Closed, error)
                        .with_context("the request body ended early");
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
            // To read it would be to ask for it.
            self.progress.0.is_last.store(true, Ordering::Relaxed);
        } else {
            // Without a connection there is nothing to be read.
            let _ = self.leftovers.send(body);
        }
    }
}

/// Reads what handlers leave of the bodies of requests, forever, within bounds for each.
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

/// As nginx, `lingering_timeout`.
const LONGEST_SILENCE: Duration = Duration::from_secs(5);
/// As nginx, `lingering_time`.
const LONGEST: Duration = Duration::from_secs(30);
const SCRATCH: usize = 16 * 1024;
