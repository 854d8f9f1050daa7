//! Readers of the journal's stream, on a thread of their own.

use azwire_tests::background::Background;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use transport::{Runtime as _, TokioRuntime};

use super::server::{Ours, Server};

/// Open streams, which read all that they get until they are dropped.
pub(super) struct Readers {
    _runtime: Background,
}

impl Readers {
    pub(super) fn open(server: &Ours, count: usize) -> Self {
        let runtime = Background::start(1);
        let address = server.facts().address;
        runtime.block_on(async move {
            for _ in 0..count {
                let mut stream = TcpStream::connect(&address).await.expect("it listens");
                let request =
                    format!("GET /_emulator/journal/stream HTTP/1.1\r\nhost: {address}\r\n\r\n");
                stream
                    .write_all(request.as_bytes())
                    .await
                    .expect("it reads");
                let mut buffer = vec![0; 64 * 1024];
                let first = stream.read(&mut buffer).await;
                assert!(first.is_ok_and(|bytes| bytes > 0), "the stream begins");
                TokioRuntime::new().spawn(Box::pin(async move {
                    while let Ok(1..) = stream.read(&mut buffer).await {}
                }));
            }
        });
        Self { _runtime: runtime }
    }
}
