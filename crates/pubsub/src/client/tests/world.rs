//! A client over in-memory sockets, with a clock that is moved by hand.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use futures::{FutureExt, SinkExt, StreamExt};
use transport::testing::{ManualRuntime, SocketLink, SocketPair, SocketPairOptions};
use transport::{
    Handshake, HandshakeRequest, Message, SharedWebSocketConnector, WebSocket, WebSocketConnector,
};

use crate::Event;
use crate::client::{Client, ClientBuilder, ClientCredential, Events};
use crate::protocol::Data;

/// Opens in-memory sockets and keeps their other ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Script(pub(super) Arc<Mutex<ScriptState>>);

#[derive(Debug, Default)]
pub(super) struct ScriptState {
    pub(super) requests: Vec<String>,
    /// The outcomes of the next attempts, which otherwise succeed.
    pub(super) failures: VecDeque<transport::Error>,
    pub(super) hang: bool,
    pub(super) peers: VecDeque<(Box<dyn WebSocket>, SocketLink)>,
    pub(super) capacity: Option<usize>,
}

#[async_trait]
impl WebSocketConnector for Script {
    async fn connect(&self, request: HandshakeRequest) -> transport::Result<Handshake> {
        let hang = {
            let mut state = self.0.lock().unwrap();
            state.requests.push(request.uri.to_string());
            if let Some(error) = state.failures.pop_front() {
                return Err(error);
            }
            state.hang
        };
        if hang {
            std::future::pending::<()>().await;
        }
        let mut state = self.0.lock().unwrap();
        let mut options = SocketPairOptions::default();
        if let Some(capacity) = state.capacity {
            options = options.with_capacity(capacity);
            options.limits = options.limits.with_max_pending_write(capacity);
        }
        let pair = SocketPair::open(options);
        state.peers.push_back((pair.right, pair.link));
        let subprotocol = request.subprotocols.first().cloned();
        Ok(Handshake::new(pair.left, subprotocol, Default::default()))
    }
}

pub(super) struct World {
    pub(super) runtime: ManualRuntime,
    pub(super) script: Script,
    pub(super) client: Client,
    pub(super) events: Events,
    pub(super) peer: Option<(Box<dyn WebSocket>, SocketLink)>,
}

impl World {
    pub(super) fn new(configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        Self::with_credential(URL.into(), configure)
    }

    pub(super) fn with_credential(
        credential: ClientCredential,
        configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Self {
        let runtime = ManualRuntime::new();
        let script = Script::default();
        let builder = Client::builder(credential)
            .runtime(runtime.shared())
            .websocket_connector(SharedWebSocketConnector::new(script.clone()))
            .seed(7);
        let (client, events) = configure(builder).build().unwrap();
        Self {
            runtime,
            script,
            client,
            events,
            peer: None,
        }
    }

    pub(super) fn connected() -> Self {
        Self::connected_with(|builder| builder)
    }

    pub(super) fn connected_with(configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        let mut world = Self::new(configure);
        let client = world.client.clone();
        let mut start = Box::pin(async move { client.start().await });
        assert!(world.poll(&mut start).is_none());
        world.accept("c1");
        world.poll(&mut start).unwrap().unwrap();
        assert!(matches!(world.event(), Some(Event::Connected { .. })));
        world
    }

    /// Takes the newest socket of the client and sends `connected`.
    pub(super) fn accept(&mut self, id: &str) {
        self.runtime.run();
        let peer = self.script.0.lock().unwrap().peers.pop_front();
        self.peer = Some(peer.expect("the client has dialled"));
        self.say(&format!(
            r#"{{"type":"system","event":"connected","connectionId":"{id}","reconnectionToken":"t+1"}}"#
        ));
    }

    pub(super) fn say(&mut self, frame: &str) {
        let (peer, _) = self.peer.as_mut().unwrap();
        peer.send(Message::text(frame))
            .now_or_never()
            .expect("there is room")
            .unwrap();
        self.runtime.run();
    }

    pub(super) fn data(&mut self, sequence_id: u64) {
        self.say(&format!(
            r#"{{"sequenceId":{sequence_id},"type":"message","from":"server","dataType":"text","data":"x"}}"#
        ));
    }

    /// The next frame of the client.
    pub(super) fn hear(&mut self) -> Option<Message> {
        self.runtime.run();
        let (peer, _) = self.peer.as_mut().unwrap();
        let heard = peer.next().now_or_never()??.ok();
        self.runtime.run();
        heard
    }

    pub(super) fn hear_text(&mut self) -> String {
        match self.hear() {
            Some(Message::Text(text)) => text.to_string(),
            other => panic!("a text was expected, not {other:?}"),
        }
    }

    pub(super) fn event(&mut self) -> Option<Event> {
        let Self {
            runtime, events, ..
        } = self;
        match runtime.poll(&mut events.next()) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    pub(super) fn poll<F: Future + ?Sized>(&self, future: &mut Pin<Box<F>>) -> Option<F::Output> {
        match self.runtime.poll(future) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }
}

pub(super) fn text(text: &str) -> Data {
    Data::Text(text.into())
}

pub(super) const URL: &str = "ws://host/client/hubs/chat?access_token=secret";
