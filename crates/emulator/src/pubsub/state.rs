//! The state of the Web PubSub side, as tests see it. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Serialize, Serializer};

use crate::fault::FaultState;

/// The state of the Web PubSub side: a snapshot, which does not change afterwards.
///
/// It serialises as what `GET state` of the admin API returns, which has numbers where this has
/// lists. `Display` is one line for the message of a failed test.
///
/// ```
/// use azwire_emulator::Emulator;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> azwire_emulator::Result<()> {
/// let emulator = Emulator::builder().start().await?;
/// let state = emulator.pubsub().state();
/// assert!(!state.is_connected("ann"));
/// assert!(state.hub("chat").group("room-7").is_empty());
/// assert_eq!(state.slow_connections_dropped, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct PubSubState {
    /// The hubs by name in lower case. A hub exists for as long as it has connections;
    /// [`hub`](Self::hub) finds an empty one otherwise.
    pub hubs: BTreeMap<String, HubState>,
    /// How many connections there have been since the start. A recovered one counts once.
    pub connections_so_far: u64,
    /// How many connections were dropped since the start because their clients read too slowly.
    pub slow_connections_dropped: u64,
    /// How many timers are set: for recovery, idle streams and delayed acknowledgements.
    pub deadlines: usize,
    /// The armed faults, and how often each has struck.
    pub faults: FaultState,
}

impl PubSubState {
    /// Returns a hub, compared without case; an empty one if it has no connections.
    pub fn hub(&self, name: &str) -> &HubState {
        let hub = self.hubs.get(&name.to_ascii_lowercase());
        hub.unwrap_or(&NO_CONNECTIONS)
    }

    /// Returns the connections of all hubs.
    pub fn connections(&self) -> impl Iterator<Item = &HubConnection> {
        self.hubs.values().flat_map(|hub| &hub.connections)
    }

    /// Whether a user is connected to any hub; see [`HubState::is_connected`].
    pub fn is_connected(&self, user_id: &str) -> bool {
        self.hubs.values().any(|hub| hub.is_connected(user_id))
    }
}

/// The connections by hub, then the faults.
impl fmt::Display for PubSubState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.hubs.is_empty() {
            f.write_str("no connections; ")?;
        }
        for (name, hub) in &self.hubs {
            write!(f, "hub {name}: {hub}; ")?;
        }
        write!(f, "faults: {}", self.faults)
    }
}

/// The state of one hub of [`PubSubState`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct HubState {
    /// The connections, ordered by id. Serialised as their number.
    #[serde(serialize_with = "count")]
    pub connections: Vec<HubConnection>,
    /// How many of them have lost their socket and may recover.
    pub connections_to_recover: usize,
    /// The names of the groups; one without members does not exist. Serialised as their number.
    #[serde(serialize_with = "count_names")]
    pub groups: BTreeSet<String>,
    /// The ids of the users with a connection. Serialised as their number.
    #[serde(serialize_with = "count_names")]
    pub users: BTreeSet<String>,
    /// How many groups have states or subscribers to them.
    pub groups_with_states: usize,
    /// How many messages wait to be written.
    pub queued_messages: usize,
    /// The bytes of their payloads.
    pub queued_bytes: usize,
    /// How many messages reliable clients have not acknowledged.
    pub unacknowledged_messages: usize,
    /// The bytes of their payloads.
    pub unacknowledged_bytes: usize,
    /// How many messages of the present connections expired before they were written.
    pub expired_messages: u64,
}

impl HubState {
    /// Returns the members of a group, ordered by id; none if there is no such group.
    pub fn group(&self, name: &str) -> Vec<&HubConnection> {
        let connections = self.connections.iter();
        let members = connections.filter(|connection| connection.groups.contains(name));
        members.collect()
    }

    /// Returns the connections of a user, ordered by id.
    pub fn user(&self, user_id: &str) -> Vec<&HubConnection> {
        let connections = self.connections.iter();
        let own = connections.filter(|connection| connection.user_id.as_deref() == Some(user_id));
        own.collect()
    }

    /// Returns the connection with this id.
    pub fn connection(&self, id: &str) -> Option<&HubConnection> {
        self.connections
            .iter()
            .find(|connection| connection.id == id)
    }

    /// Whether a user has a connection that has not lost its socket.
    ///
    /// That is so from the moment at which the hub sends to it, which may be shortly before
    /// the client learns that it is connected.
    pub fn is_connected(&self, user_id: &str) -> bool {
        let own = self.user(user_id);
        own.iter().any(|connection| !connection.is_lost)
    }
}

/// The connections: `a of ann in {"room-7"}, b (lost)`.
impl fmt::Display for HubState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, connection) in self.connections.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{connection}")?;
        }
        if self.connections.is_empty() {
            f.write_str("no connections")?;
        }
        Ok(())
    }
}

/// A client's connection in a [`HubState`]. It may outlive its sockets.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct HubConnection {
    /// The connection id.
    #[serde(rename = "connectionId")]
    pub id: String,
    /// Numbers connections in the order in which they opened, not without gaps.
    pub number: u64,
    /// The user, if the token or the `connect` handler names one.
    pub user_id: Option<String>,
    /// The name of the subprotocol; `None` for a simple client and for a subprotocol that
    /// the `connect` handler chose.
    pub subprotocol: Option<String>,
    /// The groups that it is in.
    pub groups: BTreeSet<String>,
    /// What it may do in groups: by its roles, as changed by grants and revocations.
    pub permissions: ConnectionPermissions,
    /// How many streams it has begun and not ended.
    pub open_streams: usize,
    /// Whether it has lost its socket and may recover.
    pub is_lost: bool,
    /// How many messages wait to be written to it.
    pub queued_messages: usize,
    /// The bytes of their payloads.
    pub queued_bytes: usize,
    /// How many messages it has not acknowledged; 0 unless it is reliable.
    pub unacknowledged_messages: usize,
    /// How many of its messages expired before they were written.
    pub expired_messages: u64,
}

/// What a connection may do in groups.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct ConnectionPermissions {
    /// To join and to leave.
    pub join_leave_group: GroupPermission,
    /// To send.
    pub send_to_group: GroupPermission,
    /// To receive the states of the members. Whoever may join may do that, too.
    pub get_group_state: GroupPermission,
    /// To set a state of its own. Whoever may join may do that, too.
    pub set_group_state: GroupPermission,
}

/// The groups that a permission is for: those of [`groups`](Self::groups), and those that
/// [`all`](Self::all) or [`patterns`](Self::patterns) cover without
/// [`revoked`](Self::revoked).
///
/// Serialised without what is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase")]
pub struct GroupPermission {
    /// Whether a role covers all groups.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// Single groups, of roles and of grants.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
    /// The patterns of roles, such as `room-*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<String>,
    /// Groups that a role covers, but that were revoked.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub revoked: BTreeSet<String>,
}

impl fmt::Display for HubConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        if let Some(user) = &self.user_id {
            // A client chooses its name: it may contain anything.
            write!(f, " of {}", user.escape_debug())?;
        }
        if !self.groups.is_empty() {
            write!(f, " in {:?}", self.groups)?;
        }
        if self.is_lost {
            f.write_str(" (lost)")?;
        }
        Ok(())
    }
}

fn count<T, S: Serializer>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(list.len() as u64)
}

fn count_names<S: Serializer>(names: &BTreeSet<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(names.len() as u64)
}

/// The hub of no connections.
static NO_CONNECTIONS: HubState = HubState {
    connections: Vec::new(),
    connections_to_recover: 0,
    groups: BTreeSet::new(),
    users: BTreeSet::new(),
    groups_with_states: 0,
    queued_messages: 0,
    queued_bytes: 0,
    unacknowledged_messages: 0,
    unacknowledged_bytes: 0,
    expired_messages: 0,
};

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(id: &str, user: Option<&str>, groups: &[&str], is_lost: bool) -> HubConnection {
        HubConnection {
            id: id.to_owned(),
            user_id: user.map(str::to_owned),
            groups: groups.iter().copied().map(str::to_owned).collect(),
            is_lost,
            ..HubConnection::default()
        }
    }

    fn state() -> PubSubState {
        let connections = vec![
            connection("a", Some("ann"), &["room-7"], true),
            connection("b", Some("b\nob"), &["room-7", "room-8"], false),
            connection("c", None, &[], false),
        ];
        let hub = HubState {
            groups: ["room-7".to_owned(), "room-8".to_owned()].into(),
            users: ["ann".to_owned(), "b\nob".to_owned()].into(),
            connections,
            ..HubState::default()
        };
        PubSubState {
            hubs: [("chat".to_owned(), hub)].into(),
            ..PubSubState::default()
        }
    }

    #[test]
    fn what_is_not_there_is_empty() {
        let state = state();
        let ids = |of: Vec<&HubConnection>| of.iter().map(|it| it.id.clone()).collect::<Vec<_>>();
        let hub = state.hub("CHAT");
        assert_eq!(ids(hub.group("room-7")), ["a", "b"]);
        assert_eq!(ids(hub.group("Room-7")), [""; 0]);
        assert_eq!(ids(hub.user("ann")), ["a"]);
        assert_eq!(hub.connection("c").unwrap().user_id, None);
        assert_eq!(hub.connection("d"), None);
        assert_eq!(state.connections().count(), 3);
        assert!(state.is_connected("b\nob") && !state.is_connected("ann"));
        assert_eq!(*state.hub("other"), HubState::default());
    }

    #[test]
    fn it_is_serialised_as_counts_and_shown_as_one_line() {
        let state = state();
        let json = serde_json::to_value(&state).unwrap();
        let hub = &json["hubs"]["chat"];
        assert_eq!(
            (&hub["connections"], &hub["groups"], &hub["users"]),
            (&3.into(), &2.into(), &2.into())
        );
        assert_eq!(
            state.to_string(),
            "hub chat: a of ann in {\"room-7\"} (lost), b of b\\nob in {\"room-7\", \"room-8\"}, c; \
             faults: no rules"
        );
        assert_eq!(
            PubSubState::default().to_string(),
            "no connections; faults: no rules"
        );
    }
}
