//! The public handle of the Web PubSub side.

use std::sync::Arc;

use auth::Secret;
use transport::net::Server;

use super::{PubSubState, Service};
use crate::config::EventHandlerConfig;
use crate::fault::FaultPlan;
use crate::front::Names;
use crate::live::Live;
use crate::{Error, Result, WaitFor};

/// The Web PubSub side of an emulator: its address, keys, state and faults.
///
/// Dropping its [`Emulator`](crate::Emulator) ends every connection.
#[derive(Debug)]
pub struct PubSub {
    pub(crate) live: Arc<Live<Service>>,
    pub(crate) server: Server,
    pub(crate) names: Arc<Names>,
    pub(crate) access_key: Secret,
    pub(crate) secondary_key: Option<Secret>,
}

impl PubSub {
    /// Returns the endpoint, `http://127.0.0.1:{port}`, or that with the advertised name.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.authority())
    }

    /// Returns the endpoint over TLS, `https://localhost:{port}`, or that with the advertised name.
    ///
    /// It is the same port. Clients that refuse to send a bearer over `http` accept it. They must
    /// trust [`Emulator::ca_certificate`](crate::Emulator::ca_certificate).
    pub fn secure_endpoint(&self) -> String {
        format!("https://{}:{}", self.names.secure_host(), self.port())
    }

    /// Returns the connection string with the access key.
    pub fn connection_string(&self) -> Secret {
        self.connection_string_of(&self.access_key)
    }

    /// Returns the connection string of the endpoint over TLS, with the access key.
    pub fn secure_connection_string(&self) -> Secret {
        self.connection_string_at("https", &self.names.secure_host(), &self.access_key)
    }

    /// Returns the connection string with the second access key, if one is configured.
    pub fn secondary_connection_string(&self) -> Option<Secret> {
        let key = self.secondary_key.as_ref()?;
        Some(self.connection_string_of(key))
    }

    /// Arms the faults of a plan, in addition to those already armed. Rules with
    /// [`Occasion::Now`](crate::Occasion::Now) strike before this returns. The seed
    /// of the last plan applies to all.
    ///
    /// # Errors
    ///
    /// Fails with one line about the first invalid rule; then no rule of the plan is
    /// armed.
    pub fn arm(&self, plan: FaultPlan) -> Result<()> {
        let armed = self.live.now().arm(plan);
        armed.map_err(|error| Error::message(error.to_string()))
    }

    /// Adds an event handler, for the connections that open from now on, until the
    /// next [reset](crate::Emulator::reset).
    ///
    /// # Errors
    ///
    /// Fails with one line if the hub name is invalid, the template is not a URL, or 1,000
    /// have been added since the last reset.
    pub fn add_event_handler(&self, handler: EventHandlerConfig) -> Result<()> {
        self.live.now().add_event_handler(handler)
    }

    /// Disarms all faults. Connections that were struck stay struck.
    pub fn disarm(&self) {
        self.live.now().disarm();
    }

    /// Returns the state: hubs, connections, groups, faults.
    pub fn state(&self) -> PubSubState {
        self.live.now().state()
    }

    /// Waits until the state satisfies a condition, and returns that state.
    ///
    /// What wakes it: a connection that opens, loses its socket, recovers or ends; a change of
    /// groups or queues; a fault that is armed, strikes or is disarmed. The condition is a function of the
    /// state alone, and must not wait for anything.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use azwire_emulator::{Emulator, Fault, FaultPlan, FaultRule};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> azwire_emulator::Result<()> {
    /// let emulator = Emulator::builder().start().await?;
    /// let pubsub = emulator.pubsub();
    /// pubsub.arm(FaultPlan::new(7).with(FaultRule::on_delivery(Fault::Drop).with_times(2)))?;
    /// // … start the client, and send it something …
    /// let struck = pubsub.wait_for(|state| state.faults.struck() == 2);
    /// // Here nothing happens, and the error says what the state is instead.
    /// let error = struck.with_timeout(Duration::from_millis(10)).await.unwrap_err();
    /// assert!(error.is_timeout());
    /// assert!(error.to_string().contains("rule 0 struck 0 times"));
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
        condition: impl FnMut(&PubSubState) -> bool + Send + 'a,
    ) -> WaitFor<'a, PubSubState> {
        let live = Arc::clone(&self.live);
        WaitFor::new(
            self.live.changes(),
            self.live.runtime(),
            move || live.now().state(),
            condition,
        )
    }

    /// Returns the host and port of the endpoint.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.names.plain_host(), self.port())
    }

    fn port(&self) -> u16 {
        // It is the same at all addresses.
        self.server.local_addrs()[0].port()
    }

    fn connection_string_of(&self, key: &Secret) -> Secret {
        self.connection_string_at("http", &self.names.plain_host(), key)
    }

    fn connection_string_at(&self, scheme: &str, host: &str, key: &Secret) -> Secret {
        Secret::new(format!(
            "Endpoint={scheme}://{host};Port={};AccessKey={};Version=1.0;",
            self.port(),
            key.expose()
        ))
    }
}

impl Drop for PubSub {
    fn drop(&mut self) {
        self.live.shut_down();
    }
}
