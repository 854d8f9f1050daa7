//! TCP through both wires: half-close, what is in flight, and ends that are not clean.

use azwire_tests::relay::link::World;
use azwire_tests::within;
use forward::metrics::{FailureReason, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{
    Forwarding, Wire, closed_port, errors, local_to, read_to_end, read_to_reset, remote_to,
    write_to_end,
};

#[tokio::test]
async fn each_side_may_end_first_and_the_other_answers_after_it() {
    within(async {
        for wire in Wire::BOTH {
            let forwarding = Forwarding::start(wire).await;
            for client_first in [true, false] {
                let (mut client, mut server) = forwarding.pair().await;
                let (first, second) = match client_first {
                    true => (&mut client, &mut server),
                    false => (&mut server, &mut client),
                };
                // More than is ever in flight.
                let question = vec![7; 3_000_000];
                let asking = write_to_end(first, &question);
                let (asked, ()) = tokio::join!(read_to_end(second), asking);
                assert!(asked == question, "{wire:?}");
                write_to_end(second, b"an answer after the end").await;
                assert_eq!(read_to_end(first).await, b"an answer after the end");
            }
            let metrics = forwarding.local.metrics().snapshot();
            assert_eq!(metrics.targets.len(), 1);
            assert_eq!(
                (metrics.targets[0].opened, metrics.targets[0].failed),
                (2, 0)
            );
            forwarding.end().await;
        }
    })
    .await;
}

#[tokio::test]
async fn bytes_go_back_and_forth_as_they_come() {
    within(async {
        for wire in Wire::BOTH {
            let forwarding = Forwarding::start(wire).await;
            let (mut client, mut server) = forwarding.pair().await;
            let mut byte = [0];
            for count in 0..200 {
                client.write_all(&[count]).await.unwrap();
                server.read_exact(&mut byte).await.unwrap();
                assert_eq!(byte, [count]);
                server.write_all(&[!count]).await.unwrap();
                client.read_exact(&mut byte).await.unwrap();
                assert_eq!(byte, [!count]);
            }
            drop(client);
            assert_eq!(server.read(&mut byte).await.unwrap(), 0);
            drop(server);
            let remote = forwarding.remote.metrics().clone();
            forwarding.end().await;
            let target = &remote.snapshot().targets[0];
            assert_eq!(target.role, Role::Listener);
            assert_eq!((target.bytes_sent, target.bytes_received), (200, 200));
            assert_eq!((target.opened, target.open), (1, 0));
        }
    })
    .await;
}

#[tokio::test]
async fn a_target_that_refuses_is_a_reset_at_once() {
    within(async {
        for wire in Wire::BOTH {
            let world = World::start().await;
            let (_held, target) = closed_port();
            let remote = remote_to(&world, &target).open().await.unwrap();
            let local = local_to(&world, wire, &target).open().await.unwrap();
            let mut client = TcpStream::connect(local.local_addrs()[0]).await.unwrap();
            assert!(read_to_reset(&mut client).await.is_empty());
            let refused = FailureReason::ConnectionRefused;
            assert_eq!(errors(remote.metrics(), refused), 1);
            // azbridge's wire cannot say why.
            let reason = match wire {
                Wire::Azbridge => FailureReason::RelayLost,
                Wire::Aztunnel => refused,
            };
            assert_eq!(errors(local.metrics(), reason), 1);
        }
    })
    .await;
}
