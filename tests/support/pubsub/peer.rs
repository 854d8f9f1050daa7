//! A minimal client of the emulator's Web PubSub side: a token and a socket.

use std::time::Duration;

use auth::Claims;
use emulator::Emulator;
use futures::{SinkExt, StreamExt};
use http::StatusCode;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use transport::net::HyperWebSocketConnector;
use transport::{CloseFrame, Error, HandshakeRequest, Message, WebSocket, WebSocketConnector};

use super::rest::CONNECTOR;
use super::token::{now, signer};
use crate::frame;
use crate::origin::read_head;

pub const JSON: &str = "json.webpubsub.azure.v1";
pub const JSON_RELIABLE: &str = "json.reliable.webpubsub.azure.v1";
pub const PROTOBUF: &str = "protobuf.webpubsub.azure.v1";
pub const PROTOBUF_RELIABLE: &str = "protobuf.reliable.webpubsub.azure.v1";

/// A client.
#[derive(Debug)]
pub struct Peer {
    pub id: String,
    /// The token with which it may recover.
    pub reconnection_token: Option<String>,
    pub socket: Box<dyn WebSocket>,
}

/// How to open a client's connection.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    pub hub: String,
    pub claims: Claims,
    pub subprotocol: Option<String>,
    pub query: String,
}

impl Opening {
    /// Opens as a user with these roles.
    pub fn new(hub: &str, user: Option<&str>, roles: &[&str]) -> Self {
        let mut claims = Claims::default().with_roles(roles.iter().copied());
        claims.subject = user.map(str::to_owned);
        Self {
            hub: hub.to_owned(),
            claims,
            subprotocol: Some(JSON.to_owned()),
            query: String::new(),
        }
    }

    /// Opens as an anonymous user with all permissions.
    pub fn all(hub: &str) -> Self {
        Self::new(
            hub,
            None,
            &["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"],
        )
    }

    pub fn subprotocol(mut self, name: Option<&str>) -> Self {
        self.subprotocol = name.map(str::to_owned);
        self
    }

    pub fn groups(mut self, groups: &[&str]) -> Self {
        self.claims = self.claims.with_groups(groups.iter().copied());
        self
    }

    pub fn query(mut self, query: &str) -> Self {
        self.query = query.to_owned();
        self
    }

    /// Opens the socket and reads nothing.
    pub async fn try_open(&self, emulator: &Emulator) -> Result<Box<dyn WebSocket>, Error> {
        let query = format!("access_token={}{}", self.token(emulator), self.query);
        connect(emulator, &self.hub, &query, self.subprotocol.as_deref()).await
    }

    /// Opens a socket whose frames are written and read byte by byte.
    pub async fn open_raw(&self, emulator: &Emulator) -> RawPeer {
        let host = emulator.pubsub().endpoint().replace("http://", "");
        let mut stream = TcpStream::connect(&host).await.unwrap();
        let request = self.raw_request(emulator);
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        RawPeer(stream)
    }

    /// Returns the head of the opening request.
    pub fn raw_request(&self, emulator: &Emulator) -> String {
        self.raw_request_with(emulator, &format!("access_token={}", self.token(emulator)))
    }

    pub fn raw_request_with(&self, emulator: &Emulator, query: &str) -> String {
        let host = emulator.pubsub().endpoint().replace("http://", "");
        let protocol = self.subprotocol.as_deref().map_or(String::new(), |name| {
            format!("sec-websocket-protocol: {name}\r\n")
        });
        format!(
            "GET /client/hubs/{}?{query} HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n",
            self.hub,
        )
    }

    fn token(&self, emulator: &Emulator) -> String {
        let mut claims = self.claims.clone();
        let endpoint = emulator.pubsub().endpoint();
        claims.audiences = vec![format!("{endpoint}/client/hubs/{}", self.hub)];
        let now = now(emulator);
        claims.expires_on = Some(now + Duration::from_secs(3600));
        claims.issued_at = Some(now);
        signer(emulator).sign(&claims).expose().to_owned()
    }

    /// Opens a connection and reads the first message, if the subprotocol has one.
    pub async fn open(&self, emulator: &Emulator) -> Peer {
        let mut peer = Peer::of(self.try_open(emulator).await.unwrap());
        if self
            .subprotocol
            .as_deref()
            .is_some_and(|name| name.starts_with("json"))
        {
            peer.read_hello().await;
        }
        peer
    }
}

impl Peer {
    /// Wraps a socket whose connection is not known yet.
    pub fn of(socket: Box<dyn WebSocket>) -> Self {
        Self {
            id: String::new(),
            reconnection_token: None,
            socket,
        }
    }

    /// Opens another socket for the connection.
    pub async fn recover(&self, emulator: &Emulator, hub: &str) -> Self {
        let token = self.reconnection_token.as_deref().unwrap_or("none");
        let mut peer = Self::try_recover(emulator, hub, &self.id, token).await;
        peer.read_hello().await;
        peer
    }

    pub async fn try_recover(emulator: &Emulator, hub: &str, id: &str, token: &str) -> Self {
        // The client's old token is present, as with the official clients, and must not count.
        let query =
            format!("access_token=expired&awps_connection_id={id}&awps_reconnection_token={token}");
        let socket = connect(emulator, hub, &query, Some(JSON_RELIABLE)).await;
        Self {
            id: id.to_owned(),
            reconnection_token: Some(token.to_owned()),
            socket: socket.unwrap(),
        }
    }

    async fn read_hello(&mut self) {
        let hello = self.next().await;
        assert_eq!(hello["event"], "connected", "{hello}");
        self.id = hello["connectionId"].as_str().unwrap().to_owned();
        self.reconnection_token = hello["reconnectionToken"].as_str().map(str::to_owned);
    }

    pub async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Sends a request and returns the next message as its answer.
    pub async fn ask(&mut self, text: &str) -> Value {
        self.send(text).await;
        self.next().await
    }

    /// Returns the next message that is not a ping.
    pub async fn next_message(&mut self) -> Message {
        loop {
            match self.socket.next().await.unwrap().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// Returns the next message, which must be JSON.
    pub async fn next(&mut self) -> Value {
        match self.next_message().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Returns the close frame, which must be next except for a system message;
    /// `None` if the connection ends without one.
    pub async fn end(&mut self) -> Option<CloseFrame> {
        while let Some(message) = self.socket.next().await {
            match message {
                Ok(Message::Close(frame)) => return frame,
                Ok(Message::Ping(_)) => {}
                Ok(Message::Text(text)) if text.contains(r#""disconnected""#) => {}
                Ok(Message::Binary(_)) => {}
                Ok(other) => panic!("{other:?}"),
                Err(_) => return None,
            }
        }
        None
    }

    /// Returns the code of the close frame.
    pub async fn close_code(&mut self) -> Option<u16> {
        self.end().await.map(|frame| frame.code.as_u16())
    }
}

/// A client that only reads and writes frames.
#[derive(Debug)]
pub struct RawPeer(TcpStream);

impl RawPeer {
    pub async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Returns the first byte of the next frame that is not a ping, and its
    /// payload; `None` if the connection ended.
    pub async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let read = frame::read(&mut self.0).await.ok()?;
            assert!(!read.is_masked, "a server does not mask");
            if read.first != 0x89 {
                return Some((read.first, read.payload));
            }
        }
    }

    /// Returns the code of the close frame, and ignores everything before it.
    pub async fn close_code(&mut self) -> Option<u16> {
        while let Some((first, payload)) = self.read().await {
            if first == 0x88 {
                return Some(u16::from_be_bytes(payload.first_chunk().copied().unwrap()));
            }
        }
        None
    }
}

/// Returns the status with which an opening was refused.
pub fn refused(opened: Result<Box<dyn WebSocket>, Error>) -> StatusCode {
    let error = opened.expect_err("the opening is refused");
    error.rejection().expect("the server answered").status
}

pub async fn connect(
    emulator: &Emulator,
    hub: &str,
    query: &str,
    subprotocol: Option<&str>,
) -> Result<Box<dyn WebSocket>, Error> {
    let mut request = opening(emulator, &format!("/client/hubs/{hub}?{query}"));
    if let Some(subprotocol) = subprotocol {
        request = request.with_subprotocol(subprotocol);
    }
    send_opening(request).await
}

/// Returns a WebSocket opening request for a target.
pub fn opening(emulator: &Emulator, target: &str) -> HandshakeRequest {
    let endpoint = emulator.pubsub().endpoint().replace("http", "ws");
    HandshakeRequest::new(format!("{endpoint}{target}").parse().unwrap())
}

pub async fn send_opening(request: HandshakeRequest) -> Result<Box<dyn WebSocket>, Error> {
    let opened = HyperWebSocketConnector::new(CONNECTOR.clone())
        .connect(request)
        .await?;
    Ok(opened.socket)
}
