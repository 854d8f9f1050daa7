//! HTTP peers that a test scripts byte by byte.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use transport::SharedRuntime;

/// A listener on loopback that hands each connection to a script.
#[derive(Debug)]
pub struct Origin {
    pub address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl Origin {
    /// Passes each connection, with its number from 0, to `serve`.
    pub async fn start<F, S>(serve: S) -> Self
    where
        S: Fn(usize, TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&accepted);
        spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawn(serve(counter.fetch_add(1, Ordering::SeqCst), stream));
            }
        });
        Self { address, accepted }
    }

    /// Answers the first request of each connection with `answer`, then ends the connection.
    pub async fn answering(answer: impl Into<Bytes>) -> Self {
        let answer = answer.into();
        Self::start(move |_, mut stream| {
            let answer = answer.clone();
            async move {
                read_head(&mut stream).await;
                // In some tests the client is gone.
                _ = stream.write_all(&answer).await;
                _ = stream.shutdown().await;
                // Closing a connection with unread bytes resets it, and the answer is lost.
                _ = stream.read_to_end(&mut Vec::new()).await;
            }
        })
        .await
    }

    /// Accepts, and never sends anything. The second value completes when the first byte arrives.
    pub async fn silent() -> (Self, oneshot::Receiver<()>) {
        let (sender, heard) = oneshot::channel();
        let sender = Mutex::new(Some(sender));
        let origin = Self::start(move |_, mut stream| {
            let sender = sender.lock().unwrap().take();
            async move {
                stream.read_u8().await.unwrap();
                sender.unwrap().send(()).unwrap();
                std::future::pending().await
            }
        })
        .await;
        (origin, heard)
    }

    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub fn uri(&self, path: &str) -> http::Uri {
        format!("http://{}{path}", self.address).parse().unwrap()
    }
}

/// Spawns a task of the test.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    SharedRuntime::default().spawn(Box::pin(future));
}

/// Reads up to the empty line; the empty string if the peer ends first.
pub async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(head).unwrap()
}

/// Answers every request that has no body with 200 and its own request line.
pub async fn serve_lines(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    loop {
        let head = read_head(&mut stream).await;
        let Some((line, _)) = head.split_once("\r\n") else {
            return;
        };
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{line}",
            line.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
