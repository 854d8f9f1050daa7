//! Clients of one hub of an emulator, on real sockets.

use std::time::Duration;

use emulator::{Emulator, Fault, FaultPlan, FaultRule};
use futures::StreamExt;
use pubsub::{
    Client, ClientAccessOptions, ClientAccessUrl, ClientBuilder, ClientRetryOptions, Data, Event,
    Events, Role, SendOptions, ServiceClient, SessionOptions, Subprotocol,
};

pub(crate) struct Hub {
    pub(crate) emulator: Emulator,
    pub(crate) service: ServiceClient,
}

impl Hub {
    pub(crate) async fn start() -> Self {
        let emulator = Emulator::builder().start().await.unwrap();
        let connection_string = emulator.pubsub().connection_string();
        let service =
            ServiceClient::from_connection_string(connection_string.expose(), "chat").unwrap();
        Self { emulator, service }
    }

    /// The URL of a user who may do everything.
    pub(crate) async fn url(&self, user: &str) -> ClientAccessUrl {
        self.url_with(user, &[Role::JoinLeaveAnyGroup, Role::SendToAnyGroup])
            .await
    }

    pub(crate) async fn url_with(&self, user: &str, roles: &[Role]) -> ClientAccessUrl {
        let mut access = ClientAccessOptions::default().with_user_id(user).unwrap();
        for role in roles {
            access = access.with_role(role.clone());
        }
        self.service.client_access_url(&access).await.unwrap()
    }

    pub(crate) async fn connect(&self, user: &str) -> (Client, Events) {
        self.connect_with(user, |builder| builder).await
    }

    pub(crate) async fn connect_with(
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

    pub(crate) async fn publish(&self, text: &str) {
        let options = SendOptions::default();
        self.service
            .send_to_group("g", text, options)
            .await
            .unwrap();
    }

    pub(crate) fn arm(&self, rule: FaultRule) {
        self.emulator
            .pubsub()
            .arm(FaultPlan::new(1).with(rule))
            .unwrap();
    }

    /// Ends the network of every connection.
    pub(crate) fn drop_all(&self) {
        self.arm(FaultRule::now(Fault::Drop));
    }
}

/// Options under which a test need not wait for real seconds.
pub(crate) fn impatient() -> SessionOptions {
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

pub(crate) fn text(text: &str) -> Data {
    Data::Text(text.into())
}

/// The text of the next message; other events are ignored.
pub(crate) async fn next_text(events: &mut Events) -> String {
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
pub(crate) async fn wait_for(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> Event {
    loop {
        let event = events.next().await.unwrap();
        if wanted(&event) {
            return event;
        }
    }
}
