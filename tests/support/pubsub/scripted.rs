//! A scripted service, over in-memory sockets and with a virtual clock.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use futures::{FutureExt, SinkExt, StreamExt};
use pubsub::{Client, ClientBuilder, ClientCredential, Event, Events};
use transport::testing::{ManualRuntime, SocketLink, SocketPair, SocketPairOptions};
use transport::{
    CloseFrame, Handshake, HandshakeRequest, Limits, Message, SharedWebSocketConnector, WebSocket,
    WebSocketConnector,
};

/// A client, its runtime, and the service's end of its newest socket.
#[derive(Debug)]
pub struct Scripted {
    pub runtime: ManualRuntime,
    pub client: Client,
    pub events: Events,
    connector: Connector,
    peer: Option<Peer>,
}

/// Opens in-memory sockets, with room for a few of the largest messages, and keeps their other ends.
#[derive(Clone, Debug, Default)]
struct Connector(Arc<Mutex<VecDeque<Peer>>>);

/// The service's end of a socket, and the network between.
type Peer = (Box<dyn WebSocket>, SocketLink);

#[async_trait]
impl WebSocketConnector for Connector {
    async fn connect(&self, request: HandshakeRequest) -> transport::Result<Handshake> {
        let options = SocketPairOptions::default()
            .with_capacity(ROOM)
            .with_limits(Limits::default().with_max_pending_write(ROOM));
        let pair = SocketPair::open(options);
        self.0.lock().unwrap().push_back((pair.right, pair.link));
        let subprotocol = request.subprotocols.first().cloned();
        Ok(Handshake::new(pair.left, subprotocol, Default::default()))
    }
}

impl Scripted {
    /// Creates a client that is not started.
    pub fn new(configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        Self::with_credential(URL.into(), configure)
    }

    pub fn with_credential(
        credential: ClientCredential,
        configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Self {
        let runtime = ManualRuntime::new();
        let connector = Connector::default();
        let builder = Client::builder(credential)
            .runtime(runtime.shared())
            .websocket_connector(SharedWebSocketConnector::new(connector.clone()))
            .seed(7);
        let (client, events) = configure(builder).build().unwrap();
        Self {
            runtime,
            client,
            events,
            connector,
            peer: None,
        }
    }

    /// Creates a client of a JSON subprotocol with the connection id `c1`.
    pub fn connected(configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        let mut world = Self::new(configure);
        let mut start = world.call(|client| async move { client.start().await });
        assert!(world.poll(&mut start).is_none());
        world.accept();
        world.say(
            r#"{"type":"system","event":"connected","connectionId":"c1","reconnectionToken":"t"}"#,
        );
        world.poll(&mut start).unwrap().unwrap();
        let first = world.event();
        assert!(matches!(first, Some(Event::Connected { .. })), "{first:?}");
        world
    }

    /// Returns the connector of the sockets whose other ends this has.
    pub fn connector(&self) -> SharedWebSocketConnector {
        SharedWebSocketConnector::new(self.connector.clone())
    }

    /// Runs an operation on a clone of the handle.
    pub fn call<F: Future + Send + 'static>(
        &self,
        operation: impl FnOnce(Client) -> F,
    ) -> Pin<Box<dyn Future<Output = F::Output> + Send>> {
        Box::pin(operation(self.client.clone()))
    }

    pub fn poll<F: Future + ?Sized>(&self, future: &mut Pin<Box<F>>) -> Option<F::Output> {
        match self.runtime.poll(future) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    /// Accepts the newest socket of the client.
    pub fn accept(&mut self) {
        self.runtime.run();
        let peer = self.connector.0.lock().unwrap().pop_front();
        self.peer = Some(peer.expect("the client has dialled"));
    }

    pub fn say(&mut self, frame: &str) {
        self.send(Message::text(frame));
    }

    pub fn close(&mut self, frame: CloseFrame) {
        self.send(Message::Close(Some(frame)));
    }

    fn send(&mut self, message: Message) {
        let (peer, _) = self.peer.as_mut().unwrap();
        let sent = peer.send(message).now_or_never();
        sent.expect("there is room").unwrap();
        self.runtime.run();
    }

    /// Cuts the network.
    pub fn cut(&mut self) {
        self.peer.take().unwrap().1.cut();
        self.runtime.run();
    }

    /// Returns the next frame of the client.
    pub fn hear(&mut self) -> Option<Message> {
        self.runtime.run();
        let (peer, _) = self.peer.as_mut()?;
        let heard = peer.next().now_or_never()??.ok();
        self.runtime.run();
        heard
    }

    /// Returns the next event; `None` if there is none.
    pub fn event(&mut self) -> Option<Event> {
        let Self {
            runtime, events, ..
        } = self;
        match runtime.poll(&mut events.next()) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }
}

pub const URL: &str = "ws://host/client/hubs/chat?access_token=secret";
const ROOM: usize = 8 * 1024 * 1024;
