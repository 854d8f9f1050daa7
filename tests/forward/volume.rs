//! Much data, and many pairs at once.

use std::hash::Hasher;

use azwire_tests::within;
use forward::ForwardOptions;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{Forwarding, Wire, read_to_end, write_to_end};

/// The bytes of the transfer: little in the ordinary run. `AZWIRE_FORWARD_BYTES=1073741824` is the long one.
fn volume() -> usize {
    let asked = std::env::var("AZWIRE_FORWARD_BYTES").ok();
    asked.map_or(24 << 20, |bytes| bytes.parse().unwrap())
}

/// Bytes that never repeat within a message, so that one that is lost, doubled or moved shows.
struct Pattern(u64);

impl Pattern {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_exact_mut(8) {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            chunk.copy_from_slice(&(self.0 >> 8).to_le_bytes());
        }
    }
}

async fn send(stream: &mut (impl AsyncWriteExt + Unpin), count: usize) -> u64 {
    let mut pattern = Pattern(7);
    let mut hash = std::hash::DefaultHasher::new();
    let mut bytes = vec![0; 64 * 1024];
    for _ in 0..count / bytes.len() {
        pattern.fill(&mut bytes);
        hash.write(&bytes);
        stream.write_all(&bytes).await.unwrap();
    }
    stream.shutdown().await.unwrap();
    hash.finish()
}

async fn receive(stream: &mut (impl AsyncReadExt + Unpin), count: usize) -> u64 {
    let mut hash = std::hash::DefaultHasher::new();
    let mut bytes = vec![0; 64 * 1024];
    for _ in 0..count / bytes.len() {
        stream.read_exact(&mut bytes).await.unwrap();
        hash.write(&bytes);
    }
    assert_eq!(stream.read(&mut bytes).await.unwrap(), 0);
    hash.finish()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_transfer_both_ways_leaves_others_their_turn() {
    let transfer = async {
        let forwarding = Forwarding::start(Wire::Azbridge).await;
        let (mut client, mut server) = forwarding.pair().await;
        let (mut small_client, mut small_server) = forwarding.pair().await;
        let count = volume();
        let (mut client_reads, mut client_writes) = client.split();
        let (mut server_reads, mut server_writes) = server.split();
        let moving = async {
            tokio::join!(
                send(&mut client_writes, count),
                receive(&mut server_reads, count),
                send(&mut server_writes, count),
                receive(&mut client_reads, count),
            )
        };
        let trickling = async {
            let mut byte = [0];
            let mut trips = 0_u32;
            loop {
                small_client.write_all(&[1]).await.unwrap();
                small_server.read_exact(&mut byte).await.unwrap();
                small_server.write_all(&byte).await.unwrap();
                small_client.read_exact(&mut byte).await.unwrap();
                trips += 1;
                if trips == 50 {
                    return;
                }
            }
        };
        let ((sent, received, sent_back, received_back), ()) = tokio::join!(moving, trickling);
        assert_eq!(sent, received);
        assert_eq!(sent_back, received_back);
        drop((client, server, small_client, small_server));
        forwarding.end().await;
    };
    match std::env::var_os("AZWIRE_FORWARD_BYTES") {
        Some(_) => transfer.await,
        None => within(transfer).await,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_pairs_at_once_each_get_their_own_bytes() {
    within(async {
        const PAIRS: usize = 500;
        for wire in Wire::BOTH {
            let forwarding = Forwarding::with(wire, &ForwardOptions::default()).await;
            let entrance = forwarding.entrance();
            let clients = async {
                let mut clients = FuturesUnordered::new();
                for number in 0..PAIRS {
                    clients.push(async move {
                        let mut client = TcpStream::connect(entrance).await.unwrap();
                        let own = format!("client {number}").repeat(100);
                        write_to_end(&mut client, own.as_bytes()).await;
                        assert_eq!(read_to_end(&mut client).await, own.as_bytes());
                    });
                }
                while clients.next().await.is_some() {}
            };
            let servers = async {
                let mut servers = Vec::new();
                // All are open at once: none is answered before the last has come.
                for _ in 0..PAIRS {
                    servers.push(forwarding.target.accept().await.unwrap().0);
                }
                assert_eq!(forwarding.local.open_pairs(), PAIRS);
                assert_eq!(forwarding.remote.open_pairs(), PAIRS);
                for server in &mut servers {
                    let bytes = read_to_end(server).await;
                    write_to_end(server, &bytes).await;
                }
            };
            tokio::join!(clients, servers);
            let target = &forwarding.local.metrics().snapshot().targets[0];
            assert_eq!((target.opened, target.failed), (PAIRS as u64, 0));
            forwarding.end().await;
        }
    })
    .await;
}
