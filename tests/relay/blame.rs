//! Mistakes of a peer are not reported as mistakes of the caller.

use std::error::Error as _;

use async_trait::async_trait;
use azwire_tests::relay::link::{World, next};
use azwire_tests::within;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use relay::{ConnectOptions, Credential, ErrorKind, HybridConnection, RelayStream, Sender};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use transport::{Body, HttpClient, Message, SharedHttpClient};

/// What the peer did, what the caller gets, and the required kind.
type Case = (&'static str, relay::Error, ErrorKind);

#[tokio::test]
async fn no_mistake_of_a_peer_is_the_callers() {
    within(async {
        let mut cases = Vec::new();
        cases.extend(messages().await);
        cases.extend(answers().await);
        cases.extend(openings().await);
        for (what, error, kind) in cases {
            assert_eq!(error.kind(), kind, "{what}: {error:?}");
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                text.push_str(&error.to_string());
                cause = error.source();
            }
            for blame in ["argument", "must"] {
                assert!(!text.contains(blame), "{what}: {text}");
            }
        }
    })
    .await;
}

/// Messages on a stream.
async fn messages() -> Vec<Case> {
    let world = World::start().await;
    let mut listener = world.listener().open().await.unwrap();
    let limits = RelayStream::default_limits().with_max_message(10);
    let mut cases = Vec::new();
    for is_split in [false, true] {
        let options = ConnectOptions::default().with_limits(limits);
        let sender = world.sender();
        let accepting = async { next(&mut listener).await.accept().await.unwrap() };
        let (near, mut far) = futures::join!(sender.connect_with(options), accepting);
        let mut near = near.unwrap();
        far.send(Message::binary(vec![1; 11])).await.unwrap();
        let error = if is_split {
            let (mut reader, _writer) = near.into_split();
            reader.receive().await.unwrap_err()
        } else {
            near.receive().await.unwrap_err()
        };
        cases.push(("a message over the limit", error, ErrorKind::TooLarge));
    }
    // As bytes, the same is invalid data, not invalid input.
    let options = ConnectOptions::default().with_limits(limits);
    let sender = world.sender();
    let accepting = async { next(&mut listener).await.accept().await.unwrap() };
    let (near, mut far) = futures::join!(sender.connect_with(options), accepting);
    far.send(Message::binary(vec![1; 11])).await.unwrap();
    let read = futures::AsyncReadExt::read(&mut near.unwrap(), &mut [0; 4]).await;
    let error = read.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    cases
}

/// Responses of the management endpoint, and refusals.
async fn answers() -> Vec<Case> {
    let entry = |count: &str| {
        format!(
            "<entry><HybridConnectionDescription><ListenerCount>{count}</ListenerCount>\
             </HybridConnectionDescription></entry>"
        )
    };
    let deep = "<a>".repeat(80_000);
    let mut cases = Vec::new();
    for (what, status, body, kind) in [
        (
            "an answer over the limit",
            200,
            vec![b'x'; 300_000],
            ErrorKind::TooLarge,
        ),
        ("no XML", 200, b"{}".to_vec(), ErrorKind::Protocol),
        ("no text", 200, vec![0xff; 10], ErrorKind::Protocol),
        (
            "XML without an end",
            200,
            deep.into_bytes(),
            ErrorKind::Protocol,
        ),
        (
            "no number",
            200,
            entry("many").into_bytes(),
            ErrorKind::Protocol,
        ),
        (
            "a number over all",
            200,
            entry(&"9".repeat(99)).into_bytes(),
            ErrorKind::Protocol,
        ),
        ("an unknown status", 599, b"<".to_vec(), ErrorKind::Other),
        (
            "a large refusal",
            404,
            vec![b'x'; 300_000],
            ErrorKind::EndpointNotFound,
        ),
    ] {
        let sender = sender_over(Answering(status, body.into()));
        let error = sender.runtime_information().await.unwrap_err();
        cases.push((what, error, kind));
    }
    for (what, status, body, kind) in [
        (
            "a refusal with a large body",
            404,
            vec![b'x'; 300_000],
            ErrorKind::Rejected,
        ),
        (
            "a refusal that is no JSON",
            503,
            vec![0xff],
            ErrorKind::ServerBusy,
        ),
        (
            "a refusal of odd JSON",
            500,
            b"{\"error\":[]}".to_vec(),
            ErrorKind::Other,
        ),
    ] {
        let request = Request::get("/").body(Body::empty()).unwrap();
        let sender = sender_over(Answering(status, body.into()));
        let error = sender.send(request).await.unwrap_err();
        cases.push((what, error, kind));
    }
    cases
}

/// Handwritten responses to a WebSocket handshake.
async fn openings() -> Vec<Case> {
    let switching =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    let mut cases = Vec::new();
    for (what, answer, kind) in [
        ("no HTTP", "what?\r\n\r\n".to_owned(), ErrorKind::Protocol),
        (
            "a head over the limit",
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nX: {}\r\n\r\n",
                "x".repeat(100_000)
            ),
            ErrorKind::Protocol,
        ),
        ("no key", format!("{switching}\r\n"), ErrorKind::Protocol),
        (
            "a wrong key",
            format!("{switching}Sec-WebSocket-Accept: x\r\n\r\n"),
            ErrorKind::Protocol,
        ),
        ("nothing", String::new(), ErrorKind::ConnectionLost),
        (
            "half a head",
            switching.to_owned(),
            ErrorKind::ConnectionLost,
        ),
        (
            "a long reason",
            format!(
                "HTTP/1.1 404 {}\r\nContent-Length: 0\r\n\r\n",
                "x".repeat(30_000)
            ),
            ErrorKind::Rejected,
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("sb://{}", listener.local_addr().unwrap());
        let place = HybridConnection::new(&endpoint, "hc1").unwrap();
        let place = place.with_plain_text(true);
        let sender = Sender::new(place, Credential::anonymous()).unwrap();
        let answering = async {
            let (mut io, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(io.read_u8().await.unwrap());
            }
            // It may have seen enough before the end.
            let _ = io.write_all(answer.as_bytes()).await;
        };
        let (outcome, ()) = tokio::join!(sender.connect(), answering);
        cases.push((what, outcome.unwrap_err(), kind));
    }
    cases
}

fn sender_over(client: Answering) -> Sender {
    let place = HybridConnection::in_namespace("contoso", "hc1").unwrap();
    Sender::builder(place, Credential::anonymous())
        .http_client(SharedHttpClient::new(client))
        .build()
        .unwrap()
}

/// Gives the same response to everything.
#[derive(Debug)]
struct Answering(u16, Bytes);

#[async_trait]
impl HttpClient for Answering {
    async fn send(&self, _: Request<Body>) -> transport::Result<Response<Body>> {
        let mut response = Response::new(Body::from(self.1.clone()));
        *response.status_mut() = StatusCode::from_u16(self.0).unwrap();
        Ok(response)
    }
}
