//! A hub of a separate emulator, with connected clients on real sockets.

use std::time::Duration;

use emulator::{Emulator, Fault, FaultPlan, FaultRule};
use futures::StreamExt;
use pubsub::{
    Client, ClientAccessOptions, ClientAccessUrl, ClientBuilder, ClientRetryOptions, Data, Event,
    Events, Role, SendOptions, ServiceClient, SessionOptions, Subprotocol,
};

use crate::within;

/// An emulator, and the service client of one of its hubs.
#[derive(Debug)]
pub struct Hub {
    pub emulator: Emulator,
    pub service: ServiceClient,
}

impl Hub {
    pub async fn start() -> Self {
        Self::of(within(Emulator::builder().start()).await.unwrap())
    }

    /// Returns the hub `chat` of a running emulator.
    pub fn of(emulator: Emulator) -> Self {
        let connection_string = emulator.pubsub().connection_string();
        let service =
            ServiceClient::from_connection_string(connection_string.expose(), "chat").unwrap();
        Self { emulator, service }
    }

    /// Returns the URL of a user with all permissions.
    pub async fn url(&self, user: &str) -> ClientAccessUrl {
        self.url_with(user, &[Role::JoinLeaveAnyGroup, Role::SendToAnyGroup])
            .await
    }

    pub async fn url_with(&self, user: &str, roles: &[Role]) -> ClientAccessUrl {
        let mut access = ClientAccessOptions::default().with_user_id(user).unwrap();
        for role in roles {
            access = access.with_role(role.clone());
        }
        self.service.client_access_url(&access).await.unwrap()
    }

    pub async fn connect(&self, user: &str) -> (Client, Events) {
        self.connect_with(user, |builder| builder).await
    }

    pub async fn connect_with(
        &self,
        user: &str,
        configure: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> (Client, Events) {
        let url = self.url(user).await;
        let builder = Client::builder(&url).session_options(impatient());
        let (client, mut events) = configure(builder).build().unwrap();
        client.start().await.unwrap();
        let first = events.next().await;
        assert!(matches!(first, Some(Event::Connected { .. })), "{first:?}");
        (client, events)
    }

    /// Connects a client that does not reconnect, as a user if one is named.
    pub async fn member(&self, user: Option<&str>) -> Member {
        let mut access = ClientAccessOptions::default();
        if let Some(user) = user {
            access = access.with_user_id(user).unwrap();
        }
        self.member_with(access).await
    }

    pub async fn member_with(&self, access: ClientAccessOptions) -> Member {
        let url = self.service.client_access_url(&access).await.unwrap();
        let (client, mut events) = Client::builder(&url).auto_reconnect(false).build().unwrap();
        client.start().await.unwrap();
        let Some(Event::Connected {
            connection_id: id, ..
        }) = events.next().await
        else {
            panic!("something comes before the connection");
        };
        Member { client, events, id }
    }

    pub async fn publish(&self, text: &str) {
        let options = SendOptions::default();
        self.service
            .send_to_group("g", text, options)
            .await
            .unwrap();
    }

    pub fn arm(&self, rule: FaultRule) {
        self.emulator
            .pubsub()
            .arm(FaultPlan::new(1).with(rule))
            .unwrap();
    }

    /// Cuts the network of every connection.
    pub fn drop_all(&self) {
        self.arm(FaultRule::now(Fault::Drop));
    }
}

/// A connected client.
#[derive(Debug)]
pub struct Member {
    pub client: Client,
    events: Events,
    pub id: String,
}

impl Member {
    /// Returns the payload of the next message, from any sender.
    pub async fn message(&mut self) -> Data {
        loop {
            match self.events.next().await {
                Some(Event::ServerMessage { data, .. } | Event::GroupMessage { data, .. }) => {
                    return data;
                }
                Some(Event::Stopped) | None => panic!("the connection ended"),
                Some(_) => {}
            }
        }
    }

    /// Returns the text of the next message.
    pub async fn text(&mut self) -> String {
        match self.message().await {
            Data::Text(text) => text.to_string(),
            other => panic!("{other:?} is no text"),
        }
    }

    /// Waits for the end of the connection, and returns the service's reason.
    pub async fn closed(&mut self) -> Option<String> {
        loop {
            match self.events.next().await {
                Some(Event::Disconnected { reason, .. }) => return reason,
                Some(Event::Stopped) | None => panic!("the client stopped without a word"),
                Some(_) => {}
            }
        }
    }
}

/// Options that spare a test from waiting for real seconds.
pub fn impatient() -> SessionOptions {
    let mut options = SessionOptions::default();
    options.subprotocol = Some(Subprotocol::JsonReliable);
    options.recovery_interval = Duration::from_millis(10);
    options.reconnect_retry = ClientRetryOptions::default()
        .with_max_retries(None)
        .with_retry_delay(Duration::from_millis(10));
    options.message_retry = ClientRetryOptions::default()
        .with_max_retries(10)
        .with_retry_delay(Duration::from_millis(10));
    options
}

pub fn text(text: &str) -> Data {
    Data::Text(text.into())
}

/// Returns the text of the next message; other events are ignored.
pub async fn next_text(events: &mut Events) -> String {
    loop {
        match events.next().await {
            Some(Event::GroupMessage { data, .. } | Event::ServerMessage { data, .. }) => {
                return String::from_utf8(data.as_bytes().to_vec()).unwrap();
            }
            Some(Event::Gap { .. } | Event::Stopped) | None => panic!("something is missing"),
            Some(_) => {}
        }
    }
}

/// Waits for an event of a kind; others are ignored.
pub async fn wait_for(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> Event {
    loop {
        let event = events.next().await.unwrap();
        if wanted(&event) {
            return event;
        }
    }
}
