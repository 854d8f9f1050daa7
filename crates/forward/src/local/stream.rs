//! Streams: each accepted connection becomes a hybrid connection. Shell.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{Either, select};
use tokio::net::{TcpListener, TcpStream};
use tracing::Instrument as _;

use super::pair::{forward, reason};
use super::{Route, Shared, socks5};
use crate::destination::Destination;
use crate::error::{Error, ErrorKind};
use crate::metrics::{FailureReason, Role};
use crate::net::set_tcp_options;
use crate::pairs::{OpenPair, StopSignal};
use crate::pump::LocalStream;
use crate::record::Record;

/// A bound port or socket.
pub(super) trait Accept: Send + Sync + 'static {
    type Stream: LocalStream + 'static;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Stream>>;

    /// Sets what a new connection needs.
    fn prepare(_: &Self::Stream, _: &Shared) {}
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let accepted = Self::poll_accept(self, cx);
        accepted.map_ok(|(stream, _)| stream)
    }

    fn prepare(stream: &TcpStream, shared: &Shared) {
        set_tcp_options(stream, shared.options.tcp_keep_alive);
    }
}

#[cfg(unix)]
impl Accept for super::unix::UnixPort {
    type Stream = tokio::net::UnixStream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Stream>> {
        Self::poll_accept(self, cx)
    }
}

/// Accepts connections until it is stopped, each in a task of its own.
pub(super) async fn accept<A: Accept>(
    shared: Arc<Shared>,
    listener: A,
    route: Arc<Route>,
    mut stop: StopSignal,
) {
    loop {
        let accepted = poll_fn(|cx| {
            if stop.poll_unpin(cx).is_ready() {
                return Poll::Ready(None);
            }
            listener.poll_accept(cx).map(Some)
        });
        let stream = match accepted.await {
            None => return,
            Some(Ok(stream)) => stream,
            Some(Err(error)) => {
                let counters = Some(&*route.counters);
                shared
                    .metrics
                    .failed(Role::Sender, counters, FailureReason::Accept);
                let now = shared.runtime.now();
                if let Some(count) = route.counters.warnings.strike(now, FailureReason::Accept) {
                    let error = &error as &dyn std::error::Error;
                    let count = (count > 1).then_some(count);
                    tracing::warn!(count, error, "failed to accept a connection");
                }
                // Mostly too many open files, which only time changes.
                let pause = shared.runtime.sleep_until(shared.runtime.after(PAUSE));
                select(pause, &mut stop).await;
                continue;
            }
        };
        let Some(mut pair) = shared.pairs.open() else {
            refuse(&shared, &route, stream);
            continue;
        };
        // A client of SOCKS5 names its target later.
        let is_named = !matches!(route.destination, Destination::Socks5(_));
        if is_named && !pair.set_target(&route.name) {
            refuse(&shared, &route, stream);
            continue;
        }
        A::prepare(&stream, &shared);
        let task = serve(Arc::clone(&shared), stream, Arc::clone(&route), pair);
        shared.runtime.spawn(Box::pin(task.in_current_span()));
    }
}

fn refuse(shared: &Shared, route: &Route, stream: impl LocalStream) {
    let counters = Some(&*route.counters);
    shared
        .metrics
        .failed(Role::Sender, counters, FailureReason::Limit);
    tracing::debug!(
        destination = route.name,
        "a connection was reset: too many are open"
    );
    stream.abort();
}

/// Opens the hybrid connection of one local connection, and moves its data.
async fn serve(shared: Arc<Shared>, local: impl LocalStream, route: Arc<Route>, pair: OpenPair) {
    let span = tracing::info_span!(
        "forward",
        destination = route.name,
        tracking_id = tracing::field::Empty
    );
    let own = span.clone();
    async {
        if let Destination::Socks5(options) = &route.destination {
            return socks5::serve(&shared, local, &route, options, pair).await;
        }
        let record = Record::new(&shared.metrics, &shared.runtime, Role::Sender);
        let mut pair = pair;
        let opening = Box::pin(shared.opener.open(&route.destination, route.mode));
        let opened = match select(opening, &mut pair.stop).await {
            Either::Left((opened, _)) => opened,
            Either::Right(_) => Err(Error::message(ErrorKind::Closed, "the forwarder has ended")),
        };
        let relay = match opened {
            Ok(relay) => relay,
            Err(error) => {
                own.record("tracking_id", error.tracking_id());
                local.abort();
                let why = reason(&error, &route.destination);
                record.failed(Some(&route.counters), why, &error);
                return;
            }
        };
        own.record("tracking_id", relay.tracking_id());
        let counters = Arc::clone(&route.counters);
        forward(
            &shared,
            local,
            relay,
            &route.destination,
            counters,
            record,
            pair,
        )
        .await;
    }
    .instrument(span)
    .await;
}

/// How long accepting pauses after an error.
const PAUSE: Duration = Duration::from_millis(200);
