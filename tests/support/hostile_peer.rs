//! An HTTP peer whose responses a test scripts byte by byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::origin::read_head;

/// A peer, and the number of requests that it received.
#[derive(Debug)]
pub struct HostilePeer {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    serving: tokio::task::JoinHandle<()>,
}

impl HostilePeer {
    /// Answers every request with the result of `answer` for its head and its
    /// number, counted from 0, and ends the connection.
    pub async fn start(answer: impl Fn(&str, usize) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0));
        let listener = listener.await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let seen = requests.clone();
        // Each connection has one request, so they can be served one after the other.
        let serve = async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let head = read_head(&mut stream).await;
                if head.is_empty() {
                    continue;
                }
                let number = seen.fetch_add(1, Ordering::SeqCst);
                // The client may close before it has read everything.
                let _ = stream.write_all(&answer(&head, number)).await;
                let _ = stream.shutdown().await;
                drain(&mut stream).await;
            }
        };
        #[expect(clippy::disallowed_methods, reason = "the peer is not part of azwire")]
        let serving = tokio::spawn(serve);
        Self {
            address,
            requests,
            serving,
        }
    }

    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn connection_string(&self) -> String {
        format!("Endpoint={};AccessKey=key;", self.uri())
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for HostilePeer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A well-formed answer.
pub fn answer(status: u16, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Reads what is left: closing a socket with unread bytes resets it, and the
/// answer is lost.
async fn drain(stream: &mut TcpStream) {
    let mut space = [0; 4096];
    while matches!(stream.read(&mut space).await, Ok(1..)) {}
}
