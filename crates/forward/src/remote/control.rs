//! The listener of a remote forwarder, which is opened again if it may. Shell.

use std::sync::{Arc, Mutex};

use futures::channel::oneshot;
use futures::future::{Either, Shared as SharedFuture, join, select};
use futures::{FutureExt, StreamExt};
use relay::{Listener, ListenerBuilder, ListenerState};
use tracing::Instrument as _;
use transport::_internal::{Backoff, lock};
use transport::BackoffOptions;

use super::Shared;
use super::serve::serve;
use crate::error::{Error, ErrorKind, Result};

/// The task that accepts senders.
#[derive(Debug)]
pub(super) struct Control {
    /// The task ends the listener when this is dropped.
    stop: Mutex<Option<oneshot::Sender<()>>>,
    /// Why the task has ended.
    ended: SharedFuture<oneshot::Receiver<Why>>,
}

/// Why a forwarder has ended, to be told to everyone who asks.
type Why = Option<Arc<relay::Error>>;

impl Control {
    /// Opens the listener and starts the task.
    pub(super) async fn start(
        shared: &Arc<Shared>,
        builder: ListenerBuilder,
        is_final: bool,
    ) -> Result<Self> {
        let first = match builder.clone().open().instrument(shared.span.clone()).await {
            Ok(listener) => Some(listener),
            Err(error) if is_final || error.kind() == relay::ErrorKind::InvalidInput => {
                return Err(error.into());
            }
            Err(error) => {
                warn_of(shared, &error);
                None
            }
        };
        let (stop, stopped) = oneshot::channel();
        let (told, ended) = oneshot::channel();
        let task = run(Arc::clone(shared), builder, first, is_final, stopped);
        let own = Arc::clone(shared);
        let task = async move {
            let why = task.await;
            own.channel.set(false);
            own.state
                .update(|state| std::mem::replace(state, ListenerState::Offline) != *state);
            own.state.end();
            // Nobody has to ask.
            let _ = told.send(why);
        };
        shared
            .runtime
            .spawn(Box::pin(task.instrument(shared.span.clone())));
        Ok(Self {
            stop: Mutex::new(Some(stop)),
            ended: ended.shared(),
        })
    }

    /// Ends the listener, and returns once it is gone.
    pub(super) async fn stop(&self) {
        if let Some(stop) = lock(&self.stop).take() {
            // An error means that the task has ended.
            let _ = stop.send(());
        }
        let _ = self.ended.clone().await;
    }

    pub(super) async fn closed(&self) -> Error {
        match self.ended.clone().await {
            Ok(Some(error)) => {
                let text = format!("the listener has ended: {error}");
                let id = error.tracking_id().map(str::to_owned);
                Error::new(ErrorKind::Relay, text, Ended(error)).with_tracking_id(id.as_deref())
            }
            Ok(None) | Err(_) => Error::message(ErrorKind::Closed, "the forwarder has ended"),
        }
    }
}

/// A listener's error, which several may ask for.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Ended(Arc<relay::Error>);

/// Accepts senders until it is stopped, or the listener has ended for good.
async fn run(
    shared: Arc<Shared>,
    builder: ListenerBuilder,
    mut listener: Option<Listener>,
    is_final: bool,
    mut stop: oneshot::Receiver<()>,
) -> Why {
    // The seed spreads the forwarders of many machines that lost the relay together.
    let seed = std::ptr::from_ref(&*shared) as usize as u64;
    let mut backoff = Backoff::new(BackoffOptions::default(), seed);
    loop {
        if let Some(open) = listener.take() {
            let handle = open.handle();
            match select(std::pin::pin!(accept(&shared, open)), &mut stop).await {
                Either::Left(((), _)) => {}
                Either::Right((_, accepting)) => {
                    // The senders that wait are rejected meanwhile. Accepting ends at once, but the listener only when
                    // it has answered its requests.
                    join(handle.shutdown(), accepting).await;
                    return None;
                }
            }
            shared.channel.set(false);
            let error = handle.last_error();
            if is_final {
                return error;
            }
            if let Some(error) = error {
                warn_of(&shared, &error);
            }
            backoff = Backoff::new(BackoffOptions::default(), seed);
        }
        let pause = shared
            .runtime
            .sleep_until(shared.runtime.after(backoff.next_delay()));
        if let Either::Right(_) = select(pause, &mut stop).await {
            return None;
        }
        match select(builder.clone().open().boxed(), &mut stop).await {
            Either::Left((Ok(open), _)) => listener = Some(open),
            Either::Left((Err(error), _)) => warn_of(&shared, &error),
            Either::Right(_) => return None,
        }
    }
}

/// Serves senders until the listener has ended.
async fn accept(shared: &Arc<Shared>, mut listener: Listener) {
    let mut changes = listener.changes();
    let mut was_online = false;
    loop {
        let next = match select(std::pin::pin!(listener.accept()), changes.next()).await {
            Either::Left((incoming, _)) => Either::Left(incoming),
            Either::Right((state, _)) => Either::Right(state),
        };
        match next {
            Either::Left(Some(incoming)) => serve(shared, incoming),
            Either::Left(None) | Either::Right(None) => return,
            Either::Right(Some(state)) => {
                let is_online = state == ListenerState::Online;
                shared.channel.set(is_online);
                if is_online && std::mem::replace(&mut was_online, true) {
                    shared.channel.reconnected();
                }
                shared
                    .state
                    .update(|shown| std::mem::replace(shown, state) != state);
            }
        }
    }
}

fn warn_of(shared: &Shared, error: &relay::Error) {
    let tracking_id = error.tracking_id();
    let error = error as &dyn std::error::Error;
    tracing::warn!(parent: &shared.span, error, tracking_id, "failed to listen, trying again");
}
