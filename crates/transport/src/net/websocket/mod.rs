//! An open socket: tokio-websockets behind the [`WebSocket`](crate::WebSocket) trait, for both sides.
//! The library does framing, masking, UTF-8 and the answers to pings; we do limits
//! across fragments, the order of endings and half-close. Shell.

mod control;
mod direct;
mod open;
mod waiters;
mod wire;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;
use tokio_websockets::{self as library, WebSocketStream};

use crate::ws::frame::Opcode;
use crate::{CloseCode, CloseFrame, Error, ErrorKind, Limits, Message, Result, Text};
use control::outgoing_control;
use direct::Direct;
pub(crate) use open::client;
#[cfg(feature = "server")]
pub(crate) use open::server;
use waiters::Waiters;
use wire::Wire;

struct Socket<T> {
    library: WebSocketStream<T>,
    direct: Direct,
    max_message: usize,
    /// Whether the peer's close frame leaves our direction open.
    half_close: bool,
    reading: Reading,
    /// Whether a close frame has been handed to the library.
    close_sent: bool,
    /// Whether closing has ended our direction of the connection.
    is_shut: bool,
    /// The bytes of pongs that the library has queued since everything was last written.
    queued_pongs: usize,
    waiters: Waiters,
    /// Whether the reader waits for the peer.
    is_idle: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reading {
    /// Messages may arrive.
    Open,
    /// The peer's close frame has been delivered.
    Closed,
    /// An error has been returned.
    Failed,
    /// The connection has been closed.
    Ended,
}

impl<T: Wire> Socket<T> {
    fn new(library: WebSocketStream<T>, limits: Limits, half_close: bool, direct: Direct) -> Self {
        Self {
            library,
            direct,
            max_message: limits.max_message,
            half_close,
            reading: Reading::Open,
            close_sent: false,
            is_shut: false,
            queued_pongs: 0,
            waiters: Waiters::default(),
            is_idle: false,
        }
    }

    /// Converts a message from the library. Data first: everything else is rare.
    fn receive(&mut self, cx: &Context<'_>, message: library::Message) -> Result<Message> {
        let is_text = message.is_text();
        if is_text || message.is_binary() {
            let payload = Bytes::from(message.into_payload());
            if payload.len() > self.max_message {
                return Err(self.refuse_size(cx, payload.len()));
            }
            if !is_text {
                return Ok(Message::Binary(payload));
            }
            // Already checked by the library, which has no type to express it.
            return Text::try_from(payload).map(Message::Text).map_err(|error| {
                self.reading = Reading::Failed;
                Error::new(ErrorKind::Protocol, error)
            });
        }
        if let Some((code, reason)) = message.as_close() {
            // A frame without a code arrives as 1005, which is not a code.
            let code = CloseCode::new(u16::from(code));
            let frame = code.map(|code| CloseFrame::new(code, reason));
            return Ok(self.close_read(cx, Message::Close(frame)));
        }
        let is_ping = message.is_ping();
        let payload = Bytes::from(message.into_payload());
        if is_ping {
            // The library has queued the pong.
            self.direct.block();
            self.queued_pongs += payload.len() + CONTROL_HEADER;
            return Ok(Message::Ping(payload));
        }
        Ok(Message::Pong(payload))
    }

    /// Ends reading with the peer's close frame and sends the answer that the library queued.
    fn close_read(&mut self, cx: &Context<'_>, close: Message) -> Message {
        self.reading = Reading::Closed;
        self.direct.block();
        self.flush_soon(cx);
        close
    }

    /// Ends reading with an error from the library.
    fn fail(&mut self, cx: &Context<'_>, error: library::Error) -> Error {
        self.reading = Reading::Failed;
        self.direct.block();
        match error {
            library::Error::Io(error) => closed(error),
            library::Error::PayloadTooLong { len, .. } => self.refuse_size(cx, len),
            error => {
                // The library queued the close frame with 1002 or 1007.
                self.flush_soon(cx);
                Error::new(ErrorKind::Protocol, error)
                    .with_context("the peer violated the WebSocket protocol")
            }
        }
    }

    fn refuse_size(&mut self, cx: &Context<'_>, len: usize) -> Error {
        self.reading = Reading::Failed;
        // If a single frame exceeds the limit, the library has queued a close frame and
        // refuses this one; if the sum of the fragments does, it has not.
        self.send_close(
            library::CloseCode::MESSAGE_TOO_BIG,
            "the message is too big",
        );
        self.flush_soon(cx);
        let limit = self.max_message;
        Error::message(
            ErrorKind::TooLarge,
            format!("a message of at least {len} bytes exceeds the limit of {limit} bytes"),
        )
    }

    /// Queues a close frame, if none has been sent.
    fn send_close(&mut self, code: library::CloseCode, reason: &str) {
        if !self.close_sent {
            self.close_sent = true;
            self.direct.block();
            let close = library::Message::close(Some(code), reason);
            // Refused only after a close frame that the library itself queued.
            let _ = Pin::new(&mut self.library).start_send(close);
        }
    }

    /// Writes what can be written now. The next flush or close sends the rest.
    fn flush_soon(&mut self, cx: &Context<'_>) {
        let _ = self.poll_flush_for_reader(cx);
    }

    /// Flushes on behalf of the reader: wakes both it and a waiting writer.
    fn poll_flush_for_reader(&mut self, cx: &Context<'_>) -> Poll<()> {
        let waker = self.waiters.of_reader(cx);
        let mut cx = Context::from_waker(&waker);
        // The layer below keeps a failed write, and the next send reports it.
        let _ = ready!(Pin::new(&mut self.library).poll_flush(&mut cx));
        self.handle_flushed();
        Poll::Ready(())
    }

    fn handle_flushed(&mut self) {
        self.queued_pongs = 0;
        self.direct.unblock();
        if self.is_idle {
            // The reader frees it otherwise, but may not be polled again for long.
            self.library.get_mut().release();
        }
    }

    /// Whether a small frame may be written past the library: it holds nothing, and would refuse nothing.
    fn is_direct(&self) -> bool {
        !self.direct.is_blocked() && !self.close_sent && self.reading == Reading::Open
    }

    /// Remembers the writer while it waits, and reports a failed write to it.
    // On the path of every message sent.
    #[inline]
    fn writing(
        &mut self,
        cx: &Context<'_>,
        polled: Poll<Result<(), library::Error>>,
    ) -> Poll<Result<()>> {
        let Poll::Ready(outcome) = polled else {
            self.waiters.hold_writer(cx);
            return Poll::Pending;
        };
        self.waiters.free_writer();
        outcome.map_err(sending)?;
        Poll::Ready(
            self.library
                .get_ref()
                .write_error()
                .map_or(Ok(()), |error| Err(closed(error))),
        )
    }
}

impl<T: Wire> Socket<T> {
    /// Sends everything including a final close frame, reads up to the peer's,
    /// and ends our direction of the connection.
    fn poll_shut(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.send_close(library::CloseCode::NORMAL_CLOSURE, "");
        // Flushed and read concurrently: two sides that close with full buffers
        // would otherwise wait for each other.
        let flushed = match self.as_mut().poll_flush(cx) {
            // The peer has said that it reads no more, so what it misses does not matter.
            Poll::Ready(Err(_)) if self.reading == Reading::Closed && !self.half_close => {
                Poll::Ready(())
            }
            flushed => flushed?,
        };
        let this = self.get_mut();
        while ready!(Pin::new(&mut this.library).poll_next(cx)).is_some() {}
        ready!(flushed);
        // All is written and read: an error could only mean that the peer was faster.
        let _ = ready!(Pin::new(this.library.get_mut()).poll_shutdown(cx));
        Poll::Ready(Ok(()))
    }
}

impl<T: Wire> Stream for Socket<T> {
    type Item = Result<Message>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.reading != Reading::Open {
            return Poll::Ready(None);
        }
        this.is_idle = false;
        let too_many_pongs = this.queued_pongs > MAX_QUEUED_PONGS;
        if too_many_pongs || this.library.get_ref().is_waiting() {
            // While reading, the library flushes only what it holds itself, not
            // what a full socket left in the buffer below.
            let flushed = this.poll_flush_for_reader(cx);
            if too_many_pongs && flushed.is_pending() {
                // A peer that pings without reading must not make the queue grow.
                this.waiters.hold_reader(cx);
                return Poll::Pending;
            }
        }
        // One match and no intermediate binding: moving the message once more costs
        // a tenth of the throughput at 64 bytes.
        Poll::Ready(Some(match Pin::new(&mut this.library).poll_next(cx) {
            Poll::Ready(Some(Ok(message))) => this.receive(cx, message),
            Poll::Ready(Some(Err(error))) => Err(this.fail(cx, error)),
            Poll::Ready(None) => match this.library.get_mut().take_close() {
                Some(close) => Ok(this.close_read(cx, close)),
                None => {
                    this.reading = Reading::Failed;
                    Err(Error::message(
                        ErrorKind::Closed,
                        "the connection ended without a close frame",
                    ))
                }
            },
            Poll::Pending => {
                // There may be nothing to do until the peer sends something.
                this.is_idle = true;
                this.library.get_mut().release();
                return Poll::Pending;
            }
        }))
    }
}

impl<T: Wire> Sink<Message> for Socket<T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        let polled = if this.is_direct() {
            let room = this.direct.poll_ready(cx, this.library.get_mut());
            room.map(Ok)
        } else {
            Pin::new(&mut this.library).poll_ready(cx)
        };
        this.writing(cx, polled)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<()> {
        let this = self.get_mut();
        if this.is_direct() {
            let data = match &message {
                Message::Text(text) => Some((Opcode::Text, text.as_bytes())),
                Message::Binary(bytes) => Some((Opcode::Binary, &**bytes)),
                _ => None,
            };
            if let Some((opcode, payload)) = data
                && this.direct.is_small(payload)
            {
                this.direct.write(this.library.get_mut(), opcode, payload);
                return Ok(());
            }
            this.direct.block();
        }
        let library = Pin::new(&mut this.library);
        // Payloads are passed on without a copy, and each kind by its own call:
        // collecting them first would move every message once more.
        match message {
            Message::Text(text) => library.start_send(library::Message::text(text.into_bytes())),
            Message::Binary(bytes) => library.start_send(library::Message::binary(bytes)),
            control => {
                control.check_control_len()?;
                let is_close = matches!(control, Message::Close(_));
                let sent = library.start_send(outgoing_control(control)?);
                this.close_sent |= is_close && sent.is_ok();
                sent
            }
        }
        .map_err(sending)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.library).poll_flush(cx);
        if polled.is_ready() {
            this.handle_flushed();
        }
        this.writing(cx, polled)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if !self.is_shut {
            ready!(self.as_mut().poll_shut(cx))?;
            self.is_shut = true;
        }
        if self.reading == Reading::Failed || self.half_close {
            // Ending the connection while bytes from the peer are unread resets
            // it, as do bytes that arrive later, even the end of TLS: what we
            // sent last would be lost. With half-close the peer's close frame may
            // have arrived long before ours, and says nothing about what has been received.
            ready!(self.library.get_mut().poll_discard(cx));
        }
        self.reading = Reading::Ended;
        Poll::Ready(Ok(()))
    }
}

impl<T: Wire> fmt::Debug for Socket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("reading", &self.reading)
            .finish_non_exhaustive()
    }
}

fn closed(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Closed, error).with_context("the connection was closed")
}

fn sending(error: library::Error) -> Error {
    match error {
        library::Error::Io(error) => closed(error),
        error => Error::new(ErrorKind::Closed, error)
            .with_context("the socket is closed for sending")
            .never_delivered(),
    }
}

/// The size of a masked control frame's header.
const CONTROL_HEADER: usize = 6;

/// Reading waits once this many bytes of pongs are queued.
const MAX_QUEUED_PONGS: usize = 64 * 1024;

#[cfg(test)]
mod tests;
