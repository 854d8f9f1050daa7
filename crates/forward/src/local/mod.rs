//! The sending side: local ports and sockets whose connections go to a hybrid connection.

mod bind;
mod builder;
mod datagrams;
mod pair;
mod socks5;
mod stream;
#[cfg(unix)]
mod unix;

pub use builder::LocalForwarderBuilder;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::channel::oneshot;
use relay::Sender;
use tracing::Instrument as _;
use transport::_internal::lock;
use transport::SharedRuntime;

use self::bind::{Bound, BoundSocket};
use crate::destination::Destination;
use crate::error::{Error, ErrorKind, Result};
use crate::expression::{LocalAddress, LocalBinding};
use crate::metrics::{Metrics, Role, TargetCounters};
use crate::mode::Mode;
use crate::opening::Opener;
use crate::options::ForwardOptions;
use crate::pairs::{Pairs, StopSignal};

/// Forwards local TCP ports, UDP ports and Unix sockets to one hybrid connection.
///
/// Each connection that it accepts, and each source of datagrams, becomes a hybrid connection of its own. Nothing is
/// opened before. If it cannot be opened, or the listener does not reach the target, the local connection is
/// reset, so that no client takes it for one that was served.
///
/// Half-close is kept: the end of one direction leaves the other open, at both ends. A pair ends when both
/// directions have. An end that is not a clean one arrives as a reset of TCP.
///
/// ```no_run
/// use azwire_forward::LocalForwarder;
/// use azwire_forward::expression::LocalForward;
///
/// # async fn run(connection_string: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let sender = azwire_forward::relay::Sender::from_connection_string(connection_string)?;
/// let forward: LocalForward = "127.0.0.1:2222/ssh:office".parse()?;
/// let forwarder = LocalForwarder::builder(sender)
///     .bind_all(forward.bindings())
///     .open()
///     .await?;
/// println!("listening on {:?}", forwarder.local_addrs());
/// # Ok(())
/// # }
/// ```
///
/// Dropping it closes the ports; open pairs continue until they end. [`shutdown`](Self::shutdown) waits for them.
#[derive(Debug)]
pub struct LocalForwarder {
    shared: Arc<Shared>,
    bindings: Mutex<Vec<Binding>>,
}

/// What all bindings of a forwarder share.
#[derive(Debug)]
struct Shared {
    opener: Opener,
    runtime: SharedRuntime,
    options: ForwardOptions,
    metrics: Metrics,
    pairs: Pairs,
    span: tracing::Span,
}

/// Where the connections of one binding go.
#[derive(Debug)]
struct Route {
    destination: Destination,
    mode: Mode,
    /// The destination as text, for limits.
    name: String,
    counters: Arc<TargetCounters>,
}

/// A bound port or socket.
#[derive(Debug)]
struct Binding {
    address: LocalAddress,
    local_addrs: Vec<SocketAddr>,
    /// The tasks that accept stop when this is dropped, and then drop the other ends of `ended`.
    stops: Vec<oneshot::Sender<Infallible>>,
    ended: Vec<oneshot::Receiver<Infallible>>,
}

impl LocalForwarder {
    /// Returns a builder for a forwarder to the hybrid connection of `sender`.
    pub fn builder(sender: Sender) -> LocalForwarderBuilder {
        LocalForwarderBuilder::new(sender)
    }

    /// Binds one more port or socket, whose connections ask for its port name on azbridge's wire. Others are not
    /// touched.
    ///
    /// # Errors
    ///
    /// [`Bind`](ErrorKind::Bind) if the address cannot be bound; [`InvalidInput`](ErrorKind::InvalidInput) if it is
    /// bound by this forwarder already, or is a Unix socket on a platform without them;
    /// [`Closed`](ErrorKind::Closed) after a shutdown.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future binds nothing.
    pub async fn bind(&self, binding: LocalBinding) -> Result<()> {
        let destination = binding.port_name().clone();
        self.bind_to(binding, destination).await
    }

    /// Binds one more port or socket, whose connections ask for `destination`, whatever the binding's port name is.
    ///
    /// # Errors
    ///
    /// Those of [`bind`](Self::bind), and [`InvalidInput`](ErrorKind::InvalidInput) for a UDP port with a
    /// destination on aztunnel's wire, which carries no datagrams.
    ///
    /// # Cancel safety
    ///
    /// That of [`bind`](Self::bind).
    pub async fn bind_to(
        &self,
        binding: LocalBinding,
        destination: impl Into<Destination>,
    ) -> Result<()> {
        let address = binding.address();
        let destination = destination.into();
        let mode = address.mode();
        if mode == Mode::Datagram && !matches!(destination, Destination::PortName(_)) {
            let rule = "aztunnel's wire carries streams, not datagrams";
            return Err(Error::invalid("destination", rule));
        }
        check_unbound(&lock(&self.bindings), address)?;
        let bound = Bound::bind(address, &self.shared.options).await?;
        let name = destination.to_string();
        let counters = self.shared.metrics.target(Role::Sender, &name);
        let route = Arc::new(Route {
            destination,
            mode,
            name,
            counters,
        });
        let local_addrs = bound.local_addrs();
        let shown = bind::shown(address, &local_addrs).to_string();
        {
            // Held until it is added: a shutdown finds it, or is seen here.
            let mut bindings = lock(&self.bindings);
            check_unbound(&bindings, address)?;
            if self.shared.pairs.is_closed() {
                return Err(Error::message(ErrorKind::Closed, "the forwarder has ended"));
            }
            bindings.push(self.shared.serve(address, bound, &route, local_addrs));
        }
        tracing::info!(
            parent: &self.shared.span,
            address = %shown,
            destination = route.name,
            "bound"
        );
        Ok(())
    }

    /// Closes a port or socket, and returns once it can be bound again; `false` if it was not bound. Streams that were
    /// accepted continue until they end, sources of datagrams end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop the port from being closed.
    pub async fn unbind(&self, address: &LocalAddress) -> bool {
        let found = {
            let mut bindings = lock(&self.bindings);
            let at = bindings.iter().position(|bound| bound.address == *address);
            at.map(|at| bindings.remove(at))
        };
        let Some(binding) = found else {
            return false;
        };
        tracing::info!(
            parent: &self.shared.span,
            address = %bind::shown(address, &binding.local_addrs),
            "closed"
        );
        binding.close().await;
        true
    }

    /// Returns what is bound, as it was asked for.
    pub fn addresses(&self) -> Vec<LocalAddress> {
        let bindings = lock(&self.bindings);
        bindings.iter().map(|bound| bound.address.clone()).collect()
    }

    /// Returns the addresses of all bound ports, in the order in which they were bound; Unix sockets have none. A name
    /// such as `localhost` may have several.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        let bindings = lock(&self.bindings);
        let addresses = bindings.iter().flat_map(|bound| &bound.local_addrs);
        addresses.copied().collect()
    }

    /// Returns how many pairs are open, or being opened.
    pub fn open_pairs(&self) -> usize {
        self.shared.pairs.count()
    }

    /// Returns the counters.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// Closes all ports and sockets, and waits for the pairs to end. Those that are left after `limit` are cut: their
    /// clients get a reset. Returns how many those were. One whose data is whole already may take another
    /// [`close_timeout`](ForwardOptions::close_timeout) for the relay to confirm it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the ports closed, and the pairs open until they end.
    pub async fn shutdown(&self, limit: Duration) -> usize {
        self.shared.pairs.close();
        let bindings = std::mem::take(&mut *lock(&self.bindings));
        // The pairs of UDP sources end with their port.
        for binding in bindings {
            binding.close().await;
        }
        self.shared.pairs.drain(&self.shared.runtime, limit).await
    }
}

fn check_unbound(bindings: &[Binding], address: &LocalAddress) -> Result<()> {
    let is_free_port = match address {
        LocalAddress::Tcp(address) | LocalAddress::Udp(address) => address.port() == 0,
        LocalAddress::Socket(_) => false,
    };
    match !is_free_port && bindings.iter().any(|bound| bound.address == *address) {
        true => Err(Error::invalid("binding", "is bound already")),
        false => Ok(()),
    }
}

impl Shared {
    /// Starts the tasks that accept.
    fn serve(
        self: &Arc<Self>,
        address: &LocalAddress,
        bound: Bound,
        route: &Arc<Route>,
        local_addrs: Vec<SocketAddr>,
    ) -> Binding {
        let mut binding = Binding {
            address: address.clone(),
            local_addrs,
            stops: Vec::new(),
            ended: Vec::new(),
        };
        for socket in bound.into_sockets() {
            let (stop, stopped) = StopSignal::new();
            let (alive, ended) = oneshot::channel::<Infallible>();
            binding.stops.push(stop);
            binding.ended.push(ended);
            let (shared, route) = (Arc::clone(self), Arc::clone(route));
            let accepting = async move {
                match socket {
                    BoundSocket::Tcp(listener) => {
                        stream::accept(shared, listener, route, stopped).await;
                    }
                    BoundSocket::Udp(socket) => {
                        datagrams::receive(shared, socket, route, stopped).await;
                    }
                    #[cfg(unix)]
                    BoundSocket::Unix(listener) => {
                        stream::accept(shared, listener, route, stopped).await;
                    }
                }
                drop(alive);
            };
            let accepting = accepting.instrument(self.span.clone());
            self.runtime.spawn(Box::pin(accepting));
        }
        binding
    }
}

impl Binding {
    async fn close(self) {
        drop(self.stops);
        for ended in self.ended {
            // An error is the end.
            let _ = ended.await;
        }
    }
}
