//! The state of a hub, for the admin API. Pure.

use std::collections::BTreeSet;

use super::Hub;

impl Hub {
    /// Returns counts for `/_emulator/state`.
    pub(in crate::pubsub) fn state(&self) -> serde_json::Value {
        let mut queued = (0, 0);
        let mut unacknowledged = (0, 0);
        let mut expired = 0;
        let mut lost = 0;
        for connection in self.connections.values() {
            let depth = connection.send_queue.depth();
            queued = (queued.0 + depth.messages, queued.1 + depth.bytes);
            unacknowledged.0 += depth.unacknowledged;
            unacknowledged.1 += depth.unacknowledged_bytes;
            expired += depth.expired;
            lost += usize::from(connection.lost.is_some());
        }
        serde_json::json!({
            "connections": self.connections.len(),
            "connectionsToRecover": lost,
            "groups": self.groups.len(),
            "users": self.users.len(),
            "groupsWithStates": self.states.len(),
            "queuedMessages": queued.0,
            "queuedBytes": queued.1,
            "unacknowledgedMessages": unacknowledged.0,
            "unacknowledgedBytes": unacknowledged.1,
            "expiredMessages": expired,
        })
    }

    /// Returns each connection, for `/_emulator/connections`.
    pub(in crate::pubsub) fn connections_state(&self) -> Vec<serde_json::Value> {
        self.connections
            .values()
            .map(|connection| {
                let depth = connection.send_queue.depth();
                serde_json::json!({
                    "connectionId": &**connection.id(),
                    "number": connection.number(),
                    "userId": connection.user_id.as_deref(),
                    "subprotocol": connection.subprotocol.map(|name| name.as_str()),
                    "groups": connection.groups.iter().map(|group| &**group).collect::<BTreeSet<_>>(),
                    "openStreams": connection.streams.len(),
                    "isLost": connection.lost.is_some(),
                    "queuedMessages": depth.messages,
                    "queuedBytes": depth.bytes,
                    "unacknowledgedMessages": depth.unacknowledged,
                    "expiredMessages": depth.expired,
                })
            })
            .collect()
    }
}
