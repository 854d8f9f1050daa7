//! Datagrams of one source through one hybrid connection.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::{AsyncWrite, FutureExt};
use relay::RelayStream;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use transport::{CloseFrame, Message, SharedRuntime};

use super::farewell::{STOPPED, stop};
use super::idle::IdleTimer;
use super::{EndCause, Ended, PumpTerms};
use crate::datagram::{self, DatagramDecoder};
use crate::metrics::Counter;

/// Where the datagrams of a hybrid connection come from and go to.
pub(crate) trait DatagramSocket: Send {
    /// Receives one, with its length before it.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Received>;

    /// Takes nothing more; returns whether nothing is left to be received either. Otherwise what is left comes before
    /// [`Received::End`].
    fn close(&mut self) -> bool {
        true
    }

    /// Sends one. Errors concern this one only.
    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>>;
}

/// What a local side has for the relay.
#[derive(Debug)]
pub(crate) enum Received {
    /// A datagram, with its length before it.
    Datagram(Bytes),
    /// There are no more.
    End,
}

/// A target: the socket is connected to it.
impl DatagramSocket for UdpSocket {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        let mut space = [const { MaybeUninit::uninit() }; datagram::MAX_LEN];
        // Each error is the answer to an earlier datagram, such as that nothing listens on the port.
        for _ in 0..ROUNDS {
            let mut buffer = ReadBuf::uninit(&mut space);
            if ready!(self.poll_recv(cx, &mut buffer)).is_ok()
                && let Some(encoded) = encoded(buffer.filled())
            {
                return Poll::Ready(Received::Datagram(encoded));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        Self::poll_send(self, cx, datagram).map_ok(|_| ())
    }
}

/// Returns a datagram with its length before it, in bytes of its own; `None` if it is longer than any.
pub(crate) fn encoded(datagram: &[u8]) -> Option<Bytes> {
    let mut bytes = BytesMut::with_capacity(datagram::HEADER_LEN + datagram.len());
    datagram::encode(datagram, &mut bytes).ok()?;
    Some(bytes.freeze())
}

/// Moves datagrams until either side has ended, or both have been silent for the idle limit.
pub(crate) async fn pump_datagrams<S: DatagramSocket>(
    socket: S,
    relay: RelayStream,
    first: Bytes,
    terms: PumpTerms,
) -> Ended {
    let PumpTerms {
        runtime,
        idle,
        counters,
        stop: mut stopped,
        ..
    } = terms;
    let mut pump = Pump {
        socket,
        relay,
        decoder: DatagramDecoder::new(),
        input: first,
        waiting: None,
        is_open: true,
        needs_flush: false,
        sent: 0,
        received: 0,
    };
    let mut idle = IdleTimer::new(idle);
    let end = poll_fn(|cx| {
        let before = (pump.sent, pump.received);
        let polled = pump.poll(cx, &counters.datagrams_dropped);
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
        if stopped.poll_unpin(cx).is_ready() {
            return Poll::Ready(End::Stopped);
        }
        ready!(idle.poll(cx, &runtime, sent + received > 0));
        // A source that is silent has ended: datagrams have no other end.
        match pump.socket.close() {
            true => Poll::Ready(End::Complete),
            false => pump.poll(cx, &counters.datagrams_dropped),
        }
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

struct Pump<S> {
    socket: S,
    relay: RelayStream,
    decoder: DatagramDecoder,
    /// What has arrived of the stream and was not decoded yet.
    input: Bytes,
    /// A datagram that the socket had no room for.
    waiting: Option<Bytes>,
    /// Whether the local side has not ended.
    is_open: bool,
    needs_flush: bool,
    sent: u64,
    received: u64,
}

enum End {
    Complete,
    Relay(io::Error),
    Stopped,
}

impl<S: DatagramSocket> Pump<S> {
    fn poll(&mut self, cx: &mut Context<'_>, dropped: &Counter) -> Poll<End> {
        if let Poll::Ready(end) = self.poll_up(cx) {
            return Poll::Ready(end);
        }
        self.poll_down(cx, dropped)
    }

    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        for _ in 0..ROUNDS {
            if !self.is_open {
                return Poll::Ready(End::Complete);
            }
            if let Err(error) = ready!(self.relay.poll_ready(cx)) {
                return Poll::Ready(End::Relay(io::Error::other(error)));
            }
            match self.socket.poll_receive(cx) {
                Poll::Ready(Received::Datagram(datagram)) => {
                    let count = datagram.len() - datagram::HEADER_LEN;
                    if let Err(error) = self.relay.start_send(Message::Binary(datagram)) {
                        return Poll::Ready(End::Relay(io::Error::other(error)));
                    }
                    self.sent += count as u64;
                    self.needs_flush = true;
                }
                Poll::Ready(Received::End) => self.is_open = false,
                Poll::Pending => {
                    if self.needs_flush {
                        let flushed = AsyncWrite::poll_flush(Pin::new(&mut self.relay), cx);
                        if let Err(error) = ready!(flushed) {
                            return Poll::Ready(End::Relay(error));
                        }
                        self.needs_flush = false;
                    }
                    return Poll::Pending;
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_down(&mut self, cx: &mut Context<'_>, dropped: &Counter) -> Poll<End> {
        for _ in 0..ROUNDS {
            if self.waiting.is_none() {
                self.waiting = self.decoder.pull(&mut self.input);
            }
            if let Some(datagram) = &self.waiting {
                match ready!(self.socket.poll_send(cx, datagram)) {
                    Ok(()) => self.received += datagram.len() as u64,
                    Err(error) => {
                        dropped.add(1);
                        let error = &error as &dyn std::error::Error;
                        tracing::debug!(error, len = datagram.len(), "a datagram was not sent");
                    }
                }
                self.waiting = None;
                continue;
            }
            match ready!(pin!(self.relay.receive()).poll(cx)) {
                Ok(Some(Message::Binary(bytes))) => self.input = bytes,
                Ok(Some(Message::Text(text))) => self.input = text.into_bytes(),
                Ok(Some(Message::Close(frame))) => {
                    return Poll::Ready(End::Relay(closed(frame)));
                }
                Ok(Some(_)) => {}
                Ok(None) => return Poll::Ready(End::Complete),
                Err(error) => return Poll::Ready(End::Relay(io::Error::other(error))),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    async fn end(self, end: End, runtime: &SharedRuntime) -> EndCause {
        drop(self.socket);
        match end {
            End::Complete => match self.relay.finish().await {
                Ok(()) => EndCause::Complete,
                Err(error) => EndCause::Unconfirmed(error),
            },
            End::Relay(error) => {
                self.relay.abort();
                EndCause::Relay(error)
            }
            End::Stopped => {
                stop(self.relay, true, STOPPED, runtime).await;
                EndCause::Stopped
            }
        }
    }
}

fn closed(frame: Option<CloseFrame>) -> io::Error {
    let text = match frame {
        Some(frame) => format!(
            "the other side closed with code {}: {:?}",
            frame.code.as_u16(),
            frame.reason
        ),
        None => "the other side closed".to_owned(),
    };
    io::Error::new(io::ErrorKind::UnexpectedEof, text)
}

/// How many datagrams one direction moves before the other has its turn.
const ROUNDS: usize = 32;
