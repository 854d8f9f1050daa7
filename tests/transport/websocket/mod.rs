//! WebSockets over real sockets and over handwritten bytes.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

mod cancellation;
mod closing;
mod contract;
mod flood;
mod half_close;
mod limits;
mod link;
mod messages;
mod opening;
mod peer;
mod refusal;
mod tls;
mod upgrade;
mod vectors;
mod violations;

use std::future::Future;

use azwire_tests::{Authority, within};
use futures::StreamExt;
use http::{Request, Response, Uri};
use tokio::sync::mpsc;
use transport::net::{
    Connector, Handler, HyperWebSocketConnector, Server, ServerBuilder, Upgrade, UpgradeOptions,
};
use transport::testing::{SocketPair, SocketPairOptions};
use transport::tls::{RootCertificates, TlsAcceptor, TlsConnector};
use transport::{Body, Error, ErrorKind, HandshakeRequest, Message, WebSocket, WebSocketConnector};

/// A server that accepts every WebSocket and hands its side to the test.
struct Acceptor {
    server: Server,
    accepted: mpsc::UnboundedReceiver<Box<dyn WebSocket>>,
}

impl Acceptor {
    fn start(options: UpgradeOptions) -> Self {
        Self::build(options, |server| server.bind(LOOPBACK.parse().unwrap()))
    }

    /// The same behind TLS, with a certificate for `localhost`.
    fn start_tls(options: UpgradeOptions, authority: &Authority) -> Self {
        let identity = authority.issue(&["localhost"]);
        let tls = TlsAcceptor::ring(identity.chain, &identity.key).unwrap();
        Self::build(options, |server| {
            server.bind_tls(LOOPBACK.parse().unwrap(), tls)
        })
    }

    fn build(options: UpgradeOptions, bind: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let (sockets, accepted) = mpsc::unbounded_channel();
        let server = bind(Server::builder(Accept { options, sockets }))
            .start()
            .unwrap();
        Self { server, accepted }
    }

    fn uri(&self, path: &str) -> Uri {
        format!("ws://{}{path}", self.server.local_addrs()[0])
            .parse()
            .unwrap()
    }

    fn tls_uri(&self, path: &str) -> Uri {
        let port = self.server.local_addrs()[0].port();
        format!("wss://localhost:{port}{path}").parse().unwrap()
    }

    async fn accept(&mut self) -> Box<dyn WebSocket> {
        within(self.accepted.recv()).await.unwrap()
    }

    /// Connects a client and returns both sides, the client's first.
    async fn pair(
        &mut self,
        request: HandshakeRequest,
    ) -> (Box<dyn WebSocket>, Box<dyn WebSocket>) {
        let opened = within(connector().connect(request)).await.unwrap();
        (opened.socket, self.accept().await)
    }
}

#[derive(Debug)]
struct Accept {
    options: UpgradeOptions,
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
    let mut acceptor = Acceptor::start(UpgradeOptions::default());
    let request = HandshakeRequest::new(acceptor.uri("/"));
    let (client, server) = acceptor.pair(request).await;
    (client, server, acceptor)
}

/// Two sides of a WebSocket, and the objects that keep them connected.
struct Pair {
    /// Which implementation it is.
    name: &'static str,
    client: Box<dyn WebSocket>,
    server: Box<dyn WebSocket>,
    _acceptor: Option<Acceptor>,
}

/// Returns a pair of each kind: they must behave identically.
async fn pairs(half_close: bool) -> [Pair; 3] {
    let options = UpgradeOptions::default().with_half_close(half_close);
    let request = |uri| HandshakeRequest::new(uri).with_half_close(half_close);

    let mut plain = Acceptor::start(options.clone());
    let (client, server) = plain.pair(request(plain.uri("/"))).await;
    let plain = Pair {
        name: "plain",
        client,
        server,
        _acceptor: Some(plain),
    };

    let authority = Authority::new("pairs");
    let mut tls = Acceptor::start_tls(options, &authority);
    let opened = within(tls_connector(&authority).connect(request(tls.tls_uri("/")))).await;
    let (client, server) = (opened.unwrap().socket, tls.accept().await);
    let tls = Pair {
        name: "TLS",
        client,
        server,
        _acceptor: Some(tls),
    };

    let options = SocketPairOptions::default().with_half_close(half_close);
    let SocketPair { left, right, .. } = SocketPair::open(options);
    let memory = Pair {
        name: "memory",
        client: left,
        server: right,
        _acceptor: None,
    };
    [plain, tls, memory]
}

fn tls_connector(authority: &Authority) -> HyperWebSocketConnector {
    let roots = RootCertificates::from_der(authority.der()).unwrap();
    let tls = TlsConnector::ring(roots).unwrap();
    HyperWebSocketConnector::new(Connector::builder().tls(tls).build())
}

fn connector() -> HyperWebSocketConnector {
    HyperWebSocketConnector::new(Connector::builder().build())
}

/// Returns the next message, which must exist.
async fn next(socket: &mut Box<dyn WebSocket>) -> Message {
    within(socket.next())
        .await
        .expect("the stream has ended")
        .unwrap()
}

/// Returns the next item, which must be an error, and checks that the stream then ends.
async fn next_error(socket: &mut Box<dyn WebSocket>) -> Error {
    let error = within(socket.next())
        .await
        .expect("the stream has ended")
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
