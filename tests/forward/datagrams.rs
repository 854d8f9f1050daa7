//! UDP, on azbridge's wire.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use azwire_tests::relay::link::World;
use azwire_tests::within;
use bytes::Bytes;
use forward::expression::{LocalBinding, RemoteBinding};
use forward::metrics::FailureReason;
use forward::{ErrorKind, ForwardOptions, HostPort, LocalForwarder, RemoteForwarder};
use tokio::net::UdpSocket;
use transport::Message;

use crate::fixture::{LONG, errors, host_port, port_name};

struct Ports {
    world: World,
    remote: RemoteForwarder,
    local: LocalForwarder,
    target: UdpSocket,
}

impl Ports {
    async fn start(options: &ForwardOptions) -> Self {
        let world = World::start().await;
        let target = socket().await;
        let address = host_port(target.local_addr().unwrap());
        let target_binding = RemoteBinding::udp(address).with_port_name(port_name());
        let remote = RemoteForwarder::builder(world.listener())
            .target(target_binding)
            .open();
        let local = LocalForwarder::builder(world.sender())
            .bind(binding())
            .options(options.clone())
            .open();
        Self {
            remote: remote.await.unwrap(),
            local: local.await.unwrap(),
            target,
            world,
        }
    }

    fn entrance(&self) -> SocketAddr {
        self.local.local_addrs()[0]
    }

    async fn client(&self) -> UdpSocket {
        let client = socket().await;
        client.connect(self.entrance()).await.unwrap();
        client
    }
}

fn binding() -> LocalBinding {
    let binding = LocalBinding::udp(0).with_host("127.0.0.1").unwrap();
    binding.with_port_name(port_name())
}

async fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

async fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut space = vec![0; 65_535];
    let count = socket.recv(&mut space).await.unwrap();
    space.truncate(count);
    space
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_datagrams_arrive_in_order_from_each_source() {
    within(async {
        const SOURCES: usize = 4;
        const EACH: u32 = 2_500;
        // Fewer than the buffers of the system hold.
        const WINDOW: u32 = 16;
        let ports = Ports::start(&ForwardOptions::default()).await;
        let target = Arc::new(ports.target);
        let echo = async {
            let mut space = vec![0; 65_535];
            loop {
                let (count, from) = target.recv_from(&mut space).await.unwrap();
                target.send_to(&space[..count], from).await.unwrap();
            }
        };
        let one = async |source: usize| {
            let client = socket().await;
            client.connect(ports.local.local_addrs()[0]).await.unwrap();
            let content = |number: u32| {
                let mut bytes = number.to_be_bytes().to_vec();
                // Of any length, with long ones and the shortest among them.
                bytes.resize(4 + (number as usize * 37 + source) % 1_400, 7);
                bytes
            };
            let (mut sent, mut received) = (0, 0);
            while received < EACH {
                while sent < EACH && sent - received < WINDOW {
                    client.send(&content(sent)).await.unwrap();
                    sent += 1;
                }
                assert_eq!(receive(&client).await, content(received));
                received += 1;
            }
        };
        let all = futures::future::join_all((0..SOURCES).map(one));
        tokio::select! {
            _ = all => {}
            () = echo => {}
        }
        let snapshot = ports.local.metrics().snapshot();
        assert_eq!(snapshot.targets[0].datagrams_dropped, 0);
        assert_eq!(snapshot.targets[0].opened, SOURCES as u64);
        assert_eq!(ports.local.open_pairs(), SOURCES);
        // The sources end with their port.
        assert_eq!(ports.local.shutdown(LONG).await, 0);
        assert_eq!(ports.remote.shutdown(LONG).await, 0);
    })
    .await;
}

#[tokio::test]
async fn datagrams_of_any_size_pass_and_keep_their_borders() {
    within(async {
        let ports = Ports::start(&ForwardOptions::default()).await;
        let client = ports.client().await;
        for size in [1, 0, 1472, 9_000, 65_507, 2] {
            let datagram = vec![7; size];
            client.send(&datagram).await.unwrap();
            let mut space = vec![0; 65_535];
            let (count, from) = ports.target.recv_from(&mut space).await.unwrap();
            assert_eq!(count, size);
            ports.target.send_to(&space[..count], from).await.unwrap();
            assert_eq!(receive(&client).await.len(), size);
        }
        // The target's answers come from nobody else.
        let stranger = socket().await;
        stranger
            .send_to(b"from elsewhere", ports.entrance())
            .await
            .unwrap();
        assert_eq!(receive(&ports.target).await, b"from elsewhere");
        assert_eq!(ports.local.open_pairs(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_silent_source_ends_and_comes_back() {
    within(async {
        let idle = ForwardOptions::default().with_udp_idle_timeout(Duration::from_millis(100));
        let ports = Ports::start(&idle).await;
        let client = ports.client().await;
        let relay = ports.world.emulator.relay();
        for round in 1..=2 {
            client.send(b"question").await.unwrap();
            assert_eq!(receive(&ports.target).await, b"question");
            let ended = relay.wait_for(|state| state.hybrid_connection("hc1").senders.is_empty());
            ended.await.unwrap();
            assert_eq!(ports.local.metrics().snapshot().targets[0].opened, round);
        }
        assert_eq!(ports.local.shutdown(LONG).await, 0);
        // It is an end like any other.
        assert_eq!(errors(ports.local.metrics(), FailureReason::Idle), 0);
        assert_eq!(errors(ports.remote.metrics(), FailureReason::RelayLost), 0);
    })
    .await;
}

#[tokio::test]
async fn sources_over_the_limit_are_dropped_and_counted() {
    within(async {
        let options = ForwardOptions::default().with_max_udp_sources(2);
        let ports = Ports::start(&options).await;
        let mut clients = Vec::new();
        for number in 0..3_u8 {
            let client = ports.client().await;
            client.send(&[number]).await.unwrap();
            clients.push(client);
            if number < 2 {
                assert_eq!(receive(&ports.target).await, [number]);
            }
        }
        // Those that are known are served as before, after the one that was dropped.
        clients[0].send(b"again").await.unwrap();
        assert_eq!(receive(&ports.target).await, b"again");
        let target = &ports.local.metrics().snapshot().targets[0];
        assert_eq!((target.opened, target.datagrams_dropped), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn what_no_hybrid_connection_takes_is_counted() {
    within(async {
        let world = World::start().await;
        let local = LocalForwarder::builder(world.sender()).bind(binding());
        let local = local.open().await.unwrap();
        let client = socket().await;
        client.connect(local.local_addrs()[0]).await.unwrap();
        let count = 5;
        for number in 0..count {
            client.send(&[number]).await.unwrap();
        }
        // Nobody listens. The source is tried again after a pause.
        let dropped = || local.metrics().snapshot().targets[0].datagrams_dropped;
        while dropped() < u64::from(count) {
            tokio::task::yield_now().await;
        }
        assert_eq!(dropped(), u64::from(count));
    })
    .await;
}

#[tokio::test]
async fn a_target_where_nothing_listens_does_not_end_the_pair() {
    within(async {
        let ports = Ports::start(&ForwardOptions::default()).await;
        let client = ports.client().await;
        let address = ports.target.local_addr().unwrap();
        client.send(b"one").await.unwrap();
        assert_eq!(receive(&ports.target).await, b"one");
        let Ports { local, target, .. } = ports;
        drop(target);
        for _ in 0..10 {
            client.send(b"lost").await.unwrap();
        }
        let target = UdpSocket::bind(address).await.unwrap();
        // Some of those may still be on their way.
        for number in 0..100_u8 {
            client.send(&[number]).await.unwrap();
        }
        loop {
            if receive(&target).await == [99] {
                break;
            }
        }
        assert_eq!(local.metrics().snapshot().targets[0].opened, 1);
    })
    .await;
}

#[tokio::test]
async fn datagrams_are_read_from_any_split_of_the_stream() {
    within(async {
        let ports = Ports::start(&ForwardOptions::default()).await;
        let mut relay = ports.world.sender().connect().await.unwrap();
        for piece in [
            &b"\x01\x00\x01\x04port\x00\x02hi\x00"[..],
            b"\x05he",
            b"llo\x00\x00\x00",
            b"\x01",
            b"x",
        ] {
            let piece = Bytes::copy_from_slice(piece);
            relay.send(Message::Binary(piece)).await.unwrap();
        }
        for expected in [&b"hi"[..], b"hello", b"", b"x"] {
            assert_eq!(receive(&ports.target).await, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn aztunnels_wire_has_no_datagrams() {
    let world = World::start().await;
    let target: HostPort = "localhost:53".parse().unwrap();
    let builder = LocalForwarder::builder(world.sender()).bind_to(binding(), target);
    let error = builder.open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().starts_with("destination: "), "{error}");
}
