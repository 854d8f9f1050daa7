//! HTTP CONNECT proxies on loopback.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use azwire_tests::origin::{Origin, read_head, serve_lines};
use azwire_tests::{Authority, within};
use http::Uri;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use transport::net::{ConnectorBuilder, Proxy, Resolver};
use transport::tls::{RootCertificates, TlsConnector};
use transport::{Error, ErrorKind, Result};

use crate::client::{client, fetch, plain};
use crate::http::{after, on_tokio, polled};

/// Resolves no name: only the proxy can reach anything.
#[derive(Debug)]
struct NoNames;

#[async_trait]
impl Resolver for NoNames {
    async fn resolve(&self, host: &str, _: u16) -> Result<Vec<SocketAddr>> {
        Err(Error::message(
            ErrorKind::Connect,
            format!("{host} was asked for"),
        ))
    }
}

/// A TLS server of `hub.example`.
struct Hub {
    origin: Origin,
    authority: Authority,
}

impl Hub {
    async fn start() -> Self {
        let authority = Authority::new("ours");
        let config = authority
            .issue(&["hub.example", "127.0.0.1"])
            .server_config();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let origin = Origin::start(move |_, stream| {
            let acceptor = acceptor.clone();
            async move {
                // Some clients disconnect midway.
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve_lines(stream).await;
                }
            }
        })
        .await;
        Self { origin, authority }
    }

    /// Returns a connector that trusts it and resolves no name.
    fn connector(&self) -> ConnectorBuilder {
        let roots = RootCertificates::from_der(self.authority.der()).unwrap();
        plain()
            .tls(TlsConnector::ring(roots).unwrap())
            .resolver(NoNames)
    }
}

/// A proxy that tunnels everything to `target`, for clients with the password.
async fn tunneling(target: SocketAddr, password: Option<&'static str>) -> (Origin, Heads) {
    let heads = Heads::default();
    let log = Arc::clone(&heads);
    let proxy = Origin::start(move |_, mut stream| {
        let log = Arc::clone(&log);
        async move {
            let head = read_head(&mut stream).await;
            let welcome = password.is_none_or(|password| {
                head.lines().any(|line| {
                    line.eq_ignore_ascii_case(&format!("proxy-authorization: {password}"))
                })
            });
            log.lock().unwrap().push(head);
            if !welcome {
                let answer =
                    "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
                _ = stream.write_all(answer.as_bytes()).await;
                return;
            }
            let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
            if stream.write_all(established).await.is_err() {
                return;
            }
            let mut target = TcpStream::connect(target).await.unwrap();
            _ = copy_bidirectional(&mut stream, &mut target).await;
        }
    })
    .await;
    (proxy, heads)
}

type Heads = Arc<Mutex<Vec<String>>>;

fn proxy(origin: &Origin) -> Proxy {
    Proxy::new(&origin.address.to_string()).unwrap()
}

fn hub_uri() -> Uri {
    "https://hub.example/?s3cret".parse().unwrap()
}

#[tokio::test]
async fn tls_goes_through_the_tunnel_to_a_name_that_only_the_proxy_knows() {
    let hub = Hub::start().await;
    let (origin, heads) = tunneling(hub.origin.address, None).await;
    let client = client(hub.connector().proxy(proxy(&origin)));
    for _ in 0..2 {
        let text = within(fetch(&client, &hub_uri())).await.unwrap();
        assert_eq!(text, "GET /?s3cret HTTP/1.1");
    }
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 1, "the tunnel is used again");
    assert_eq!(
        heads[0].to_ascii_lowercase(),
        "connect hub.example:443 http/1.1\r\nhost: hub.example:443\r\n\r\n"
    );
}

#[tokio::test]
async fn plain_text_goes_through_the_tunnel_too() {
    let target = Origin::start(|_, stream| serve_lines(stream)).await;
    let (origin, heads) = tunneling(target.address, None).await;
    let client = client(
        plain()
            .proxy(proxy(&origin))
            .resolver(NoNames)
            .allow_plain_text(),
    );
    let uri = "http://hub.example:81/a".parse().unwrap();
    assert_eq!(
        within(fetch(&client, &uri)).await.unwrap(),
        "GET /a HTTP/1.1"
    );
    assert!(heads.lock().unwrap()[0].starts_with("CONNECT hub.example:81 "));
}

#[tokio::test]
async fn a_proxy_that_asks_for_credentials_gets_them() {
    let hub = Hub::start().await;
    let (origin, _) = tunneling(hub.origin.address, Some("Basic dXNlcjpwYXNzdzByZA==")).await;
    let fetch_by = async |proxy| {
        let client = client(hub.connector().proxy(proxy));
        within(fetch(&client, &hub_uri())).await
    };
    let right = proxy(&origin).with_credentials("user", "passw0rd");
    fetch_by(right).await.unwrap();
    let in_url = format!("http://user:passw0rd@{}", origin.address);
    fetch_by(Proxy::new(&in_url).unwrap()).await.unwrap();

    let none = fetch_by(proxy(&origin)).await.unwrap_err();
    let wrong = fetch_by(proxy(&origin).with_credentials("user", "hunter2"))
        .await
        .unwrap_err();
    for (error, end) in [
        (none, "with status 407: it requires credentials"),
        (wrong, "with status 407: it rejected the credentials"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(!error.may_be_delivered());
        assert!(error.to_string().ends_with(end), "{error}");
        let shown = format!("{error} {error:?}");
        for secret in ["hunter2", "s3cret", "Basic", "dXNl"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_fails_is_told_apart_by_kind() {
    let hub = Hub::start().await;
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(17 * 1024));
    let fits = format!("HTTP/1.1 403 No\r\nx: {}\r\n\r\n", "a".repeat(15 * 1024));
    for (answer, kind, text) in [
        (
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nno!!",
            ErrorKind::Connect,
            "status 403",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\n\r\n",
            ErrorKind::Connect,
            "status 502",
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: /\r\n\r\n",
            ErrorKind::Connect,
            "status 302",
        ),
        (&fits, ErrorKind::Connect, "status 403"),
        (&long, ErrorKind::Protocol, "exceeds 16 KiB"),
        (
            "220 mail.example\r\n\r\n",
            ErrorKind::Protocol,
            "not valid HTTP",
        ),
        ("HTTP/1.1 2", ErrorKind::Connect, "closed the connection"),
        ("", ErrorKind::Connect, "closed the connection"),
    ] {
        let origin = Origin::answering(answer.to_owned()).await;
        let client = client(hub.connector().proxy(proxy(&origin)));
        let error = within(fetch(&client, &hub_uri())).await.unwrap_err();
        let shown = &answer[..answer.len().min(30)];
        assert_eq!(error.kind(), kind, "{shown:?} {error:?}");
        assert!(!error.may_be_delivered(), "{shown:?}");
        assert!(error.to_string().contains(text), "{shown:?} {error}");
        assert!(
            error.to_string().contains(&origin.address.to_string()),
            "{error}"
        );
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
    assert_eq!(hub.origin.accepted(), 0);
}

#[tokio::test]
async fn a_proxy_that_stalls_ends_with_the_deadline() {
    let hub = Hub::start().await;
    let (origin, heard) = Origin::silent().await;
    let clock = on_tokio();
    let connector = hub
        .connector()
        .proxy(proxy(&origin))
        .runtime(clock.shared());
    let client = client(connector);
    let uri = hub_uri();
    let call = fetch(&client, &uri);
    let error = after(&clock, heard, Duration::from_secs(30), call)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(!error.may_be_delivered());
    let place = origin.address;
    assert_eq!(
        error.to_string(),
        format!("the proxy {place} was not ready before the deadline")
    );
}

#[tokio::test]
async fn what_the_target_says_right_behind_the_proxys_answer_is_not_lost() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\n\r\nhello from the target").await;
    let connector = plain().proxy(proxy(&origin)).allow_plain_text().build();
    let uri = "ws://hub.example".parse().unwrap();
    let mut connection = within(connector.connect(&uri)).await.unwrap();
    let mut text = [0; 21];
    within(connection.read_exact(&mut text)).await.unwrap();
    assert_eq!(&text, b"hello from the target");
}

#[tokio::test]
async fn what_is_on_the_list_goes_without_the_proxy() {
    let hub = Hub::start().await;
    let (origin, heads) = tunneling(hub.origin.address, None).await;
    let exempting = proxy(&origin).with_no_proxy(".internal, 127.0.0.0/8");
    let client = client(hub.connector().proxy(exempting));
    let direct = format!("https://{}/", hub.origin.address).parse().unwrap();
    within(fetch(&client, &direct)).await.unwrap();
    assert!(heads.lock().unwrap().is_empty());
    // An exempt name is resolved locally, by a resolver that knows none.
    let error = within(fetch(&client, &"https://a.internal/".parse().unwrap()))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "a.internal was asked for");
    within(fetch(&client, &hub_uri())).await.unwrap();
    assert_eq!(heads.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_dial_may_be_dropped_at_any_point() {
    let hub = Hub::start().await;
    let (origin, _) = tunneling(hub.origin.address, None).await;
    let connector = hub.connector().proxy(proxy(&origin)).build();
    let uri = hub_uri();
    let mut finished = 0;
    for polls in 0..30 {
        finished += u32::from(polled(connector.connect(&uri), polls).await.is_some());
        // The rest of the last one does not disturb this one.
        within(connector.connect(&uri)).await.unwrap();
    }
    assert!(finished > 0, "the last dials run to their end");
}
