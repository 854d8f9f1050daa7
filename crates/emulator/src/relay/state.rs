//! The state of the Relay side, as tests see it. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::fault::FaultState;

/// The state of the Relay side: a snapshot, which does not change afterwards.
///
/// It serialises as what `GET state` of the admin API on Relay's ports returns. `Display` is one
/// line for the message of a failed test.
///
/// ```
/// use azwire_emulator::Emulator;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> azwire_emulator::Result<()> {
/// let emulator = Emulator::builder().hybrid_connection("orders")?.start().await?;
/// let state = emulator.relay().state();
/// assert!(state.listeners("orders").is_empty());
/// assert_eq!(state.hybrid_connection("orders").pending_rendezvous, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct RelayState {
    /// The hybrid connections by path in lower case, configured or created.
    pub hybrid_connections: BTreeMap<String, HybridConnectionState>,
    /// How many rendezvous no listener has opened yet, for WebSockets and for requests.
    pub pending_rendezvous: usize,
    /// How many requests a listener may still answer on its control channel.
    pub pending_requests: usize,
    /// How many rendezvous listeners keep open for the sender's next request.
    pub idle_rendezvous: usize,
    /// The armed faults, and how often each has struck.
    pub faults: FaultState,
}

impl RelayState {
    /// Returns the hybrid connection at exactly this path, compared without case; one in which
    /// nothing happens if it does not exist.
    pub fn hybrid_connection(&self, path: &str) -> &HybridConnectionState {
        let path = path.trim_matches('/').to_lowercase();
        self.hybrid_connections.get(&path).unwrap_or(&QUIET)
    }

    /// Returns the ids of the listeners of a hybrid connection, as
    /// [`hybrid_connection`](Self::hybrid_connection) finds it.
    pub fn listeners(&self, path: &str) -> &[String] {
        &self.hybrid_connection(path).listeners
    }
}

/// The hybrid connections, then the faults.
impl fmt::Display for RelayState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, state) in &self.hybrid_connections {
            write!(f, "{path}: {state}; ")?;
        }
        write!(f, "faults: {}", self.faults)
    }
}

/// The state of one hybrid connection of [`RelayState`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct HybridConnectionState {
    /// The ids (`sb-hc-id`) of the listeners, in the order in which they connected.
    pub listeners: Vec<String>,
    /// The ids (`sb-hc-id`) of the senders that are joined to a listener by a WebSocket, sorted.
    pub senders: Vec<String>,
    /// These senders with their listeners, in the order in which the senders connected.
    pub pairs: Vec<JoinedPairState>,
    /// How many of its rendezvous no listener has opened yet.
    pub pending_rendezvous: usize,
    /// How many of its requests a listener may still answer on its control channel.
    pub pending_requests: usize,
    /// How many of its rendezvous listeners keep open for the sender's next request.
    pub idle_rendezvous: usize,
}

impl fmt::Display for HybridConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            listeners,
            senders,
            pairs: _,
            pending_rendezvous,
            pending_requests,
            idle_rendezvous,
        } = self;
        write!(
            f,
            "listeners {listeners:?}, senders {senders:?}, {pending_rendezvous} rendezvous and \
             {pending_requests} requests pending, {idle_rendezvous} rendezvous idle"
        )
    }
}

/// A sender and a listener that are joined by a WebSocket; part of [`HybridConnectionState`].
///
/// The bytes are those of the frames that were sent on, without pings and pongs, whose other end
/// is the relay. A change of theirs alone does not wake [`Relay::wait_for`](crate::Relay::wait_for).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct JoinedPairState {
    /// The id (`sb-hc-id`) of the sender.
    pub sender: String,
    /// The id of the listener.
    pub listener: String,
    /// How many bytes the listener was sent.
    pub bytes_to_listener: u64,
    /// How many bytes the sender was sent.
    pub bytes_to_sender: u64,
}

/// A hybrid connection in which nothing happens.
static QUIET: HybridConnectionState = HybridConnectionState {
    listeners: Vec::new(),
    senders: Vec::new(),
    pairs: Vec::new(),
    pending_rendezvous: 0,
    pending_requests: 0,
    idle_rendezvous: 0,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hybrid_connections_are_found_without_case_and_shown_in_one_line() {
        let listening = HybridConnectionState {
            listeners: vec!["a".to_owned()],
            pending_rendezvous: 1,
            ..HybridConnectionState::default()
        };
        let state = RelayState {
            hybrid_connections: [("team/a".to_owned(), listening)].into(),
            ..RelayState::default()
        };
        for (path, listeners) in [("team/a", 1), ("/Team/A/", 1), ("team", 0), ("", 0)] {
            assert_eq!(state.listeners(path).len(), listeners, "{path}");
        }
        assert_eq!(
            state.to_string(),
            "team/a: listeners [\"a\"], senders [], 1 rendezvous and 0 requests pending, \
             0 rendezvous idle; faults: no rules"
        );
    }
}
