//! Group states.

use std::collections::BTreeMap;

/// The states of members of one group.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct GroupStates {
    /// The group.
    pub group: String,
    /// The members.
    pub items: Vec<GroupStateItem>,
    /// The sequence id, on reliable subprotocols.
    pub sequence_id: Option<u64>,
}

impl GroupStates {
    /// Creates group states without a sequence id.
    pub fn new(group: impl Into<String>, items: Vec<GroupStateItem>) -> Self {
        Self {
            group: group.into(),
            items,
            sequence_id: None,
        }
    }
}

/// The state of one member of a group.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct GroupStateItem {
    /// The connection id of the member.
    pub connection_id: String,
    /// The user id of the member; `None` if anonymous.
    pub user_id: Option<String>,
    /// The state; `None` if it was cleared.
    pub state: Option<BTreeMap<String, String>>,
    /// The time of the last change, in milliseconds since 1970; increases with every change at one
    /// server.
    pub updated_at_ms: i64,
}

impl GroupStateItem {
    /// Creates an item without a user or a state.
    pub fn new(connection_id: impl Into<String>, updated_at_ms: i64) -> Self {
        Self {
            connection_id: connection_id.into(),
            user_id: None,
            state: None,
            updated_at_ms,
        }
    }
}
