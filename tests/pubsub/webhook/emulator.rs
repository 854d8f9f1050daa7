//! The emulator calls a webhook, as the service would, over a real socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use auth::AccessKey;
use azwire_tests::within;
use emulator::{Emulator, EventHandlerConfig, GroupPresence};
use futures::StreamExt;
use futures::channel::mpsc;
use http::{Request, Response};
use pubsub::webhook::{
    ConnectRequest, ConnectResponse, ConnectedRequest, ConnectionState, DisconnectedRequest,
    EventHandler, GroupJoinedRequest, GroupLeftRequest, Rejection, UserEventRequest,
    UserEventResponse, Webhook,
};
use pubsub::{
    Client, ClientAccessOptions, Data, ErrorKind, Event, Events, Role, SendEventOptions,
    SendOptions, ServiceClient,
};
use serde::{Deserialize, Serialize};
use transport::net::{Handler, Server};
use transport::{Body, SharedRuntime};

#[tokio::test]
async fn a_client_is_let_in_with_claims_and_groups() {
    within(async {
        let mut setup = Setup::start(Setup::key()).await;
        let access = ClientAccessOptions::default().with_user_id("ann").unwrap();
        let (client, mut events) = setup.client(&access).await;
        client.start().await.unwrap();
        let connected = events.next().await;
        let Some(Event::Connected { user_id, .. }) = connected else {
            panic!("{connected:?}");
        };
        // The handler names the user.
        assert_eq!(user_id.as_deref(), Some("ann@chat"));
        assert_eq!(
            setup.next().await,
            "connect ann sub=ann protocols=true key=0 id=0"
        );
        assert_eq!(setup.next().await, "connected ann@chat");

        // The handler put the client into the group.
        let sent = setup
            .service
            .send_to_group("lobby", "hello", SendOptions::default());
        sent.await.unwrap();
        let group = loop {
            match events.next().await {
                Some(Event::GroupMessage { group, data, .. }) => break (group, data),
                Some(_) => {}
                None => panic!("the events ended"),
            }
        };
        assert_eq!(group, ("lobby".into(), Data::Text("hello".into())));
        client.stop().await;
        assert_eq!(setup.next().await, "disconnected ann@chat");
    })
    .await;
}

#[tokio::test]
async fn a_client_is_refused_with_status_and_reason() {
    within(async {
        let mut setup = Setup::start(Setup::key()).await;
        let access = ClientAccessOptions::default().with_user_id("eve").unwrap();
        let (client, _events) = setup.client(&access).await;
        let error = client.start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth);
        assert_eq!(error.status().map(|status| status.as_u16()), Some(403));
        assert_eq!(error.service_message(), Some("not you"));
        let text = "the service refused the WebSocket with status 403: not you";
        assert_eq!(error.to_string(), text);
        assert_eq!(
            setup.next().await,
            "connect eve sub=eve protocols=true key=0 id=0"
        );
        client.stop().await;
        setup.assert_quiet();
    })
    .await;
}

#[tokio::test]
async fn state_goes_from_event_to_event() {
    within(async {
        let mut setup = Setup::start(Setup::key()).await;
        let access = ClientAccessOptions::default().with_user_id("bob").unwrap();
        let (client, mut events) = setup.client(&access).await;
        client.start().await.unwrap();
        for count in 1..=3 {
            let data = Data::json(&serde_json::json!({ "n": count })).unwrap();
            let options = SendEventOptions::default();
            client.send_event("count", data, options).await.unwrap();
            let answer: Counter = next_message(&mut events).await.to_json().unwrap();
            assert_eq!(answer, Counter { count });
        }
        // A refused event is a negative acknowledgement.
        let options = SendEventOptions::default();
        let refused = client.send_event("refuse", Data::Text("x".into()), options);
        assert_eq!(
            refused.await.unwrap_err().kind(),
            ErrorKind::NotAcknowledged
        );
        // And the state is as it was.
        let options = SendEventOptions::default();
        client
            .send_event("count", Data::Text("x".into()), options)
            .await
            .unwrap();
        let answer: Counter = next_message(&mut events).await.to_json().unwrap();
        assert_eq!(answer, Counter { count: 4 });
        client.stop().await;
        let mut notes = Vec::new();
        while notes
            .last()
            .is_none_or(|note| note != "disconnected bob@chat")
        {
            notes.push(setup.next().await);
        }
        // The client tries a refused event again.
        notes.dedup();
        let expected = [
            "connect bob sub=bob protocols=true key=0 id=0",
            "connected bob@chat",
            "count json 0",
            "count json 1",
            "count json 2",
            "refuse text 3",
            "count text 3",
            "disconnected bob@chat",
        ];
        assert_eq!(notes, expected);
    })
    .await;
}

#[tokio::test]
async fn groups_that_are_joined_and_left_are_told() {
    within(async {
        let presence = GroupPresence::new(["room*", "Räume/%"]);
        let mut setup = Setup::start_with(Setup::key(), |config| {
            config.with_group_presence_events(presence)
        })
        .await;
        let access = ClientAccessOptions::default()
            .with_user_id("ann")
            .unwrap()
            .with_role(Role::JoinLeaveAnyGroup);
        let (client, mut events) = setup.client(&access).await;
        client.start().await.unwrap();
        assert!(matches!(events.next().await, Some(Event::Connected { .. })));
        assert!(setup.next().await.starts_with("connect ann "));
        // The handler put the client into `lobby`, which nobody asked about.
        assert_eq!(setup.next().await, "connected ann@chat");
        for group in ["room1", "other", "Räume/%"] {
            client.join_group(group).await.unwrap();
        }
        assert_eq!(setup.next().await, "joined room1");
        assert_eq!(setup.next().await, "joined Räume/%");
        client.leave_group("Räume/%").await.unwrap();
        assert_eq!(setup.next().await, "left Räume/%");
        client.stop().await;
        let mut last = [setup.next().await, setup.next().await];
        last.sort();
        assert_eq!(last, ["disconnected ann@chat", "left room1"]);
        setup.assert_quiet();
    })
    .await;
}

#[tokio::test]
async fn users_are_who_they_are_whatever_their_names_hold() {
    within(async {
        let mut setup = Setup::start(Setup::key()).await;
        for user in [
            "\u{1f600}",
            "%F0%9F%98%80",
            "%61nn",
            "100%",
            " é %20 ",
            "a\tb",
        ] {
            let access = ClientAccessOptions::default().with_user_id(user).unwrap();
            let (client, _events) = setup.client(&access).await;
            client.start().await.unwrap();
            let expected = format!("connect {user} sub={user} protocols=true key=0 id=0");
            assert_eq!(setup.next().await, expected);
            assert_eq!(setup.next().await, format!("connected {user}@chat"));
            client.stop().await;
            assert_eq!(setup.next().await, format!("disconnected {user}@chat"));
        }
    })
    .await;
}

#[tokio::test]
async fn with_a_wrong_signature_nothing_reaches_the_handler() {
    within(async {
        let mut setup = Setup::start(AccessKey::new("another key than the emulator's")).await;
        let access = ClientAccessOptions::default().with_user_id("ann").unwrap();
        let (client, _events) = setup.client(&access).await;
        let error = client.start().await.unwrap_err();
        assert_eq!(error.status().map(|status| status.as_u16()), Some(401));
        client.stop().await;
        setup.assert_quiet();
    })
    .await;
}

#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
struct Counter {
    count: u32,
}

/// Notes each event, and keeps a counter in the connection's state.
struct Noting(mpsc::UnboundedSender<String>);

impl Noting {
    fn note(&self, text: String) {
        // A test that has ended reads no more.
        let _ = self.0.unbounded_send(text);
    }
}

#[async_trait]
impl EventHandler for Noting {
    async fn connect(&self, request: ConnectRequest) -> Result<ConnectResponse, Rejection> {
        let context = request.context();
        let user = context.user_id().map_or("-", |user| user.as_str());
        self.note(format!(
            "connect {user} sub={} protocols={} key={} id={}",
            request.claims().get("sub").unwrap_or("-"),
            !request.subprotocols().is_empty(),
            context
                .verified_key()
                .map_or_else(|| "-".to_owned(), |key| key.to_string()),
            context.event_id().unwrap_or("-"),
        ));
        if user == "eve" {
            return Err(Rejection::forbidden("not you"));
        }
        let hub = context.hub();
        Ok(ConnectResponse::accept()
            .with_user_id(format!("{user}@{hub}"))?
            .with_group("lobby")?
            .with_state(ConnectionState::json(&Counter::default())?))
    }

    async fn connected(&self, request: ConnectedRequest) {
        let user = request
            .context()
            .user_id()
            .map_or("-", |user| user.as_str());
        self.note(format!("connected {user}"));
    }

    async fn disconnected(&self, request: DisconnectedRequest) {
        let user = request
            .context()
            .user_id()
            .map_or("-", |user| user.as_str());
        self.note(format!("disconnected {user}"));
    }

    async fn group_joined(&self, request: GroupJoinedRequest) {
        let (group, event) = (request.group(), request.context().event_name());
        self.note(format!("{event} {group}"));
    }

    async fn group_left(&self, request: GroupLeftRequest) {
        let (group, event) = (request.group(), request.context().event_name());
        self.note(format!("{event} {group}"));
    }

    async fn user_event(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        let context = request.context();
        let state = context
            .state()
            .ok_or_else(|| Rejection::bad_request("no state"))?;
        let counter: Counter = state.to_json()?;
        let (event, data_type) = (context.event_name(), request.data().type_name());
        self.note(format!("{event} {data_type} {}", counter.count));
        if event == "refuse" {
            return Err(Rejection::bad_request("no"));
        }
        let next = Counter {
            count: counter.count + 1,
        };
        Ok(UserEventResponse::json(&next)?.with_state(ConnectionState::json(&next)?))
    }
}

/// An emulator and a webhook that it calls.
struct Setup {
    service: ServiceClient,
    notes: mpsc::UnboundedReceiver<String>,
    _server: Server,
    _emulator: Emulator,
}

impl Setup {
    fn key() -> AccessKey {
        AccessKey::new(emulator::PubSubConfig::DEFAULT_ACCESS_KEY)
    }

    async fn start(key: AccessKey) -> Self {
        Self::start_with(key, |config| config).await
    }

    async fn start_with(
        key: AccessKey,
        configure: impl FnOnce(EventHandlerConfig) -> EventHandlerConfig,
    ) -> Self {
        let (notes, noted) = mpsc::unbounded();
        let webhook = Webhook::builder()
            .hub("chat", Arc::new(Noting(notes)))
            .access_key(&key)
            .time_limit(Duration::from_secs(30), SharedRuntime::default())
            .build()
            .unwrap();
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::builder(Serving(webhook))
            .bind(any_port)
            .start()
            .unwrap();
        let url = format!("http://{}/events/{{event}}", server.local_addrs()[0]);
        let emulator = Emulator::builder()
            .event_handler(configure(EventHandlerConfig::new("chat", url)))
            .start()
            .await
            .unwrap();
        let connection_string = emulator.pubsub().connection_string();
        let service = ServiceClient::from_connection_string(connection_string.expose(), "chat");
        Self {
            service: service.unwrap(),
            notes: noted,
            _server: server,
            _emulator: emulator,
        }
    }

    async fn client(&self, access: &ClientAccessOptions) -> (Client, Events) {
        let url = self.service.client_access_url(access).await.unwrap();
        Client::builder(&url).build().unwrap()
    }

    async fn next(&mut self) -> String {
        self.notes.next().await.unwrap()
    }

    fn assert_quiet(&mut self) {
        if let Ok(note) = self.notes.try_recv() {
            panic!("the handler was called: {note}");
        }
    }
}

#[derive(Debug)]
struct Serving(Webhook);

#[async_trait]
impl Handler for Serving {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        if let Some(answer) = self.0.answer_head(&head) {
            return answer.map(Body::from);
        }
        let body = body.collect(self.0.limits().body).await.unwrap();
        let request = Request::from_parts(head, body);
        self.0.handle(request).await.map(Body::from)
    }
}

async fn next_message(events: &mut Events) -> Data {
    loop {
        match events.next().await {
            Some(Event::ServerMessage { data, .. }) => return data,
            Some(_) => {}
            None => panic!("the events ended"),
        }
    }
}
