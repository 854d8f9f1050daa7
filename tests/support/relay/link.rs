//! An emulator with two hybrid connections, and their peers.

use emulator::Emulator;
use relay::{IncomingConnection, Listener, ListenerBuilder, RelayStream, Sender};

/// The emulator that a test runs on.
#[derive(Debug)]
pub struct World {
    pub emulator: Emulator,
}

impl World {
    pub async fn start() -> Self {
        let emulator = Emulator::builder().start().await.unwrap();
        Self { emulator }
    }

    /// Starts one with a second hybrid connection, whose senders need no token.
    pub async fn with_open() -> Self {
        let builder = Emulator::builder().hybrid_connection("open:anonymous");
        let emulator = builder.unwrap().start().await.unwrap();
        Self { emulator }
    }

    pub fn connection_string(&self) -> String {
        self.connection_string_of(PATH)
    }

    pub fn connection_string_of(&self, path: &str) -> String {
        let relay = self.emulator.relay();
        relay.plain_connection_string(path).expose().to_owned()
    }

    pub fn listener(&self) -> ListenerBuilder {
        Listener::from_connection_string(&self.connection_string()).unwrap()
    }

    pub fn sender(&self) -> Sender {
        Sender::from_connection_string(&self.connection_string()).unwrap()
    }

    /// Connects a sender and a listener.
    pub async fn pair(&self) -> (RelayStream, RelayStream, Listener) {
        let mut listener = self.listener().open().await.unwrap();
        let sender = self.sender();
        let accepting = async { next(&mut listener).await.accept().await.unwrap() };
        let (sender, accepted) = futures::join!(sender.connect(), accepting);
        (sender.unwrap(), accepted, listener)
    }
}

pub async fn next(listener: &mut Listener) -> IncomingConnection {
    listener.accept().await.expect("the listener is online")
}

/// The hybrid connection that every emulator has.
pub const PATH: &str = "hc1";
