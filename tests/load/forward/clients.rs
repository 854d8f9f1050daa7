//! The clients of a measurement.

use std::net::SocketAddr;
use std::time::Instant;

use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes there and back, over some pairs at once.
pub(super) struct Bulk {
    pub(super) pairs: usize,
}

impl Bulk {
    /// Returns the seconds that it takes.
    pub(super) async fn run(&self, address: SocketAddr) -> f64 {
        let mut all = open(address, self.pairs).await;
        let each = TOTAL / self.pairs;
        let start = Instant::now();
        join_all(all.iter_mut().map(|stream| async move {
            let (mut reader, mut writer) = stream.split();
            let writing = async {
                let chunk = vec![7; 64 * 1024];
                for _ in 0..each / chunk.len() {
                    writer.write_all(&chunk).await.unwrap();
                }
            };
            let reading = async {
                let mut space = vec![0; 64 * 1024];
                let mut left = each;
                while left > 0 {
                    let count = reader.read(&mut space).await.unwrap();
                    assert!(count > 0, "it ended early");
                    left -= count;
                }
            };
            futures::join!(writing, reading);
        }))
        .await;
        start.elapsed().as_secs_f64()
    }
}

/// Round trips of 1 KiB, over some pairs at once.
pub(super) struct Trips {
    pub(super) pairs: usize,
}

impl Trips {
    /// Returns the seconds that they take.
    pub(super) async fn run(&self, address: SocketAddr) -> f64 {
        let mut all = open(address, self.pairs).await;
        let each = TRIPS / self.pairs;
        let start = Instant::now();
        join_all(all.iter_mut().map(|stream| async move {
            let mut bytes = vec![7; 1024];
            for _ in 0..each {
                stream.write_all(&bytes).await.unwrap();
                stream.read_exact(&mut bytes).await.unwrap();
            }
        }))
        .await;
        start.elapsed().as_secs_f64()
    }
}

/// Opens pairs, 16 at once, and sees a byte come back on each.
pub(super) async fn open(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let some = AT_ONCE.min(count - all.len());
        all.extend(join_all((0..some).map(|_| open_one(address))).await);
    }
    all
}

/// Opens a pair, and sees a byte come back.
async fn open_one(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_u8(1).await.unwrap();
    stream.read_u8().await.unwrap();
    stream
}

/// Opens a pair to a target that speaks first.
pub(super) async fn greeted(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.read_u8().await.unwrap();
    stream
}

pub(super) const AT_ONCE: usize = 16;
const TOTAL: usize = 64 * 1024 * 1024;
const TRIPS: usize = 8 * 1024;
