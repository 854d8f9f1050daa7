//! Ends that are not clean, from either side and from the relay.

use std::time::Duration;

use azwire_tests::within;
use emulator::{Fault, FaultPlan, FaultRule};
use forward::ForwardOptions;
use forward::metrics::FailureReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fixture::{Forwarding, LONG, Wire, errors, read_to_end, read_to_reset, write_to_end};

#[tokio::test]
async fn a_side_that_resets_midway_is_a_reset_at_the_other() {
    within(async {
        for wire in Wire::BOTH {
            let forwarding = Forwarding::start(wire).await;
            for client_dies in [true, false] {
                let (mut client, mut server) = forwarding.pair().await;
                let (mut dying, mut other) = match client_dies {
                    true => (client, server),
                    false => {
                        // It takes part before it dies.
                        client.write_all(b"half a ").await.unwrap();
                        server.read_exact(&mut [0; 7]).await.unwrap();
                        (server, client)
                    }
                };
                dying.write_all(b"half an answer").await.unwrap();
                let mut bytes = [0; 14];
                other.read_exact(&mut bytes).await.unwrap();
                dying.set_zero_linger().unwrap();
                drop(dying);
                assert!(read_to_reset(&mut other).await.is_empty(), "{wire:?}");
            }
            let (local, remote) = (
                forwarding.local.metrics().clone(),
                forwarding.remote.metrics().clone(),
            );
            forwarding.end().await;
            for metrics in [local, remote] {
                assert_eq!(errors(&metrics, FailureReason::LocalReset), 1, "{wire:?}");
                assert_eq!(errors(&metrics, FailureReason::RelayLost), 1, "{wire:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_is_gone_ends_a_target_that_goes_on_writing() {
    within(async {
        let options = ForwardOptions::default().with_close_timeout(Duration::from_millis(100));
        let forwarding = Forwarding::with(Wire::Azbridge, &options).await;
        let (mut client, mut server) = forwarding.pair().await;
        write_to_end(&mut client, b"all that it has to say").await;
        drop(client);
        // Its end is a clean one, and what it sent arrives.
        assert_eq!(read_to_end(&mut server).await, b"all that it has to say");
        // Nobody reads the answer. A closed direction has no word for it, so it takes the close time-out.
        let mut outcome = Ok(());
        for _ in 0..1_000_000 {
            outcome = server.write_all(&[7; 16]).await;
            if outcome.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert!(outcome.is_err());
        let metrics = forwarding.local.metrics().clone();
        assert_eq!(forwarding.local.shutdown(LONG).await, 0);
        assert_eq!(forwarding.remote.shutdown(LONG).await, 0);
        assert_eq!(errors(&metrics, FailureReason::LocalReset), 1);
    })
    .await;
}

#[tokio::test]
async fn a_pair_that_the_relay_loses_is_a_reset_and_an_end_on_aztunnels_wire() {
    within(async {
        for wire in Wire::BOTH {
            let forwarding = Forwarding::start(wire).await;
            let (mut client, mut server) = forwarding.pair().await;
            client.write_all(b"question").await.unwrap();
            server.read_exact(&mut [0; 8]).await.unwrap();
            server.write_all(b"half").await.unwrap();
            client.read_exact(&mut [0; 4]).await.unwrap();
            let relay = forwarding.world.emulator.relay();
            let sender = relay.state().hybrid_connection("hc1").senders[0].clone();
            let rule = FaultRule::now(Fault::Drop).with_connection(sender);
            relay.arm(FaultPlan::new(1).with(rule)).unwrap();
            for side in [&mut client, &mut server] {
                match wire {
                    Wire::Azbridge => assert!(read_to_reset(side).await.is_empty()),
                    Wire::Aztunnel => assert!(read_to_end(side).await.is_empty()),
                }
            }
            drop((client, server));
            assert_eq!(forwarding.local.shutdown(LONG).await, 0);
            assert_eq!(forwarding.remote.shutdown(LONG).await, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn a_pair_in_half_close_is_cut_for_the_side_that_still_writes() {
    within(async {
        let forwarding = Forwarding::start(Wire::Azbridge).await;
        let (mut client, mut server) = forwarding.pair().await;
        write_to_end(&mut client, b"question").await;
        assert_eq!(read_to_end(&mut server).await, b"question");
        server.write_all(b"part").await.unwrap();
        client.read_exact(&mut [0; 4]).await.unwrap();
        let relay = forwarding.world.emulator.relay();
        let sender = relay.state().hybrid_connection("hc1").senders[0].clone();
        let rule = FaultRule::now(Fault::Drop).with_connection(sender);
        relay.arm(FaultPlan::new(1).with(rule)).unwrap();
        // The client must not take what it has for the whole.
        assert!(read_to_reset(&mut client).await.is_empty());
        // The target learns of it when it writes.
        let mut failed = false;
        for _ in 0..10_000 {
            failed = server.write_all(&[7; 1024]).await.is_err();
            if failed {
                break;
            }
        }
        assert!(failed, "nobody reads it");
    })
    .await;
}
