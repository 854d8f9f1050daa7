//! The public handle of the Relay side.

use std::path::Path;
use std::sync::Arc;

use auth::Secret;
use transport::net::Server;

use super::{Namespace, RelayState};
use crate::certificate::AuthorityFile;
use crate::config::RelayConfig;
use crate::fault::FaultPlan;
use crate::front::Names;
use crate::live::Live;
use crate::{Error, Result, WaitFor};

/// The Relay side of an emulator: its addresses, keys, state and faults.
#[derive(Debug)]
pub struct Relay {
    pub(crate) live: Arc<Live<Namespace>>,
    pub(crate) over_tls: Server,
    pub(crate) in_plain_text: Server,
    pub(crate) key: Secret,
    /// The paths of the configured hybrid connections.
    pub(crate) paths: Vec<String>,
    pub(crate) names: Arc<Names>,
    pub(crate) ca_file: Arc<AuthorityFile>,
    pub(crate) ca_pem: Arc<str>,
}

impl Relay {
    /// Returns the TLS endpoint, `sb://localhost:{port}/`, or that with the advertised name.
    pub fn endpoint(&self) -> String {
        format!(
            "sb://{}:{}/",
            self.names.secure_host(),
            port(&self.over_tls)
        )
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
        self.ca_file.certificate()
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
        self.live.now().arm(plan).map_err(Error::message)
    }

    /// Disarms all faults. Connections that were struck stay struck.
    pub fn disarm(&self) {
        self.live.now().disarm();
    }

    /// Returns the number of open connections: control channels, senders, rendezvous.
    pub fn open_connections(&self) -> usize {
        self.over_tls.open_connections() + self.in_plain_text.open_connections()
    }

    /// Returns the state: listeners, joined senders, what waits for a listener, faults.
    pub fn state(&self) -> RelayState {
        self.live.now().state()
    }

    /// Waits until the state satisfies a condition, and returns that state.
    ///
    /// What wakes it: a listener that connects or ends; a sender that is joined or ends; a
    /// request or rendezvous that begins or ceases to wait; a fault that is armed, strikes or is
    /// disarmed. The condition is a function of the state alone, and must not wait for anything.
    ///
    /// ```no_run
    /// # async fn example(emulator: azwire_emulator::Emulator) -> azwire_emulator::Result<()> {
    /// // Two senders are connected to the application.
    /// let joined = emulator
    ///     .relay()
    ///     .wait_for(|state| state.hybrid_connection("orders").senders.len() == 2)
    ///     .await?;
    /// # let _ = joined;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Fails after 10 seconds of real time by default ([`WaitFor::with_timeout`]), and as soon
    /// as the emulator is dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn wait_for<'a>(
        &self,
        condition: impl FnMut(&RelayState) -> bool + Send + 'a,
    ) -> WaitFor<'a, RelayState> {
        let live = Arc::clone(&self.live);
        WaitFor::new(
            self.live.changes(),
            self.live.runtime(),
            move || live.now().state(),
            condition,
        )
    }

    /// Waits until the hybrid connection at exactly this path has a listener, so that a sender
    /// is not refused with 404.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use azwire_emulator::Emulator;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> azwire_emulator::Result<()> {
    /// let emulator = Emulator::builder().start().await?;
    /// // … start the application, whose listener connects in the background …
    /// let listening = emulator.relay().wait_for_listener("hc1");
    /// // Here nobody listens.
    /// let error = listening.with_timeout(Duration::from_millis(10)).await.unwrap_err();
    /// assert!(error.to_string().contains("hc1: listeners []"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`wait_for`](Self::wait_for); and at once if there is no such hybrid connection and a
    /// listener may not create it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn wait_for_listener(&self, path: &str) -> WaitFor<'static, RelayState> {
        let is_known = self.live.now().may_be_listened_to(path);
        let unknown = || Error::message(format!("there is no hybrid connection {path:?}"));
        let refusal = (!is_known).then(unknown);
        let path = path.to_owned();
        self.wait_for(move |state| !state.listeners(&path).is_empty())
            .refused(refusal)
    }

    /// Returns the certificate of the throw-away authority, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Returns host and port for plain text.
    pub(crate) fn plain_authority(&self) -> String {
        let port = port(&self.in_plain_text);
        format!("{}:{port}", self.names.plain_host())
    }

    /// Returns a connection string without a path.
    pub(crate) fn namespace_string(&self, plain: bool) -> String {
        let key = format!(
            "SharedAccessKeyName={};SharedAccessKey={}",
            RelayConfig::RULE,
            self.key.expose()
        );
        if plain {
            let authority = self.plain_authority();
            format!("Endpoint=sb://{authority}/;{key};UseDevelopmentEmulator=true")
        } else {
            format!("Endpoint={};{key}", self.endpoint())
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.live.shut_down();
    }
}

fn port(server: &Server) -> u16 {
    // Each server has the same port at all its addresses.
    server.local_addrs()[0].port()
}
