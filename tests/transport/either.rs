//! Ports that speak both `http` and `https`.

#![expect(clippy::unwrap_used, reason = "helpers of tests panic as tests do")]

use std::sync::Arc;
use std::time::Duration;

use azwire_tests::{Authority, within};
use http::Response;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use transport::net::{ConnectionInfo, Server, ServerBuilder};

use crate::server::{after, builder, connect, exchange, idle, loopback, read_head, tls};

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// Answers with `true` over TLS, else `false`.
fn tells() -> ServerBuilder {
    builder(|request| async move {
        let info = request.extensions().get::<ConnectionInfo>().unwrap();
        Response::new(info.tls.to_string().into())
    })
}

fn start() -> (Server, Authority) {
    let (authority, tls) = tls();
    let server = tells().bind_either(loopback(), tls).start().unwrap();
    (server, authority)
}

/// Opens a TLS connection of a version.
async fn connect_tls(
    server: &Server,
    authority: &Authority,
    version: &'static SupportedProtocolVersion,
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from(authority.der().to_vec()))
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connecting = tokio_rustls::TlsConnector::from(Arc::new(config));
    within(connecting.connect(name, connect(server).await))
        .await
        .unwrap()
}

#[tokio::test]
async fn one_port_speaks_both_and_says_which() {
    let (server, authority) = start();
    let (_, body) = exchange(&mut connect(&server).await, GET).await;
    assert_eq!(body, "false");
    for (version, name) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let mut client = connect_tls(&server, &authority, version).await;
        assert_eq!(client.get_ref().1.protocol_version(), Some(name));
        // Twice: connections are kept alive.
        for _ in 0..2 {
            client.write_all(GET.as_bytes()).await.unwrap();
            let head = within(azwire_tests::origin::read_head(&mut client)).await;
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            let mut body = [0; 4];
            within(client.read_exact(&mut body)).await.unwrap();
            assert_eq!(&body, b"true");
        }
    }
}

#[tokio::test]
async fn bytes_that_come_one_by_one_are_all_read() {
    let (server, _) = start();
    let mut client = connect(&server).await;
    for byte in GET.as_bytes() {
        client.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let head = read_head(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
}

#[tokio::test]
async fn a_listener_of_ones_own_is_served() {
    let (authority, tls) = tls();
    let listener = std::net::TcpListener::bind(loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    let server = tells()
        .bind(loopback())
        .listen_either(listener, tls)
        .start()
        .unwrap();
    assert_eq!(server.local_addrs()[1], address);
    let mut client = TcpStream::connect(address).await.unwrap();
    assert_eq!(exchange(&mut client, GET).await.1, "false");
    let taken = tells()
        .bind_either(address, self::tls().1)
        .start()
        .unwrap_err();
    assert!(taken.to_string().contains(&address.to_string()), "{taken}");
    drop((authority, server));
}

#[tokio::test]
async fn nonsense_in_tls_ends_its_own_connection_only() {
    let (server, _) = start();
    let mut bystander = connect(&server).await;
    assert_eq!(exchange(&mut bystander, GET).await.1, "false");
    let nonsense: [&[u8]; 5] = [
        &[22],
        &[22, 0, 0, 0, 0],
        &[22, 3, 1, 0xff, 0xff],
        b"\x16GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        &[22, 3, 1, 0, 4, 1, 0, 0, 0],
    ];
    for bytes in nonsense {
        let mut client = connect(&server).await;
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = within(client.read_to_end(&mut answer)).await;
        assert!(!answer.starts_with(b"HTTP"), "{bytes:?}: {answer:?}");
        assert_eq!(exchange(&mut bystander, GET).await.1, "false");
    }
    // A TLS record that is none of a handshake is a bad request.
    let mut client = connect(&server).await;
    client.write_all(&[21, 3, 1, 0, 2, 1, 0]).await.unwrap();
    let head = read_head(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    drop((client, bystander));
    idle(&server).await;
}

#[tokio::test]
async fn a_client_that_stalls_is_dropped_wherever_it_is() {
    let (_, tls) = tls();
    let server = tells()
        .header_read_timeout(Duration::from_millis(20))
        .bind_either(loopback(), tls)
        .start()
        .unwrap();
    let stalls: [&[u8]; 4] = [b"", b"G", &[22], &[22, 3, 1, 0, 200, 1]];
    let mut clients = Vec::new();
    for said in stalls {
        let mut client = connect(&server).await;
        client.write_all(said).await.unwrap();
        clients.push(client);
    }
    for mut client in clients {
        let mut answer = Vec::new();
        let _ = within(client.read_to_end(&mut answer)).await;
    }
    idle(&server).await;
}

/// Neither one that has not spoken, nor one that has hung up without a word.
#[tokio::test]
async fn a_silent_client_does_not_delay_a_shutdown() {
    let (server, _) = start();
    let mut silent = connect(&server).await;
    drop(connect(&server).await);
    while server.open_connections() == 0 {
        tokio::task::yield_now().await;
    }
    let ended = within(server.shutdown(after(Duration::from_secs(60)))).await;
    assert_eq!(ended, 0);
    assert_eq!(within(silent.read(&mut [0; 1])).await.unwrap_or(0), 0);
}
