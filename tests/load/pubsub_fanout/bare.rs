//! The floor: the WebSocket library, a list of sockets, and a loop.

use azwire_tests::background::Background;
use futures::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_websockets::{Message, ServerBuilder};
use transport::{Runtime as _, TokioRuntime};

use super::PAYLOAD;
use super::server::{Facts, Server};

/// The server, on a separate thread.
pub(super) struct Bare {
    address: String,
    _runtime: Background,
}

impl Bare {
    pub(super) fn start() -> Self {
        let runtime = Background::start(1);
        let address = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("it is bound");
            TokioRuntime::new().spawn(Box::pin(serve(listener)));
            address
        });
        Self {
            address: address.to_string(),
            _runtime: runtime,
        }
    }
}

impl Server for Bare {
    fn facts(&self) -> Facts {
        Facts {
            address: self.address.clone(),
            opening: "/".to_owned(),
            send: "P / \r\n\r\n".to_owned(),
        }
    }
}

/// Accepts sockets until a request arrives that is not an opening; each such request is a
/// message to all.
async fn serve(listener: TcpListener) {
    let mut sockets = Vec::new();
    let ready = Message::text("x".repeat(PAYLOAD));
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            return;
        };
        // A frame must not wait for the peer's acknowledgement.
        stream.set_nodelay(true).expect("a socket takes the option");
        let mut first = [0];
        stream
            .peek(&mut first)
            .await
            .expect("the client says something");
        if first == *b"G" {
            let (_, socket) = ServerBuilder::new()
                .accept(stream)
                .await
                .expect("the opening is right");
            sockets.push(socket);
            continue;
        }
        let mut request = [0; 64];
        while let Ok(length @ 1..) = stream.read(&mut request).await {
            for _ in request[..length].iter().filter(|byte| **byte == b'/') {
                for socket in &mut sockets {
                    let _ = socket.send(ready.clone()).await;
                }
            }
            if stream
                .write_all(b"HTTP/1.1 202 Accepted\r\n\r\n")
                .await
                .is_err()
            {
                return;
            }
        }
    }
}
