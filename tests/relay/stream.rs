//! Relayed connections: messages and bytes of every size, in both directions.

use azwire_tests::relay::link::World;
use azwire_tests::within;
use futures::future::join;
use futures::{AsyncReadExt, AsyncWriteExt};
use transport::Message;

#[tokio::test]
async fn messages_arrive_as_they_were_sent() {
    within(async {
        let world = World::start().await;
        let (mut sender, mut accepted, _listener) = world.pair().await;
        for len in [0, 1, 125, 126, 65_535, 65_536, 65_537, 5 * 1024 * 1024] {
            for message in [
                Message::text("é".repeat(len / 2)),
                Message::binary(vec![7; len]),
            ] {
                let (sent, received) = join(sender.send(message.clone()), accepted.receive()).await;
                sent.unwrap();
                assert!(received.unwrap().as_ref() == Some(&message), "{message:?}");
                let (sent, received) = join(accepted.send(message.clone()), sender.receive()).await;
                sent.unwrap();
                assert!(received.unwrap().as_ref() == Some(&message), "{message:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn bytes_flow_both_ways_at_once_and_each_way_ends_for_itself() {
    within(async {
        let world = World::start().await;
        let (sender, accepted, _listener) = world.pair().await;
        let echo = async {
            let (reader, mut writer) = accepted.into_split();
            futures::io::copy(reader, &mut writer).await.unwrap();
            writer.close().await.unwrap();
        };
        let sent: Vec<u8> = (0..5 * 1024 * 1024_u32).map(|i| (i % 251) as u8).collect();
        let exchange = async {
            let (mut reader, mut writer) = sender.into_split();
            let mut received = Vec::new();
            let writing = async {
                writer.write_all(&sent).await.unwrap();
                writer.close().await.unwrap();
            };
            let (_, read) = join(writing, reader.read_to_end(&mut received)).await;
            read.unwrap();
            received
        };
        let ((), received) = join(echo, exchange).await;
        assert!(received == sent);
    })
    .await;
}

#[tokio::test]
async fn a_sender_that_vanishes_is_noticed() {
    within(async {
        let world = World::start().await;
        let (sender, mut accepted, _listener) = world.pair().await;
        drop(sender);
        // The relay closes (1001) or breaks the other leg.
        match accepted.receive().await {
            Ok(received) => assert!(matches!(received, Some(Message::Close(_))), "{received:?}"),
            Err(error) => assert!(error.is_closed(), "{error}"),
        }
    })
    .await;
}

/// With the traits of tokio, whose methods have the same names as those of futures.
mod tokio_io {
    use azwire_tests::within;
    use futures::future::join;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::World;

    #[tokio::test]
    async fn tokio_copies_in_both_directions() {
        within(async {
            let world = World::start().await;
            let (mut sender, mut accepted, _listener) = world.pair().await;
            let (mut near, mut far) = tokio::io::duplex(1000);
            let forwarding = tokio::io::copy_bidirectional(&mut accepted, &mut near);
            let talking = async {
                sender.write_all(b"question").await.unwrap();
                sender.shutdown().await.unwrap();
                let mut text = String::new();
                far.read_to_string(&mut text).await.unwrap();
                assert_eq!(text, "question");
                far.write_all(b"answer").await.unwrap();
                far.shutdown().await.unwrap();
                text.clear();
                sender.read_to_string(&mut text).await.unwrap();
                assert_eq!(text, "answer");
            };
            let (copied, ()) = join(forwarding, talking).await;
            assert_eq!(copied.unwrap(), (8, 6));
        })
        .await;
    }
}

/// Writes and reads at the two ends of a pair, in one task.
async fn transfer(mut from: impl AsyncWriteExt + Unpin, mut to: impl AsyncReadExt + Unpin) {
    const LEN: usize = 20 * 1024 * 1024;
    let bytes = vec![7; LEN];
    let writing = async {
        from.write_all(&bytes).await.unwrap();
        from.flush().await.unwrap();
    };
    let reading = async {
        let (mut buffer, mut read) = (vec![0; 64 * 1024], 0);
        while read < LEN {
            let count = to.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "it ends after {read} bytes");
            read += count;
        }
        read
    };
    let ((), read) = join(writing, reading).await;
    assert_eq!(read, LEN);
}

#[tokio::test]
async fn one_task_writes_and_reads_more_than_the_pair_holds() {
    within(async {
        let world = World::start().await;
        let (mut sender, mut accepted, _listener) = world.pair().await;
        transfer(&mut sender, &mut accepted).await;
        transfer(&mut accepted, &mut sender).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_task_beside_others_writes_and_reads_more_than_the_pair_holds() {
    within(async {
        let world = World::start().await;
        let (mut sender, mut accepted, _listener) = world.pair().await;
        transfer(&mut sender, &mut accepted).await;
        transfer(&mut accepted, &mut sender).await;
    })
    .await;
}
