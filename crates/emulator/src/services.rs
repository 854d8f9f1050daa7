//! The services of an emulator, and their way back to the start.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures::future::{OptionFuture, join};
use tokio::sync::Mutex;
use transport::SharedRuntime;

use crate::clock::EmulatorClock;
use crate::identity::Authority;
use crate::journal::Journal;
use crate::live::{Live, Retired};
#[cfg(feature = "pubsub")]
use crate::pubsub;
#[cfg(feature = "relay")]
use crate::relay;

/// What every port shares.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) clock: EmulatorClock,
    pub(crate) journal: Journal,
    #[cfg(feature = "pubsub")]
    pub(crate) pubsub: Option<Arc<Live<pubsub::Service>>>,
    #[cfg(feature = "relay")]
    pub(crate) relay: Option<Arc<Live<relay::Namespace>>>,
    pub(crate) identity: Option<Arc<Authority>>,
    pub(crate) runtime: SharedRuntime,
    pub(crate) started: Instant,
    /// Held during a reset: there is one at a time.
    pub(crate) resetting: Mutex<()>,
    /// Set when every port is open. No reset changes it.
    pub(crate) ready_line: OnceLock<String>,
}

/// The service that a port is for.
#[derive(Clone, Debug)]
pub(crate) enum Side {
    #[cfg(feature = "pubsub")]
    PubSub(Arc<Live<pubsub::Service>>),
    #[cfg(feature = "relay")]
    Relay(Arc<Live<relay::Namespace>>),
    Identity(Arc<Authority>),
}

impl Services {
    /// Makes everything as after a start; completes when nothing is left of what was before.
    ///
    /// # Cancel safety
    ///
    /// From its first poll on, everything is new. If it is dropped, the old
    /// connections end without a close frame.
    pub(crate) async fn reset(&self) {
        let _one = self.resetting.lock().await;
        // First, because a new service begins with the time.
        self.clock.reset();
        self.journal.reset();
        if let Some(authority) = &self.identity {
            authority.reset();
        }
        #[cfg(feature = "pubsub")]
        let pubsub = self.pubsub.as_deref().map(Live::replace);
        #[cfg(not(feature = "pubsub"))]
        let pubsub = None::<Retired<relay::Namespace>>;
        #[cfg(feature = "relay")]
        let relay = self.relay.as_deref().map(Live::replace);
        #[cfg(not(feature = "relay"))]
        let relay = None::<Retired<pubsub::Service>>;
        let pubsub = OptionFuture::from(pubsub.map(Retired::end));
        let relay = OptionFuture::from(relay.map(Retired::end));
        join(pubsub, relay).await;
        tracing::info!("the emulator was reset");
    }

    /// Returns how long the emulator has been running. Real time.
    pub(crate) fn uptime(&self) -> Duration {
        self.runtime.now() - self.started
    }
}
