//! Roles: what a client may do.

use std::fmt;

use crate::{Error, GroupName, GroupPattern, Result};

/// A role: a permission of a client, as its token states it.
///
/// Source: the service's list of roles, wildcard patterns included; for group
/// state, the tokens of the official Chat clients. A client without
/// roles may send events and receive messages.
///
/// ```
/// use azwire_pubsub::Role;
///
/// let role = Role::join_leave_group("room-7")?;
/// assert_eq!(role.to_string(), "webpubsub.joinLeaveGroup.room-7");
/// let role = Role::send_to_groups("room-*")?;
/// assert_eq!(role.to_string(), "webpubsub.sendToGroups.room-*");
/// # Ok::<(), azwire_pubsub::Error>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Role {
    /// Join and leave any group.
    JoinLeaveAnyGroup,
    /// Join and leave one group.
    JoinLeaveGroup(GroupName),
    /// Join and leave the groups that match a pattern.
    JoinLeaveGroups(GroupPattern),
    /// Publish to any group.
    SendToAnyGroup,
    /// Publish to one group.
    SendToGroup(GroupName),
    /// Publish to the groups that match a pattern.
    SendToGroups(GroupPattern),
    /// Query the member states of any group.
    GetAnyGroupState,
    /// Query the member states of one group.
    GetGroupState(GroupName),
    /// Set or clear the connection's own state in any group.
    SetAnyGroupState,
    /// Set or clear the connection's own state in one group.
    SetGroupState(GroupName),
}

impl Role {
    /// The role to join and leave one group.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid name.
    pub fn join_leave_group(group: impl TryInto<GroupName, Error: Into<Error>>) -> Result<Self> {
        let group = group.try_into().map_err(Into::into)?;
        Ok(Self::JoinLeaveGroup(group))
    }

    /// The role to join and leave the groups that match a pattern.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid pattern.
    pub fn join_leave_groups(
        pattern: impl TryInto<GroupPattern, Error: Into<Error>>,
    ) -> Result<Self> {
        let pattern = pattern.try_into().map_err(Into::into)?;
        Ok(Self::JoinLeaveGroups(pattern))
    }

    /// The role to publish to one group.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid name.
    pub fn send_to_group(group: impl TryInto<GroupName, Error: Into<Error>>) -> Result<Self> {
        let group = group.try_into().map_err(Into::into)?;
        Ok(Self::SendToGroup(group))
    }

    /// The role to publish to the groups that match a pattern.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid pattern.
    pub fn send_to_groups(pattern: impl TryInto<GroupPattern, Error: Into<Error>>) -> Result<Self> {
        let pattern = pattern.try_into().map_err(Into::into)?;
        Ok(Self::SendToGroups(pattern))
    }

    /// The role to query the member states of one group.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid name.
    pub fn get_group_state(group: impl TryInto<GroupName, Error: Into<Error>>) -> Result<Self> {
        let group = group.try_into().map_err(Into::into)?;
        Ok(Self::GetGroupState(group))
    }

    /// The role to set or clear the connection's own state in one group.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid name.
    pub fn set_group_state(group: impl TryInto<GroupName, Error: Into<Error>>) -> Result<Self> {
        let group = group.try_into().map_err(Into::into)?;
        Ok(Self::SetGroupState(group))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JoinLeaveAnyGroup => f.write_str("webpubsub.joinLeaveGroup"),
            Self::JoinLeaveGroup(group) => write!(f, "webpubsub.joinLeaveGroup.{group}"),
            Self::JoinLeaveGroups(pattern) => write!(f, "webpubsub.joinLeaveGroups.{pattern}"),
            Self::SendToAnyGroup => f.write_str("webpubsub.sendToGroup"),
            Self::SendToGroup(group) => write!(f, "webpubsub.sendToGroup.{group}"),
            Self::SendToGroups(pattern) => write!(f, "webpubsub.sendToGroups.{pattern}"),
            Self::GetAnyGroupState => f.write_str("webpubsub.getGroupState"),
            Self::GetGroupState(group) => write!(f, "webpubsub.getGroupState.{group}"),
            Self::SetAnyGroupState => f.write_str("webpubsub.setGroupState"),
            Self::SetGroupState(group) => write!(f, "webpubsub.setGroupState.{group}"),
        }
    }
}
