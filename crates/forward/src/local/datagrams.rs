//! Datagrams: each source becomes a hybrid connection. Shell.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Either, select};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tracing::Instrument as _;

use super::{Route, Shared};
use crate::datagram;
use crate::error::{Error, ErrorKind};
use crate::metrics::{Role, TargetCounters};
use crate::options::limit;
use crate::pairs::{OpenPair, StopSignal};
use crate::pump::{DatagramSocket, LossIs, PumpTerms, Received, encoded, pump_datagrams};
use crate::record::Record;

/// Receives datagrams until it is stopped, and hands them to the task of their source.
pub(super) async fn receive(
    shared: Arc<Shared>,
    socket: UdpSocket,
    route: Arc<Route>,
    mut stop: StopSignal,
) {
    let socket = Arc::new(socket);
    let mut sources = HashMap::new();
    let mut space = vec![0; datagram::MAX_LEN];
    loop {
        let mut buffer = ReadBuf::new(&mut space);
        let received = poll_fn(|cx| {
            if stop.poll_unpin(cx).is_ready() {
                return Poll::Ready(None);
            }
            socket.poll_recv_from(cx, &mut buffer).map(Some)
        });
        let source = match received.await {
            // Their queues end with the map, and they with their queues.
            None => return,
            Some(Ok(source)) => source,
            // Mostly the answer to an earlier datagram of ours, that nobody is there any more.
            Some(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "failed to receive a datagram");
                continue;
            }
        };
        let Some(mut datagram) = encoded(buffer.filled()) else {
            continue;
        };
        if let Some(queue) = sources.get(&source) {
            datagram = match Queue::push(queue, datagram) {
                Ok(()) => continue,
                Err(Rejected::Full) => {
                    route.counters.datagrams_dropped.add(1);
                    continue;
                }
                // Its task has ended, such as after long silence.
                Err(Rejected::Closed(datagram)) => datagram,
            };
        }
        if !sources.contains_key(&source) && sources.len() >= shared.options.max_udp_sources {
            sources.retain(|_, queue: &mut Queue| !queue.sender.is_closed());
        }
        let is_known = sources.contains_key(&source);
        if !is_known && sources.len() >= shared.options.max_udp_sources {
            route.counters.datagrams_dropped.add(1);
            tracing::debug!("a datagram was dropped: there are too many sources");
            continue;
        }
        let Some(mut pair) = shared.pairs.open() else {
            route.counters.datagrams_dropped.add(1);
            tracing::debug!("a datagram was dropped: too many pairs are open");
            continue;
        };
        if !pair.set_target(&route.name) {
            route.counters.datagrams_dropped.add(1);
            continue;
        }
        let (queue, receiver) = queue();
        // It is empty and open.
        let _ = queue.push(datagram);
        sources.insert(source, queue);
        let local = Source {
            receiver,
            socket: Arc::clone(&socket),
            address: source,
            sending: None,
            counters: Arc::clone(&route.counters),
        };
        let task = serve(Arc::clone(&shared), local, Arc::clone(&route), pair);
        shared.runtime.spawn(Box::pin(task.in_current_span()));
    }
}

async fn serve(shared: Arc<Shared>, local: Source, route: Arc<Route>, pair: OpenPair) {
    let span = tracing::info_span!(
        "forward",
        destination = route.name,
        tracking_id = tracing::field::Empty
    );
    let own = span.clone();
    async {
        let record = Record::new(&shared.metrics, &shared.runtime, Role::Sender);
        let OpenPair { mut stop, guard } = pair;
        let opening = Box::pin(shared.opener.open(&route.destination, route.mode));
        let opened = match select(opening, &mut stop).await {
            Either::Left((opened, _)) => opened,
            Either::Right(_) => Err(Error::message(ErrorKind::Closed, "the forwarder has ended")),
        };
        let relay = match opened {
            Ok(relay) => relay,
            Err(error) => {
                own.record("tracking_id", error.tracking_id());
                let why = super::pair::reason(&error, &route.destination);
                record.failed(Some(&route.counters), why, &error);
                // The next datagram would try again at once, as often as one arrives.
                let pause = shared.runtime.sleep_until(shared.runtime.after(PAUSE));
                select(pause, stop).await;
                return;
            }
        };
        own.record("tracking_id", relay.tracking_id());
        let open = record.open(Arc::clone(&route.counters));
        let terms = PumpTerms {
            runtime: shared.runtime.clone(),
            idle: limit(shared.options.udp_idle_timeout),
            counters: Arc::clone(&route.counters),
            loss: LossIs::Abrupt,
            stop,
        };
        let ended = pump_datagrams(local, relay, Bytes::new(), terms).await;
        open.ended(&ended);
        drop(guard);
    }
    .instrument(span)
    .await;
}

/// The datagrams of a source on their way to its task.
#[derive(Debug)]
struct Queue {
    sender: mpsc::Sender<Bytes>,
    /// The bytes in it.
    len: Arc<AtomicUsize>,
}

enum Rejected {
    Full,
    Closed(Bytes),
}

impl Queue {
    fn push(&self, datagram: Bytes) -> Result<(), Rejected> {
        let len = datagram.len();
        if self.len.load(Ordering::Relaxed) + len > MAX_QUEUED_BYTES {
            return match self.sender.is_closed() {
                true => Err(Rejected::Closed(datagram)),
                false => Err(Rejected::Full),
            };
        }
        self.len.fetch_add(len, Ordering::Relaxed);
        let rejected = match self.sender.try_send(datagram) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Rejected::Full,
            Err(mpsc::error::TrySendError::Closed(datagram)) => Rejected::Closed(datagram),
        };
        self.len.fetch_sub(len, Ordering::Relaxed);
        Err(rejected)
    }
}

fn queue() -> (Queue, QueueReceiver) {
    let (sender, receiver) = mpsc::channel(MAX_QUEUED);
    let len = Arc::<AtomicUsize>::default();
    let receiver = QueueReceiver {
        receiver,
        len: Arc::clone(&len),
    };
    (Queue { sender, len }, receiver)
}

#[derive(Debug)]
struct QueueReceiver {
    receiver: mpsc::Receiver<Bytes>,
    len: Arc<AtomicUsize>,
}

/// One source: what it sends comes through its queue, what it gets goes through the port's socket.
struct Source {
    receiver: QueueReceiver,
    socket: Arc<UdpSocket>,
    address: SocketAddr,
    /// A datagram for which the system had no room.
    sending: Option<BoxFuture<'static, io::Result<usize>>>,
    counters: Arc<TargetCounters>,
}

impl Drop for Source {
    /// Counts what is left in its queue, for want of a hybrid connection.
    fn drop(&mut self) {
        let queue = &mut self.receiver.receiver;
        queue.close();
        let mut left = 0;
        while queue.try_recv().is_ok() {
            left += 1;
        }
        if left > 0 {
            self.counters.datagrams_dropped.add(left);
        }
    }
}

impl DatagramSocket for Source {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        let QueueReceiver { receiver, len } = &mut self.receiver;
        let received = ready!(receiver.poll_recv(cx));
        Poll::Ready(match received {
            Some(datagram) => {
                len.fetch_sub(datagram.len(), Ordering::Relaxed);
                Received::Datagram(datagram)
            }
            None => Received::End,
        })
    }

    fn close(&mut self) -> bool {
        // What was queued before is received.
        self.receiver.receiver.close();
        false
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        if self.sending.is_none() {
            match self.socket.try_send_to(datagram, self.address) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Its own waiter: other sources use the same socket.
                    let (socket, address) = (Arc::clone(&self.socket), self.address);
                    let datagram = Bytes::copy_from_slice(datagram);
                    let sending = async move { socket.send_to(&datagram, address).await };
                    self.sending = Some(Box::pin(sending));
                }
                sent => return Poll::Ready(sent.map(|_| ())),
            }
        }
        let Some(sending) = &mut self.sending else {
            return Poll::Ready(Ok(()));
        };
        let sent = ready!(Pin::new(sending).poll(cx));
        self.sending = None;
        Poll::Ready(sent.map(|_| ()))
    }
}

/// How many datagrams, and bytes of them, may wait for the task of their source: about what the system keeps for
/// a socket. More are dropped, as the system does.
const MAX_QUEUED: usize = 512;
const MAX_QUEUED_BYTES: usize = 256 * 1024;

/// How long a source whose hybrid connection could not be opened is not tried again.
const PAUSE: Duration = Duration::from_secs(1);
