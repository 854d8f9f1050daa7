//! The listening side: senders of a hybrid connection reach targets through it.

mod builder;
mod control;
mod serve;
mod sites;
mod targets;

pub use builder::RemoteForwarderBuilder;
pub(crate) use serve::ConnectionHandler;

use std::sync::Arc;
use std::time::Duration;

use relay::{ListenerBuilder, ListenerState};
use transport::_internal::{Watch, before};
use transport::SharedRuntime;

use self::control::Control;
use self::targets::Targets;
use crate::allow::AllowList;
use crate::dial::Dialer;
use crate::error::{Error, Result};
use crate::expression::RemoteBinding;
use crate::metrics::{ControlChannel, Metrics};
use crate::options::ForwardOptions;
use crate::pairs::Pairs;

/// Connects the senders of one hybrid connection to targets: TCP ports, UDP ports and Unix sockets.
///
/// A sender says first what it wants, and is answered in the words of its own program:
///
/// | sender | names | reaches | is told |
/// | --- | --- | --- | --- |
/// | azbridge | a port name | the target of that name | before the target is dialled that the name exists and is of its mode. A target that refuses is an immediate end, with a close frame (1011) that azbridge does not distinguish from any other end; the reason is in the log |
/// | aztunnel | a host and a port | them, if the [allow list](RemoteForwarderBuilder::allow) has them | after the dial whether it succeeded, and why not |
///
/// azbridge's senders are answered before the dial because azbridge does so: its sender waits for the answer
/// before it reads from its client, and a dial takes up to 30 s.
///
/// If there is exactly one target, a sender of azbridge that asks for a number gets it whatever the number is: people
/// forward one port and choose another on the other side. azbridge does the same.
///
/// # Ends
///
/// Half-close is kept. A target that resets is a close frame with 1011 at the other side. A sender that is lost is
/// a reset of the target's connection; on aztunnel's wire, where a loss is the only end, it is an end.
///
/// ```no_run
/// use azwire_forward::RemoteForwarder;
/// use azwire_forward::expression::RemoteForward;
///
/// # async fn run(connection_string: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let listener = azwire_forward::relay::Listener::from_connection_string(connection_string)?;
/// let forward: RemoteForward = "office:ssh/localhost:22".parse()?;
/// let forwarder = RemoteForwarder::builder(listener)
///     .targets(forward.bindings())
///     .open()
///     .await?;
/// Err(forwarder.closed().await.into())
/// # }
/// ```
///
/// Dropping it closes the control channel; open pairs continue until they end.
/// [`shutdown`](Self::shutdown) waits for them.
#[derive(Debug)]
pub struct RemoteForwarder {
    shared: Arc<Shared>,
    control: Control,
}

/// What all connections of a forwarder share.
struct Shared {
    targets: Targets,
    handler: Option<Arc<dyn ConnectionHandler>>,
    dialer: Dialer,
    runtime: SharedRuntime,
    options: ForwardOptions,
    metrics: Metrics,
    pairs: Pairs,
    channel: Arc<ControlChannel>,
    state: Watch<ListenerState>,
    span: tracing::Span,
}

impl RemoteForwarder {
    /// Returns a builder for a forwarder that listens with the settings of `listener`.
    pub fn builder(listener: ListenerBuilder) -> RemoteForwarderBuilder {
        RemoteForwarderBuilder::new(listener)
    }

    /// Replaces the targets of azbridge's senders, by port name. Open pairs continue.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if one name leads to two targets, and for a Unix socket on a
    /// platform without them; nothing has changed then.
    pub fn set_targets(&self, targets: &[RemoteBinding]) -> Result<()> {
        self.shared.targets.set(targets)
    }

    /// Replaces the targets that aztunnel's senders may reach. Open pairs continue.
    pub fn set_allowed(&self, allowed: AllowList) {
        self.shared.targets.set_allowed(allowed);
    }

    /// Returns the state of the control channel.
    pub fn state(&self) -> ListenerState {
        self.shared.state.read(|state| *state)
    }

    /// Completes once the forwarder has ended by itself, and returns why: with
    /// [`exit_on_forward_failure`](RemoteForwarderBuilder::exit_on_forward_failure), when the listener gives up
    /// reconnecting; without it, never. After [`shutdown`](Self::shutdown) the error is of kind
    /// [`Closed`](crate::ErrorKind::Closed).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn closed(&self) -> Error {
        self.control.closed().await
    }

    /// Returns how many pairs are open, or being opened.
    pub fn open_pairs(&self) -> usize {
        self.shared.pairs.count()
    }

    /// Returns the counters.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Closes the control channel gracefully, once the requests that sites answer have ended, and waits for the pairs to
    /// end. Pairs that are left after `limit` are cut: their targets get a reset. Returns how many those were.
    /// Requests that are left then go on for at most the listener's
    /// [`drain_timeout`](relay::control::ControlOptions::drain_timeout), if the runtime does. One whose data is whole already may take another
    /// [`close_timeout`](ForwardOptions::close_timeout) for the relay to confirm it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop the control channel from being closed; the pairs are open until they end.
    pub async fn shutdown(&self, limit: Duration) -> usize {
        let Shared { pairs, runtime, .. } = &*self.shared;
        pairs.close();
        let end = runtime.after(limit);
        // What is left of it goes on in its task.
        let _ = before(runtime, end, self.control.stop()).await;
        let left = end.saturating_duration_since(runtime.now());
        pairs.drain(runtime, left).await
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("targets", &self.targets)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
