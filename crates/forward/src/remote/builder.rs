//! The builder of a remote forwarder.

use std::sync::Arc;

use relay::{ListenerBuilder, ListenerState};
use transport::_internal::Watch;
use transport::SharedRuntime;

use super::control::Control;
use super::serve::ConnectionHandler;
use super::sites::Sites;
use super::targets::Targets;
use super::{RemoteForwarder, Shared};
use crate::allow::AllowList;
use crate::dial::Dialer;
use crate::error::Result;
use crate::expression::RemoteBinding;
use crate::http::ReverseProxy;
use crate::metrics::Metrics;
use crate::options::ForwardOptions;
use crate::pairs::Pairs;

/// The builder of a [`RemoteForwarder`].
#[must_use]
pub struct RemoteForwarderBuilder {
    listener: ListenerBuilder,
    targets: Vec<RemoteBinding>,
    allowed: AllowList,
    sites: Vec<ReverseProxy>,
    options: ForwardOptions,
    metrics: Metrics,
    runtime: SharedRuntime,
    exit_on_forward_failure: bool,
}

impl RemoteForwarderBuilder {
    /// Creates a builder for a forwarder that listens with the settings of `listener`. A request handler of it keeps
    /// its HTTP requests; how many senders may [wait](ListenerBuilder::max_pending) follows from
    /// [`max_connections`](ForwardOptions::max_connections).
    pub fn new(listener: ListenerBuilder) -> Self {
        Self {
            listener,
            targets: Vec::new(),
            allowed: AllowList::new(),
            sites: Vec::new(),
            options: ForwardOptions::default(),
            metrics: Metrics::default(),
            runtime: SharedRuntime::default(),
            exit_on_forward_failure: true,
        }
    }

    /// Adds a target, which senders of azbridge reach by its port name.
    pub fn target(mut self, target: RemoteBinding) -> Self {
        self.targets.push(target);
        self
    }

    /// Adds all targets of an expression, like [`target`](Self::target).
    pub fn targets(mut self, targets: &[RemoteBinding]) -> Self {
        self.targets.extend_from_slice(targets);
        self
    }

    /// Sets the targets that senders of aztunnel may reach, by name or address. Default: none.
    pub fn allow(mut self, allowed: AllowList) -> Self {
        self.allowed = allowed;
        self
    }

    /// Adds a site: HTTP requests go there, and so do WebSockets, which are all connections if there are neither
    /// targets nor an allow list, and otherwise those to a path below that of the hybrid connection. Several
    /// sites take turns.
    ///
    /// It takes the place of a request handler of the listener.
    pub fn site(mut self, site: ReverseProxy) -> Self {
        self.sites.push(site);
        self
    }

    /// Sets the limits. Default: those of [`ForwardOptions::default`].
    pub fn options(mut self, options: ForwardOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the counters, which may be those of other forwarders too. Default: its own.
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// Sets the runtime of its tasks and timers; its sockets need tokio's in any case. Default: tokio. The listener has
    /// [its own](ListenerBuilder::runtime).
    pub fn runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = runtime;
        self
    }

    /// Sets whether the forwarder ends with an error if it cannot listen, as `ExitOnForwardFailure` does for azbridge and
    /// ssh. Default: `true`, as in azbridge's code: [`open`](Self::open) fails if the first attempt does, and
    /// [`RemoteForwarder::closed`] completes if the listener gives up reconnecting. With `false` it tries
    /// again, after a delay that grows up to a minute, for as long as it lives.
    ///
    /// A control channel that is lost is reopened in either case.
    pub fn exit_on_forward_failure(mut self, fails: bool) -> Self {
        self.exit_on_forward_failure = fails;
        self
    }

    /// Opens the control channel and starts to serve senders. Returns once it is online; without
    /// [`exit_on_forward_failure`](Self::exit_on_forward_failure) after the first attempt.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for two targets of one port name, and for a Unix socket on a
    /// platform without them. With [`exit_on_forward_failure`](Self::exit_on_forward_failure), those of
    /// [`ListenerBuilder::open`], as [`Relay`](crate::ErrorKind::Relay),
    /// [`Timeout`](crate::ErrorKind::Timeout) or [`InvalidInput`](crate::ErrorKind::InvalidInput) with the error of
    /// `azwire-relay` as the source.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the forwarder.
    pub async fn open(self) -> Result<RemoteForwarder> {
        let Self {
            listener,
            targets,
            allowed,
            sites,
            options,
            metrics,
            runtime,
            exit_on_forward_failure,
        } = self;
        // Each that waits is a pair already: the limit on these is the one that counts.
        let listener = listener.max_pending(options.max_connections);
        let sites = Sites::of(sites);
        let listener = match &sites {
            Some(sites) => listener.request_handler(sites.clone()),
            None => listener,
        };
        let name = listener.hybrid_connection().to_string();
        let span = tracing::info_span!(parent: None, "remote_forwarder", hybrid_connection = name);
        let shared = Arc::new(Shared {
            targets: Targets::new(&targets, allowed)?,
            handler: sites.map(|sites| Arc::new(sites) as Arc<dyn ConnectionHandler>),
            dialer: Dialer::new(runtime.clone(), options.clone()),
            pairs: Pairs::new(options.max_connections, options.max_connections_per_target),
            channel: metrics.control_channel(name),
            runtime,
            options,
            metrics,
            state: Watch::new(ListenerState::Connecting),
            span,
        });
        let control = Control::start(&shared, listener, exit_on_forward_failure).await?;
        Ok(RemoteForwarder { shared, control })
    }
}

impl std::fmt::Debug for RemoteForwarderBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteForwarderBuilder")
            .field("listener", &self.listener)
            .field("targets", &self.targets)
            .field("allowed", &self.allowed)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
