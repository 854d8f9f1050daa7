//! A running emulator.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use crate::certificate::AuthorityFile;
use crate::clock::EmulatorClock;
#[cfg(feature = "pubsub")]
use crate::pubsub::PubSub;
#[cfg(feature = "pubsub")]
use crate::ready_line::PubSubLine;
use crate::ready_line::ReadyLine;
#[cfg(feature = "relay")]
use crate::ready_line::RelayLine;
#[cfg(feature = "relay")]
use crate::relay::Relay;

/// A running emulator. Dropping it ends every server and every connection.
///
/// Several may run side by side; nothing is shared between them.
pub struct Emulator {
    #[cfg(feature = "pubsub")]
    pub(crate) pubsub: PubSub,
    #[cfg(feature = "relay")]
    pub(crate) relay: Relay,
    pub(crate) clock: EmulatorClock,
    pub(crate) ca_file: Arc<AuthorityFile>,
    pub(crate) ca_pem: Arc<str>,
    /// Ends the tasks on drop.
    pub(crate) _tasks: watch::Sender<()>,
}

impl Emulator {
    /// The Web PubSub side: addresses, keys and faults.
    #[cfg(feature = "pubsub")]
    pub fn pubsub(&self) -> &PubSub {
        &self.pubsub
    }

    /// The Relay side: addresses, keys and faults.
    #[cfg(feature = "relay")]
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// The clock that everything that expires follows.
    pub fn clock(&self) -> &EmulatorClock {
        &self.clock
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
            pubsub: PubSubLine::of(&self.pubsub),
            #[cfg(feature = "relay")]
            relay: RelayLine::of(&self.relay),
            ca_certificate: self.ca_certificate(),
            #[cfg(feature = "pubsub")]
            control: format!("{}/_emulator", self.pubsub.endpoint()),
        };
        serde_json::to_string(&line).expect("strings and paths of this process always serialise")
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
