//! A service client and connected clients of it, on an emulator of their own.

use azwire_tests::within;
use emulator::Emulator;
use futures::StreamExt;
use pubsub::{Client, ClientAccessOptions, Data, Event, Events, ServiceClient};

/// An emulator, and the service client of one of its hubs.
pub(crate) struct Link {
    pub(crate) service: ServiceClient,
    _emulator: Emulator,
}

impl Link {
    pub(crate) async fn start() -> Self {
        let emulator = within(Emulator::builder().start()).await.unwrap();
        let connection_string = emulator.pubsub().connection_string();
        let service =
            ServiceClient::from_connection_string(connection_string.expose(), "chat").unwrap();
        Self {
            service,
            _emulator: emulator,
        }
    }

    /// Connects a client, as a user if one is named.
    pub(crate) async fn connect(&self, user: Option<&str>) -> Peer {
        let mut access = ClientAccessOptions::default();
        if let Some(user) = user {
            access = access.with_user_id(user).unwrap();
        }
        self.connect_with(access).await
    }

    pub(crate) async fn connect_with(&self, access: ClientAccessOptions) -> Peer {
        let url = self.service.client_access_url(&access).await.unwrap();
        let (client, mut events) = Client::builder(&url).auto_reconnect(false).build().unwrap();
        client.start().await.unwrap();
        let Some(Event::Connected {
            connection_id: id, ..
        }) = events.next().await
        else {
            panic!("something comes before the connection");
        };
        Peer { client, events, id }
    }
}

/// A connected client.
pub(crate) struct Peer {
    pub(crate) client: Client,
    events: Events,
    pub(crate) id: String,
}

impl Peer {
    /// The payload of the next message, whoever it is from.
    pub(crate) async fn message(&mut self) -> Data {
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

    /// The text of the next message.
    pub(crate) async fn text(&mut self) -> String {
        match self.message().await {
            Data::Text(text) => text.to_string(),
            other => panic!("{other:?} is no text"),
        }
    }

    /// Waits for the end of the connection, and gives the reason that the service told.
    pub(crate) async fn closed(&mut self) -> Option<String> {
        loop {
            match self.events.next().await {
                Some(Event::Disconnected { reason, .. }) => return reason,
                Some(Event::Stopped) | None => panic!("the client stopped without a word"),
                Some(_) => {}
            }
        }
    }
}
