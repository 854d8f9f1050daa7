//! WebSockets over real sockets and over bytes written by hand.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod cancellation;
mod closing;
mod flood;
mod half_close;
mod limits;
mod messages;
mod opening;
mod peer;
mod refusal;
mod upgrade;
mod vectors;
mod violations;

use std::future::Future;

use azwire_tests::within;
use futures::StreamExt;
use http::{Request, Response, Uri};
use tokio::sync::mpsc;
use transport::net::{AcceptOptions, Connector, Handler, HyperWebSocketConnector, Server, Upgrade};
use transport::{Body, ConnectRequest, Error, ErrorKind, Message, WebSocket, WebSocketConnector};

/// A server that accepts every WebSocket and hands its side to the test.
struct Acceptor {
    server: Server,
    accepted: mpsc::UnboundedReceiver<Box<dyn WebSocket>>,
}

impl Acceptor {
    fn start(options: AcceptOptions) -> Self {
        let (sockets, accepted) = mpsc::unbounded_channel();
        let server = Server::builder(Accept { options, sockets })
            .bind(LOOPBACK.parse().unwrap())
            .start()
            .unwrap();
        Self { server, accepted }
    }

    fn uri(&self, path: &str) -> Uri {
        format!("ws://{}{path}", self.server.local_addrs()[0])
            .parse()
            .unwrap()
    }

    async fn accept(&mut self) -> Box<dyn WebSocket> {
        within(self.accepted.recv()).await.unwrap()
    }

    /// Connects a client and returns both sides, the client's first.
    async fn pair(&mut self, request: ConnectRequest) -> (Box<dyn WebSocket>, Box<dyn WebSocket>) {
        let opened = within(connector().connect(request)).await.unwrap();
        (opened.socket, self.accept().await)
    }
}

#[derive(Debug)]
struct Accept {
    options: AcceptOptions,
    sockets: mpsc::UnboundedSender<Box<dyn WebSocket>>,
}

#[async_trait::async_trait]
impl Handler for Accept {
    async fn handle(&self, mut request: Request<Body>) -> Response<Body> {
        let upgrade = match Upgrade::from_request(&mut request) {
            Ok(upgrade) => upgrade,
            Err(error) => return error.to_response(),
        };
        let (response, opened) = upgrade.accept(self.options.clone()).unwrap();
        let sockets = self.sockets.clone();
        spawn(async move {
            if let Ok(socket) = opened.await {
                let _ = sockets.send(socket);
            }
        });
        response
    }
}

/// Both sides of a WebSocket over loopback with default options, the client's first.
async fn pair() -> (Box<dyn WebSocket>, Box<dyn WebSocket>, Acceptor) {
    let mut acceptor = Acceptor::start(AcceptOptions::default());
    let request = ConnectRequest::new(acceptor.uri("/"));
    let (client, server) = acceptor.pair(request).await;
    (client, server, acceptor)
}

fn connector() -> HyperWebSocketConnector {
    HyperWebSocketConnector::new(Connector::builder().build())
}

/// The next message, which must come.
async fn next(socket: &mut Box<dyn WebSocket>) -> Message {
    within(socket.next())
        .await
        .expect("the stream goes on")
        .unwrap()
}

/// The next item, which must be an error, and the end after it.
async fn next_error(socket: &mut Box<dyn WebSocket>) -> Error {
    let error = within(socket.next())
        .await
        .expect("the stream goes on")
        .unwrap_err();
    assert!(
        within(socket.next()).await.is_none(),
        "an error ends the stream"
    );
    error
}

async fn assert_end(socket: &mut Box<dyn WebSocket>) {
    assert!(within(socket.next()).await.is_none());
}

#[expect(clippy::disallowed_methods, reason = "the test's own tasks")]
fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(future)
}

fn assert_kind(error: &Error, kind: ErrorKind) {
    assert_eq!(error.kind(), kind, "{error:?}");
}

const LOOPBACK: &str = "127.0.0.1:0";
