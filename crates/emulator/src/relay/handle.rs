//! The public handle of the Relay side.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use auth::Secret;
use transport::net::Server;

use super::Namespace;
use crate::config::RelayConfig;
use crate::fault::FaultPlan;
use crate::temporary_folder::TemporaryFolder;
use crate::{Error, Result};

/// The Relay side of an emulator: its addresses, keys, state and faults.
#[derive(Debug)]
pub struct Relay {
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) over_tls: Server,
    pub(crate) in_plain_text: Server,
    pub(crate) key: Secret,
    /// The paths of the configured hybrid connections.
    pub(crate) paths: Vec<String>,
    pub(crate) ca_file: PathBuf,
    pub(crate) ca_pem: String,
    /// Removes the certificate folder if it was created for this emulator.
    pub(crate) _folder: Option<TemporaryFolder>,
}

impl Relay {
    /// Returns the TLS endpoint, `sb://localhost:{port}/`.
    pub fn endpoint(&self) -> String {
        format!("sb://localhost:{}/", address(&self.over_tls).port())
    }

    /// Returns the connection string of the hybrid connection `path`, over TLS.
    pub fn connection_string(&self, path: &str) -> Secret {
        Secret::new(format!(
            "{};EntityPath={path}",
            self.namespace_string(false)
        ))
    }

    /// Returns the connection string of the hybrid connection `path`, without TLS; for azwire's own
    /// clients.
    pub fn plain_connection_string(&self, path: &str) -> Secret {
        Secret::new(format!("{};EntityPath={path}", self.namespace_string(true)))
    }

    /// Returns the file with the certificate of the throw-away authority, in PEM.
    pub fn ca_certificate(&self) -> &Path {
        &self.ca_file
    }

    /// Arms the faults of a plan, in addition to those already armed. Rules with
    /// [`Occasion::Now`](crate::Occasion::Now) strike before this returns.
    ///
    /// A rule's `scope` is the path of a hybrid connection here, its `connection` the
    /// GUID that a listener connected with or, with `Now`, that of a joined sender:
    /// then both ends of the pair are struck. Occasions:
    ///
    /// - `Now`, `Delivery` (a command is about to be sent to a listener) and
    ///   `Message` (a listener sent a message): the control channel is closed with a
    ///   code, dropped, or left half open; `ExpireTokens` closes with 1008.
    /// - `Open` (a listener or a sender opens a WebSocket) and `Request` (a
    ///   request is about to be relayed): answered with a status instead.
    /// - `Ack` (a response, or the response to its opening, is about to be sent
    ///   to a sender): delayed or withheld.
    ///
    /// # Errors
    ///
    /// Fails with one line about the first invalid rule; `DuplicateAck` is one,
    /// since a response cannot be sent twice.
    pub fn arm(&self, plan: FaultPlan) -> Result<()> {
        self.namespace.arm(plan).map_err(Error::message)
    }

    /// Disarms all faults. Connections that were struck stay struck.
    pub fn disarm(&self) {
        self.namespace.disarm();
    }

    /// Returns the number of open connections: control channels, senders, rendezvous.
    pub fn open_connections(&self) -> usize {
        self.over_tls.open_connections() + self.in_plain_text.open_connections()
    }

    /// Returns the hybrid connections with the ids of their listeners and joined
    /// senders, and counts of what waits. For tests; the format may change.
    pub fn state(&self) -> serde_json::Value {
        self.namespace.state()
    }

    /// Returns the certificate of the throw-away authority, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Returns a connection string without a path.
    pub(crate) fn namespace_string(&self, plain: bool) -> String {
        let key = format!(
            "SharedAccessKeyName={};SharedAccessKey={}",
            RelayConfig::RULE,
            self.key.expose()
        );
        if plain {
            format!(
                "Endpoint=sb://{}/;{key};UseDevelopmentEmulator=true",
                address(&self.in_plain_text)
            )
        } else {
            format!("Endpoint={};{key}", self.endpoint())
        }
    }
}

fn address(server: &Server) -> SocketAddr {
    // Each server bound exactly one.
    server.local_addrs()[0]
}
