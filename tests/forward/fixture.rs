//! Both forwarders around an emulator, and targets that a test plays itself.

use std::net::SocketAddr;
use std::time::Duration;

use azwire_tests::relay::link::World;
use forward::expression::{LocalBinding, PortName, RemoteBinding};
use forward::metrics::FailureReason;
use forward::{
    AllowList, Destination, ForwardOptions, HostPort, LocalForwarder, LocalForwarderBuilder,
    Metrics, RemoteForwarder, RemoteForwarderBuilder,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Whose protocol the two forwarders speak.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wire {
    Azbridge,
    Aztunnel,
}

impl Wire {
    pub(crate) const BOTH: [Self; 2] = [Self::Azbridge, Self::Aztunnel];
}

/// An emulator with a forwarder on each side, and the target between them and the test.
pub(crate) struct Forwarding {
    pub(crate) world: World,
    pub(crate) remote: RemoteForwarder,
    pub(crate) local: LocalForwarder,
    pub(crate) target: TcpListener,
}

impl Forwarding {
    pub(crate) async fn start(wire: Wire) -> Self {
        Self::with(wire, &ForwardOptions::default()).await
    }

    /// Starts both forwarders with the same options.
    pub(crate) async fn with(wire: Wire, options: &ForwardOptions) -> Self {
        Self::with_each(wire, options, options).await
    }

    pub(crate) async fn with_each(
        wire: Wire,
        local: &ForwardOptions,
        remote: &ForwardOptions,
    ) -> Self {
        let world = World::start().await;
        let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = host_port(target.local_addr().unwrap());
        let remote = remote_to(&world, &address).options(remote.clone());
        let local = local_to(&world, wire, &address).options(local.clone());
        Self {
            remote: remote.open().await.unwrap(),
            local: local.open().await.unwrap(),
            target,
            world,
        }
    }

    pub(crate) fn entrance(&self) -> SocketAddr {
        self.local.local_addrs()[0]
    }

    /// Connects a client, and accepts at the target.
    pub(crate) async fn pair(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.entrance()).await.unwrap();
        let (server, _) = self.target.accept().await.unwrap();
        (client, server)
    }

    /// Checks that all pairs end by themselves, at both ends, and then at the relay.
    pub(crate) async fn end(self) {
        assert_eq!(self.local.shutdown(LONG).await, 0);
        assert_eq!(self.remote.shutdown(LONG).await, 0);
        let relay = self.world.emulator.relay();
        let ended = relay.wait_for(|state| state.hybrid_connection("hc1").senders.is_empty());
        ended.await.unwrap();
    }
}

/// A remote forwarder that reaches `target` on both wires, as `port` on azbridge's.
pub(crate) fn remote_to(world: &World, target: &HostPort) -> RemoteForwarderBuilder {
    let rule = target.to_string().parse().unwrap();
    RemoteForwarder::builder(world.listener())
        .target(RemoteBinding::tcp(target.clone()).with_port_name(port_name()))
        .allow(AllowList::new().with_rule(rule))
}

/// A local forwarder on a free port that leads to `target`.
pub(crate) fn local_to(world: &World, wire: Wire, target: &HostPort) -> LocalForwarderBuilder {
    let binding = LocalBinding::tcp(0).with_host("127.0.0.1").unwrap();
    LocalForwarder::builder(world.sender()).bind_to(binding, destination(wire, target))
}

pub(crate) fn destination(wire: Wire, target: &HostPort) -> Destination {
    match wire {
        Wire::Azbridge => port_name().into(),
        Wire::Aztunnel => target.clone().into(),
    }
}

pub(crate) fn port_name() -> PortName {
    PortName::new("port").unwrap()
}

pub(crate) fn host_port(address: SocketAddr) -> HostPort {
    address.to_string().parse().unwrap()
}

/// Returns a port of this machine on which nothing listens, with the socket that keeps it so.
pub(crate) fn closed_port() -> (TcpSocket, HostPort) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = host_port(socket.local_addr().unwrap());
    (socket, address)
}

/// How often a reason was counted, by both roles.
pub(crate) fn errors(metrics: &Metrics, reason: FailureReason) -> u64 {
    let roles = metrics.snapshot().roles;
    let errors = roles.iter().flat_map(|role| &role.errors);
    let counts = errors.filter(|(of, _)| *of == reason);
    counts.map(|(_, count)| count).sum()
}

/// Writes all of `bytes` and then the end.
pub(crate) async fn write_to_end(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
}

/// Reads to the end, which must be a clean one.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// Reads to the end, which must be a reset.
pub(crate) async fn read_to_reset(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let error = stream.read_to_end(&mut bytes).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    bytes
}

/// Far longer than anything takes; a test that waits for it fails.
pub(crate) const LONG: Duration = Duration::from_secs(50);
