//! Background closing of a stream that is dropped after its close frame was sent.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::{Sink, SinkExt, Stream};
use transport::{Error, ErrorKind, Message, SharedRuntime, Sleep, WebSocket};

/// A task that waits for the socket of a stream in order to close it in the background.
///
/// The task is spawned when the close frame is sent, which happens within the
/// runtime; a drop may happen anywhere, and only hands the socket over.
pub(crate) struct Closing {
    limit: Duration,
    heir: Option<oneshot::Sender<Box<dyn WebSocket>>>,
}

impl Closing {
    pub(super) fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Returns how long closing may take, on the clock of `runtime`.
    pub(super) fn terms(&self, runtime: Option<SharedRuntime>) -> CloseTerms {
        CloseTerms {
            runtime,
            limit: self.limit,
        }
    }

    /// Whether a task is waiting for the socket.
    pub(super) fn has_begun(&self) -> bool {
        self.heir.is_some()
    }

    pub(super) fn begin(&mut self, runtime: &SharedRuntime) {
        if self.limit.is_zero() {
            return;
        }
        let (heir, handed_over) = oneshot::channel::<Box<dyn WebSocket>>();
        self.heir = Some(heir);
        let terms = self.terms(Some(runtime.clone()));
        runtime.spawn(Box::pin(async move {
            // An error means that the owner closed the stream completely.
            let Ok(mut socket) = handed_over.await else {
                return;
            };
            match before(terms.timer(), socket.close()).await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(error, "failed to close a dropped stream");
                }
                None => tracing::debug!("the peer of a dropped stream did not close in time"),
            }
        }));
    }

    /// Hands the socket to the task. If the runtime is gone, so is the socket.
    pub(super) fn hand_over(&mut self, socket: Box<dyn WebSocket>) {
        if let Some(heir) = self.heir.take() {
            let _ = heir.send(socket);
        }
    }

    /// Lets the task end: there is nothing left to close.
    pub(super) fn give_up(&mut self) {
        self.heir = None;
    }
}

impl Default for Closing {
    fn default() -> Self {
        Self {
            limit: DEFAULT_LIMIT,
            heir: None,
        }
    }
}

/// How long closing may take, and on which clock.
#[derive(Clone)]
pub(super) struct CloseTerms {
    runtime: Option<SharedRuntime>,
    limit: Duration,
}

impl CloseTerms {
    /// Returns a timer that starts now, or `None` without a runtime.
    pub(super) fn timer(&self) -> Option<CloseTimer> {
        let runtime = self.runtime.as_ref()?;
        Some(runtime.sleep_until(runtime.after(self.limit)))
    }
}

pub(super) type CloseTimer = Pin<Box<dyn Sleep>>;

/// Returns the output of `future` if it completes before the timer ends.
pub(super) async fn before<F: Future>(
    timer: Option<impl Future<Output = ()> + Unpin>,
    future: F,
) -> Option<F::Output> {
    let Some(timer) = timer else {
        return Some(future.await);
    };
    match select(pin!(future), timer).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// Replaces a socket that has been taken.
#[derive(Debug)]
pub(super) struct DroppedSocket;

impl Stream for DroppedSocket {
    type Item = transport::Result<Message>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}

impl Sink<Message> for DroppedSocket {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Err(dropped()))
    }

    fn start_send(self: Pin<&mut Self>, _: Message) -> Result<(), Error> {
        Err(dropped())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Err(dropped()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }
}

fn dropped() -> Error {
    Error::message(ErrorKind::Closed, "the stream was dropped")
}

/// As long as the relay itself takes to send or to close, according to a model of the service.
pub(super) const DEFAULT_LIMIT: Duration = Duration::from_secs(60);
