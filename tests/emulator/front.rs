//! What every port has in common: addresses, names, TLS beside plain text, and the guard of the
//! admin API.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use auth::Claims;
use azwire_tests::pubsub::peer::Opening;
use azwire_tests::pubsub::token::{now, signer};
use azwire_tests::relay::peer::{Socket, Wire, authority, opening, root_token};
use azwire_tests::{free_ports, within};
use emulator::{Config, Emulator};
use futures::future::{Either, join, select};
use futures::{StreamExt, TryStreamExt};
use http::{Method, Request};
use pubsub::{Client, Event, ListOptions, SendOptions, ServiceClientBuilder};
use relay::{Listener, SenderBuilder};
use serde_json::Value;
use tokio::net::TcpStream;
use transport::net::{Connector, HyperClient, HyperWebSocketConnector, Resolver};
use transport::tls::{RootCertificates, TlsConnector};
use transport::{Body, HttpClient, Message, SharedHttpClient, SharedWebSocketConnector};

const ADVERTISED: &str = "azwire.example";

/// Every name leads to this machine.
#[derive(Debug)]
struct Here;

#[async_trait]
impl Resolver for Here {
    async fn resolve(&self, _: &str, port: u16) -> transport::Result<Vec<SocketAddr>> {
        Ok(vec![([127, 0, 0, 1], port).into()])
    }
}

/// A network in which every name is this machine, and the emulator's authority is trusted.
fn network(emulator: &Emulator) -> Connector {
    let roots = RootCertificates::none()
        .with_pem(emulator.ca_pem().as_bytes())
        .unwrap();
    Connector::builder()
        .tls(TlsConnector::ring(roots).unwrap())
        .resolver(Here)
        .allow_plain_text()
        .build()
}

async fn start(change: impl FnOnce(&mut Config)) -> Emulator {
    let mut config = free_ports();
    change(&mut config);
    Emulator::builder().config(config).start().await.unwrap()
}

fn ready(emulator: &Emulator) -> Value {
    serde_json::from_str(&emulator.ready_line()).unwrap()
}

fn text<'a>(ready: &'a Value, pointer: &str) -> &'a str {
    ready.pointer(pointer).and_then(Value::as_str).unwrap()
}

/// Returns `{host}:{port}` of each port, the one of Web PubSub first.
fn ports(emulator: &Emulator, host: &str) -> [String; 3] {
    let ready = ready(emulator);
    ["/pubsub/endpoint", "/relay/endpoint"]
        .map(|pointer| text(&ready, pointer).trim_end_matches('/').to_owned())
        .into_iter()
        .chain([authority(emulator)])
        .map(|place| format!("{host}:{}", place.rsplit(':').next().unwrap()))
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

#[tokio::test]
async fn the_authority_can_be_had_on_every_port_by_both_schemes() {
    within(async {
        let emulator = start(|_| {}).await;
        let client = HyperClient::new(network(&emulator));
        for place in ports(&emulator, "localhost") {
            for scheme in ["http", "https"] {
                let get = |method, path: &str| {
                    let uri = format!("{scheme}://{place}/_emulator/{path}");
                    let request = Request::builder().method(method).uri(uri);
                    client.send(request.body(Body::empty()).unwrap())
                };
                let response = get(Method::GET, "ca.pem").await.unwrap();
                assert_eq!(response.status(), 200);
                assert_eq!(response.headers()["content-type"], "application/x-pem-file");
                let body = response.into_body().collect(1 << 16).await.unwrap();
                assert_eq!(body, emulator.ca_pem());
                assert_eq!(get(Method::POST, "ca.pem").await.unwrap().status(), 405);
                assert_eq!(get(Method::GET, "state").await.unwrap().status(), 200);
            }
        }
        let file = std::fs::read_to_string(emulator.ca_certificate()).unwrap();
        assert_eq!(file, emulator.ca_pem());
        assert_eq!(emulator.relay().ca_certificate(), emulator.ca_certificate());
    })
    .await;
}

#[tokio::test]
async fn web_pubsub_works_over_tls_with_addresses_that_stay_there() {
    within(async {
        for advertise in [None, Some(ADVERTISED.to_owned())] {
            let emulator = start(|config| config.advertise = advertise).await;
            let connection_string = emulator.pubsub().secure_connection_string();
            let network = network(&emulator);
            let service =
                ServiceClientBuilder::from_connection_string(connection_string.expose(), "chat")
                    .unwrap()
                    .http_client(SharedHttpClient::new(HyperClient::new(network.clone())))
                    .build()
                    .unwrap();
            let url = service.client_access_url(None).await.unwrap();
            let endpoint = emulator.pubsub().secure_endpoint().replace("https", "wss");
            assert!(url.url().expose().starts_with(&endpoint), "{endpoint}");
            let mut clients = Vec::new();
            for _ in 0..3 {
                let (client, mut events) = Client::builder(&url)
                    .websocket_connector(SharedWebSocketConnector::new(
                        HyperWebSocketConnector::new(network.clone()),
                    ))
                    .build()
                    .unwrap();
                client.start().await.unwrap();
                let Some(Event::Connected { connection_id, .. }) = events.next().await else {
                    panic!("it does not connect");
                };
                service
                    .group("g")
                    .unwrap()
                    .add_connection(connection_id)
                    .await
                    .unwrap();
                clients.push((client, events));
            }
            service
                .send_to_group("g", "hello", SendOptions::default())
                .await
                .unwrap();
            for (_, events) in &mut clients {
                let Some(Event::GroupMessage { data, .. } | Event::ServerMessage { data, .. }) =
                    events.next().await
                else {
                    panic!("no message comes");
                };
                assert_eq!(data.as_bytes(), b"hello");
            }
            // The client follows `nextLink` within the endpoint only.
            let one_a_page = ListOptions::default().with_page_size(1).unwrap();
            let members = service.list_connections_in_group("g", one_a_page).unwrap();
            let members: Vec<_> = members.try_collect().await.unwrap();
            assert_eq!(members.len(), 3);
        }
    })
    .await;
}

/// A browser would force TLS on every program of the machine that the name is of.
#[tokio::test]
async fn strict_transport_security_is_for_names_of_others() {
    within(async {
        let emulator = start(|config| {
            config.advertise = Some(ADVERTISED.to_owned());
            config.certificate_names = vec!["contoso.webpubsub.azure.com".to_owned()];
        })
        .await;
        let client = HyperClient::new(network(&emulator));
        let port = ports(&emulator, "x")[0].split_off(2);
        for (scheme, host, is_strict) in [
            ("https", "localhost", false),
            ("https", ADVERTISED, false),
            ("https", "contoso.webpubsub.azure.com", true),
            ("http", "contoso.webpubsub.azure.com", false),
        ] {
            let uri = format!("{scheme}://{host}:{port}/api/health");
            let request = Request::head(uri).body(Body::empty()).unwrap();
            let response = client.send(request).await.unwrap();
            assert_eq!(response.status(), 200);
            let strict = response.headers().get("strict-transport-security");
            assert_eq!(strict.is_some(), is_strict, "{scheme} {host}");
        }
    })
    .await;
}

#[tokio::test]
async fn generated_tokens_are_for_the_scheme_and_the_host_that_were_used() {
    within(async {
        let emulator = start(|config| config.advertise = Some(ADVERTISED.to_owned())).await;
        let client = HyperClient::new(network(&emulator));
        for endpoint in [
            emulator.pubsub().endpoint(),
            emulator.pubsub().secure_endpoint(),
        ] {
            assert!(endpoint.contains(ADVERTISED), "{endpoint}");
            let url = format!("{endpoint}/api/hubs/chat/:generateToken");
            let claims = Claims::new(&url, now(&emulator) + Duration::from_secs(60));
            let token = signer(&emulator).sign(&claims);
            let request = Request::post(format!("{url}?api-version=2024-12-01"))
                .header("authorization", format!("Bearer {}", token.expose()))
                .body(Body::empty())
                .unwrap();
            let response = client.send(request).await.unwrap();
            assert_eq!(response.status(), 200);
            let body = response.into_body().collect(1 << 16).await.unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            let token = body["token"].as_str().unwrap();
            let claims = Claims::decode_unverified(token).unwrap();
            let audience = format!("{endpoint}/client/hubs/chat");
            assert_eq!(claims.audiences, [audience]);
        }
    })
    .await;
}

#[tokio::test]
async fn relay_meets_under_the_advertised_name_on_both_ports_by_both_schemes() {
    within(async {
        let emulator = start(|config| config.advertise = Some(ADVERTISED.to_owned())).await;
        let relay = emulator.relay();
        assert!(relay.endpoint().starts_with(&format!("sb://{ADVERTISED}:")));
        for string in [
            relay.connection_string("hc1"),
            relay.plain_connection_string("hc1"),
        ] {
            assert!(string.expose().contains(ADVERTISED));
            let network = network(&emulator);
            let mut listener = Listener::from_connection_string(string.expose())
                .unwrap()
                .connector(network.clone())
                .allow_plain_text(true)
                .open()
                .await
                .unwrap();
            let sender = SenderBuilder::from_connection_string(string.expose())
                .unwrap()
                .connector(network)
                .allow_plain_text(true)
                .build()
                .unwrap();
            let connecting = async { sender.connect().await.unwrap() };
            let accepting = async {
                let incoming = listener.accept().await.unwrap();
                incoming.accept().await.unwrap()
            };
            let (mut ours, mut theirs) = join(connecting, accepting).await;
            ours.send(Message::text("hello")).await.unwrap();
            let received = theirs.receive().await.unwrap();
            assert_eq!(received, Some(Message::text("hello")));
        }
        // The port that is said to be for TLS takes plain text, and gives addresses of it.
        let [_, tls, plain] = ports(&emulator, ADVERTISED);
        for place in [tls, plain] {
            let reached = place.replace(ADVERTISED, "127.0.0.1");
            for (host, expected) in [(&*place, &*place), ("proxy.internal:1", "azwire.example:1")] {
                let address = rendezvous(host, &reached).await;
                assert!(
                    address.starts_with(&format!("ws://{expected}/")),
                    "{address}"
                );
            }
        }
    })
    .await;
}

/// Listens under a host, and returns the rendezvous address for a sender.
async fn rendezvous(host: &str, reached: &str) -> String {
    let mut listener = open(Wire::connect(reached).await, host, "listen").await;
    let sending = open(Wire::connect(reached).await, host, "connect");
    let command = async { listener.json().await };
    // The sender waits for a listener that never comes.
    match select(Box::pin(sending), Box::pin(command)).await {
        Either::Right((command, _)) => command["accept"]["address"].as_str().unwrap().to_owned(),
        Either::Left(_) => panic!("nobody accepted"),
    }
}

/// Opens a WebSocket to `hc1` under a host.
async fn open(mut wire: Wire, host: &str, action: &str) -> Socket {
    let target = format!("/$hc/hc1?sb-hc-action={action}");
    let fields = format!("ServiceBusAuthorization: {}\r\n", root_token(ADVERTISED));
    wire.write(opening(host, &target, &fields)).await;
    let head = wire.head().await;
    assert_eq!(head.status, 101, "{head:?}");
    Socket { wire, head }
}

#[tokio::test]
async fn all_addresses_have_the_same_ports() {
    within(async {
        let hosts: [IpAddr; 2] = ["127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap()];
        let emulator = start(|config| config.hosts = hosts.to_vec()).await;
        for place in ports(&emulator, "127.0.0.1") {
            let elsewhere = place.replace("127.0.0.1", "127.0.0.2");
            for (place, host) in [(&place, &elsewhere), (&elsewhere, &place)] {
                let (head, _) = admin(place, "GET", "state", host, "").await;
                assert_eq!(head, 200, "{place}");
            }
        }
        // Elsewhere its port may be that of another program, but not each time.
        let mut reached = 0;
        for _ in 0..3 {
            let alone = start(|config| config.hosts = hosts[1..].to_vec()).await;
            let endpoint = alone.pubsub().endpoint();
            assert!(endpoint.starts_with("http://127.0.0.2:"), "{endpoint}");
            let elsewhere = ports(&alone, "127.0.0.1");
            reached += usize::from(TcpStream::connect(&elsewhere[0]).await.is_ok());
        }
        assert!(reached < 3);
    })
    .await;
}

/// `localhost` is `::1` first for Node and others.
#[tokio::test]
async fn both_families_of_loopback_are_the_default() {
    within(async {
        let has_ipv6 = tokio::net::TcpListener::bind("[::1]:0").await.is_ok();
        let emulator = start(|_| {}).await;
        for place in ports(&emulator, "[::1]") {
            let reached = TcpStream::connect(&place).await;
            assert_eq!(reached.is_ok(), has_ipv6, "{place}");
            if has_ipv6 {
                let (status, _) = admin(&place, "GET", "state", &place, "").await;
                assert_eq!(status, 200);
            }
        }
    })
    .await;
}

/// Sends a request to the admin API with a `Host` and further lines of headers; returns the
/// status and the body.
async fn admin(place: &str, method: &str, path: &str, host: &str, fields: &str) -> (u16, String) {
    let body = match method {
        "POST" => r#"{"advance": 1000}"#,
        _ => "",
    };
    let request = format!(
        "{method} /_emulator/{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n{fields}\r\n{body}",
        body.len()
    );
    let (head, body) = Wire::connect(place).await.exchange(&request).await;
    (head.status, String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn pages_of_others_reach_nothing_of_the_admin_api() {
    const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    within(async {
        let emulator = start(|config| config.advertise = Some(ADVERTISED.to_owned())).await;
        for place in ports(&emulator, "127.0.0.1") {
            let port = place.rsplit(':').next().unwrap();
            for path in ["state", "faults", "clock", "ca.pem", "nothing", ""] {
                // DNS rebinding: the page's own name leads here.
                for host in [
                    "evil.example".to_owned(),
                    format!("evil.example:{port}"),
                    format!("localhost.evil.example:{port}"),
                    format!("10.1.2.3:{port}"),
                    String::new(),
                ] {
                    let origin = format!("Origin: http://{host}\r\n");
                    for (method, fields) in [
                        ("GET", ""),
                        ("GET", &*origin),
                        ("POST", ""),
                        ("DELETE", UPGRADE),
                    ] {
                        let (status, body) = admin(&place, method, path, &host, fields).await;
                        assert_eq!(status, 421, "{method} {path} {host:?}");
                        assert!(body.contains("error") && !body.contains("evil"), "{body}");
                    }
                }
                let host = format!("localhost:{port}");
                for origin in [
                    "http://evil.example".to_owned(),
                    // Another program on this machine.
                    "http://localhost:1".to_owned(),
                    format!("http://127.0.0.1:{port}"),
                    "null".to_owned(),
                ] {
                    let origin = format!("Origin: {origin}\r\n");
                    let preflight = format!("{origin}Access-Control-Request-Method: POST\r\n");
                    let socket = format!("{origin}{UPGRADE}");
                    for (method, fields) in [
                        ("GET", &origin),
                        ("POST", &origin),
                        ("DELETE", &origin),
                        ("OPTIONS", &preflight),
                        ("GET", &socket),
                    ] {
                        let (status, _) = admin(&place, method, path, &host, fields).await;
                        assert_eq!(status, 403, "{method} {path} {fields}");
                    }
                }
            }
        }
        assert_eq!(emulator.clock().offset(), Duration::ZERO);
    })
    .await;
}

#[tokio::test]
async fn the_emulators_own_names_reach_the_admin_api() {
    within(async {
        let emulator = start(|config| config.advertise = Some(ADVERTISED.to_owned())).await;
        let control = ready(&emulator)["control"].as_str().unwrap().to_owned();
        let [place, ..] = ports(&emulator, "127.0.0.1");
        let port = place.rsplit(':').next().unwrap();
        assert_eq!(control, format!("http://{ADVERTISED}:{port}/_emulator"));
        for host in [
            "localhost",
            "127.0.0.1",
            "[::1]",
            "app.localhost",
            ADVERTISED,
        ] {
            let host = format!("{host}:{port}");
            for fields in [String::new(), format!("Origin: http://{host}\r\n")] {
                for method in ["GET", "POST"] {
                    let (status, body) = admin(&place, method, "clock", &host, &fields).await;
                    assert_eq!(status, 200, "{method} {host} {body}");
                }
            }
        }
        assert_eq!(emulator.clock().offset(), Duration::from_secs(10_000));
    })
    .await;
}

/// They are those of a service, which pages of all origins use.
#[tokio::test]
async fn the_services_are_open_to_every_origin() {
    within(async {
        let emulator = start(|_| {}).await;
        let [place, _, plain] = ports(&emulator, "127.0.0.1");
        let opening = Opening::all("chat").raw_request(&emulator);
        let opening = opening.replacen("\r\n", "\r\nOrigin: http://app.example\r\n", 1);
        let mut wire = Wire::connect(&place).await;
        wire.write(opening).await;
        assert_eq!(wire.head().await.status, 101);
        let relayed =
            "GET /hc1 HTTP/1.1\r\nHost: contoso.example\r\nOrigin: http://app.example\r\n\r\n";
        let (head, _) = Wire::connect(&plain).await.exchange(relayed).await;
        assert_eq!(head.status, 401);
    })
    .await;
}
