//! Sends of 128 bytes over TLS to a bare hyper server on loopback that responds with
//! 202, beside bare hyper over tokio-rustls with the same roots, ciphers and groups.
//!
//! - `open`: over connections that are open, one at a time and 64 at once.
//! - `first`: on a new connection, from nothing until the response: *cold*, without a
//!   session of an earlier connection, and *resumed*, with one.
//!
//! `cargo bench -p azwire-tests --bench send_tls [-- open|first]`
//!
//! Client and server have a thread each, and the subjects take turns. The server counts
//! its handshakes: the program fails if one is not resumed that should be, or is that
//! should not.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement ends when what it relies on fails"
)]
#![expect(clippy::print_stdout, reason = "its output is its result")]
#![expect(
    clippy::disallowed_methods,
    reason = "a load program measures real time and spawns what it measures"
)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use azwire_tests::background::{current_thread, on_thread};
use azwire_tests::measure::{arguments, median, record, rounds};
use azwire_tests::{Authority, Identity};
use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pubsub::{Content, ServiceClient, ServiceClientBuilder};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, NamedGroup, RootCertStore};
use tokio::net::TcpStream;
use transport::SharedHttpClient;
use transport::net::{Connector, HyperClient};
use transport::tls::{RootCertificates, TlsConnector};

fn main() {
    let arguments = arguments();
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|it| it == name);
    let authority = Authority::new("the benchmark");
    let address = serve(authority.issue(&["127.0.0.1"]));
    let both = Both { address, authority };
    if wanted("open") {
        current_thread().block_on(both.open());
    }
    if wanted("first") {
        current_thread().block_on(both.first());
    }
}

struct Both {
    address: SocketAddr,
    authority: Authority,
}

impl Both {
    /// Sends over connections that are open.
    async fn open(&self) {
        let tls = self.bare_tls();
        let mut lanes = Vec::new();
        for _ in 0..AT_ONCE {
            lanes.push(self.bare_connect(&tls).await);
        }
        let ours = self.service(&self.our_tls());
        for at_once in [1, AT_ONCE] {
            let each = if at_once == 1 { 2000 } else { 300 };
            let count = (at_once * each) as f64;
            let mut times = [const { Vec::new() }; 2];
            // The first round opens the connections.
            for round in 0..=rounds(REPEATS) {
                let start = Instant::now();
                let sending = lanes.iter_mut().take(at_once).map(async |lane| {
                    for _ in 0..each {
                        self.bare_send(lane).await;
                    }
                });
                join_all(sending).await;
                let bare = start.elapsed();
                let start = Instant::now();
                let sending = (0..at_once).map(async |_| {
                    for _ in 0..each {
                        our_send(&ours).await;
                    }
                });
                join_all(sending).await;
                let ours = start.elapsed();
                if round > 0 {
                    for (times, spent) in times.iter_mut().zip([bare, ours]) {
                        times.push(spent.as_secs_f64() * 1e6 / count);
                    }
                }
            }
            report(&format!("send-tls-{at_once}"), &times);
        }
    }

    /// Sends on new connections.
    async fn first(&self) {
        let (bare_tls, our_tls) = (self.bare_tls(), self.our_tls());
        // Sessions for those that resume them.
        self.bare_send(&mut self.bare_connect(&bare_tls).await)
            .await;
        our_send(&self.service(&our_tls)).await;
        for (scenario, is_resumed) in [("send-tls-cold", false), ("send-tls-resumed", true)] {
            let mut times = [const { Vec::new() }; 2];
            let before = Handshakes::now();
            let count = rounds(REPEATS) * FIRST;
            for _ in 0..count {
                let tls = if is_resumed {
                    bare_tls.clone()
                } else {
                    self.bare_tls()
                };
                let start = Instant::now();
                self.bare_send(&mut self.bare_connect(&tls).await).await;
                times[0].push(start.elapsed().as_secs_f64() * 1e6);

                let tls = if is_resumed {
                    our_tls.clone()
                } else {
                    self.our_tls()
                };
                let client = self.service(&tls);
                let start = Instant::now();
                our_send(&client).await;
                times[1].push(start.elapsed().as_secs_f64() * 1e6);
            }
            let after = Handshakes::now();
            let seen = (after.full - before.full, after.resumed - before.resumed);
            let all = 2 * count;
            let expected = if is_resumed { (0, all) } else { (all, 0) };
            assert_eq!(
                seen, expected,
                "{scenario}: full handshakes, and resumed ones"
            );
            report(scenario, &times);
            println!("    {} full handshakes, {} resumed", seen.0, seen.1);
        }
    }

    /// The settings of our own connector.
    fn bare_tls(&self) -> tokio_rustls::TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().to_vec().into()).unwrap();
        let mut provider = rustls::crypto::ring::default_provider();
        let groups = &mut provider.kx_groups;
        groups.sort_by_key(|group| group.name() != NamedGroup::secp384r1);
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config).into()
    }

    fn our_tls(&self) -> TlsConnector {
        let roots = RootCertificates::from_der(self.authority.der()).unwrap();
        TlsConnector::ring(roots).unwrap()
    }

    /// Creates a client without connections. It may keep as many as are used at once.
    fn service(&self, tls: &TlsConnector) -> ServiceClient {
        let connector = Connector::builder().tls(tls.clone()).build();
        let client = HyperClient::builder(connector).max_idle_per_host(AT_ONCE);
        let string = format!(
            "Endpoint=https://{};AccessKey={KEY};Version=1.0;",
            self.address
        );
        ServiceClientBuilder::from_connection_string(&string, "chat")
            .unwrap()
            .http_client(SharedHttpClient::new(client.build()))
            .build()
            .unwrap()
    }

    async fn bare_connect(&self, tls: &tokio_rustls::TlsConnector) -> SendRequest<Full<Bytes>> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::from(self.address.ip());
        let stream = tls.connect(name, stream).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    async fn bare_send(&self, lane: &mut SendRequest<Full<Bytes>>) {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/api/hubs/chat/:send?api-version=2024-12-01")
            .header(header::HOST, self.address.to_string())
            .header(header::AUTHORIZATION, HeaderValue::from_static(TOKEN))
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .body(Full::new(PAYLOAD))
            .unwrap();
        lane.ready().await.unwrap();
        let response = lane.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        response.into_body().collect().await.unwrap();
    }
}

async fn our_send(client: &ServiceClient) {
    let content = Content::binary(PAYLOAD);
    client.send_to_all(content, None).await.unwrap();
}

fn report(scenario: &str, times: &[Vec<f64>; 2]) {
    for (subject, times) in ["Bare", "Ours"].iter().zip(times) {
        record(scenario, subject, "us", times.iter().copied());
    }
    let [bare, ours] = [median(&times[0]), median(&times[1])];
    println!(
        "{scenario}: bare {bare:.2} us, ours {ours:.2}: {:.2} of its rate",
        bare / ours
    );
}

/// The handshakes of the server so far.
struct Handshakes {
    full: usize,
    resumed: usize,
}

static FULL: AtomicUsize = AtomicUsize::new(0);
static RESUMED: AtomicUsize = AtomicUsize::new(0);

impl Handshakes {
    fn now() -> Self {
        Self {
            full: FULL.load(Ordering::SeqCst),
            resumed: RESUMED.load(Ordering::SeqCst),
        }
    }

    /// Counted before the first request is read.
    fn count(kind: HandshakeKind) {
        let counter = match kind {
            HandshakeKind::Resumed => &RESUMED,
            _ => &FULL,
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

/// Responds with 202 to everything, on a separate thread.
fn serve(identity: Identity) -> SocketAddr {
    let mut config = identity.server_config();
    // As front ends of many machines do: the client keeps the session, not the server.
    config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    on_thread(|address| async move {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        address.send(listener.local_addr().unwrap()).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await.unwrap();
                Handshakes::count(stream.get_ref().1.handshake_kind().unwrap());
                let service = service_fn(async |request: Request<Incoming>| {
                    request.into_body().collect().await.unwrap();
                    let mut response = Response::new(Empty::<Bytes>::new());
                    *response.status_mut() = StatusCode::ACCEPTED;
                    Ok::<_, Infallible>(response)
                });
                // It ends when its client has left.
                _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    })
}

const PAYLOAD: Bytes = Bytes::from_static(&[b'x'; 128]);
const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
/// As long as a token that is signed for each send.
const TOKEN: &str = "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJodHRwOi8vMTI3LjAuMC4xOjgwODAvYXBpL2h1YnMvY2hhdC86c2VuZD9hcGktdmVyc2lvbj0yMDI0LTEyLTAxIiwiZXhwIjoxNzAwMDAzNjAwfQ.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const AT_ONCE: usize = 64;
const REPEATS: usize = 9;
/// The number of new connections of each subject in a round.
const FIRST: usize = 10;
