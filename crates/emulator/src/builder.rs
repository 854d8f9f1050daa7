//! The builder of an emulator.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use auth::SharedClock;
use transport::SharedRuntime;

#[cfg(feature = "pubsub")]
use crate::Error;
use crate::Result;
use crate::certificate::{AuthorityFile, Certificates};
use crate::clock::EmulatorClock;
use crate::config::{Config, EventHandlerConfig, IdentityConfig};
use crate::emulator::Emulator;
#[cfg(feature = "pubsub")]
use crate::fault::{FaultPlan, Faults};
use crate::front::{self, Front, Names};
use crate::identity::{self, Authority, Identity};
use crate::journal::{Journal, Store};
use crate::live::Live;
use crate::port::Port;
#[cfg(feature = "pubsub")]
use crate::pubsub::{self, FileHandlers, PubSub};
#[cfg(feature = "relay")]
use crate::relay::{self, Relay};
use crate::services::{Services, Side};
use crate::tasks::Tasks;

impl Emulator {
    /// Returns a builder for an emulator that listens on free ports.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
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
    /// They may change while the emulator runs, and come after those of the settings.
    #[cfg(feature = "pubsub")]
    pub(crate) file_handlers: FileHandlers,
    #[cfg(feature = "pubsub")]
    faults: Option<FaultPlan>,
    seed: Option<u64>,
}

impl EmulatorBuilder {
    /// Replaces all settings, including those made before. Port 0 picks a free
    /// port.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Adds an address to listen on; default: loopback. See [`Config::hosts`].
    pub fn host(mut self, address: IpAddr) -> Self {
        self.config.hosts.push(address);
        self
    }

    /// Sets the host name or address by which clients reach the emulator, without a port. See
    /// [`Config::advertise`].
    pub fn advertise(mut self, name: impl Into<String>) -> Self {
        self.config.advertise = Some(name.into());
        self
    }

    /// Keeps the throw-away certificate authority in a folder, so that it is trusted once and
    /// reused; default: a temporary folder.
    pub fn certificates(mut self, folder: impl Into<PathBuf>) -> Self {
        self.config.certificates = Some(folder.into());
        self
    }

    /// Sets how many bytes of memory the newest records of the journal may take; 0 switches it off.
    /// See [`Config::journal_bytes`].
    pub fn journal_bytes(mut self, bytes: usize) -> Self {
        self.config.journal_bytes = bytes;
        self
    }

    /// Adds a name for the certificate, such as `*.servicebus.windows.net`.
    pub fn certificate_name(mut self, name: impl Into<String>) -> Self {
        self.config.certificate_names.push(name.into());
        self
    }

    /// Adds a hybrid connection, written `path`, or `path:anonymous` if its senders need no token.
    ///
    /// # Errors
    ///
    /// Fails with one line that names the rule which the name breaks.
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

    /// Leaves Web PubSub out: no port, nothing in the ready line, and
    /// [`Emulator::pubsub`] panics.
    pub fn without_pubsub(mut self) -> Self {
        self.config.pubsub.enabled = false;
        self
    }

    /// Leaves Relay out: no port, nothing in the ready line, and [`Emulator::relay`]
    /// panics.
    pub fn without_relay(mut self) -> Self {
        self.config.relay.enabled = false;
        self
    }

    /// Arms faults of the Web PubSub side from the start.
    #[cfg(feature = "pubsub")]
    pub fn faults(mut self, plan: FaultPlan) -> Self {
        self.faults = Some(plan);
        self
    }

    /// Switches on the identity side, which issues Entra ID tokens and checks them. Port 0 picks a
    /// free port.
    pub fn identity(mut self, config: IdentityConfig) -> Self {
        self.config.identity = Some(config);
        self
    }

    /// Sets the seed of the Web PubSub connection ids and of the ids of Entra ID tokens, so that
    /// two runs have the same ids; default: random.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Starts the emulator: it listens when this returns.
    ///
    /// # Errors
    ///
    /// Fails with one line if both services are left out, a port is in use, an address is not one of this machine, a folder
    /// cannot be used, or a name or an event handler is not valid.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn start(self) -> Result<Emulator> {
        self.config.check()?;
        let names = Arc::new(Names::of(&self.config)?);
        let (guard, tasks) = Tasks::new(self.runtime.clone());
        let store = Store::new(self.config.journal_bytes);
        let clock = EmulatorClock::new(self.runtime.clone(), self.clock.clone());
        let clock = clock.with_records(store.clone());
        let journal = Journal::new(&store, SharedClock::new(clock.clone()), &self.runtime);
        let ca_file = AuthorityFile::in_folder(self.config.certificates.as_deref())?;
        // Clients validate certificates by the real time, not by the emulator's clock.
        let real = SharedClock::default();
        let certificates = Certificates::load_or_make(
            ca_file.folder(),
            &names.certificate_names(),
            auth::Clock::now(&real),
        )?;
        let authority = match &self.config.identity {
            Some(config) => Some(Arc::new(Authority::new(config, self.seed)?)),
            None => None,
        };
        let ca_pem: Arc<str> = certificates.ca_pem.as_str().into();
        let ca_file = ca_file.in_use();
        #[cfg(feature = "pubsub")]
        let pubsub = match self.config.pubsub.enabled {
            true => Some(Arc::new(self.make_pubsub(
                &names,
                authority.clone(),
                &clock,
                &journal,
            )?)),
            false => None,
        };
        #[cfg(feature = "relay")]
        let relay = self.config.relay.enabled;
        #[cfg(feature = "relay")]
        let relay =
            relay.then(|| Arc::new(self.make_relay(&names, authority.clone(), &clock, &journal)));
        let front = Arc::new(Front::new(
            names,
            &ca_pem,
            certificates.acceptor.clone(),
            self.runtime.clone(),
        ));
        let services = Arc::new(Services {
            clock,
            journal,
            #[cfg(feature = "pubsub")]
            pubsub: pubsub.clone(),
            #[cfg(feature = "relay")]
            relay: relay.clone(),
            identity: authority.clone(),
            runtime: self.runtime.clone(),
            started: self.runtime.now(),
            resetting: Default::default(),
            ready_line: Default::default(),
        });
        let emulator = Emulator {
            #[cfg(feature = "pubsub")]
            pubsub: pubsub
                .map(|live| self.serve_pubsub(live, &front, &services))
                .transpose()?,
            #[cfg(feature = "relay")]
            relay: relay
                .map(|live| self.serve_relay(live, &front, &services, &ca_file, &ca_pem))
                .transpose()?,
            identity: match (authority, &self.config.identity) {
                (Some(authority), Some(config)) => {
                    let server = identity::serve(config.port, |port| {
                        let handler = Port {
                            front: Arc::clone(&front),
                            services: Arc::clone(&services),
                            side: Side::Identity(Arc::clone(&authority)),
                        };
                        front.serve(handler, &front::IDENTITY, port)
                    })?;
                    let names = Arc::clone(front.names());
                    let ca_file = Arc::clone(&ca_file);
                    let clock = services.clock.clone();
                    Some(Identity::new(authority, server, names, ca_file, clock)?)
                }
                _ => None,
            },
            services,
            ca_file,
            ca_pem,
            _records: store.owner(),
            _tasks: guard,
        };
        let ready_line = emulator.ready_line();
        emulator.services.ready_line.get_or_init(|| ready_line);
        front::warn_of_strangers(front.names());
        let herald = store.herald().into_iter();
        herald.for_each(|herald| tasks.spawn(herald));
        tasks.spawn(certificates.keep_renewed(self.runtime.clone(), real));
        Ok(emulator)
    }

    #[cfg(feature = "pubsub")]
    fn make_pubsub(
        &self,
        names: &Arc<Names>,
        authority: Option<Arc<Authority>>,
        clock: &EmulatorClock,
        journal: &Journal,
    ) -> Result<Live<pubsub::Service>> {
        let config = &self.config.pubsub;
        for handler in &config.event_handlers {
            handler.check()?;
        }
        if let Some(plan) = &self.faults {
            Faults::check(plan).map_err(|error| Error::message(error.to_string()))?;
        }
        if config.allow_unvalidated_entra_tokens {
            tracing::warn!(
                "ENTRA TOKENS ARE ACCEPTED WITHOUT CHECKING THEIR SIGNATURE: anybody can forge one"
            );
        }
        let plan = pubsub::Plan {
            config: config.clone(),
            file_handlers: self.file_handlers.clone(),
            names: Arc::clone(names),
            authority,
            clock: clock.clone(),
            journal: journal.clone(),
            seed: self.seed,
            faults: self.faults.clone(),
            origin: Arc::default(),
        };
        Ok(Live::new(plan, self.runtime.clone()))
    }

    #[cfg(feature = "pubsub")]
    fn serve_pubsub(
        &self,
        live: Arc<Live<pubsub::Service>>,
        front: &Arc<Front>,
        services: &Arc<Services>,
    ) -> Result<PubSub> {
        let config = &self.config.pubsub;
        let port = Port {
            front: Arc::clone(front),
            services: Arc::clone(services),
            side: Side::PubSub(Arc::clone(&live)),
        };
        let server = front.serve(port, &front::PUBSUB, config.port)?;
        let handle = PubSub {
            live,
            server,
            names: Arc::clone(front.names()),
            access_key: config.access_key.clone(),
            secondary_key: config.secondary_key.clone(),
        };
        // It is set only once.
        let _ = handle.live.plan().origin.set(handle.authority());
        Ok(handle)
    }

    #[cfg(feature = "relay")]
    fn make_relay(
        &self,
        names: &Arc<Names>,
        authority: Option<Arc<Authority>>,
        clock: &EmulatorClock,
        journal: &Journal,
    ) -> Live<relay::Namespace> {
        let config = &self.config.relay;
        if config.allow_unvalidated_entra_tokens {
            tracing::warn!(
                "RELAY ACCEPTS ENTRA TOKENS WITHOUT CHECKING THEIR SIGNATURE: anybody can forge one"
            );
        }
        let plan = relay::Plan {
            config: config.clone(),
            names: Arc::clone(names),
            authority,
            clock: clock.clone(),
            journal: journal.clone(),
        };
        Live::new(plan, self.runtime.clone())
    }

    #[cfg(feature = "relay")]
    fn serve_relay(
        &self,
        live: Arc<Live<relay::Namespace>>,
        front: &Arc<Front>,
        services: &Arc<Services>,
        ca_file: &Arc<AuthorityFile>,
        ca_pem: &Arc<str>,
    ) -> Result<Relay> {
        let config = &self.config.relay;
        let port = Port {
            front: Arc::clone(front),
            services: Arc::clone(services),
            side: Side::Relay(Arc::clone(&live)),
        };
        let entities = config.hybrid_connections.iter();
        Ok(Relay {
            over_tls: front.serve(port.clone(), &front::RELAY, config.port)?,
            in_plain_text: front.serve(port, &front::RELAY_PLAIN, config.plain_port)?,
            live,
            names: Arc::clone(front.names()),
            key: config.key.clone(),
            paths: entities.map(|entity| entity.path.clone()).collect(),
            ca_file: Arc::clone(ca_file),
            ca_pem: Arc::clone(ca_pem),
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
            file_handlers: FileHandlers::default(),
            #[cfg(feature = "pubsub")]
            faults: None,
            seed: None,
        }
    }
}
