//! The state of a hub, for tests and the admin API. Pure.

use super::Hub;
use crate::pubsub::connection::Connection;
use crate::pubsub::state::{HubConnection, HubState};

impl Hub {
    /// Returns a snapshot.
    pub(in crate::pubsub) fn state(&self) -> HubState {
        let mut state = HubState {
            groups: self.groups.names().map(str::to_owned).collect(),
            users: self.users.names().map(str::to_owned).collect(),
            groups_with_states: self.states.len(),
            ..HubState::default()
        };
        for connection in self.connections.values() {
            let depth = connection.send_queue.depth();
            state.queued_messages += depth.messages;
            state.queued_bytes += depth.bytes;
            state.unacknowledged_messages += depth.unacknowledged;
            state.unacknowledged_bytes += depth.unacknowledged_bytes;
            state.expired_messages += depth.expired;
            state.connections_to_recover += usize::from(connection.lost.is_some());
            state.connections.push(HubConnection {
                queued_messages: depth.messages,
                queued_bytes: depth.bytes,
                unacknowledged_messages: depth.unacknowledged,
                expired_messages: depth.expired,
                ..connection.state()
            });
        }
        state
    }
}

impl Connection {
    /// Returns a snapshot without its queue.
    fn state(&self) -> HubConnection {
        HubConnection {
            id: self.id().to_string(),
            number: self.number(),
            user_id: self.user_id.as_deref().map(str::to_owned),
            subprotocol: self.subprotocol.map(|name| name.as_str().to_owned()),
            groups: self.groups.iter().map(|group| group.to_string()).collect(),
            permissions: self.permissions.state(),
            open_streams: self.streams.len(),
            is_lost: self.lost.is_some(),
            ..HubConnection::default()
        }
    }
}
