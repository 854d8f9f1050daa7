//! Sites that do not answer, answer late, or stop in the middle.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azwire_tests::log::Log;
use azwire_tests::origin::{Origin, read_head, serve_lines};
use azwire_tests::{Authority, within};
use bytes::Bytes;
use forward::ReverseProxy;
use futures::channel::{mpsc, oneshot};
use futures::{SinkExt, StreamExt};
use http::{Request, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tracing::level_filters::LevelFilter;
use transport::net::Connector;
use transport::testing::ManualRuntime;
use transport::tls::{RootCertificates, TlsConnector};
use transport::{Body, Runtime};

use crate::site::{Site, body_of, proxy, text_of};

/// An address at which nobody listens, with the socket that keeps it so.
fn nobody() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    (socket, address)
}

#[tokio::test]
async fn a_target_that_is_down_is_502_with_a_line_and_the_tracking_id() {
    within(async {
        let log = Log::of(LevelFilter::WARN);
        let (_held, target) = nobody();
        let site = Site::of(proxy(&format!("http://{target}"))).await;
        let response = site.get("/secret/path").await;
        assert_eq!(response.status(), 502);
        assert_eq!(
            response.headers()["content-type"],
            "text/plain; charset=utf-8"
        );
        let text = text_of(response).await;
        let id = text
            .strip_prefix("The listener cannot reach the site behind it. TrackingId:")
            .and_then(|rest| rest.strip_suffix('\n'));
        let id = id.unwrap();
        assert!(!id.is_empty(), "{text}");
        let lines = log.lines();
        let line = lines
            .iter()
            .find(|line| line.contains("the target did not answer"));
        let line = line.unwrap();
        assert!(line.contains(id) && line.contains(&target), "{line}");
        assert!(!line.contains("secret"), "{line}");
        assert!(
            !text.contains(&target),
            "the sender is not told where the site is"
        );
    })
    .await;
}

#[tokio::test]
async fn a_target_that_closes_or_talks_nonsense_is_502() {
    within(async {
        for answer in [
            &b""[..],
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-",
        ] {
            let origin = Origin::answering(answer).await;
            let site = Site::of(proxy(&origin.uri("").to_string())).await;
            let request = Request::post("/").body("once".into()).unwrap();
            let response = site.send(request).await;
            assert_eq!(response.status(), 502);
            let text = text_of(response).await;
            assert!(text.contains("without an answer. TrackingId:"), "{text}");
            assert_eq!(origin.accepted(), 1, "it is sent once");
        }
    })
    .await;
}

#[tokio::test]
async fn a_target_that_is_too_slow_is_504() {
    within(async {
        let (origin, heard) = Origin::silent().await;
        let clock = ManualRuntime::new();
        let slow = proxy(&origin.uri("").to_string()).with_runtime(clock.shared());
        let site = Site::of(slow).await;
        let asking = site.get("/");
        let waiting = async {
            heard.await.unwrap();
            clock.advance(ReverseProxy::DEFAULT_RESPONSE_TIMEOUT - Duration::from_millis(1));
            let before = clock.now();
            clock.advance(Duration::from_millis(1));
            assert!(clock.now() > before);
        };
        let (response, ()) = futures::join!(asking, waiting);
        assert_eq!(response.status(), 504);
        let text = text_of(response).await;
        let expected = "The site behind the listener did not answer in time. TrackingId:";
        assert!(text.starts_with(expected), "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_response_that_stops_in_the_middle_is_not_taken_for_the_whole() {
    within(async {
        for head in ["content-length: 1000000", "transfer-encoding: chunked"] {
            let origin = Origin::start(move |_, mut stream| async move {
                read_head(&mut stream).await;
                let head = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
                if head.contains("chunked") {
                    stream.write_all(b"30D40\r\n").await.unwrap();
                }
                stream.write_all(&[7; 200_000]).await.unwrap();
            })
            .await;
            let site = Site::of(proxy(&origin.uri("").to_string())).await;
            let mut body = site.get("/").await.into_body();
            let mut received = 0;
            let error = loop {
                match body.next().await {
                    Some(Ok(chunk)) => received += chunk.len(),
                    Some(Err(error)) => break error,
                    None => panic!("the end after {received} bytes: {head}"),
                }
            };
            assert!(received <= 200_000, "{received} {error}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_certificate_of_the_target_is_checked() {
    within(async {
        let authority = Authority::new("site");
        let config = authority.issue(&["localhost"]).server_config();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let origin = Origin::start(move |_, stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve_lines(stream).await;
                }
            }
        })
        .await;
        let target: Uri = format!("https://localhost:{}", origin.address.port())
            .parse()
            .unwrap();
        for (trusted, status) in [(&authority, 200), (&Authority::new("other"), 502)] {
            let roots = RootCertificates::from_der(trusted.der()).unwrap();
            let tls = TlsConnector::ring(roots).unwrap();
            let connector = Connector::builder().tls(tls).build();
            let proxy = ReverseProxy::with_connector(&target, connector).unwrap();
            let site = Site::of(proxy).await;
            let response = site.get("/a").await;
            assert_eq!(response.status(), status);
            if status == 200 {
                assert_eq!(body_of(response).await, "GET /a HTTP/1.1");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_its_sender_gives_up_does_not_reach_the_target_as_a_whole() {
    within(async {
        let (told, heard) = oneshot::channel();
        let (begin, has_begun) = oneshot::channel();
        let scripts = Mutex::new(Some((told, begin)));
        let origin = Origin::start(move |_, mut stream| {
            let (told, begun) = scripts.lock().unwrap().take().unzip();
            async move {
                let head = read_head(&mut stream).await;
                assert!(head.contains("transfer-encoding: chunked"), "{head}");
                assert_eq!(stream.read_u8().await.unwrap(), b'4');
                begun.unwrap().send(()).unwrap();
                let mut body = Vec::new();
                // A reset is as good as an end.
                let _ = stream.read_to_end(&mut body).await;
                told.unwrap().send(body).unwrap();
            }
        })
        .await;
        let site = Site::of(proxy(&origin.uri("").to_string())).await;
        let (mut pieces, body) = mpsc::channel(1);
        let request = Request::put("/")
            .body(Body::from_stream(body, None))
            .unwrap();
        let sender = site.sender.clone();
        let sending = sender.send(request);
        let giving_up = async {
            let half = Bytes::from_static(b"half");
            pieces.send(Ok::<_, io::Error>(half)).await.unwrap();
            has_begun.await.unwrap();
            pieces.send(Err(io::Error::other("disk"))).await.unwrap();
        };
        let (outcome, ()) = futures::join!(sending, giving_up);
        outcome.unwrap_err();
        let body = heard.await.unwrap();
        assert!(!body.ends_with(b"0\r\n\r\n"), "{body:?}");
    })
    .await;
}
