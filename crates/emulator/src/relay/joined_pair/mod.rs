//! Joined pairs of upgraded connections: frames that arrive at one are sent on
//! the other, unmasked in place in the buffer that they were read into. Shell
//! over the pure [`Inbound`].
//!
//! Opcodes, FIN flags and message boundaries are kept; a frame over 64 KiB is
//! split into continuation frames, so that the end of a frame is never far.
//! Nothing is read from one side while the other has no room: that is the
//! back-pressure. Pings are answered here and not forwarded.

mod inbound;
mod traffic;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::channel::oneshot;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use transport::_internal::frame::{MAX_CONTROL, Opcode, Violation, control_frame};
use transport::_internal::within;
use transport::{CloseCode, CloseFrame, SharedRuntime};

pub(super) use self::inbound::Inbound;
pub(super) use self::traffic::Traffic;
use super::connection_fault::{ConnectionFault, STALLED};
use super::wire::close_frame;

/// How a joined pair ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum PairEnd {
    /// Both sides sent their close frame, this one first.
    Closed(Side, CloseFrame),
    /// The connection of this side was lost; the other side was closed.
    Lost(Side),
    /// This side broke the protocol; both sides were closed.
    Violated(Side, Violation),
    /// A fault ended it.
    Cut(ConnectionFault),
}

/// One of the two sides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    Sender,
    Listener,
}

/// Relays frames between `sender` and `listener` until both have closed, one is
/// gone, or `cut` yields a fault. Counts the bytes in `traffic`.
pub(super) async fn splice<T>(
    sender: T,
    listener: T,
    runtime: &SharedRuntime,
    mut cut: oneshot::Receiver<ConnectionFault>,
    traffic: &Traffic,
) -> PairEnd
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut one = Leg::new(sender);
    let mut other = Leg::new(listener);
    // The limit for a side whose peer has closed and gone.
    let mut linger = runtime.sleep_until(runtime.after(LINGER));
    let mut lingering = false;
    let mut first = None;
    let end = poll_fn(|cx| {
        // If the other end is gone, nothing can cut the pair any more.
        if let Poll::Ready(Ok(cut)) = Pin::new(&mut cut).poll(cx) {
            return Poll::Ready(PairEnd::Cut(cut));
        }
        for _ in 0..ROUNDS_BEFORE_YIELD {
            let there = poll_pump(&mut one, &mut other, cx)
                .map_err(|error| error.between(Side::Sender, Side::Listener));
            let back = poll_pump(&mut other, &mut one, cx)
                .map_err(|error| error.between(Side::Listener, Side::Sender));
            traffic.report(one.inbound.relayed(), other.inbound.relayed());
            match (there, back) {
                (Err(end), _) | (_, Err(end)) => return Poll::Ready(end),
                (Ok(false), Ok(false)) => {
                    if first.is_none() {
                        first = closer(&one.inbound, &other.inbound);
                    }
                    if one.is_done()
                        && other.is_done()
                        && let Some((side, frame)) = first.take()
                    {
                        return Poll::Ready(PairEnd::Closed(side, frame));
                    }
                    if !one.is_gone && !other.is_gone {
                        return Poll::Pending;
                    }
                    if !lingering {
                        lingering = true;
                        linger.as_mut().reset(runtime.after(LINGER));
                    }
                    ready!(linger.as_mut().poll(cx));
                    return Poll::Ready(PairEnd::Lost(if one.is_gone {
                        Side::Sender
                    } else {
                        Side::Listener
                    }));
                }
                _ => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    let gone = CloseFrame::new(CloseCode::GOING_AWAY, "The other side is gone.");
    let (of_one, of_other) = match end.clone() {
        PairEnd::Cut(ConnectionFault::Drop) => return end,
        PairEnd::Cut(ConnectionFault::Stall) => {
            runtime.sleep_until(runtime.after(STALLED)).await;
            return end;
        }
        PairEnd::Cut(ConnectionFault::Close(frame)) => (Some(frame.clone()), Some(frame)),
        PairEnd::Closed(..) => (None, None),
        PairEnd::Lost(Side::Sender) => (None, Some(gone)),
        PairEnd::Lost(Side::Listener) => (Some(gone), None),
        PairEnd::Violated(side, violation) => {
            let blame = CloseFrame::new(CloseCode::PROTOCOL_ERROR, violation.0);
            match side {
                Side::Sender => (Some(blame), Some(gone)),
                Side::Listener => (Some(gone), Some(blame)),
            }
        }
    };
    one.say(of_one, &other.inbound);
    other.say(of_other, &one.inbound);
    let bytes = (one.inbound.take_out(), other.inbound.take_out());
    let farewell = futures::future::join(one.end(bytes.1), other.end(bytes.0));
    // Sent or not, both connections are dropped now.
    let _ = within(runtime, FAREWELL, farewell).await;
    end
}

/// Returns the side that has closed, with its close frame; the sender, if both have.
fn closer(sender: &Inbound, listener: &Inbound) -> Option<(Side, CloseFrame)> {
    let closed = |side, inbound: &Inbound| inbound.closed_with().map(|frame| (side, frame.clone()));
    closed(Side::Sender, sender).or_else(|| closed(Side::Listener, listener))
}

/// Closes a side whose peer never arrived.
pub(super) async fn abandon<T>(io: T, frame: CloseFrame, runtime: &SharedRuntime)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut leg = Leg::new(io);
    leg.control = close_frame(&frame);
    let _ = within(runtime, FAREWELL, leg.end(Vec::new())).await;
}

/// One of the two connections.
struct Leg<T> {
    io: T,
    inbound: Inbound,
    /// Control frames of this hop, queued for this leg.
    control: Vec<u8>,
    written: usize,
    needs_flush: bool,
    /// Whether its connection has ended after its close frame.
    is_gone: bool,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Leg<T> {
    fn new(io: T) -> Self {
        Self {
            io,
            inbound: Inbound::new(),
            control: Vec::new(),
            written: 0,
            needs_flush: false,
            is_gone: false,
        }
    }

    /// Whether its close frame was forwarded.
    fn is_done(&self) -> bool {
        self.inbound.is_closed() && self.inbound.out().is_empty()
    }

    /// Queues a last frame, if this leg may still be sent one: not in the
    /// middle of a frame, and not after the close frame of its peer.
    fn say(&mut self, frame: Option<CloseFrame>, peer: &Inbound) {
        let Some(frame) = frame else {
            return;
        };
        if peer.is_between_frames() && !peer.is_closed() {
            self.control.extend(close_frame(&frame));
        }
    }

    /// Writes what is left, shuts the connection down, and waits for its end.
    async fn end(mut self, rest: Vec<u8>) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut last = self.control.split_off(self.written.min(self.control.len()));
        if self.written > 0 {
            last.extend(rest);
        } else {
            last.splice(0..0, rest);
        }
        let written = async {
            self.io.write_all(&last).await?;
            self.io.shutdown().await
        };
        if written.await.is_err() {
            return;
        }
        // Closing the connection with unread bytes would reset it, and the peer
        // might never see the close frame.
        let mut space = [0; 4096];
        while matches!(self.io.read(&mut space).await, Ok(1..)) {}
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Result<(), PumpError> {
        if self.needs_flush
            && let Poll::Ready(flushed) = Pin::new(&mut self.io).poll_flush(cx)
        {
            flushed.map_err(|_| PumpError::Write)?;
            self.needs_flush = false;
        }
        Ok(())
    }

    /// Detects the end of a side that has sent its close frame.
    fn poll_gone(&mut self, cx: &mut Context<'_>) {
        let mut space = [0; 512];
        for _ in 0..ROUNDS_BEFORE_YIELD {
            if self.is_gone {
                return;
            }
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut self.io).poll_read(cx, &mut buffer) {
                Poll::Pending => return,
                Poll::Ready(read) => {
                    self.is_gone = read.is_err() || buffer.filled().is_empty();
                }
            }
        }
        cx.waker().wake_by_ref();
    }
}

/// The end of a pump that failed.
#[derive(Debug)]
enum PumpError {
    Read,
    Write,
    Violation(Violation),
}

impl PumpError {
    fn between(self, from: Side, to: Side) -> PairEnd {
        match self {
            Self::Read => PairEnd::Lost(from),
            Self::Write => PairEnd::Lost(to),
            Self::Violation(violation) => PairEnd::Violated(from, violation),
        }
    }
}

/// Moves bytes from `from` to `to` until one of them is not ready; returns whether any moved.
fn poll_pump<T>(from: &mut Leg<T>, to: &mut Leg<T>, cx: &mut Context<'_>) -> Result<bool, PumpError>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut moved = false;
    for _ in 0..CHUNKS_BEFORE_FLUSH {
        match poll_write(from, to, cx) {
            Poll::Ready(Ok(0)) => {}
            Poll::Ready(Ok(_)) => {
                moved = true;
                continue;
            }
            Poll::Ready(Err(_)) => return Err(PumpError::Write),
            Poll::Pending => break,
        }
        if from.inbound.is_closed() {
            from.poll_gone(cx);
            break;
        }
        let parsed = from.inbound.parse(!to.control.is_empty());
        if let Some(pong) = parsed.map_err(PumpError::Violation)? {
            from.answer(&pong);
            moved = true;
            continue;
        }
        if !from.inbound.out().is_empty() || from.inbound.is_closed() {
            moved = true;
            continue;
        }
        let mut buffer = ReadBuf::new(from.inbound.space());
        match Pin::new(&mut from.io).poll_read(cx, &mut buffer) {
            Poll::Pending => break,
            Poll::Ready(Err(_)) => return Err(PumpError::Read),
            Poll::Ready(Ok(())) => {
                let count = buffer.filled().len();
                if count == 0 {
                    return Err(PumpError::Read);
                }
                from.inbound.filled(count);
                moved = true;
            }
        }
    }
    to.poll_flush(cx)?;
    Ok(moved)
}

/// Writes to `to`; returns 0 if there is nothing to write.
fn poll_write<T>(
    from: &mut Leg<T>,
    to: &mut Leg<T>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let out = from.inbound.out();
    // Between the frames of `from`, or in the middle of a control frame that was begun there.
    let is_turn = out.is_empty() && from.inbound.is_between_frames() && !from.inbound.is_closed();
    if !to.control.is_empty() && (to.written > 0 || is_turn) {
        let count = ready!(Pin::new(&mut to.io).poll_write(cx, &to.control[to.written..]))?;
        to.written += count;
        to.needs_flush = true;
        if to.written == to.control.len() {
            to.control.clear();
            to.written = 0;
        }
        return written(count);
    }
    if out.is_empty() {
        return Poll::Ready(Ok(0));
    }
    let count = ready!(Pin::new(&mut to.io).poll_write(cx, out))?;
    from.inbound.taken(count);
    to.needs_flush = true;
    written(count)
}

fn written(count: usize) -> Poll<io::Result<usize>> {
    Poll::Ready(match count {
        0 => Err(io::ErrorKind::WriteZero.into()),
        count => Ok(count),
    })
}

impl<T> Leg<T> {
    /// Answers a ping. If a peer sends many without reading, only some are
    /// answered, as RFC 6455 §5.5.3 allows.
    fn answer(&mut self, payload: &[u8]) {
        if self.control.len() > MAX_QUEUED_PONGS && self.written == 0 {
            self.control.clear();
        }
        if self.control.len() <= MAX_QUEUED_PONGS {
            self.control.extend(control_frame(Opcode::Pong, payload));
        }
    }
}

/// The most bytes of pongs that may wait for a peer that does not read.
const MAX_QUEUED_PONGS: usize = 8 * (2 + MAX_CONTROL);
const CHUNKS_BEFORE_FLUSH: usize = 64;
const ROUNDS_BEFORE_YIELD: usize = 16;
/// How long a side may continue after its peer has closed and gone: the longest
/// time of a send, from the insiders' emulator.
const LINGER: Duration = Duration::from_secs(60);
/// How long the last frames may take.
const FAREWELL: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
