//! The pump of a pair of streams.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures::{AsyncBufRead, AsyncWrite, FutureExt};
use relay::RelayStream;
use tokio::io::AsyncReadExt;
use transport::_internal::within;
use transport::{CloseCode, Message, SharedRuntime};

use super::farewell::{FAREWELL, IDLE, LOCAL_LOST, STOPPED, abort, stop};
use super::idle::IdleTimer;
use super::local::LocalStream;
use super::{EndCause, Ended, LossIs, PumpTerms};

/// Moves bytes between `local` and `relay` until both directions have ended, or one side is lost. `first` came from the
/// relay before everything else.
pub(crate) async fn pump<L: LocalStream>(
    local: L,
    relay: RelayStream,
    first: Bytes,
    terms: PumpTerms,
) -> Ended {
    let mut pump = Pump {
        local,
        relay,
        first,
        up: Up::Open,
        down: Down::Open,
        size: SMALL,
        needs_flush: false,
        local_needs_flush: false,
        loss: terms.loss,
        sent: 0,
        received: 0,
    };
    let PumpTerms {
        runtime,
        idle,
        counters,
        mut stop,
        ..
    } = terms;
    let mut idle = IdleTimer::new(idle);
    let end = poll_fn(|cx| {
        let before = (pump.sent, pump.received);
        let polled = pump.poll(cx);
        let sent = pump.sent - before.0;
        let received = pump.received - before.1;
        if sent > 0 {
            counters.sent.add(sent);
        }
        if received > 0 {
            counters.received.add(received);
        }
        if polled.is_ready() {
            return polled;
        }
        if stop.poll_unpin(cx).is_ready() {
            return Poll::Ready(End::Stopped);
        }
        idle.poll(cx, &runtime, sent + received > 0)
            .map(|()| End::Idle)
    })
    .await;
    let (sent, received) = (pump.sent, pump.received);
    let cause = pump.end(end, &runtime).await;
    Ended {
        sent,
        received,
        cause,
    }
}

/// The state of both directions.
struct Pump<L> {
    local: L,
    relay: RelayStream,
    /// What came from the relay with the greeting.
    first: Bytes,
    up: Up,
    down: Down,
    /// The size of the next buffer for local data.
    size: usize,
    needs_flush: bool,
    local_needs_flush: bool,
    loss: LossIs,
    sent: u64,
    received: u64,
}

/// The direction from the local side to the relay.
enum Up {
    Open,
    /// The other side takes no more, and has ended: what the local side sends is discarded.
    Gone,
    /// The local side has ended; the close frame is being sent.
    Closing,
    Done,
    /// The relay takes no more.
    Failed(io::Error),
}

/// The direction from the relay to the local side.
enum Down {
    Open,
    /// The relay has ended; the end is being passed on.
    Closing,
    Done,
    /// The local side takes no more: what arrives is discarded.
    Failed(io::Error),
}

/// Why a pump stops.
enum End {
    Complete,
    /// The other side has ended both directions.
    Gone,
    Idle,
    /// The local side was lost, `is_closed` says whether our direction has been closed.
    Local {
        error: io::Error,
        is_closed: bool,
    },
    Relay(io::Error),
    Stopped,
}

impl<L: LocalStream> Pump<L> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Poll::Ready(Err(end)) = self.poll_up(cx) {
            return Poll::Ready(end);
        }
        if let Poll::Ready(Err(end)) = self.poll_down(cx) {
            return Poll::Ready(end);
        }
        let take = |error: &mut io::Error| std::mem::replace(error, io::ErrorKind::Other.into());
        Poll::Ready(match (&mut self.up, &mut self.down) {
            (Up::Done, Down::Done) => End::Complete,
            (Up::Gone, Down::Done | Down::Failed(_)) => End::Gone,
            (Up::Done, Down::Failed(error)) => End::Local {
                error: take(error),
                is_closed: true,
            },
            // What had arrived before the loss has been passed on.
            (Up::Failed(error), Down::Done | Down::Failed(_)) => End::Relay(take(error)),
            _ => return Poll::Pending,
        })
    }

    /// Moves what the local side has sent, and its end.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        for _ in 0..ROUNDS {
            match self.up {
                Up::Open => match ready!(self.relay.poll_ready(cx)) {
                    Ok(()) => ready!(self.poll_read_local(cx))?,
                    Err(error) => self.up = Up::Failed(io::Error::other(error)),
                },
                Up::Closing => {
                    let closed = AsyncWrite::poll_close(Pin::new(&mut self.relay), cx);
                    self.up = match ready!(closed) {
                        Ok(()) => Up::Done,
                        Err(error) => Up::Failed(error),
                    };
                }
                Up::Done | Up::Failed(_) | Up::Gone => return Poll::Ready(Ok(())),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads once into the buffer that becomes a message, for which there is room.
    fn poll_read_local(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        let readable = self.local.poll_readable(cx);
        // An idle pair keeps none.
        let mut buffer = BytesMut::new();
        let read = match readable {
            Poll::Ready(()) => {
                buffer.reserve(self.size);
                pin!(self.local.read_buf(&mut buffer)).poll(cx)
            }
            Poll::Pending => Poll::Pending,
        };
        match read {
            Poll::Pending => {
                if self.needs_flush {
                    match ready!(AsyncWrite::poll_flush(Pin::new(&mut self.relay), cx)) {
                        Ok(()) => self.needs_flush = false,
                        Err(error) => self.up = Up::Failed(error),
                    }
                }
                return Poll::Pending;
            }
            Poll::Ready(Ok(0)) => self.up = Up::Closing,
            Poll::Ready(Ok(count)) => {
                self.size = match count {
                    SMALL..=LARGE if count == self.size => LARGE,
                    ..SMALL => SMALL,
                    _ => self.size,
                };
                // Not split: a buffer that is shared would have to be copied to be masked.
                match self.relay.start_send(Message::Binary(buffer.freeze())) {
                    Ok(()) => {
                        self.sent += count as u64;
                        self.needs_flush = true;
                    }
                    Err(error) => self.up = Up::Failed(io::Error::other(error)),
                }
            }
            Poll::Ready(Err(error)) => {
                let is_closed = false;
                return Poll::Ready(Err(End::Local { error, is_closed }));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Moves what the relay has sent, and its end.
    fn poll_down(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        for _ in 0..ROUNDS {
            match self.down {
                Down::Open | Down::Failed(_) => {
                    let is_discarding = matches!(self.down, Down::Failed(_));
                    let Self {
                        first,
                        relay,
                        local,
                        ..
                    } = self;
                    let from_first = !first.is_empty();
                    let received = match from_first {
                        true => Ok(&first[..]),
                        false => match AsyncBufRead::poll_fill_buf(Pin::new(&mut *relay), cx) {
                            Poll::Ready(received) => received,
                            Poll::Pending => {
                                ready!(self.poll_flush_local(cx));
                                return Poll::Pending;
                            }
                        },
                    };
                    let count = match received {
                        Ok([]) if is_discarding => return Poll::Ready(Ok(())),
                        Ok([]) => {
                            self.down = Down::Closing;
                            continue;
                        }
                        Ok(bytes) if is_discarding => bytes.len(),
                        Ok(bytes) => match ready!(Pin::new(&mut *local).poll_write(cx, bytes)) {
                            Ok(0) => {
                                self.down = Down::Failed(io::ErrorKind::WriteZero.into());
                                continue;
                            }
                            Ok(count) => {
                                self.received += count as u64;
                                self.local_needs_flush = true;
                                count
                            }
                            Err(error) => {
                                self.down = Down::Failed(error);
                                continue;
                            }
                        },
                        Err(error) if self.loss == LossIs::AnEnd && !is_refusal(&error) => {
                            self.up = Up::Gone;
                            self.down = Down::Closing;
                            continue;
                        }
                        Err(error) => return Poll::Ready(Err(End::Relay(error))),
                    };
                    match from_first {
                        true => first.advance(count),
                        false => AsyncBufRead::consume(Pin::new(relay), count),
                    }
                }
                Down::Closing => {
                    // A local side that is gone needs no end.
                    let _ = ready!(Pin::new(&mut self.local).poll_shutdown(cx));
                    self.down = Down::Done;
                }
                Down::Done => return Poll::Ready(Ok(())),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Flushes the local side while there is nothing to write.
    fn poll_flush_local(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.local_needs_flush {
            // The next write reports a failure.
            let _ = ready!(Pin::new(&mut self.local).poll_flush(cx));
            self.local_needs_flush = false;
        }
        Poll::Ready(())
    }

    /// Tells each side how the pair has ended.
    async fn end(self, end: End, runtime: &SharedRuntime) -> EndCause {
        let Self {
            local, relay, up, ..
        } = self;
        let is_open = matches!(up, Up::Open);
        match end {
            End::Complete => {
                drop(local);
                match relay.finish().await {
                    Ok(()) => EndCause::Complete,
                    Err(error) => EndCause::Unconfirmed(error),
                }
            }
            End::Gone => {
                relay.abort();
                // A connection that is closed with data unread is reset, which may cost the client what it has not
                // read yet.
                let _ = within(runtime, FAREWELL, discard(local)).await;
                EndCause::Complete
            }
            End::Local { error, is_closed } => {
                local.abort();
                match is_closed {
                    // The rest is read and discarded in the background, so that what was sent arrives.
                    true => drop(relay),
                    false => abort(relay, LOCAL_LOST, runtime).await,
                }
                EndCause::Local(error)
            }
            End::Relay(error) => {
                local.abort();
                // There is nothing left to say.
                relay.abort();
                EndCause::Relay(error)
            }
            End::Idle => {
                local.abort();
                stop(relay, is_open, IDLE, runtime).await;
                EndCause::Idle
            }
            End::Stopped => {
                local.abort();
                stop(relay, is_open, STOPPED, runtime).await;
                EndCause::Stopped
            }
        }
    }
}

/// Reads and discards what the local side still sends.
async fn discard(mut local: impl LocalStream) {
    let mut space = [0; 2048];
    while matches!(local.read(&mut space).await, Ok(1..)) {}
}

/// Whether the other side has said that its data is not whole.
fn is_refusal(error: &io::Error) -> bool {
    let inner = error.get_ref();
    let inner = inner.and_then(|inner| inner.downcast_ref::<relay::Error>());
    let frame = inner.and_then(relay::Error::close_frame);
    frame.is_some_and(|frame| frame.code != CloseCode::GOING_AWAY)
}

/// How often one direction moves bytes before the other has its turn.
const ROUNDS: usize = 16;

/// The buffer of a direction that carries little.
const SMALL: usize = 4 * 1024;

/// The buffer of a busy direction, which is the size of its messages. Measured for streams of `azwire-relay`: writes of
/// 16 to 32 KiB are the fastest; at 64 KiB and more, throughput on loopback collapses.
const LARGE: usize = 32 * 1024;
