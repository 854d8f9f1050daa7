//! The backend of client measurements, on a separate thread: HTTP that answers
//! 202 to everything, and a Web PubSub socket that floods a client on request.
//!
//! A message to the group `go` is answered with [`FLOOD`] group messages, one
//! to `end` with one; all others are discarded. `/drain` discards everything,
//! and `/source` sends [`CHUNKS`] binary messages after the first message that
//! it receives.

use std::net::SocketAddr;

use async_trait::async_trait;
use azwire_tests::background::on_thread;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use pubsub::protocol::{DataOrigin, DownstreamMessage, Metadata};
use pubsub::{Data, Subprotocol};
use transport::net::{Handler, Server, Upgrade, UpgradeOptions};
use transport::{Body, Message, Runtime as _, TokioRuntime, WebSocket};

/// The messages of one flood.
pub(crate) const FLOOD: usize = 50_000;

/// The messages of 16 KiB that `/source` sends.
pub(crate) const CHUNKS: usize = 5_000;

/// Starts it; it runs until the process ends.
pub(crate) fn start() -> SocketAddr {
    on_thread(|address| async move {
        let server = Server::builder(Backend)
            .bind(([127, 0, 0, 1], 0).into())
            .start()
            .expect("a free port");
        let _ = address.send(server.local_addrs()[0]);
        std::future::pending().await
    })
}

#[derive(Debug)]
struct Backend;

#[async_trait]
impl Handler for Backend {
    async fn handle(&self, mut request: Request<Body>) -> Response<Body> {
        let Ok(upgrade) = Upgrade::from_request(&mut request) else {
            let _ = request.into_body().collect(64 * 1024).await;
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::ACCEPTED;
            return response;
        };
        let path = request.uri().path().to_owned();
        let subprotocol = Subprotocol::ALL.iter().copied().find(|known| {
            let offered = upgrade.subprotocols();
            offered.iter().any(|name| name == known.as_str())
        });
        let mut options = UpgradeOptions::default();
        if let Some(subprotocol) = subprotocol {
            options = options.with_subprotocol(subprotocol.as_str());
        }
        let (response, opened) = upgrade.accept(options).expect("what was offered");
        TokioRuntime::new().spawn(Box::pin(async move {
            let socket = opened.await.expect("the client stays");
            match (path.as_str(), subprotocol) {
                ("/drain", _) => drain(socket).await,
                ("/source", _) => source(socket).await,
                (_, subprotocol) => serve(socket, subprotocol.unwrap_or(Subprotocol::Json)).await,
            }
        }));
        response
    }
}

async fn serve(socket: Box<dyn WebSocket>, subprotocol: Subprotocol) {
    let (mut sink, mut stream) = socket.split();
    let connected = DownstreamMessage::Connected {
        connection_id: "c".to_owned(),
        user_id: None,
        reconnection_token: None,
    };
    let (ask, mut asked) = futures::channel::mpsc::unbounded();
    let sending = async {
        if sink.send(frame(subprotocol, &connected)).await.is_err() {
            return;
        }
        let fixed = frame(subprotocol, &group_message(None));
        let mut id = 0;
        while let Some(count) = asked.next().await {
            for _ in 0..count {
                id += 1;
                let message = if subprotocol.is_reliable() {
                    frame(subprotocol, &group_message(Some(id)))
                } else {
                    fixed.clone()
                };
                if sink.feed(message).await.is_err() {
                    return;
                }
            }
            if sink.flush().await.is_err() {
                return;
            }
        }
    };
    let reading = async {
        while let Some(Ok(message)) = stream.next().await {
            let bytes: &[u8] = match &message {
                Message::Text(text) => text.as_str().as_bytes(),
                Message::Binary(bytes) => bytes,
                _ => continue,
            };
            let count = match group_of(bytes) {
                Some(b"go") => FLOOD,
                Some(b"end") => 1,
                _ => continue,
            };
            let _ = ask.unbounded_send(count);
        }
        drop(ask);
    };
    futures::future::join(sending, reading).await;
}

/// Returns the name of the group if it is one of the two special ones.
///
/// Both formats have it near the beginning, and nothing else there looks like it.
fn group_of(message: &[u8]) -> Option<&'static [u8]> {
    let start = &message[..message.len().min(60)];
    let holds = |part: &[u8]| start.windows(part.len()).any(|window| window == part);
    // In protobuf the length precedes a name.
    if holds(br#""group":"go""#) || holds(b"\x02go") {
        return Some(b"go");
    }
    (holds(br#""group":"end""#) || holds(b"\x03end")).then_some(b"end")
}

async fn drain(mut socket: Box<dyn WebSocket>) {
    while let Some(Ok(_)) = socket.next().await {}
}

async fn source(mut socket: Box<dyn WebSocket>) {
    let chunk = Bytes::from(vec![7; 16 * 1024]);
    if let Some(Ok(_)) = socket.next().await {
        for _ in 0..CHUNKS {
            if socket.feed(Message::binary(chunk.clone())).await.is_err() {
                return;
            }
        }
        if socket.flush().await.is_ok() {
            drain(socket).await;
        }
    }
}

/// Encodes one message as a frame.
fn frame(subprotocol: Subprotocol, message: &DownstreamMessage) -> Message {
    let encoded = subprotocol.encode_downstream(message);
    encoded.expect("every kind of message can be written")
}

/// Returns a group message of 200 bytes of JSON.
pub(crate) fn group_message(sequence_id: Option<u64>) -> DownstreamMessage {
    DownstreamMessage::Data {
        from: DataOrigin::Group {
            group: "room-7".into(),
            from_user_id: Some("user-1".into()),
        },
        data: payload(),
        sequence_id,
        metadata: Metadata::new(),
        stream: None,
    }
}

pub(crate) fn payload() -> Data {
    let text = "x".repeat(200 - 31);
    Data::Json(format!(r#"{{"t":21,"state":"on","text":"{text}"}}"#).into())
}
