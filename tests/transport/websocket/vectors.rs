//! Bytes from RFC 6455, read from `tests/vectors/ws`.

use futures::SinkExt;
use serde::Deserialize;
use transport::net::UpgradeOptions;
use transport::{HandshakeRequest, Message};

use super::peer::{Peer, accept_value};
use super::{Acceptor, next};

#[derive(Deserialize)]
struct Frames {
    vectors: Vec<FrameVector>,
}

#[derive(Deserialize)]
struct FrameVector {
    name: String,
    /// Hexadecimal, spaces allowed.
    bytes: String,
    /// How many bytes with the values 0, 1, 2, ... follow.
    #[serde(default)]
    counting: usize,
    masked: bool,
    message: Expected,
    /// Whether a sender has no other way to write the message.
    canonical: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Text(String),
    Ping(String),
    Pong(String),
    /// The given number of bytes, with the values 0, 1, 2, ...
    Counting(usize),
}

#[derive(Deserialize)]
struct Accepts {
    vectors: Vec<AcceptVector>,
}

#[derive(Deserialize)]
struct AcceptVector {
    key: String,
    accept: String,
}

impl FrameVector {
    fn bytes(&self) -> Vec<u8> {
        let digits: Vec<u8> = self
            .bytes
            .bytes()
            .filter(|byte| *byte != b' ')
            .map(|digit| (digit as char).to_digit(16).unwrap() as u8)
            .collect();
        let mut bytes: Vec<u8> = digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect();
        bytes.extend(counting(self.counting));
        bytes
    }

    fn message(&self) -> Message {
        match &self.message {
            Expected::Text(text) => Message::text(text.as_str()),
            Expected::Ping(text) => Message::Ping(text.clone().into()),
            Expected::Pong(text) => Message::Pong(text.clone().into()),
            Expected::Counting(count) => Message::binary(counting(*count)),
        }
    }
}

fn counting(count: usize) -> Vec<u8> {
    (0..count).map(|at| at as u8).collect()
}

fn load<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/vectors/ws/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[tokio::test]
async fn frames_of_the_rfc_are_read() {
    let mut acceptor = Acceptor::start(UpgradeOptions::default());
    for vector in load::<Frames>("frames.json").vectors {
        let socket = if vector.masked {
            let (mut peer, socket) = Peer::client(&mut acceptor).await;
            peer.write(&vector.bytes()).await;
            (socket, None)
        } else {
            let request = HandshakeRequest::new("ws://localhost/".parse().unwrap());
            let (mut peer, socket) = Peer::server(request, 1 << 20).await;
            peer.write(&vector.bytes()).await;
            (socket, Some(peer))
        };
        let (mut socket, _peer) = socket;
        assert_eq!(next(&mut socket).await, vector.message(), "{}", vector.name);
    }
}

#[tokio::test]
async fn frames_of_the_rfc_are_written() {
    let mut acceptor = Acceptor::start(UpgradeOptions::default());
    for vector in load::<Frames>("frames.json")
        .vectors
        .iter()
        .filter(|vector| vector.canonical)
    {
        if vector.masked {
            // The mask is random; without it the frame must be the same.
            let request = HandshakeRequest::new("ws://localhost/".parse().unwrap());
            let (mut peer, mut socket) = Peer::server(request, 1 << 20).await;
            socket.send(vector.message()).await.unwrap();
            let (first, payload) = peer.read_frame().await;
            let bytes = vector.bytes();
            assert_eq!(first, bytes[0], "{}", vector.name);
            assert_eq!(
                payload.len(),
                vector.message().payload_len(),
                "{}",
                vector.name
            );
        } else {
            let (mut peer, mut socket) = Peer::client(&mut acceptor).await;
            socket.send(vector.message()).await.unwrap();
            let mut bytes = vec![0; vector.bytes().len()];
            super::within(tokio::io::AsyncReadExt::read_exact(
                &mut peer.io,
                &mut bytes,
            ))
            .await
            .unwrap();
            assert_eq!(bytes, vector.bytes(), "{}", vector.name);
        }
    }
}

/// The answer that the peers of these tests compute by hand matches the RFC.
#[test]
fn accept_values_are_those_of_the_rfc() {
    for vector in load::<Accepts>("accept.json").vectors {
        assert_eq!(accept_value(&vector.key), vector.accept);
    }
}
