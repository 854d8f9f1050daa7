//! An open socket: tokio-websockets behind the [`WebSocket`] trait, both sides.
//! Framing, masking, UTF-8 and the answers to pings are the library's; limits
//! over fragments, the order of endings and half-close are ours. Shell.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_sink::Sink;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_websockets::{self as library, WebSocketStream};

use super::half_close::HalfClose;
use super::write_buffer::WriteBuffer;
use crate::{CloseCode, CloseFrame, Error, ErrorKind, Limits, Message, Result, Text, WebSocket};

/// Puts a client's socket on an upgraded connection.
pub(crate) fn client(upgraded: Upgraded, limits: Limits, half_close: bool) -> Box<dyn WebSocket> {
    let builder = library::ClientBuilder::new()
        .config(library_config(&limits))
        .limits(library_limits(&limits));
    let wire = WriteBuffer::new(TokioIo::new(upgraded));
    if half_close {
        Box::new(Socket::new(
            builder.take_over(HalfClose::client(wire)),
            limits,
        ))
    } else {
        Box::new(Socket::new(builder.take_over(wire), limits))
    }
}

/// Puts a server's socket on an upgraded connection.
#[cfg(feature = "server")]
pub(crate) fn server(upgraded: Upgraded, limits: Limits, half_close: bool) -> Box<dyn WebSocket> {
    let builder = library::ServerBuilder::new()
        .config(library_config(&limits))
        .limits(library_limits(&limits));
    let wire = WriteBuffer::new(TokioIo::new(upgraded));
    if half_close {
        Box::new(Socket::new(builder.serve(HalfClose::server(wire)), limits))
    } else {
        Box::new(Socket::new(builder.serve(wire), limits))
    }
}

/// What a [`Socket`] asks of the bytes below it, beside reading and writing.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {
    /// The close frame that was withheld from the library, once.
    fn take_close(&mut self) -> Option<Message>;

    /// How writing failed, if it did.
    fn write_error(&self) -> Option<std::io::Error>;
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for WriteBuffer<T> {
    fn take_close(&mut self) -> Option<Message> {
        None
    }

    fn write_error(&self) -> Option<std::io::Error> {
        self.error()
    }
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for HalfClose<WriteBuffer<T>> {
    fn take_close(&mut self) -> Option<Message> {
        self.take().map(Message::Close)
    }

    fn write_error(&self) -> Option<std::io::Error> {
        self.get_ref().error()
    }
}

struct Socket<T> {
    library: WebSocketStream<T>,
    max_message: usize,
    reading: Reading,
    /// Bytes of pongs that the library queued since everything was last written.
    queued_pongs: usize,
    /// Who waits for writing, so that the reader does not take its place.
    writer: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reading {
    /// Messages may come.
    Open,
    /// The peer's close frame was handed out.
    Closed,
    /// An error was handed out.
    Failed,
}

impl<T: Wire> Socket<T> {
    fn new(library: WebSocketStream<T>, limits: Limits) -> Self {
        Self {
            library,
            max_message: limits.max_message,
            reading: Reading::Open,
            queued_pongs: 0,
            writer: None,
        }
    }

    /// Takes a message of the library's.
    fn receive(&mut self, cx: &mut Context<'_>, message: library::Message) -> Result<Message> {
        if let Some((code, reason)) = message.as_close() {
            let code = CloseCode::new(u16::from(code));
            let frame = code.map(|code| CloseFrame::new(code, reason));
            return Ok(self.close_read(cx, Message::Close(frame)));
        }
        if (message.is_text() || message.is_binary())
            && message.as_payload().len() > self.max_message
        {
            let len = message.as_payload().len();
            return Err(self.refuse_size(cx, len));
        }
        let (is_text, is_binary, is_ping) =
            (message.is_text(), message.is_binary(), message.is_ping());
        let payload = Bytes::from(message.into_payload());
        Ok(if is_text {
            // Already checked by the library, which cannot say so in a type.
            Message::Text(Text::try_from(payload).map_err(|error| {
                self.reading = Reading::Failed;
                Error::new(ErrorKind::Protocol, error)
            })?)
        } else if is_binary {
            Message::Binary(payload)
        } else if is_ping {
            self.queued_pongs += payload.len() + CONTROL_HEADER;
            Message::Ping(payload)
        } else {
            Message::Pong(payload)
        })
    }

    /// Ends reading with the peer's close frame; sends the answer that the library queued.
    fn close_read(&mut self, cx: &mut Context<'_>, close: Message) -> Message {
        self.reading = Reading::Closed;
        self.flush_soon(cx);
        close
    }

    /// Ends reading with an error of the library's.
    fn fail(&mut self, cx: &mut Context<'_>, error: library::Error) -> Error {
        match error {
            library::Error::Io(error) => {
                self.reading = Reading::Failed;
                closed(error)
            }
            library::Error::PayloadTooLong { len, .. } => self.refuse_size(cx, len),
            error => {
                // The library queued the close frame with 1002 or 1007.
                self.reading = Reading::Failed;
                self.flush_soon(cx);
                Error::new(ErrorKind::Protocol, error)
                    .with_context("the peer broke the WebSocket protocol")
            }
        }
    }

    fn refuse_size(&mut self, cx: &mut Context<'_>, len: usize) -> Error {
        self.reading = Reading::Failed;
        let text = format!(
            "a message of at least {len} bytes is over the limit of {} bytes",
            self.max_message
        );
        // For one frame over the limit the library has queued the close frame
        // and refuses this one; for a sum of fragments it has not.
        let close = library::Message::close(Some(library::CloseCode::MESSAGE_TOO_BIG), "too big");
        let _ = Pin::new(&mut self.library).start_send(close);
        self.flush_soon(cx);
        Error::message(ErrorKind::TooLarge, text)
    }

    /// Writes what can be written now. The rest leaves with the next flush or close.
    fn flush_soon(&mut self, cx: &mut Context<'_>) {
        let _ = self.poll_flush_for_reader(cx);
    }

    /// Flushes on behalf of the reader: wakes both it and a waiting writer.
    fn poll_flush_for_reader(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waker = match &self.writer {
            Some(writer) if !writer.will_wake(cx.waker()) => {
                Waker::from(Arc::new(Both(writer.clone(), cx.waker().clone())))
            }
            _ => cx.waker().clone(),
        };
        let mut cx = Context::from_waker(&waker);
        // A failed write is kept below and told to the next sender.
        let _ = ready!(Pin::new(&mut self.library).poll_flush(&mut cx));
        self.queued_pongs = 0;
        Poll::Ready(())
    }

    /// Remembers the writer while it waits; tells it of a failed write.
    fn writing(
        &mut self,
        cx: &Context<'_>,
        polled: Poll<Result<(), library::Error>>,
    ) -> Poll<Result<()>> {
        match polled {
            Poll::Ready(outcome) => {
                self.writer = None;
                outcome.map_err(sending)?;
                match self.library.get_ref().write_error() {
                    Some(error) => Poll::Ready(Err(closed(error))),
                    None => Poll::Ready(Ok(())),
                }
            }
            Poll::Pending => {
                if !self
                    .writer
                    .as_ref()
                    .is_some_and(|writer| writer.will_wake(cx.waker()))
                {
                    self.writer = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}

impl<T: Wire> Stream for Socket<T> {
    type Item = Result<Message>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.reading != Reading::Open {
            return Poll::Ready(None);
        }
        if this.queued_pongs > MAX_QUEUED_PONGS {
            // A peer that pings without reading must not make the queue grow.
            ready!(this.poll_flush_for_reader(cx));
        }
        Poll::Ready(Some(
            match ready!(Pin::new(&mut this.library).poll_next(cx)) {
                Some(Ok(message)) => this.receive(cx, message),
                Some(Err(error)) => Err(this.fail(cx, error)),
                None => match this.library.get_mut().take_close() {
                    Some(close) => Ok(this.close_read(cx, close)),
                    None => {
                        this.reading = Reading::Failed;
                        Err(Error::message(
                            ErrorKind::Closed,
                            "the connection ended without a close frame",
                        ))
                    }
                },
            },
        ))
    }
}

impl<T: Wire> Sink<Message> for Socket<T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.library).poll_ready(cx);
        this.writing(cx, polled)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<()> {
        let message = outgoing(message)?;
        Pin::new(&mut self.get_mut().library)
            .start_send(message)
            .map_err(sending)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.library).poll_flush(cx);
        if polled.is_ready() {
            this.queued_pongs = 0;
        }
        this.writing(cx, polled)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.library).poll_close(cx)).or_else(|error| match error {
            // The peer was faster.
            library::Error::Io(error) if error.kind() == std::io::ErrorKind::NotConnected => Ok(()),
            error => Err(sending(error)),
        })?;
        if this.reading == Reading::Failed {
            // Our close frame says why. Ending the connection while bytes of the
            // peer wait unread would reset it, and the peer might never see why.
            ready!(poll_discard(cx, this.library.get_mut()));
        }
        this.reading = Reading::Failed;
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

/// Wakes a reader and a writer that wait for the same thing.
struct Both(Waker, Waker);

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
        self.1.wake_by_ref();
    }
}

/// Reads to the end of the connection and keeps nothing.
fn poll_discard(cx: &mut Context<'_>, wire: &mut impl Wire) -> Poll<()> {
    let mut space = [0; 2048];
    loop {
        let mut buffer = ReadBuf::new(&mut space);
        let read = ready!(Pin::new(&mut *wire).poll_read(cx, &mut buffer));
        if read.is_err() || buffer.filled().is_empty() {
            return Poll::Ready(());
        }
    }
}

/// Checks what the library would panic on, and hands the payload over without a copy.
fn outgoing(message: Message) -> Result<library::Message> {
    message.check_control_len()?;
    Ok(match message {
        Message::Text(text) => library::Message::text(text.into_bytes()),
        Message::Binary(bytes) => library::Message::binary(bytes),
        Message::Ping(bytes) => library::Message::ping(bytes),
        Message::Pong(bytes) => library::Message::pong(bytes),
        Message::Close(None) => library::Message::close(None, ""),
        Message::Close(Some(frame)) => {
            let code = library::CloseCode::try_from(frame.code.as_u16())
                .map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
            library::Message::close(Some(code), &frame.reason)
        }
    })
}

fn closed(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Closed, error).with_context("the connection ended")
}

fn sending(error: library::Error) -> Error {
    match error {
        library::Error::Io(error) => closed(error),
        error => Error::new(ErrorKind::Closed, error)
            .with_context("the socket is closed for sending")
            .never_delivered(),
    }
}

fn library_config(limits: &Limits) -> library::Config {
    library::Config::default()
        .frame_size(limits.max_frame.max(1))
        .flush_threshold(limits.max_pending_write)
}

fn library_limits(limits: &Limits) -> library::Limits {
    // The library applies its limit to control frames too, ours is one of messages.
    library::Limits::default()
        .max_payload_len(Some(limits.max_message.max(Message::MAX_CONTROL_LEN)))
}

/// The header of a masked control frame.
const CONTROL_HEADER: usize = 6;

/// Reading waits once this much of pongs is queued.
const MAX_QUEUED_PONGS: usize = 64 * 1024;
