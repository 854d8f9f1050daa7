//! Two WebSockets that are joined in memory, with the contract of the real ones.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use futures_core::Stream;
use futures_sink::Sink;

use crate::{CloseCode, CloseFrame, Error, ErrorKind, Limits, Message, Result, WebSocket};

/// Creates two WebSockets that are joined in memory.
///
/// They keep the contract of [`WebSocket`], and what is not in it but usual:
/// nothing arrives before a flush, at most 64 KiB are under way in each
/// direction, and when one is dropped what it flushed still arrives at the
/// other before the error. [`SocketPair::open`] gives a handle to break the
/// connection, too.
///
/// ```
/// use azwire_transport::testing::socket_pair;
/// use azwire_transport::Message;
/// use futures_util::{SinkExt, StreamExt};
///
/// # futures::executor::block_on(async {
/// let (mut left, mut right) = socket_pair();
/// left.send(Message::text("hello")).await?;
/// assert_eq!(right.next().await.unwrap()?, Message::text("hello"));
/// # azwire_transport::Result::<()>::Ok(())
/// # }).unwrap();
/// ```
pub fn socket_pair() -> (Box<dyn WebSocket>, Box<dyn WebSocket>) {
    let pair = SocketPair::open(SocketPairOptions::default());
    (pair.left, pair.right)
}

/// Two joined WebSockets and the connection between them.
#[derive(Debug)]
#[non_exhaustive]
pub struct SocketPair {
    /// One socket.
    pub left: Box<dyn WebSocket>,
    /// The other socket.
    pub right: Box<dyn WebSocket>,
    /// The connection.
    pub link: SocketLink,
}

impl SocketPair {
    /// Creates two joined sockets.
    pub fn open(options: SocketPairOptions) -> Self {
        let link = SocketLink(Arc::default());
        let end = |side| -> Box<dyn WebSocket> { Box::new(End::new(side, &link, options)) };
        Self {
            left: end(0),
            right: end(1),
            link,
        }
    }
}

/// What both sockets of a pair have in common.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SocketPairOptions {
    /// How many bytes may be under way in each direction, a header of 14 bytes counted with each message.
    /// A message is taken if there is any room at all.
    pub capacity: usize,
    /// The limits of each socket; frames do not matter here.
    pub limits: Limits,
    /// As [`HandshakeRequest::with_half_close`](crate::HandshakeRequest::with_half_close).
    pub half_close: bool,
}

impl SocketPairOptions {
    /// Sets how many bytes may be under way in each direction, at least one.
    #[must_use]
    pub fn with_capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes.max(1);
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Lets a close frame end one direction only.
    #[must_use]
    pub fn with_half_close(mut self, half_close: bool) -> Self {
        self.half_close = half_close;
        self
    }
}

impl Default for SocketPairOptions {
    fn default() -> Self {
        Self {
            capacity: 64 * 1024,
            limits: Limits::default(),
            half_close: false,
        }
    }
}

/// The connection between the sockets of a [`SocketPair`]. Clones share it.
#[derive(Clone)]
pub struct SocketLink(Arc<Mutex<Link>>);

impl SocketLink {
    /// Breaks the connection: what is under way is lost, and reading and
    /// writing fail with [`Closed`](ErrorKind::Closed) on both sides.
    pub fn cut(&self) {
        let mut link = self.lock();
        link.cut = true;
        for direction in &mut link.directions {
            direction.messages.clear();
            direction.wake();
        }
    }

    /// Stops delivering, as a network that loses everything does: both sides
    /// stay open, and writing goes on until the capacity is used up.
    pub fn stall(&self) {
        self.lock().stalled = true;
    }

    /// Delivers again after [`stall`](Self::stall); nothing is lost.
    pub fn resume(&self) {
        let mut link = self.lock();
        link.stalled = false;
        for direction in &mut link.directions {
            direction.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Link> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SocketLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = self.lock();
        f.debug_struct("SocketLink")
            .field("cut", &link.cut)
            .field("stalled", &link.stalled)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Link {
    /// From the left socket, from the right one.
    directions: [Direction; 2],
    cut: bool,
    stalled: bool,
}

#[derive(Default)]
struct Direction {
    messages: VecDeque<Message>,
    bytes: usize,
    /// No more will come: the sender was closed or dropped.
    ended: bool,
    /// Nobody reads any more: the receiver was dropped.
    deaf: bool,
    reader: Option<Waker>,
    /// The wakers that wait for room: of the sink, and of the stream of the same socket with its answers.
    writers: [Option<Waker>; 2],
}

impl Direction {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        self.wake_writers();
    }

    fn wake_writers(&mut self) {
        for writer in self.writers.iter_mut().filter_map(Option::take) {
            writer.wake();
        }
    }
}

const SINK: usize = 0;
const STREAM: usize = 1;

struct End {
    side: usize,
    link: SocketLink,
    options: SocketPairOptions,
    /// Sent but not flushed.
    staged: VecDeque<Message>,
    staged_bytes: usize,
    close_sent: bool,
    reading: Reading,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reading {
    Open,
    Closed,
    Failed,
}

impl End {
    fn new(side: usize, link: &SocketLink, options: SocketPairOptions) -> Self {
        Self {
            side,
            link: link.clone(),
            options,
            staged: VecDeque::new(),
            staged_bytes: 0,
            close_sent: false,
            reading: Reading::Open,
        }
    }

    fn stage(&mut self, message: Message) {
        self.close_sent |= matches!(message, Message::Close(_));
        self.staged_bytes += weight(&message);
        self.staged.push_back(message);
    }

    /// Moves what is staged onto the link.
    fn poll_move(&mut self, cx: &Context<'_>, who: usize) -> Poll<Result<()>> {
        let mut link = self.link.lock();
        if link.cut || (link.directions[self.side].deaf && !self.staged.is_empty()) {
            return Poll::Ready(Err(gone()));
        }
        let direction = &mut link.directions[self.side];
        while direction.bytes < self.options.capacity {
            let Some(message) = self.staged.pop_front() else {
                return Poll::Ready(Ok(()));
            };
            self.staged_bytes -= weight(&message);
            direction.bytes += weight(&message);
            direction.messages.push_back(message);
            if let Some(reader) = direction.reader.take() {
                reader.wake();
            }
        }
        if self.staged.is_empty() {
            return Poll::Ready(Ok(()));
        }
        direction.writers[who] = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Takes the next message off the link; `None` if no more will come.
    fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<Message>> {
        let mut link = self.link.lock();
        if link.cut {
            return Poll::Ready(None);
        }
        let stalled = link.stalled;
        let direction = &mut link.directions[1 - self.side];
        if !stalled {
            if let Some(message) = direction.messages.pop_front() {
                direction.bytes -= weight(&message);
                direction.wake_writers();
                return Poll::Ready(Some(message));
            }
            if direction.ended {
                return Poll::Ready(None);
            }
        }
        direction.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Does with a message what the implementation of a real socket does.
    fn receive(&mut self, cx: &Context<'_>, message: Message) -> Result<Message> {
        match &message {
            Message::Close(frame) => {
                self.reading = Reading::Closed;
                if !self.close_sent && !self.options.half_close {
                    let answer = frame.as_ref().map(|frame| CloseFrame::new(frame.code, ""));
                    self.stage(Message::Close(answer));
                }
            }
            Message::Ping(bytes) if !self.close_sent => self.stage(Message::Pong(bytes.clone())),
            Message::Text(_) | Message::Binary(_)
                if message.payload_len() > self.options.limits.max_message =>
            {
                self.reading = Reading::Failed;
                if !self.close_sent {
                    let frame = CloseFrame::new(CloseCode::TOO_BIG, "too big");
                    self.stage(Message::Close(Some(frame)));
                }
                let _ = self.poll_move(cx, STREAM);
                return Err(Error::message(
                    ErrorKind::TooLarge,
                    format!(
                        "a message of {} bytes is over the limit of {} bytes",
                        message.payload_len(),
                        self.options.limits.max_message
                    ),
                ));
            }
            _ => {}
        }
        // An answer leaves with the next flush at the latest.
        let _ = self.poll_move(cx, STREAM);
        Ok(message)
    }

    /// Says to the other side that no more will come.
    fn end(&self, deaf: bool) {
        let mut link = self.link.lock();
        link.directions[self.side].ended = true;
        link.directions[self.side].wake();
        if deaf {
            link.directions[1 - self.side].deaf = true;
            link.directions[1 - self.side].wake();
        }
    }
}

impl Stream for End {
    type Item = Result<Message>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.reading != Reading::Open {
            return Poll::Ready(None);
        }
        // A failed write is told to the sender; what had arrived before is still read.
        let _ = this.poll_move(cx, STREAM);
        Poll::Ready(Some(match ready!(this.poll_take(cx)) {
            Some(message) => this.receive(cx, message),
            None => {
                this.reading = Reading::Failed;
                Err(gone())
            }
        }))
    }
}

impl Sink<Message> for End {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.staged_bytes >= self.options.limits.max_pending_write {
            return self.poll_flush(cx);
        }
        if self.link.lock().cut {
            Poll::Ready(Err(gone()))
        } else {
            Poll::Ready(Ok(()))
        }
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<()> {
        message.check_control_len()?;
        if self.close_sent {
            return Err(
                Error::message(ErrorKind::Closed, "the socket is closed for sending")
                    .never_delivered(),
            );
        }
        self.get_mut().stage(message);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().poll_move(cx, SINK)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        if !this.close_sent {
            this.stage(Message::Close(Some(CloseFrame::new(CloseCode::NORMAL, ""))));
        }
        // Written and read at once: two sides that close with full buffers
        // would otherwise wait for each other.
        let written = match this.poll_move(cx, SINK) {
            // The peer said that it reads no more: what it misses does not matter.
            Poll::Ready(Err(_)) if this.reading == Reading::Closed && !this.options.half_close => {
                Poll::Ready(())
            }
            written => written?,
        };
        if this.reading == Reading::Failed {
            ready!(written);
            this.end(false);
        }
        // Until the peer's close frame; after an error until the peer has ended the connection.
        while this.reading != Reading::Closed {
            match ready!(this.poll_take(cx)) {
                Some(Message::Close(_)) if this.reading == Reading::Open => {
                    this.reading = Reading::Closed;
                }
                Some(_) => {}
                None => break,
            }
        }
        ready!(written);
        this.reading = Reading::Failed;
        this.end(false);
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.end(true);
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End")
            .field("side", &self.side)
            .field("reading", &self.reading)
            .field("close_sent", &self.close_sent)
            .finish_non_exhaustive()
    }
}

fn gone() -> Error {
    Error::message(
        ErrorKind::Closed,
        "the connection ended without a close frame",
    )
}

/// The payload and the longest header.
fn weight(message: &Message) -> usize {
    message.payload_len() + 14
}
