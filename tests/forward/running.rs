//! Forwarders that change, end, and lose the relay while pairs are open.

use std::time::Duration;

use azwire_tests::log::Log;
use azwire_tests::relay::link::World;
use azwire_tests::within;
use emulator::{Fault, FaultPlan, FaultRule};
use forward::expression::{LocalBinding, PortName, RemoteBinding};
use forward::metrics::FailureReason;
use forward::{AllowList, ErrorKind, LocalForwarder, RemoteForwarder};
use relay::ListenerState;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tracing::level_filters::LevelFilter;

use crate::fixture::{
    Forwarding, LONG, Wire, closed_port, destination, errors, host_port, local_to, read_to_end,
    read_to_reset, remote_to, write_to_end,
};

/// Checks that a pair still carries data.
async fn check(client: &mut TcpStream, server: &mut TcpStream) {
    let mut bytes = [0; 4];
    client.write_all(b"ping").await.unwrap();
    server.read_exact(&mut bytes).await.unwrap();
    server.write_all(b"pong").await.unwrap();
    client.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"pong");
}

#[tokio::test]
async fn a_shutdown_waits_for_the_pairs_and_cuts_those_that_are_left() {
    within(async {
        for wire in Wire::BOTH {
            // One that ends by itself.
            let forwarding = Forwarding::start(wire).await;
            let entrance = forwarding.entrance();
            let (mut client, mut server) = forwarding.pair().await;
            let ending = async {
                // No more are accepted, and this one goes on.
                while TcpStream::connect(entrance).await.is_ok() {
                    tokio::task::yield_now().await;
                }
                check(&mut client, &mut server).await;
                write_to_end(&mut client, b"the end").await;
                assert_eq!(read_to_end(&mut server).await, b"the end");
                drop(server);
                assert!(read_to_end(&mut client).await.is_empty());
            };
            let (cut, ()) = tokio::join!(forwarding.local.shutdown(LONG), ending);
            assert_eq!(cut, 0);
            assert_eq!(forwarding.remote.shutdown(LONG).await, 0);

            // One that does not.
            for local_first in [true, false] {
                let forwarding = Forwarding::start(wire).await;
                let (mut client, mut server) = forwarding.pair().await;
                check(&mut client, &mut server).await;
                let limit = Duration::from_millis(50);
                let (cut, metrics, own) = match local_first {
                    true => {
                        let local = &forwarding.local;
                        (local.shutdown(limit).await, local.metrics(), &mut client)
                    }
                    false => {
                        let remote = &forwarding.remote;
                        (remote.shutdown(limit).await, remote.metrics(), &mut server)
                    }
                };
                assert_eq!(cut, 1);
                assert!(read_to_reset(own).await.is_empty());
                assert_eq!(errors(metrics, FailureReason::Stopped), 1);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn ports_stay_in_their_order() {
    within(async {
        let forwarding = Forwarding::start(Wire::Azbridge).await;
        let local = &forwarding.local;
        for _ in 0..2 {
            let binding = LocalBinding::tcp(0).with_host("127.0.0.1").unwrap();
            local.bind(binding).await.unwrap();
        }
        let all = local.local_addrs();
        assert!(local.unbind(&local.addresses()[0]).await);
        assert_eq!(local.local_addrs(), all[1..]);
    })
    .await;
}

#[tokio::test]
async fn ports_come_and_go_while_pairs_are_open() {
    within(async {
        let forwarding = Forwarding::start(Wire::Azbridge).await;
        let (mut client, mut server) = forwarding.pair().await;
        let address = forwarding.local.addresses()[0].clone();
        let port = forwarding.entrance().port();
        assert!(forwarding.local.unbind(&address).await);
        assert!(!forwarding.local.unbind(&address).await);
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
        check(&mut client, &mut server).await;
        // The same port again, with another name.
        let binding = LocalBinding::tcp(port).with_host("127.0.0.1").unwrap();
        let other = PortName::new("other").unwrap();
        let again = binding.clone().with_port_name(other.clone());
        forwarding.local.bind(again).await.unwrap();
        let error = forwarding.local.bind(binding).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        // The other side does not have the name yet.
        let mut refused = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        // With one target, only a number is taken for any name.
        assert!(read_to_reset(&mut refused).await.is_empty());
        let target = host_port(forwarding.target.local_addr().unwrap());
        let binding = RemoteBinding::tcp(target).with_port_name(other);
        forwarding.remote.set_targets(&[binding]).unwrap();
        let (mut second, mut second_server) = forwarding.pair().await;
        check(&mut second, &mut second_server).await;
        check(&mut client, &mut server).await;
        drop((client, server, second, second_server));
        forwarding.end().await;
    })
    .await;
}

#[tokio::test]
async fn the_allow_list_is_replaced_while_pairs_are_open() {
    within(async {
        let forwarding = Forwarding::start(Wire::Aztunnel).await;
        let (mut client, mut server) = forwarding.pair().await;
        forwarding.remote.set_allowed(AllowList::new());
        let mut refused = TcpStream::connect(forwarding.entrance()).await.unwrap();
        assert!(read_to_reset(&mut refused).await.is_empty());
        assert_eq!(
            errors(forwarding.local.metrics(), FailureReason::NotAllowed),
            1
        );
        check(&mut client, &mut server).await;
        forwarding
            .remote
            .set_allowed("127.0.0.0/8".parse().unwrap());
        let (mut second, mut second_server) = forwarding.pair().await;
        check(&mut second, &mut second_server).await;
    })
    .await;
}

#[tokio::test]
async fn a_listener_that_is_cut_comes_back_and_its_pairs_live_on() {
    within(async {
        let forwarding = Forwarding::start(Wire::Azbridge).await;
        let (mut client, mut server) = forwarding.pair().await;
        let relay = forwarding.world.emulator.relay();
        for round in 1..=3 {
            let rule = FaultRule::now(Fault::Drop).with_scope("hc1");
            relay.arm(FaultPlan::new(1).with(rule)).unwrap();
            let mut second = loop {
                // While nobody listens, a client is told so.
                let mut client = TcpStream::connect(forwarding.entrance()).await.unwrap();
                tokio::select! {
                    accepted = forwarding.target.accept() => break (client, accepted.unwrap().0),
                    _ = client.read_u8() => tokio::task::yield_now().await,
                }
            };
            check(&mut second.0, &mut second.1).await;
            check(&mut client, &mut server).await;
            let channels = forwarding.remote.metrics().snapshot().control_channels;
            assert!(channels[0].is_connected);
            assert_eq!(channels[0].reconnects, round);
            assert!(channels[0].hybrid_connection.ends_with("/hc1"));
        }
        assert_eq!(forwarding.remote.state(), ListenerState::Online);
        drop((client, server));
        forwarding.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_forward_that_fails_ends_the_forwarder_or_is_tried_again() {
    within(async {
        let world = World::start().await;
        let guard = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let taken = guard.local_addr().unwrap().port();
        let binding = |port| LocalBinding::tcp(port).with_host("127.0.0.1").unwrap();
        let builder = || {
            LocalForwarder::builder(world.sender())
                .bind(binding(taken))
                .bind(binding(0))
        };
        let error = builder().open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Bind);
        let text = error.to_string();
        assert!(text.contains(&format!("127.0.0.1:{taken}")), "{text}");
        let local = builder()
            .exit_on_forward_failure(false)
            .open()
            .await
            .unwrap();
        assert_eq!(local.local_addrs().len(), 1);
        drop(guard);

        // A hybrid connection that does not exist.
        let listener = || {
            let text = world.connection_string_of("missing");
            relay::Listener::from_connection_string(&text).unwrap()
        };
        let error = RemoteForwarder::builder(listener())
            .open()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Relay);
        assert!(error.tracking_id().is_some(), "{error:?}");
        let remote = RemoteForwarder::builder(listener()).exit_on_forward_failure(false);
        let remote = remote.open().await.unwrap();
        assert_eq!(remote.state(), ListenerState::Connecting);
        assert!(!remote.metrics().snapshot().control_channels[0].is_connected);
        let (cut, closed) = tokio::join!(remote.shutdown(LONG), remote.closed());
        assert_eq!((cut, closed.kind()), (0, ErrorKind::Closed));
        assert_eq!(remote.state(), ListenerState::Offline);
    })
    .await;
}

#[tokio::test]
async fn a_name_is_bound_on_all_its_addresses_and_a_star_on_all() {
    within(async {
        let world = World::start().await;
        let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = host_port(target.local_addr().unwrap());
        let _remote = remote_to(&world, &address).open().await.unwrap();
        for host in [None, Some("*"), Some("127.0.0.1")] {
            let binding = match host {
                Some(host) => LocalBinding::tcp(0).with_host(host).unwrap(),
                None => LocalBinding::tcp(0),
            };
            let local = LocalForwarder::builder(world.sender())
                .bind_to(binding, destination(Wire::Azbridge, &address))
                .open()
                .await
                .unwrap();
            let addresses = local.local_addrs();
            let port = addresses[0].port();
            assert!(port > 0 && addresses.iter().all(|bound| bound.port() == port));
            let is_public = |ip: std::net::IpAddr| !ip.is_loopback();
            assert_eq!(
                addresses.iter().any(|bound| is_public(bound.ip())),
                host == Some("*"),
                "{addresses:?}"
            );
            let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (mut server, _) = target.accept().await.unwrap();
            check(&mut client, &mut server).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_log_names_target_and_reason_by_tracking_id_and_no_secret() {
    let log = Log::of(LevelFilter::DEBUG);
    within(async {
        let world = World::start().await;
        let (_held, target) = closed_port();
        let remote = remote_to(&world, &target).open().await.unwrap();
        let local = local_to(&world, Wire::Aztunnel, &target)
            .open()
            .await
            .unwrap();
        let mut client = TcpStream::connect(local.local_addrs()[0]).await.unwrap();
        client
            .write_all(b"a payload that is private")
            .await
            .unwrap();
        let _ = client.read_to_end(&mut Vec::new()).await;
        assert_eq!(local.shutdown(LONG).await, 0);
        assert_eq!(remote.shutdown(LONG).await, 0);
        let lines = log.lines();
        let failed = |side: &str| {
            let found = lines
                .iter()
                .find(|line| line.contains("a connection failed") && line.contains(side));
            found.unwrap_or_else(|| panic!("{lines:#?}")).clone()
        };
        let id = |line: &str| {
            let (_, rest) = line.split_once("tracking_id=").unwrap();
            let rest = rest.trim_start_matches('"');
            rest[..36].to_owned()
        };
        let (near, far) = (failed("local_forwarder"), failed("remote_forwarder"));
        for line in [&near, &far] {
            assert!(line.contains("connection_refused"), "{line}");
            assert!(line.contains(&target.to_string()), "{line}");
        }
        assert_eq!(id(&near), id(&far), "both sides name the same connection");
        let key = emulator::RelayConfig::DEFAULT_KEY;
        for secret in [key, "SharedAccessSignature", "a payload"] {
            assert!(!log.text().contains(secret), "{secret}");
        }
    })
    .await;
}

#[tokio::test]
async fn many_failures_of_one_kind_are_one_warning() {
    let log = Log::of(LevelFilter::DEBUG);
    within(async {
        let world = World::start().await;
        let (_held, target) = closed_port();
        let remote = remote_to(&world, &target).open().await.unwrap();
        let local = local_to(&world, Wire::Aztunnel, &target)
            .open()
            .await
            .unwrap();
        for _ in 0..3 {
            let mut client = TcpStream::connect(local.local_addrs()[0]).await.unwrap();
            let _ = client.read_to_end(&mut Vec::new()).await;
        }
        assert_eq!(local.shutdown(LONG).await, 0);
        assert_eq!(remote.shutdown(LONG).await, 0);
        let lines = log.lines();
        for side in ["local_forwarder", "remote_forwarder"] {
            let at = |level: &str| {
                let is_one = |line: &&String| {
                    line.contains("a connection failed")
                        && line.contains(side)
                        && line.contains(level)
                };
                lines.iter().filter(is_one).count()
            };
            assert_eq!((at("WARN"), at("DEBUG")), (1, 2), "{side}: {lines:#?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_forwarder_that_is_dropped_leaves_its_pairs_alone() {
    within(async {
        let forwarding = Forwarding::start(Wire::Azbridge).await;
        let (mut client, mut server) = forwarding.pair().await;
        let entrance = forwarding.entrance();
        let Forwarding {
            world,
            remote,
            local,
            target: _target,
        } = forwarding;
        drop((local, remote));
        while TcpStream::connect(entrance).await.is_ok() {
            tokio::task::yield_now().await;
        }
        check(&mut client, &mut server).await;
        drop((client, server));
        let relay = world.emulator.relay();
        let ended = relay.wait_for(|state| state.hybrid_connection("hc1").senders.is_empty());
        ended.await.unwrap();
    })
    .await;
}
