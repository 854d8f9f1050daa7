//! A client of the emulator's Web PubSub side that is made of a token, a socket
//! and nothing else, and a caller of its REST operations.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use auth::{AccessKey, Claims, JwtSigner};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use bytes::Bytes;
use emulator::{Config, Emulator};
use futures::{SinkExt, StreamExt};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use transport::net::{Connector, HyperWebSocketConnector};
use transport::{
    Body, CloseFrame, Error, HandshakeRequest, HttpClient, HyperClient, Message, Runtime as _,
    TokioRuntime, WebSocket, WebSocketConnector,
};

pub(crate) const JSON: &str = "json.webpubsub.azure.v1";
pub(crate) const JSON_RELIABLE: &str = "json.reliable.webpubsub.azure.v1";
pub(crate) const PROTOBUF: &str = "protobuf.webpubsub.azure.v1";
pub(crate) const PROTOBUF_RELIABLE: &str = "protobuf.reliable.webpubsub.azure.v1";

/// A client.
pub(crate) struct Peer {
    pub(crate) id: String,
    /// With which it may come back.
    pub(crate) reconnection_token: Option<String>,
    pub(crate) socket: Box<dyn WebSocket>,
}

/// How to open a client's connection.
#[derive(Clone, Default)]
pub(crate) struct Opening {
    pub(crate) hub: String,
    pub(crate) claims: Claims,
    pub(crate) subprotocol: Option<String>,
    pub(crate) query: String,
}

impl Opening {
    /// As a user with these roles.
    pub(crate) fn new(hub: &str, user: Option<&str>, roles: &[&str]) -> Self {
        let mut claims = Claims::default().with_roles(roles.iter().copied());
        claims.subject = user.map(str::to_owned);
        Self {
            hub: hub.to_owned(),
            claims,
            subprotocol: Some(JSON.to_owned()),
            query: String::new(),
        }
    }

    /// As an anonymous user who may do everything.
    pub(crate) fn all(hub: &str) -> Self {
        Self::new(
            hub,
            None,
            &["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"],
        )
    }

    pub(crate) fn subprotocol(mut self, name: Option<&str>) -> Self {
        self.subprotocol = name.map(str::to_owned);
        self
    }

    pub(crate) fn groups(mut self, groups: &[&str]) -> Self {
        self.claims = self.claims.with_groups(groups.iter().copied());
        self
    }

    pub(crate) fn query(mut self, query: &str) -> Self {
        self.query = query.to_owned();
        self
    }

    /// Opens the socket and reads nothing.
    pub(crate) async fn try_open(&self, emulator: &Emulator) -> Result<Box<dyn WebSocket>, Error> {
        let query = format!("access_token={}{}", self.token(emulator), self.query);
        connect(emulator, &self.hub, &query, self.subprotocol.as_deref()).await
    }

    /// Opens a socket whose frames are written and read byte by byte.
    pub(crate) async fn open_raw(&self, emulator: &Emulator) -> RawPeer {
        let host = emulator.pubsub().endpoint().replace("http://", "");
        let mut stream = TcpStream::connect(&host).await.unwrap();
        let request = self.raw_request(emulator);
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "));
        RawPeer(stream)
    }

    /// The head of the opening request.
    pub(crate) fn raw_request(&self, emulator: &Emulator) -> String {
        self.raw_request_with(emulator, &format!("access_token={}", self.token(emulator)))
    }

    pub(crate) fn raw_request_with(&self, emulator: &Emulator, query: &str) -> String {
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
    pub(crate) async fn open(&self, emulator: &Emulator) -> Peer {
        let socket = self.try_open(emulator).await.unwrap();
        let mut peer = Peer {
            id: String::new(),
            reconnection_token: None,
            socket,
        };
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
    /// Opens another socket for the connection.
    pub(crate) async fn recover(&self, emulator: &Emulator, hub: &str) -> Self {
        let token = self.reconnection_token.as_deref().unwrap_or("none");
        let mut peer = Self::try_recover(emulator, hub, &self.id, token).await;
        peer.read_hello().await;
        peer
    }

    pub(crate) async fn try_recover(emulator: &Emulator, hub: &str, id: &str, token: &str) -> Self {
        // The client's old token is there, as with the official clients, and must not count.
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

    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Sends a request and takes the next message as its answer.
    pub(crate) async fn ask(&mut self, text: &str) -> Value {
        self.send(text).await;
        self.next().await
    }

    /// The next message that is not a ping.
    pub(crate) async fn next_message(&mut self) -> Message {
        loop {
            match self.socket.next().await.unwrap().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// The next message, which is JSON.
    pub(crate) async fn next(&mut self) -> Value {
        match self.next_message().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The close frame, which comes next but for a system message; `None` if
    /// the connection ends without one.
    pub(crate) async fn end(&mut self) -> Option<CloseFrame> {
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

    /// The code of the close frame.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        self.end().await.map(|frame| frame.code.as_u16())
    }
}

/// A client that knows frames and nothing above them.
pub(crate) struct RawPeer(TcpStream);

impl RawPeer {
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The first byte of the next frame that is not a ping, and its payload;
    /// nothing if the connection ended.
    pub(crate) async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let first = self.0.read_u8().await.ok()?;
            let length = match self.0.read_u8().await.ok()? {
                126 => usize::from(self.0.read_u16().await.ok()?),
                length => usize::from(length),
            };
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).await.ok()?;
            if first != 0x89 {
                return Some((first, payload));
            }
        }
    }

    /// The code of the close frame, whatever comes before it.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        while let Some((first, payload)) = self.read().await {
            if first == 0x88 {
                return Some(u16::from_be_bytes(payload.first_chunk().copied().unwrap()));
            }
        }
        None
    }
}

/// A short frame of a client, masked with zeros.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length < 126);
    [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

/// A caller of the REST operations of a hub.
pub(crate) struct Rest<'a> {
    pub(crate) emulator: &'a Emulator,
    pub(crate) hub: &'a str,
}

/// What a REST operation answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn code(&self) -> &str {
        let code = self.headers.get("x-ms-error-code");
        code.map_or("", |code| code.to_str().unwrap())
    }
}

impl Rest<'_> {
    /// Calls an operation with a token of the primary key, and without a body.
    pub(crate) async fn call(&self, method: Method, target: &str) -> Reply {
        self.send(method, target, None, Vec::new()).await
    }

    /// Sends a payload.
    pub(crate) async fn post(&self, target: &str, content_type: &str, body: &str) -> Reply {
        let body = body.as_bytes().to_vec();
        self.send(Method::POST, target, Some(content_type), body)
            .await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        content_type: Option<&str>,
        body: Vec<u8>,
    ) -> Reply {
        let url = format!(
            "{}/api/hubs/{}/{target}",
            self.emulator.pubsub().endpoint(),
            self.hub
        );
        let claims = Claims::new(&url, now(self.emulator) + Duration::from_secs(60));
        let token = signer(self.emulator).sign(&claims);
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", format!("Bearer {}", token.expose()));
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        exchange(request.body(body.into()).unwrap()).await
    }
}

/// Sends a request as it is.
pub(crate) async fn exchange(request: Request<Body>) -> Reply {
    let response = HyperClient::new(CONNECTOR.clone())
        .send(request)
        .await
        .unwrap();
    let (parts, body) = response.into_parts();
    Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.collect(1 << 20).await.unwrap(),
    }
}

/// A request of the control interface.
pub(crate) async fn control(emulator: &Emulator, method: Method, path: &str, body: &str) -> Reply {
    let url = format!("{}/_emulator/{path}", emulator.pubsub().endpoint());
    let request = Request::builder().method(method).uri(url);
    exchange(request.body(body.to_owned().into()).unwrap()).await
}

/// The status with which an opening was refused.
pub(crate) fn refused(opened: Result<Box<dyn WebSocket>, Error>) -> StatusCode {
    let error = opened.expect_err("the opening is refused");
    error.rejection().expect("the server answered").status
}

/// Waits until the emulator's state is as it should be; within the deadline of the test.
pub(crate) async fn until(mut test: impl FnMut() -> bool) {
    while !test() {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn signer(emulator: &Emulator) -> JwtSigner {
    JwtSigner::new(&AccessKey::new(key(emulator)))
}

/// The primary access key.
pub(crate) fn key(emulator: &Emulator) -> String {
    let string = emulator.pubsub().connection_string();
    let mut parts = string.expose().split(';');
    let key = parts.find_map(|part| part.strip_prefix("AccessKey="));
    key.unwrap().to_owned()
}

/// A token whose header and claims are written out.
pub(crate) fn raw_token(key: &str, header: &str, claims: &Value) -> String {
    text_token(key, header, &claims.to_string())
}

/// A token whose header and claims are texts.
pub(crate) fn text_token(key: &str, header: &str, claims: &str) -> String {
    let claims = BASE64.encode(claims);
    let message = format!("{}.{claims}", BASE64.encode(header));
    let code = AccessKey::new(key).signer().sign(message.as_bytes());
    format!("{message}.{}", BASE64.encode(code))
}

/// Settings with free ports.
pub(crate) fn config() -> Config {
    let mut config = Config::default();
    config.pubsub.port = 0;
    config.relay.port = 0;
    config.relay.plain_port = 0;
    config
}

/// The time at the emulator.
pub(crate) fn now(emulator: &Emulator) -> SystemTime {
    TokioRuntime::default().system_time() + emulator.clock().offset()
}

pub(crate) async fn connect(
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

/// A request for a WebSocket at a target.
pub(crate) fn opening(emulator: &Emulator, target: &str) -> HandshakeRequest {
    let endpoint = emulator.pubsub().endpoint().replace("http", "ws");
    HandshakeRequest::new(format!("{endpoint}{target}").parse().unwrap())
}

pub(crate) async fn send_opening(request: HandshakeRequest) -> Result<Box<dyn WebSocket>, Error> {
    let opened = HyperWebSocketConnector::new(CONNECTOR.clone())
        .connect(request)
        .await?;
    Ok(opened.socket)
}

/// One for all: each loads the root certificates of the system.
static CONNECTOR: LazyLock<Connector> = LazyLock::new(Connector::default);
