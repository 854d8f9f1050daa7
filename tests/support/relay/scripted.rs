//! A scripted relay, whose sockets are in memory, so that time can be virtual.

use async_trait::async_trait;
use futures::channel::mpsc;
use futures::{SinkExt, StreamExt};
use http::StatusCode;
use relay::command::{Command, Reply, Response};
use relay::{Credential, HybridConnection, ListenerBuilder};
use std::sync::{Arc, Mutex};
use transport::testing::{SocketLink, SocketPair, SocketPairOptions};
use transport::{
    Error, Handshake, HandshakeRejection, HandshakeRequest, Message, SharedWebSocketConnector,
    WebSocket, WebSocketConnector,
};

/// The relay's side of everything that the listener opens.
#[derive(Debug)]
pub struct Scripted {
    openings: mpsc::UnboundedReceiver<Opening>,
    refusals: Refusals,
    connector: SharedWebSocketConnector,
}

/// A socket that the listener opened.
#[derive(Debug)]
pub struct Opening {
    pub request: HandshakeRequest,
    pub socket: Box<dyn WebSocket>,
    pub link: SocketLink,
}

type Refusals = Arc<Mutex<Vec<StatusCode>>>;

#[expect(clippy::new_without_default, reason = "a relay has no default")]
impl Scripted {
    pub fn new() -> Self {
        let (sender, openings) = mpsc::unbounded();
        let refusals = Refusals::default();
        let connector = Connector {
            openings: sender,
            refusals: Arc::clone(&refusals),
        };
        Self {
            openings,
            refusals,
            connector: SharedWebSocketConnector::new(connector),
        }
    }

    /// Returns a listener on `sb://contoso.servicebus.windows.net/hc1`.
    pub fn listener(&self, credential: Credential) -> ListenerBuilder {
        let hc1 = HybridConnection::in_namespace("contoso", "hc1").unwrap();
        ListenerBuilder::new(hc1, credential).websocket_connector(self.connector.clone())
    }

    /// Refuses the next openings, with the last of these statuses first.
    pub fn refuse(&self, statuses: impl IntoIterator<Item = u16>) {
        let statuses = statuses
            .into_iter()
            .map(|status| StatusCode::from_u16(status).unwrap());
        self.refusals.lock().unwrap().extend(statuses);
    }

    /// Cancels the rest of [`refuse`](Self::refuse).
    pub fn unrefuse(&self) {
        self.refusals.lock().unwrap().clear();
    }

    pub fn refusals_left(&self) -> usize {
        self.refusals.lock().unwrap().len()
    }

    pub async fn next(&mut self) -> Opening {
        self.openings.next().await.unwrap()
    }

    /// Returns whether the listener has no opening that is not accepted yet.
    pub fn is_idle(&mut self) -> bool {
        self.openings.try_recv().is_err()
    }
}

impl Opening {
    pub async fn command(&mut self, command: &Command) {
        self.text(&command.encode()).await;
    }

    pub async fn text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub async fn binary(&mut self, bytes: &[u8]) {
        self.socket
            .send(Message::Binary(bytes.to_vec().into()))
            .await
            .unwrap();
    }

    /// Returns the next text or binary message.
    pub async fn data(&mut self) -> Message {
        loop {
            match self.socket.next().await.unwrap().unwrap() {
                message @ (Message::Text(_) | Message::Binary(_)) => return message,
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    pub async fn reply(&mut self) -> Reply {
        let Message::Text(text) = self.data().await else {
            panic!("a reply was expected");
        };
        Reply::decode(&text).unwrap().unwrap()
    }

    pub async fn response(&mut self) -> Response {
        match self.reply().await {
            Reply::Response(response) => response,
            other => panic!("a response was expected, not {other:?}"),
        }
    }
}

#[derive(Debug)]
struct Connector {
    openings: mpsc::UnboundedSender<Opening>,
    refusals: Refusals,
}

#[async_trait]
impl WebSocketConnector for Connector {
    async fn connect(&self, request: HandshakeRequest) -> transport::Result<Handshake> {
        let refusal = self.refusals.lock().unwrap().pop();
        if let Some(status) = refusal {
            return Err(Error::rejected(HandshakeRejection::new(
                status,
                "TrackingId:1f_G1",
            )));
        }
        let options = SocketPairOptions::default()
            .with_half_close(request.half_close)
            .with_capacity(1024 * 1024);
        let pair = SocketPair::open(options);
        let opening = Opening {
            request,
            socket: pair.right,
            link: pair.link,
        };
        let _ = self.openings.unbounded_send(opening);
        Ok(Handshake::new(pair.left, None, http::HeaderMap::new()))
    }
}
