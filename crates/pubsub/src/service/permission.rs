//! Permissions of open connections.

use super::ServiceClient;
use super::request::RequestBuilder;
use crate::generated::operations::{self, Operation};
use crate::{ConnectionId, Error, GroupName, Result};

impl ServiceClient {
    /// Grants a permission to a connection.
    ///
    /// ```no_run
    /// use azwire_pubsub::Permission;
    ///
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.grant_permission(Permission::send_to_group("room-7")?, "connection-id").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors); for a connection that does not exist,
    /// status 404 with `Info.Connection.NotExisted`.
    pub async fn grant_permission(
        &self,
        permission: Permission,
        connection_id: impl TryInto<ConnectionId, Error: Into<Error>>,
    ) -> Result<()> {
        let connection = connection_id.try_into().map_err(Into::into)?;
        let request = self.about(&operations::GRANT_PERMISSION, &permission, &connection)?;
        self.run(request).await
    }

    /// Revokes a permission from a connection, including one that a role grants. If the
    /// connection no longer exists, or has no such permission, that is no error.
    ///
    /// ```no_run
    /// use azwire_pubsub::Permission;
    ///
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.revoke_permission(Permission::join_leave_group("room-7")?, "connection-id").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors).
    pub async fn revoke_permission(
        &self,
        permission: Permission,
        connection_id: impl TryInto<ConnectionId, Error: Into<Error>>,
    ) -> Result<()> {
        let connection = connection_id.try_into().map_err(Into::into)?;
        let request = self.about(&operations::REVOKE_PERMISSION, &permission, &connection)?;
        self.run(request).await
    }

    /// Returns whether a connection has a permission.
    ///
    /// ```no_run
    /// use azwire_pubsub::Permission;
    ///
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// let may_send = chat.check_permission(Permission::send_to_group("room-7")?, "connection-id").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors); a connection that does not exist is `false`.
    #[doc(alias = "has_permission")]
    pub async fn check_permission(
        &self,
        permission: Permission,
        connection_id: impl TryInto<ConnectionId, Error: Into<Error>>,
    ) -> Result<bool> {
        let connection = connection_id.try_into().map_err(Into::into)?;
        let request = self.about(&operations::CHECK_PERMISSION, &permission, &connection)?;
        self.ask(request).await
    }

    fn about(
        &self,
        operation: &'static Operation,
        permission: &Permission,
        connection: &ConnectionId,
    ) -> Result<RequestBuilder<'_>> {
        let names = [
            ("permission", permission.name()),
            ("connectionId", connection.as_str()),
        ];
        let target = permission.group.as_ref().map(GroupName::as_str);
        Ok(self
            .request(operation, &names)?
            .query_each("targetName", target))
    }
}

/// A permission of a connection.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[doc(alias = "WebPubSubPermission")]
pub struct Permission {
    action: Action,
    group: Option<GroupName>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Action {
    JoinLeaveGroup,
    SendToGroup,
}

impl Permission {
    /// The permission to join and leave one group.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid name.
    pub fn join_leave_group(group: impl TryInto<GroupName, Error: Into<Error>>) -> Result<Self> {
        Ok(Self {
            action: Action::JoinLeaveGroup,
            group: Some(group.try_into().map_err(Into::into)?),
        })
    }

    /// The permission to publish to one group.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid name.
    pub fn send_to_group(group: impl TryInto<GroupName, Error: Into<Error>>) -> Result<Self> {
        Ok(Self {
            action: Action::SendToGroup,
            group: Some(group.try_into().map_err(Into::into)?),
        })
    }

    /// The permission to join and leave any group.
    ///
    /// The REST description includes it, but the response to a recorded revocation was 400.
    pub fn join_leave_any_group() -> Self {
        Self {
            action: Action::JoinLeaveGroup,
            group: None,
        }
    }

    /// The permission to publish to any group; see
    /// [`join_leave_any_group`](Self::join_leave_any_group).
    pub fn send_to_any_group() -> Self {
        Self {
            action: Action::SendToGroup,
            group: None,
        }
    }

    /// Returns its name in the REST interface.
    pub fn name(&self) -> &'static str {
        match self.action {
            Action::JoinLeaveGroup => "joinLeaveGroup",
            Action::SendToGroup => "sendToGroup",
        }
    }

    /// Returns its group; `None` if it applies to any group.
    pub fn group(&self) -> Option<&GroupName> {
        self.group.as_ref()
    }
}
