//! The builder of a local forwarder.

use std::sync::{Arc, Mutex};

use relay::Sender;
use transport::SharedRuntime;

use super::{LocalForwarder, Shared};
use crate::destination::Destination;
use crate::error::Result;
use crate::expression::LocalBinding;
use crate::metrics::Metrics;
use crate::opening::Opener;
use crate::options::ForwardOptions;
use crate::pairs::Pairs;

/// The builder of a [`LocalForwarder`].
#[derive(Debug)]
#[must_use]
pub struct LocalForwarderBuilder {
    sender: Sender,
    bindings: Vec<(LocalBinding, Destination)>,
    options: ForwardOptions,
    metrics: Metrics,
    runtime: SharedRuntime,
    exit_on_forward_failure: bool,
}

impl LocalForwarderBuilder {
    /// Creates a builder for a forwarder to the hybrid connection of `sender`.
    pub fn new(sender: Sender) -> Self {
        Self {
            sender,
            bindings: Vec::new(),
            options: ForwardOptions::default(),
            metrics: Metrics::default(),
            runtime: SharedRuntime::default(),
            exit_on_forward_failure: true,
        }
    }

    /// Adds a port or socket, whose connections ask for its port name on azbridge's wire.
    pub fn bind(self, binding: LocalBinding) -> Self {
        let destination = binding.port_name().clone();
        self.bind_to(binding, destination)
    }

    /// Adds all ports and sockets of an expression, like [`bind`](Self::bind).
    pub fn bind_all(self, bindings: &[LocalBinding]) -> Self {
        bindings.iter().cloned().fold(self, Self::bind)
    }

    /// Adds a port or socket, whose connections ask for `destination`, which also decides the wire: a
    /// [`PortName`](crate::expression::PortName) azbridge's, a [`HostPort`](crate::HostPort) aztunnel's. The port name of
    /// the binding is not used.
    pub fn bind_to(mut self, binding: LocalBinding, destination: impl Into<Destination>) -> Self {
        self.bindings.push((binding, destination.into()));
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

    /// Sets the runtime of its tasks and timers; its sockets need tokio's in any case. Default: tokio.
    pub fn runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = runtime;
        self
    }

    /// Sets whether [`open`](Self::open) fails if one of the addresses cannot be bound, as `ExitOnForwardFailure` does
    /// for azbridge and ssh. Default: `true`, as in azbridge's code. With `false` such an address is left
    /// out, and a warning is logged.
    pub fn exit_on_forward_failure(mut self, fails: bool) -> Self {
        self.exit_on_forward_failure = fails;
        self
    }

    /// Binds all addresses and starts to accept. Hybrid connections are opened when a local one is accepted, so a relay
    /// that cannot be reached, or a wrong key, shows then.
    ///
    /// # Errors
    ///
    /// Those of [`LocalForwarder::bind_to`], unless
    /// [`exit_on_forward_failure`](Self::exit_on_forward_failure) is off: then only
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what was bound.
    pub async fn open(self) -> Result<LocalForwarder> {
        let Self {
            sender,
            bindings,
            options,
            metrics,
            runtime,
            exit_on_forward_failure,
        } = self;
        let span = tracing::info_span!(
            parent: None,
            "local_forwarder",
            hybrid_connection = %sender.hybrid_connection()
        );
        let forwarder = LocalForwarder {
            shared: Arc::new(Shared {
                opener: Opener::new(sender, runtime.clone(), &options),
                runtime,
                metrics,
                pairs: Pairs::new(options.max_connections, options.max_connections_per_target),
                options,
                span,
            }),
            bindings: Mutex::default(),
        };
        for (binding, destination) in bindings {
            match forwarder.bind_to(binding, destination).await {
                Ok(()) => {}
                Err(error)
                    if !exit_on_forward_failure && error.kind() == crate::ErrorKind::Bind =>
                {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(parent: &forwarder.shared.span, error, "left out");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(forwarder)
    }
}
