//! Each limit, and who is told.

use std::time::Duration;

use azwire_tests::relay::link::{World, next};
use azwire_tests::within;
use forward::ForwardOptions;
use forward::metrics::FailureReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use transport::_internal::before;
use transport::SharedRuntime;

use crate::fixture::{
    Forwarding, Wire, closed_port, errors, host_port, local_to, read_to_reset, remote_to,
};

const SHORT: Duration = Duration::from_millis(500);

async fn echo_once(client: &mut TcpStream, server: &mut TcpStream) {
    let mut byte = [0];
    client.write_all(b"x").await.unwrap();
    server.read_exact(&mut byte).await.unwrap();
    server.write_all(&byte).await.unwrap();
    client.read_exact(&mut byte).await.unwrap();
}

#[tokio::test]
async fn the_largest_limit_is_one() {
    within(async {
        let all = ForwardOptions::default()
            .with_max_connections(usize::MAX)
            .with_max_connections_per_target(usize::MAX)
            .with_max_udp_sources(usize::MAX)
            .with_dial_timeout(Duration::MAX)
            .with_greeting_timeout(Duration::MAX)
            .with_idle_timeout(Duration::MAX)
            .with_close_timeout(Duration::MAX)
            .with_connection_attempts(u32::MAX);
        for wire in Wire::BOTH {
            let forwarding = Forwarding::with_each(wire, &all, &all).await;
            let (mut client, mut server) = forwarding.pair().await;
            echo_once(&mut client, &mut server).await;
            forwarding.local.shutdown(Duration::ZERO).await;
        }
    })
    .await;
}

#[tokio::test]
async fn connections_over_the_limit_are_reset_and_the_others_live_on() {
    within(async {
        let none = ForwardOptions::default();
        let one = ForwardOptions::default().with_max_connections(1);
        let one_each = ForwardOptions::default().with_max_connections_per_target(1);
        for wire in Wire::BOTH {
            for (local, remote) in [
                (&one, &none),
                (&none, &one),
                (&one_each, &none),
                (&none, &one_each),
            ] {
                let forwarding = Forwarding::with_each(wire, local, remote).await;
                let (mut client, mut server) = forwarding.pair().await;
                let mut second = TcpStream::connect(forwarding.entrance()).await.unwrap();
                assert!(read_to_reset(&mut second).await.is_empty());
                echo_once(&mut client, &mut server).await;
                let limited = match local == &none {
                    true => forwarding.remote.metrics(),
                    false => forwarding.local.metrics(),
                };
                assert_eq!(errors(limited, FailureReason::Limit), 1);
                // One that has ended makes room.
                drop((client, server));
                let mut third = None;
                for _ in 0..1_000 {
                    let mut client = TcpStream::connect(forwarding.entrance()).await.unwrap();
                    let accepted = forwarding.target.accept();
                    tokio::select! {
                        accepted = accepted => {
                            third = Some((client, accepted.unwrap().0));
                            break;
                        }
                        _ = client.read_u8() => {}
                    }
                }
                let (mut client, mut server) = third.expect("there is room again");
                echo_once(&mut client, &mut server).await;
                drop((client, server));
                forwarding.end().await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_idle_pair_is_cut_at_both_ends() {
    within(async {
        for wire in Wire::BOTH {
            let idle = ForwardOptions::default().with_idle_timeout(SHORT);
            let forwarding = Forwarding::with_each(wire, &idle, &ForwardOptions::default()).await;
            let (mut client, mut server) = forwarding.pair().await;
            echo_once(&mut client, &mut server).await;
            assert!(read_to_reset(&mut client).await.is_empty());
            // On aztunnel's wire an end is all that there is for 1001.
            let ended = server.read_u8().await.unwrap_err();
            let expected = match wire {
                Wire::Azbridge => std::io::ErrorKind::ConnectionReset,
                Wire::Aztunnel => std::io::ErrorKind::UnexpectedEof,
            };
            assert_eq!(ended.kind(), expected);
            assert_eq!(errors(forwarding.local.metrics(), FailureReason::Idle), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn a_target_that_does_not_accept_is_not_waited_for_without_end() {
    within(async {
        // A backlog that is full: further connections are neither accepted nor refused.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let full = socket.listen(1).unwrap();
        let address = full.local_addr().unwrap();
        let mut waiting = Vec::new();
        let runtime = SharedRuntime::default();
        let fill = || before(&runtime, runtime.after(SHORT), TcpStream::connect(address));
        while let Some(connected) = fill().await {
            waiting.push(connected.unwrap());
            assert!(waiting.len() < 100, "the backlog does not fill");
        }
        let options = ForwardOptions::default().with_dial_timeout(SHORT);
        for wire in Wire::BOTH {
            let world = World::start().await;
            let target = host_port(address);
            let remote = remote_to(&world, &target).options(options.clone());
            let remote = remote.open().await.unwrap();
            let local = local_to(&world, wire, &target).open().await.unwrap();
            let mut client = TcpStream::connect(local.local_addrs()[0]).await.unwrap();
            assert!(read_to_reset(&mut client).await.is_empty());
            assert_eq!(errors(remote.metrics(), FailureReason::DialTimeout), 1);
            if wire == Wire::Aztunnel {
                assert_eq!(errors(local.metrics(), FailureReason::DialTimeout), 1);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_listener_that_does_not_answer_is_not_waited_for_without_end() {
    within(async {
        let options = ForwardOptions::default()
            .with_greeting_timeout(SHORT)
            .with_dial_timeout(Duration::from_millis(1));
        for wire in Wire::BOTH {
            let world = World::start().await;
            let mut listener = world.listener().open().await.unwrap();
            let (_held, target) = closed_port();
            let local = local_to(&world, wire, &target).options(options.clone());
            let local = local.open().await.unwrap();
            let mut client = TcpStream::connect(local.local_addrs()[0]).await.unwrap();
            let _silent = next(&mut listener).await.accept().await.unwrap();
            assert!(read_to_reset(&mut client).await.is_empty());
            assert_eq!(errors(local.metrics(), FailureReason::GreetingTimeout), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn a_relay_that_refuses_is_tried_as_often_as_the_options_say() {
    within(async {
        let world = World::start().await;
        let (_held, target) = closed_port();
        let options = ForwardOptions::default().with_connection_attempts(3);
        let local = local_to(&world, Wire::Azbridge, &target).options(options);
        let local = local.open().await.unwrap();
        let entrance = local.local_addrs()[0];
        let mut client = TcpStream::connect(entrance).await.unwrap();
        let ask = async {
            let mut byte = [0];
            client.read_exact(&mut byte).await
        };
        // Nobody listens at first.
        let open = async {
            let relay = world.emulator.relay();
            let refused = relay.wait_for(|state| state.hybrid_connection("hc1").senders.is_empty());
            refused.await.unwrap();
            remote_to(&world, &target).open().await.unwrap()
        };
        let (asked, remote) = tokio::join!(ask, open);
        // It reached the listener in the end, whose target refuses.
        assert_eq!(
            asked.unwrap_err().kind(),
            std::io::ErrorKind::ConnectionReset
        );
        assert_eq!(
            errors(remote.metrics(), FailureReason::ConnectionRefused),
            1
        );
    })
    .await;
}
