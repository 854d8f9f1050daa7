//! The public handle of the Web PubSub side.

use std::net::SocketAddr;
use std::sync::Arc;

use auth::Secret;
use transport::net::Server;

use super::Service;
use crate::config::EventHandlerConfig;
use crate::fault::FaultPlan;
use crate::{Error, Result};

/// The Web PubSub side of an emulator: its address, keys, state and faults.
///
/// Dropping its [`Emulator`](crate::Emulator) ends every connection.
#[derive(Debug)]
pub struct PubSub {
    pub(crate) service: Arc<Service>,
    pub(crate) server: Server,
    pub(crate) access_key: Secret,
    pub(crate) secondary_key: Option<Secret>,
}

impl PubSub {
    /// Returns the endpoint, `http://127.0.0.1:{port}`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Returns the connection string with the access key.
    pub fn connection_string(&self) -> Secret {
        self.connection_string_of(&self.access_key)
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
        let armed = self.service.arm(plan);
        armed.map_err(|error| Error::message(error.to_string()))
    }

    /// Adds an event handler, for the connections that open from now on.
    ///
    /// # Errors
    ///
    /// Fails with one line if the hub name is invalid or the template is not a URL.
    pub fn add_event_handler(&self, handler: EventHandlerConfig) -> Result<()> {
        handler.check()?;
        self.service.add_event_handler(handler);
        Ok(())
    }

    /// Disarms all faults. Connections that were struck stay struck.
    pub fn disarm(&self) {
        self.service.disarm();
    }

    /// Returns counts by hub: connections, groups and queued messages, among
    /// others. For tests; the format may change.
    pub fn state(&self) -> serde_json::Value {
        self.service.state()
    }

    /// Returns the connections of each hub. For tests; the format may change.
    pub fn connections(&self) -> serde_json::Value {
        self.service.connections()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        // Exactly one address was bound.
        self.server.local_addrs()[0]
    }

    fn connection_string_of(&self, key: &Secret) -> Secret {
        let address = self.address();
        Secret::new(format!(
            "Endpoint=http://{};Port={};AccessKey={};Version=1.0;",
            address.ip(),
            address.port(),
            key.expose()
        ))
    }
}

impl Drop for PubSub {
    fn drop(&mut self) {
        self.service.shut_down();
    }
}
