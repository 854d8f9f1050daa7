//! What the clients of a process share when they are given no parts of their own. A
//! program by itself, because other tests would have made these parts already.

#![expect(clippy::unwrap_used, reason = "what a test relies on fails it")]

use azwire_tests::origin::{Origin, read_head};
use azwire_tests::pubsub::link::Hub;
use azwire_tests::within;
use futures::future::join_all;
use pubsub::{Client, ErrorKind, SendOptions, ServiceClientBuilder};
use relay::{Listener, Sender};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use transport::_internal::{handles, has_roots};
use transport::net::{Connector, HyperClient};
use transport::tls::TlsConnector;
use transport::{Body, HttpClient};

/// The tests count what all of the process share, so one runs at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test]
async fn clients_share_one_connector_and_load_roots_with_tls_only() {
    let _alone = ALONE.lock().await;
    within(async {
        assert!(!has_roots(&TlsConnector::default()));
        let hub = Hub::start().await;
        let urls = join_all((0..CLIENTS).map(|_| hub.url("ann"))).await;
        let before = handles(&Connector::default());
        let started = join_all(urls.iter().map(async |url| {
            let (client, events) = Client::builder(url).build().unwrap();
            client.start().await.unwrap();
            (client, events)
        }))
        .await;
        assert_eq!(handles(&Connector::default()), before + CLIENTS);

        let relay = hub.emulator.relay().plain_connection_string("hc1");
        let mut listener = Listener::from_connection_string(relay.expose())
            .unwrap()
            .open()
            .await
            .unwrap();
        assert!(handles(&Connector::default()) > before + CLIENTS);
        let sender = Sender::from_connection_string(relay.expose()).unwrap();
        let accepting = async { listener.accept().await.unwrap().accept().await.unwrap() };
        let (sent, _accepted) = futures::join!(sender.connect(), accepting);
        sent.unwrap();
        hub.service
            .send_to_all("x", SendOptions::default())
            .await
            .unwrap();
        assert!(!has_roots(&TlsConnector::default()), "all was plain text");

        let origin = Origin::start(|_, stream| speak_no_tls(stream)).await;
        let uri = format!("https://{}/", origin.address);
        let request = http::Request::get(uri).body(Body::empty()).unwrap();
        let error = HyperClient::default().send(request).await.unwrap_err();
        assert_eq!(error.kind(), transport::ErrorKind::Tls, "{error}");
        assert!(has_roots(&TlsConnector::default()));
        drop(started);
    })
    .await;
}

#[tokio::test]
async fn service_clients_share_their_connections() {
    let _alone = ALONE.lock().await;
    within(async {
        let origin = Origin::start(|_, stream| take_sends(stream)).await;
        for hub in ["one", "two", "three"] {
            let service = builder("127.0.0.1", &origin, hub).build().unwrap();
            service.send_to_all("x", options()).await.unwrap();
        }
        assert_eq!(origin.accepted(), 1);
        // With a setting that changes it, a client has its own.
        let service = builder("127.0.0.1", &origin, "four").allow_plain_text(true);
        let service = service.build().unwrap();
        service.send_to_all("x", options()).await.unwrap();
        assert_eq!(origin.accepted(), 2);
    })
    .await;
}

/// 0.0.0.0 is not a loopback address, and leads to this machine all the same.
#[cfg(unix)]
#[tokio::test]
async fn plain_text_to_other_hosts_is_for_those_who_allow_it() {
    let _alone = ALONE.lock().await;
    within(async {
        let origin = Origin::start(|_, stream| take_sends(stream)).await;
        let builder = builder("0.0.0.0", &origin, "hub").allow_plain_text(true);
        let service = builder.build().unwrap();
        service.send_to_all("x", options()).await.unwrap();

        let hub = Hub::start().await;
        let url = hub.url("ann").await.url().expose().to_owned();
        let url = url.replacen("127.0.0.1", "0.0.0.0", 1);
        assert!(url.starts_with("ws://0.0.0.0:"));
        for allow in [false, true] {
            let builder = Client::builder(url.as_str()).allow_plain_text(allow);
            let (client, _events) = builder.build().unwrap();
            let started = client.start().await;
            if allow {
                started.unwrap();
            } else {
                let error = started.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                let causes = format!("{error:?}");
                assert!(causes.contains("plaintext to 0.0.0.0:"), "{causes}");
            }
        }
    })
    .await;
}

fn builder(host: &str, origin: &Origin, hub: &str) -> ServiceClientBuilder {
    let key = "a".repeat(44);
    let port = origin.address.port();
    let connection_string = format!("Endpoint=http://{host}:{port};AccessKey={key};Version=1.0;");
    ServiceClientBuilder::from_connection_string(&connection_string, hub).unwrap()
}

fn options() -> SendOptions {
    SendOptions::default()
}

/// Takes requests whose body is one byte.
async fn take_sends(mut stream: TcpStream) {
    while !read_head(&mut stream).await.is_empty() {
        stream.read_u8().await.unwrap();
        let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    }
}

async fn speak_no_tls(mut stream: TcpStream) {
    stream
        .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .await
        .unwrap();
    stream.read_to_end(&mut Vec::new()).await.unwrap();
}

/// As many as took four seconds with roots and a connector for each.
const CLIENTS: usize = 200;
