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

/// The Relay side of an emulator: where it is, and how a test steers it.
#[derive(Debug)]
pub struct Relay {
    pub(crate) namespace: Arc<Namespace>,
    pub(crate) over_tls: Server,
    pub(crate) in_plain_text: Server,
    pub(crate) key: Secret,
    /// Those of the hybrid connections that the settings name.
    pub(crate) paths: Vec<String>,
    pub(crate) ca_file: PathBuf,
    pub(crate) ca_pem: String,
    /// Removes the folder of certificates if it was made for this emulator.
    pub(crate) _folder: Option<TemporaryFolder>,
}

impl Relay {
    /// `sb://localhost:{port}/`, over TLS.
    pub fn endpoint(&self) -> String {
        format!("sb://localhost:{}/", address(&self.over_tls).port())
    }

    /// The connection string of the hybrid connection `path`, over TLS.
    pub fn connection_string(&self, path: &str) -> Secret {
        Secret::new(format!(
            "{};EntityPath={path}",
            self.namespace_string(false)
        ))
    }

    /// The connection string of the hybrid connection `path`, in plain text; for azwire's own clients.
    pub fn plain_connection_string(&self, path: &str) -> Secret {
        Secret::new(format!("{};EntityPath={path}", self.namespace_string(true)))
    }

    /// The file with the certificate of the throw-away authority, in PEM.
    pub fn ca_certificate(&self) -> &Path {
        &self.ca_file
    }

    /// Puts the faults of a plan in force beside those that already are. Rules with
    /// [`Occasion::Now`](crate::Occasion::Now) strike before this returns.
    ///
    /// A rule's `scope` is the path of a hybrid connection here, its `connection` the
    /// GUID that a listener connected with, or with `Now` that of a joined sender:
    /// then both ends of the pair are struck. Occasions:
    ///
    /// - `Now`, `Delivery` (a command is about to go to a listener) and `Message` (a
    ///   listener said something): the control channel is closed with a code,
    ///   dropped, or left half open; `ExpireTokens` closes with 1008.
    /// - `Open` (a listener or a sender opens a WebSocket) and `Request` (a
    ///   request is about to be relayed): answered with a status instead.
    /// - `Ack` (a response, or the response to its opening, is about to go to a
    ///   sender): delayed or withheld.
    ///
    /// # Errors
    ///
    /// One line about the first rule that makes no sense, `DuplicateAck` among
    /// them: a response cannot come twice.
    pub fn arm(&self, plan: FaultPlan) -> Result<()> {
        self.namespace.arm(plan).map_err(Error::message)
    }

    /// Takes all faults out of force. Connections that were struck stay struck.
    pub fn disarm(&self) {
        self.namespace.disarm();
    }

    /// The number of open connections: control channels, senders, rendezvous.
    pub fn open_connections(&self) -> usize {
        self.over_tls.open_connections() + self.in_plain_text.open_connections()
    }

    /// The hybrid connections with the ids of their listeners and of the senders
    /// that are joined, and counts of what waits. For tests; the form may change.
    pub fn state(&self) -> serde_json::Value {
        self.namespace.state()
    }

    /// The certificate of the throw-away authority, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// A connection string without a path.
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
    // Each of them bound one.
    server.local_addrs()[0]
}
