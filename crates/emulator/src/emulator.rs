//! A running emulator.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::certificate::AuthorityFile;
use crate::clock::EmulatorClock;
use crate::identity::Identity;
use crate::journal::{Journal, StoreOwner};
#[cfg(feature = "pubsub")]
use crate::pubsub::PubSub;
#[cfg(feature = "pubsub")]
use crate::ready_line::PubSubLine;
#[cfg(feature = "relay")]
use crate::ready_line::RelayLine;
use crate::ready_line::{IdentityLine, ReadyLine};
#[cfg(feature = "relay")]
use crate::relay::Relay;
use crate::services::Services;
use crate::tasks::TaskOwner;

/// A running emulator. Dropping it ends every server and every connection.
///
/// Several may run side by side; nothing is shared between them.
pub struct Emulator {
    #[cfg(feature = "pubsub")]
    pub(crate) pubsub: Option<PubSub>,
    #[cfg(feature = "relay")]
    pub(crate) relay: Option<Relay>,
    pub(crate) services: Arc<Services>,
    pub(crate) identity: Option<Identity>,
    pub(crate) ca_file: Arc<AuthorityFile>,
    pub(crate) ca_pem: Arc<str>,
    /// Ends the journal, on drop.
    pub(crate) _records: StoreOwner,
    /// Ends the tasks that no service has, on drop.
    pub(crate) _tasks: TaskOwner,
}

impl Emulator {
    /// The Web PubSub side: addresses, keys and faults.
    ///
    /// # Panics
    ///
    /// If it was left out, by [`without_pubsub`](crate::EmulatorBuilder::without_pubsub) or in
    /// the settings.
    #[cfg(feature = "pubsub")]
    #[track_caller]
    pub fn pubsub(&self) -> &PubSub {
        let pubsub = self.pubsub.as_ref();
        pubsub.expect("the emulator was started without Web PubSub")
    }

    /// The Relay side: addresses, keys and faults.
    ///
    /// # Panics
    ///
    /// If it was left out, by [`without_relay`](crate::EmulatorBuilder::without_relay) or in the
    /// settings.
    #[cfg(feature = "relay")]
    #[track_caller]
    pub fn relay(&self) -> &Relay {
        let relay = self.relay.as_ref();
        relay.expect("the emulator was started without Relay")
    }

    /// The identity side: tokens and addresses; `None` unless it was switched on.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The clock that everything that expires follows.
    pub fn clock(&self) -> &EmulatorClock {
        &self.services.clock
    }

    /// The journal: what happened, for a test to assert on.
    pub fn journal(&self) -> &Journal {
        &self.services.journal
    }

    /// Makes everything as after the start, for the next of several tests that share
    /// an emulator. Addresses, keys, certificates and settings stay, and so do the
    /// hybrid connections and event handlers of the settings; faults and seed of the
    /// builder apply again, so that connection ids repeat.
    ///
    /// Every WebSocket is closed with 1001 ("going away"); clients of Web PubSub with a
    /// subprotocol receive a `disconnected` message first. A peer that does not answer
    /// within a second loses its connection. Requests that wait for an answer get 503.
    /// Nothing of before is left when this returns: no connection, group, state,
    /// permission, user or session to recover, no queued event, retry or cookie, no
    /// fault, listener, joined pair or rendezvous address, no hybrid connection that a
    /// listener created and no event handler that was added. The clock runs with the
    /// system's again. Event handlers are told nothing, not even of the connections that end, and
    /// what one answers later changes nothing.
    ///
    /// Over HTTP it is `POST /_emulator/reset`, on every port.
    ///
    /// # Cancel safety
    ///
    /// From its first poll on, everything is new. If the future is dropped, the old connections
    /// end without a close frame, and may take a moment longer than the reset.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use azwire_emulator::Emulator;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), azwire_emulator::Error> {
    /// let emulator = Emulator::builder().start().await?;
    /// emulator.clock().advance(Duration::from_secs(31));
    /// emulator.reset().await;
    /// assert_eq!(emulator.clock().offset(), Duration::ZERO);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn reset(&self) {
        self.services.reset().await;
    }

    /// Returns the file with the certificate of the throw-away authority, in PEM. Clients over
    /// TLS must trust it. It is removed with the emulator if no folder for it was set.
    pub fn ca_certificate(&self) -> &Path {
        self.ca_file.certificate()
    }

    /// Returns the certificate of the throw-away authority, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Returns endpoints, connection strings with their keys, the file of the certificate to
    /// trust, and the address of the admin API as one line of JSON, for a program in any language.
    pub fn ready_line(&self) -> String {
        let line = ReadyLine {
            #[cfg(feature = "pubsub")]
            pubsub: self.pubsub.as_ref().map(PubSubLine::of),
            #[cfg(feature = "relay")]
            relay: self.relay.as_ref().map(RelayLine::of),
            identity: self.identity.as_ref().map(IdentityLine::of),
            ca_certificate: self.ca_certificate(),
            control: self.control(),
        };
        serde_json::to_string(&line).expect("strings and paths of this process always serialise")
    }

    /// Returns the address of the admin API: at Web PubSub's port, or else at Relay's for plain
    /// text.
    pub(crate) fn control(&self) -> String {
        #[cfg(feature = "pubsub")]
        if let Some(pubsub) = &self.pubsub {
            return format!("{}/_emulator", pubsub.endpoint());
        }
        #[cfg(feature = "relay")]
        if let Some(relay) = &self.relay {
            return format!("http://{}/_emulator", relay.plain_authority());
        }
        String::new()
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Emulator");
        #[cfg(feature = "pubsub")]
        f.field("pubsub", &self.pubsub);
        #[cfg(feature = "relay")]
        f.field("relay", &self.relay);
        f.finish_non_exhaustive()
    }
}
