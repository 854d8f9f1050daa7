//! A client of the emulator's Web PubSub side that is made of a token, a socket
//! and nothing else, and a caller of its REST operations.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use auth::{AccessKey, Claims, JwtSigner};
use bytes::Bytes;
use emulator::Emulator;
use futures::{SinkExt, StreamExt};
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use transport::net::{Connector, HyperWebSocketConnector};
use transport::{
    Body, CloseFrame, ConnectRequest, Error, HttpClient, HyperClient, Message, Runtime as _,
    TokioRuntime, WebSocket, WebSocketConnector,
};

pub(crate) const JSON: &str = "json.webpubsub.azure.v1";
pub(crate) const JSON_RELIABLE: &str = "json.reliable.webpubsub.azure.v1";
pub(crate) const PROTOBUF: &str = "protobuf.webpubsub.azure.v1";

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
        let mut claims = self.claims.clone();
        let endpoint = emulator.pubsub().endpoint();
        claims.audiences = vec![format!("{endpoint}/client/hubs/{}", self.hub)];
        let now = now(emulator);
        claims.expires_on = Some(now + Duration::from_secs(3600));
        claims.issued_at = Some(now);
        let token = signer(emulator).sign(&claims);
        let query = format!("access_token={}{}", token.expose(), self.query);
        connect(emulator, &self.hub, &query, self.subprotocol.as_deref()).await
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
    error.refusal().expect("the server answered").status
}

/// Waits until the emulator's state is as it should be; within the deadline of the test.
pub(crate) async fn until(mut test: impl FnMut() -> bool) {
    while !test() {
        tokio::task::yield_now().await;
    }
}

pub(crate) fn signer(emulator: &Emulator) -> JwtSigner {
    let string = emulator.pubsub().connection_string();
    let key = string
        .expose()
        .split(';')
        .find_map(|part| part.strip_prefix("AccessKey="));
    JwtSigner::new(&AccessKey::new(key.unwrap()))
}

/// The time at the emulator.
pub(crate) fn now(emulator: &Emulator) -> SystemTime {
    TokioRuntime::default().system_time() + emulator.clock().offset()
}

async fn connect(
    emulator: &Emulator,
    hub: &str,
    query: &str,
    subprotocol: Option<&str>,
) -> Result<Box<dyn WebSocket>, Error> {
    let endpoint = emulator.pubsub().endpoint().replace("http", "ws");
    let uri = format!("{endpoint}/client/hubs/{hub}?{query}")
        .parse()
        .unwrap();
    let mut request = ConnectRequest::new(uri);
    if let Some(subprotocol) = subprotocol {
        request = request.with_subprotocol(subprotocol);
    }
    let opened = HyperWebSocketConnector::new(CONNECTOR.clone())
        .connect(request)
        .await?;
    Ok(opened.socket)
}

/// One for all: each loads the root certificates of the system.
static CONNECTOR: LazyLock<Connector> = LazyLock::new(Connector::default);
