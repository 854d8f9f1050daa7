//! Peers whose every byte the test decides.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use azwire_tests::Identity;
use bytes::Bytes;
use http::Request;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use transport::net::{Connector, ConnectorBuilder};
use transport::{Body, HttpClient, HyperClient, SharedRuntime};

/// A listener on loopback that hands each connection to a script.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl Origin {
    /// Gives each connection, with its number from 0, to `serve`.
    pub(crate) async fn start<F, S>(serve: S) -> Self
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
    pub(crate) async fn answering(answer: impl Into<Bytes>) -> Self {
        let answer = answer.into();
        Self::start(move |_, mut stream| {
            let answer = answer.clone();
            async move {
                read_head(&mut stream).await;
                // A client that has gone is part of some tests.
                _ = stream.write_all(&answer).await;
                _ = stream.shutdown().await;
                // A connection that is ended with bytes unread is reset, the answer with it.
                _ = stream.read_to_end(&mut Vec::new()).await;
            }
        })
        .await
    }

    /// Accepts, and never says anything. The second value tells when the first byte came.
    pub(crate) async fn silent() -> (Self, oneshot::Receiver<()>) {
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

    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn uri(&self, path: &str) -> http::Uri {
        format!("http://{}{path}", self.address).parse().unwrap()
    }
}

/// Runs a task of the test's own.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    SharedRuntime::default().spawn(Box::pin(future));
}

/// Reads up to the empty line; the empty string if the peer ends first.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
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
pub(crate) async fn serve_lines(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
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

/// What a rustls server shows for `identity`, to be changed by the test.
pub(crate) fn server_config(identity: Identity) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            identity
                .chain
                .into_iter()
                .map(CertificateDer::from)
                .collect(),
            PrivateKeyDer::try_from(identity.key).unwrap(),
        )
        .unwrap()
}

/// A connector without TLS, to be added to.
pub(crate) fn plain() -> ConnectorBuilder {
    Connector::builder()
}

pub(crate) fn client(connector: ConnectorBuilder) -> HyperClient {
    HyperClient::new(connector.build())
}

pub(crate) fn get(uri: &http::Uri) -> Request<Body> {
    Request::get(uri.clone()).body(Body::empty()).unwrap()
}

pub(crate) fn post(uri: &http::Uri, body: impl Into<Body>) -> Request<Body> {
    Request::post(uri.clone()).body(body.into()).unwrap()
}

/// Sends a GET and reads the whole answer as text.
pub(crate) async fn fetch(client: &HyperClient, uri: &http::Uri) -> transport::Result<String> {
    let response = client.send(get(uri)).await?;
    let body = response.into_body().collect(1 << 20).await?;
    Ok(String::from_utf8(body.to_vec()).unwrap())
}
