//! A local emulator of Azure Web PubSub and Azure Relay Hybrid Connections, as
//! a value inside a test or as the process `azwire-emulator`.
//!
//! ```
//! use azwire_emulator::Emulator;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), azwire_emulator::Error> {
//! let emulator = Emulator::builder().start().await?;
//! println!("{}", emulator.pubsub().endpoint());
//! # Ok(())
//! # }
//! ```
//!
//! It is for development and tests: everything is in memory, everything
//! listens on loopback only, and the keys are known to everybody. It is no
//! cluster and no proxy: past one machine the work belongs to Azure.
//!
//! # Features
//!
//! | feature | default | meaning |
//! | --- | --- | --- |
//! | `pubsub` | yes | `Emulator::pubsub`: Azure Web PubSub |
//! | `relay` | yes | `Emulator::relay`: Azure Relay Hybrid Connections |
//! | `cli` | yes | the program `azwire-emulator`, and settings from a TOML file |
// Without either service there is nothing to emulate, and nothing here.
#![cfg(any(feature = "pubsub", feature = "relay"))]

#[cfg(feature = "pubsub")]
mod admin;
mod answer;
#[cfg(feature = "relay")]
mod certificate;
mod clock;
mod config;
mod error;
mod fault;
#[cfg(feature = "_fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "pubsub")]
mod generated;
mod json_body;
#[cfg(feature = "pubsub")]
mod pattern;
#[cfg(feature = "pubsub")]
mod pubsub;
#[cfg(feature = "relay")]
mod relay;
mod tasks;

pub use clock::EmulatorClock;
pub use config::{
    Config, EventFailure, EventHandlerConfig, GroupPresence, GroupPresenceEvent,
    HybridConnectionConfig, PubSubConfig, RelayConfig, RelayDelays, RelayLimits, RelayRight,
    RelayRule, SystemEvent,
};
pub use error::{Error, Result};
pub use fault::{Fault, FaultPlan, FaultRule, Occasion};

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
#[cfg(feature = "relay")]
use std::path::{Path, PathBuf};
use std::sync::Arc;

use auth::{Secret, SharedClock};
use serde::Serialize;
use tokio::sync::watch;
use transport::SharedRuntime;
use transport::net::Server;

use self::tasks::Tasks;

/// A running emulator. Dropping it ends every server and every connection.
///
/// Several may run side by side; nothing is shared between them.
pub struct Emulator {
    #[cfg(feature = "pubsub")]
    pubsub: PubSub,
    #[cfg(feature = "relay")]
    relay: Relay,
    clock: EmulatorClock,
    _servers: Vec<Server>,
    _tasks: watch::Sender<()>,
}

impl Emulator {
    /// Returns a builder for an emulator that listens on free ports.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    /// Where Web PubSub is.
    #[cfg(feature = "pubsub")]
    pub fn pubsub(&self) -> &PubSub {
        &self.pubsub
    }

    /// Where Relay is.
    #[cfg(feature = "relay")]
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// The clock that everything goes by which expires.
    pub fn clock(&self) -> &EmulatorClock {
        &self.clock
    }

    /// What a program in any language needs, as one line of JSON: endpoints and
    /// connection strings with their keys.
    pub fn ready_line(&self) -> String {
        let line = ReadyLine {
            #[cfg(feature = "pubsub")]
            pubsub: PubSubLine {
                endpoint: self.pubsub.endpoint(),
                connection_string: self.pubsub.connection_string().expose().to_owned(),
            },
            #[cfg(feature = "relay")]
            relay: RelayLine {
                endpoint: self.relay.endpoint(),
                connection_string: self.relay.namespace_string(false),
                plain_connection_string: self.relay.namespace_string(true),
                hybrid_connections: &self.relay.paths,
                ca_certificate: self.relay.ca_certificate(),
            },
            #[cfg(feature = "pubsub")]
            control: format!("{}/_emulator", self.pubsub.endpoint()),
            #[cfg(not(feature = "relay"))]
            relay: std::marker::PhantomData,
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

/// Where the Web PubSub side of an emulator is.
#[cfg(feature = "pubsub")]
#[derive(Debug)]
pub struct PubSub {
    service: Arc<pubsub::Service>,
    address: SocketAddr,
    access_key: Secret,
    secondary_key: Option<Secret>,
}

#[cfg(feature = "pubsub")]
impl PubSub {
    /// `http://127.0.0.1:{port}`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The connection string with the access key.
    pub fn connection_string(&self) -> Secret {
        self.connection_string_of(&self.access_key)
    }

    /// The connection string with the second access key, if one was set.
    pub fn secondary_connection_string(&self) -> Option<Secret> {
        let key = self.secondary_key.as_ref()?;
        Some(self.connection_string_of(key))
    }

    /// Puts faults in force beside those that are; those that strike at once do
    /// so now. The seed of the last plan counts.
    ///
    /// # Errors
    ///
    /// One line about the first rule that makes no sense; then none is in force.
    pub fn arm(&self, plan: FaultPlan) -> Result<()> {
        let armed = self.service.inject(plan);
        armed.map_err(|error| Error::message(error.to_string()))
    }

    /// Adds an event handler, for the connections that open from now on.
    ///
    /// # Errors
    ///
    /// One line if the hub has no valid name or the template makes no URL.
    pub fn add_event_handler(&self, handler: EventHandlerConfig) -> Result<()> {
        handler.check()?;
        self.service.add_event_handler(handler);
        Ok(())
    }

    /// Takes all faults out of force.
    pub fn disarm(&self) {
        self.service.clear_faults();
    }

    /// What there is: counts by hub, and what waits in queues. For tests; the
    /// form may change.
    pub fn state(&self) -> serde_json::Value {
        self.service.describe()
    }

    /// Each connection by hub. For tests; the form may change.
    pub fn connections(&self) -> serde_json::Value {
        self.service.describe_connections()
    }

    fn connection_string_of(&self, key: &Secret) -> Secret {
        Secret::new(format!(
            "Endpoint=http://{};Port={};AccessKey={};Version=1.0;",
            self.address.ip(),
            self.address.port(),
            key.expose()
        ))
    }
}

#[cfg(feature = "pubsub")]
impl Drop for PubSub {
    fn drop(&mut self) {
        self.service.shut_down();
    }
}

/// Where the Relay side of an emulator is.
#[cfg(feature = "relay")]
#[derive(Debug)]
pub struct Relay {
    namespace: Arc<relay::Namespace>,
    servers: [Server; 2],
    tls: SocketAddr,
    plain: SocketAddr,
    key: Secret,
    paths: Vec<String>,
    ca_file: PathBuf,
    ca_pem: String,
    /// Removes the folder of certificates that nobody asked for.
    _folder: Option<TemporaryFolder>,
}

#[cfg(feature = "relay")]
impl Relay {
    /// `sb://localhost:{port}/`, over TLS.
    pub fn endpoint(&self) -> String {
        format!("sb://localhost:{}/", self.tls.port())
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

    /// Puts faults in force beside those that are; those that strike at once do
    /// so now.
    ///
    /// A rule's `hub` is the path of a hybrid connection here, in lower case,
    /// its `connection` the GUID that a listener connected with, or with `Now`
    /// that of a joined sender: then both ends of the pair are struck. Occasions:
    ///
    /// - `Now`, `Delivery` (a command is to go to a listener) and `Message` (a
    ///   listener said something): the control channel is closed with a code,
    ///   dropped, or left half open; `ExpireTokens` closes with 1008.
    /// - `Open` (a listener or a sender opens a WebSocket) and `Request` (a
    ///   request is to be relayed): answered with a status instead.
    /// - `Ack` (a response, or the answer to its opening, is to go to a sender):
    ///   delayed or withheld.
    ///
    /// # Errors
    ///
    /// One line about the first rule that makes no sense, `DuplicateAck` among
    /// them: a response cannot come twice.
    pub fn arm(&self, plan: FaultPlan) -> Result<()> {
        self.namespace.arm(plan).map_err(Error::message)
    }

    /// Takes all faults out of force.
    pub fn disarm(&self) {
        self.namespace.disarm();
    }

    /// How many connections are open: control channels, senders, rendezvous.
    pub fn open_connections(&self) -> usize {
        self.servers.iter().map(Server::open_connections).sum()
    }

    /// What there is: hybrid connections with the ids of their listeners and of
    /// the senders that are joined, and counts of what waits. For tests; the form may change.
    pub fn state(&self) -> serde_json::Value {
        self.namespace.state()
    }

    /// The certificate of the throw-away authority, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    fn namespace_string(&self, plain: bool) -> String {
        let key = format!(
            "SharedAccessKeyName={};SharedAccessKey={}",
            RelayConfig::RULE,
            self.key.expose()
        );
        if plain {
            format!(
                "Endpoint=sb://{}/;{key};UseDevelopmentEmulator=true",
                self.plain
            )
        } else {
            format!("Endpoint={};{key}", self.endpoint())
        }
    }
}

/// Builds an [`Emulator`].
///
/// ```
/// use azwire_emulator::{Emulator, EventHandlerConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> azwire_emulator::Result<()> {
/// let emulator = Emulator::builder()
///     .hybrid_connection("orders")?
///     .event_handler(EventHandlerConfig::new("chat", "http://localhost:3000/{event}"))
///     .seed(7)
///     .start()
///     .await?;
/// assert!(emulator.relay().connection_string("orders").expose().contains("EntityPath=orders"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct EmulatorBuilder {
    config: Config,
    runtime: SharedRuntime,
    clock: SharedClock,
    #[cfg(feature = "pubsub")]
    faults: Option<FaultPlan>,
    #[cfg(feature = "pubsub")]
    seed: Option<u64>,
}

impl EmulatorBuilder {
    /// Sets everything at once. A port of 0 is any free one.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Adds a hybrid connection, written `path` or `path:anonymous`.
    ///
    /// # Errors
    ///
    /// One line that names the rule which the name breaks.
    pub fn hybrid_connection(mut self, name: &str) -> Result<Self> {
        let entity = name.parse()?;
        self.config.relay.hybrid_connections.push(entity);
        Ok(self)
    }

    /// Adds an event handler for a hub of Web PubSub.
    pub fn event_handler(mut self, handler: EventHandlerConfig) -> Self {
        self.config.pubsub.event_handlers.push(handler);
        self
    }

    /// Puts faults of the Web PubSub side in force from the start.
    #[cfg(feature = "pubsub")]
    pub fn faults(mut self, plan: FaultPlan) -> Self {
        self.faults = Some(plan);
        self
    }

    /// Makes the ids of Web PubSub's connections from a seed, so that two runs have the same.
    #[cfg(feature = "pubsub")]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// One line: a port in use, a folder that cannot be used, an event handler
    /// without a valid hub or URL.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn start(self) -> Result<Emulator> {
        let (guard, tasks) = Tasks::new(self.runtime.clone());
        let clock = EmulatorClock::new(self.runtime.clone(), self.clock.clone());
        #[cfg_attr(
            not(feature = "pubsub"),
            expect(unused_mut, reason = "Web PubSub alone adds to it")
        )]
        let mut servers = Vec::new();

        #[cfg(feature = "pubsub")]
        let pubsub = {
            let config = self.config.pubsub;
            for handler in &config.event_handlers {
                handler.check()?;
            }
            if config.allow_unvalidated_entra_tokens {
                tracing::warn!(
                    "ENTRA TOKENS ARE TAKEN WITHOUT A CHECK OF THEIR SIGNATURE: anybody can make one"
                );
            }
            let service = pubsub::Service::new(&config, clock.clone(), tasks.clone(), self.seed);
            let service = Arc::new(service);
            let server = Server::builder(pubsub::RequestHandler(Arc::clone(&service)))
                .runtime(self.runtime.clone())
                .bind(loopback(config.port))
                .start()
                .map_err(|error| cannot_listen("Web PubSub", config.port, error))?;
            let address = server.local_addrs()[0];
            servers.push(server);
            service.start(address.to_string());
            if let Some(plan) = self.faults {
                let armed = service.inject(plan);
                armed.map_err(|error| Error::message(error.to_string()))?;
            }
            PubSub {
                service,
                address,
                access_key: config.access_key,
                secondary_key: config.secondary_key,
            }
        };

        #[cfg(feature = "relay")]
        let relay = {
            let config = self.config.relay;
            if config.allow_unvalidated_entra_tokens {
                tracing::warn!(
                    "RELAY TAKES ENTRA TOKENS WITHOUT A CHECK OF THEIR SIGNATURE: anybody can make one"
                );
            }
            let temporary = match &config.certificates {
                Some(_) => None,
                None => Some(TemporaryFolder::new()?),
            };
            let temporary_path = temporary.as_ref().map(|folder| folder.0.as_path());
            let folder = config.certificates.as_deref().or(temporary_path);
            let folder = folder.expect("a temporary folder stands in for a named one");
            // Clients go by the real time, whatever clock the emulator has.
            let real = SharedClock::default();
            let certificates = certificate::Certificates::load_or_make(
                folder,
                &config.certificate_names,
                auth::Clock::now(&real),
            )?;
            let ca_file = folder.join("ca.pem");
            let namespace = relay::Namespace::new(config.clone(), clock.clone(), tasks.clone());
            let namespace = Arc::new(namespace);
            let edge = relay::RequestHandler(Arc::clone(&namespace));
            let over_tls = Server::builder(edge.clone())
                .runtime(self.runtime.clone())
                .bind_tls(loopback(config.port), certificates.acceptor.clone())
                .start()
                .map_err(|error| cannot_listen("Relay", config.port, error))?;
            let in_plain_text = Server::builder(edge)
                .runtime(self.runtime.clone())
                .bind(loopback(config.plain_port))
                .start()
                .map_err(|error| cannot_listen("Relay in plain text", config.plain_port, error))?;
            let ca_pem = certificates.ca_pem.clone();
            tasks.spawn(certificates.keep_renewed(self.runtime.clone(), real));
            Relay {
                namespace,
                tls: over_tls.local_addrs()[0],
                plain: in_plain_text.local_addrs()[0],
                servers: [over_tls, in_plain_text],
                key: config.key,
                paths: config
                    .hybrid_connections
                    .into_iter()
                    .map(|entity| entity.path)
                    .collect(),
                ca_file,
                ca_pem,
                _folder: temporary,
            }
        };

        Ok(Emulator {
            #[cfg(feature = "pubsub")]
            pubsub,
            #[cfg(feature = "relay")]
            relay,
            clock,
            _servers: servers,
            _tasks: guard,
        })
    }
}

impl Default for EmulatorBuilder {
    /// Free ports, the default keys, and the hybrid connection `hc1`.
    fn default() -> Self {
        let mut config = Config::default();
        config.pubsub.port = 0;
        config.relay.port = 0;
        config.relay.plain_port = 0;
        Self {
            config,
            runtime: SharedRuntime::default(),
            clock: SharedClock::default(),
            #[cfg(feature = "pubsub")]
            faults: None,
            #[cfg(feature = "pubsub")]
            seed: None,
        }
    }
}

/// A folder of this process, removed on drop.
#[cfg(feature = "relay")]
#[derive(Debug)]
struct TemporaryFolder(PathBuf);

#[cfg(feature = "relay")]
impl TemporaryFolder {
    fn new() -> Result<Self> {
        let name = format!("azwire-emulator-{}", uuid::Uuid::new_v4().simple());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).map_err(|error| {
            Error::new(
                format!("cannot make the folder {}: {error}", path.display()),
                error,
            )
        })?;
        Ok(Self(path))
    }
}

#[cfg(feature = "relay")]
impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Left behind if it is in use; it is in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadyLine<'a> {
    #[cfg(feature = "pubsub")]
    pubsub: PubSubLine,
    #[cfg(feature = "relay")]
    relay: RelayLine<'a>,
    #[cfg(feature = "pubsub")]
    control: String,
    #[cfg(not(feature = "relay"))]
    #[serde(skip)]
    relay: std::marker::PhantomData<&'a ()>,
}

#[cfg(feature = "pubsub")]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PubSubLine {
    endpoint: String,
    connection_string: String,
}

#[cfg(feature = "relay")]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RelayLine<'a> {
    endpoint: String,
    connection_string: String,
    plain_connection_string: String,
    hybrid_connections: &'a [String],
    ca_certificate: &'a Path,
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn cannot_listen(side: &str, port: u16, error: transport::Error) -> Error {
    let cause = std::error::Error::source(&error)
        .map(|source| source.to_string())
        .unwrap_or_default();
    Error::new(
        format!("{side} cannot listen on port {port}: {cause}"),
        error,
    )
}
