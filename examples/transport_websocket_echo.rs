//! Both sides of a WebSocket: a server that echoes, and a client.
//!
//! Goal: accept with a subprotocol, write a batch with one flush, read, and
//! close gracefully; and show what a rejected handshake reports. Simplification: both sides are
//! in one process, and the server ends with it.

#![expect(clippy::print_stdout, reason = "examples print their results")]

use std::error::Error;

use azwire_transport::net::{Handler, HyperWebSocketConnector, Server, Upgrade, UpgradeOptions};
use azwire_transport::{
    Body, ErrorKind, HandshakeRequest, Message, SharedRuntime, WebSocketConnector, async_trait,
};
use futures::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::builder(Echo::default())
        .bind(([127, 0, 0, 1], 0).into())
        .start()?;
    let address = server.local_addrs()[0];
    let connector = HyperWebSocketConnector::default();

    let request = HandshakeRequest::new(format!("ws://{address}/echo").parse()?);
    let opened = connector
        .connect(request.with_subprotocol("echo.v1"))
        .await?;
    println!("subprotocol: {:?}", opened.subprotocol);
    let mut socket = opened.socket;
    // A flush is a system call: feed everything that is available, then flush once.
    for word in ["one", "two", "three"] {
        socket.feed(Message::text(word)).await?;
    }
    socket.flush().await?;
    for _ in 0..3 {
        if let Message::Text(text) = socket.next().await.ok_or("the server has closed")?? {
            println!("{}", text.as_str());
        }
    }
    socket.close().await?;

    let request = HandshakeRequest::new(format!("ws://{address}/elsewhere").parse()?);
    match connector.connect(request).await {
        Err(error) if error.kind() == ErrorKind::Rejected => println!("rejected: {error}"),
        other => return Err(format!("it should be rejected: {other:?}").into()),
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Echo {
    runtime: SharedRuntime,
}

#[async_trait]
impl Handler for Echo {
    async fn handle(&self, mut request: Request<Body>) -> Response<Body> {
        if request.uri().path() != "/echo" {
            let mut response = Response::new(Body::from("there is only /echo"));
            *response.status_mut() = StatusCode::NOT_FOUND;
            return response;
        }
        let upgrade = match Upgrade::from_request(&mut request) {
            Ok(upgrade) => upgrade,
            Err(error) => return error.to_response(),
        };
        let options = UpgradeOptions::default().with_subprotocol("echo.v1");
        let Ok((response, accepted)) = upgrade.accept(options) else {
            let mut response = Response::new(Body::from("only echo.v1 is spoken"));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return response;
        };
        // The socket exists once the response has been written, so it needs a separate task.
        self.runtime.spawn(Box::pin(async move {
            let Ok(mut socket) = accepted.await else {
                return;
            };
            while let Some(Ok(message)) = socket.next().await {
                let is_data = matches!(message, Message::Text(_) | Message::Binary(_));
                if is_data && socket.send(message).await.is_err() {
                    return;
                }
            }
            // If this fails, the client is already gone.
            let _ = socket.close().await;
        }));
        response
    }
}
