//! `RelayStream` over TLS, beside bare tokio-rustls with the same roots and ciphers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use azwire_tests::background::{current_thread, on_thread};
use azwire_tests::measure::{median, record, rounds};
use azwire_tests::{Authority, Identity};
use relay::RelayStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use transport::net::{Connector, HyperWebSocketConnector, Server};
use transport::tls::{RootCertificates, TlsAcceptor, TlsConnector};
use transport::{HandshakeRequest, WebSocketConnector};

use super::{Drain, REPEATS, TOTAL, rate, serve};

/// Writes of 16 and 32 KiB to one socket.
pub(super) fn measure() {
    let authority = Authority::new("the benchmark");
    let identity = authority.issue(&["127.0.0.1"]);
    let raw = bare_server(identity.clone());
    let ours = our_server(&identity);
    let bare = bare_connector(&authority);
    let roots = RootCertificates::from_der(authority.der()).unwrap();
    let connector = Connector::builder().tls(TlsConnector::ring(roots).unwrap());
    let connector = HyperWebSocketConnector::new(connector.build());

    for size in [16 * 1024, 32 * 1024] {
        let chunk = vec![7; size];
        let mut times = [const { Vec::new() }; 2];
        current_thread().block_on(async {
            for _ in 0..rounds(REPEATS) {
                let socket = TcpStream::connect(raw).await.unwrap();
                let name = ServerName::from(raw.ip());
                let mut socket = bare.connect(name, socket).await.unwrap();
                let start = Instant::now();
                for _ in 0..TOTAL / size {
                    socket.write_all(&chunk).await.unwrap();
                }
                socket.flush().await.unwrap();
                socket.read_u8().await.unwrap();
                times[0].push(start.elapsed().as_secs_f64());

                let uri = format!("wss://{ours}/").parse().unwrap();
                let request = HandshakeRequest::new(uri)
                    .with_half_close(true)
                    .with_limits(RelayStream::default_limits());
                let opened = connector.connect(request).await.unwrap();
                let mut stream = RelayStream::new(opened.socket, None);
                let start = Instant::now();
                for _ in 0..TOTAL / size {
                    futures::AsyncWriteExt::write_all(&mut stream, &chunk)
                        .await
                        .unwrap();
                }
                futures::AsyncWriteExt::flush(&mut stream).await.unwrap();
                stream.receive().await.unwrap().unwrap();
                times[1].push(start.elapsed().as_secs_f64());
            }
        });
        let name = format!("stream-tls-{}", size / 1024);
        for (subject, times) in ["bare tokio-rustls", "ours"].iter().zip(&times) {
            record(&name, subject, "s", times.iter().copied());
        }
        let [bare, ours] = times.map(|times| rate(TOTAL, median(&times)));
        println!(
            "TLS, writes of {size}: bare {bare:.0} MB/s, RelayStream {ours:.0}: {:.2}",
            ours / bare
        );
    }
}

/// Reads bulk transfers and confirms each.
fn bare_server(identity: Identity) -> SocketAddr {
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(identity.server_config()));
    serve(|listener| async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let mut socket = acceptor.accept(socket).await.unwrap();
            let mut space = vec![0; 64 * 1024];
            let mut left = TOTAL;
            while left > 0 {
                left -= socket.read(&mut space).await.unwrap();
            }
            socket.write_all(b"k").await.unwrap();
            socket.flush().await.unwrap();
            let _ = socket.read_u8().await;
        }
    })
}

fn our_server(identity: &Identity) -> SocketAddr {
    let tls = TlsAcceptor::ring(identity.chain.clone(), &identity.key).unwrap();
    on_thread(|address| async move {
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::builder(Drain).bind_tls(local, tls).start().unwrap();
        address.send(server.local_addrs()[0]).unwrap();
        std::future::pending().await
    })
}

fn bare_connector(authority: &Authority) -> tokio_rustls::TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().to_vec().into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config).into()
}
