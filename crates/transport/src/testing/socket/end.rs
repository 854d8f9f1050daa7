//! One socket of a pair.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;

use super::SocketPairOptions;
use super::link::SocketLink;
use crate::{CloseCode, CloseFrame, Error, ErrorKind, Message, Result};

pub(super) struct End {
    side: usize,
    link: SocketLink,
    options: SocketPairOptions,
    /// Messages that were sent but not flushed.
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
    pub(super) fn new(side: usize, link: &SocketLink, options: SocketPairOptions) -> Self {
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

    /// Moves the staged messages onto the link.
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

    /// Takes the next message off the link; `None` if there will be no more.
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

    /// Handles a message like the implementation of a real socket.
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
                        "a message of {} bytes exceeds the limit of {} bytes",
                        message.payload_len(),
                        self.options.limits.max_message
                    ),
                ));
            }
            _ => {}
        }
        // An answer is sent with the next flush at the latest.
        let _ = self.poll_move(cx, STREAM);
        Ok(message)
    }

    /// Reports to the other side that there will be no more messages.
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
        // A failed write is reported to the sender; what had arrived before can still be read.
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
        // Written and read concurrently: two sides that close with full buffers
        // would otherwise wait for each other.
        let written = match this.poll_move(cx, SINK) {
            // The peer has said that it reads no more, so what it misses does not matter.
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

/// The size of the payload and the longest header.
fn weight(message: &Message) -> usize {
    message.payload_len() + 14
}

/// The indices of a direction's writers.
const SINK: usize = 0;
const STREAM: usize = 1;
