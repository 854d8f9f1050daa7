//! The client of one connection.

use super::{CloseOptions, Content, Permission, SendOptions, ServiceClient};
use crate::{ConnectionId, Error, GroupName, Result};

/// A client for one connection, with the operations of [`ServiceClient`] on it.
///
/// ```no_run
/// use azwire_pubsub::{CloseOptions, Permission};
///
/// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
/// let connection = chat.connection("connection-id")?;
/// connection.revoke_permission(Permission::send_to_group("room-7")?).await?;
/// connection.close(CloseOptions::default().with_reason("spam")).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ConnectionClient {
    client: ServiceClient,
    connection_id: ConnectionId,
}

impl ConnectionClient {
    pub(super) fn new(client: ServiceClient, connection_id: ConnectionId) -> Self {
        Self {
            client,
            connection_id,
        }
    }

    /// Returns the id of the connection.
    pub fn id(&self) -> &ConnectionId {
        &self.connection_id
    }

    /// Sends to the connection.
    ///
    /// ```no_run
    /// # async fn run(one: azwire_pubsub::ConnectionClient) -> Result<(), azwire_pubsub::Error> {
    /// one.send("hello, you", None).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::send_to_connection`].
    ///
    /// # Cancel safety
    ///
    /// Same as [`ServiceClient::send_to_all`].
    pub async fn send(
        &self,
        content: impl Into<Content>,
        options: impl Into<Option<SendOptions>>,
    ) -> Result<()> {
        self.client
            .send_to_connection(&self.connection_id, content, options)
            .await
    }

    /// Returns whether the connection exists.
    ///
    /// ```no_run
    /// # async fn run(one: azwire_pubsub::ConnectionClient) -> Result<(), azwire_pubsub::Error> {
    /// if !one.exists().await? {
    ///     println!("it is gone");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::connection_exists`].
    pub async fn exists(&self) -> Result<bool> {
        self.client.connection_exists(&self.connection_id).await
    }

    /// Closes the connection.
    ///
    /// ```no_run
    /// use azwire_pubsub::CloseOptions;
    ///
    /// # async fn run(one: azwire_pubsub::ConnectionClient) -> Result<(), azwire_pubsub::Error> {
    /// one.close(CloseOptions::default().with_reason("idle")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::close_connection`].
    pub async fn close(&self, options: impl Into<Option<CloseOptions>>) -> Result<()> {
        self.client
            .close_connection(&self.connection_id, options)
            .await
    }

    /// Adds the connection to a group.
    ///
    /// ```no_run
    /// # async fn run(one: azwire_pubsub::ConnectionClient) -> Result<(), azwire_pubsub::Error> {
    /// one.add_to_group("room-7").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::add_connection_to_group`].
    pub async fn add_to_group(
        &self,
        group: impl TryInto<GroupName, Error: Into<Error>>,
    ) -> Result<()> {
        self.client
            .add_connection_to_group(group, &self.connection_id)
            .await
    }

    /// Removes the connection from a group.
    ///
    /// ```no_run
    /// # async fn run(one: azwire_pubsub::ConnectionClient) -> Result<(), azwire_pubsub::Error> {
    /// one.remove_from_group("room-7").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::remove_connection_from_group`].
    pub async fn remove_from_group(
        &self,
        group: impl TryInto<GroupName, Error: Into<Error>>,
    ) -> Result<()> {
        self.client
            .remove_connection_from_group(group, &self.connection_id)
            .await
    }

    /// Removes the connection from every group.
    ///
    /// ```no_run
    /// # async fn run(one: azwire_pubsub::ConnectionClient) -> Result<(), azwire_pubsub::Error> {
    /// one.remove_from_all_groups().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::remove_connection_from_all_groups`].
    pub async fn remove_from_all_groups(&self) -> Result<()> {
        self.client
            .remove_connection_from_all_groups(&self.connection_id)
            .await
    }

    /// Grants a permission to the connection.
    ///
    /// ```no_run
    /// use azwire_pubsub::Permission;
    ///
    /// # async fn run(one: azwire_pubsub::ConnectionClient) -> Result<(), azwire_pubsub::Error> {
    /// one.grant_permission(Permission::send_to_group("room-7")?).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::grant_permission`].
    pub async fn grant_permission(&self, permission: Permission) -> Result<()> {
        self.client
            .grant_permission(permission, &self.connection_id)
            .await
    }

    /// Revokes a permission from the connection.
    ///
    /// ```no_run
    /// use azwire_pubsub::Permission;
    ///
    /// # async fn run(one: azwire_pubsub::ConnectionClient) -> Result<(), azwire_pubsub::Error> {
    /// one.revoke_permission(Permission::send_to_group("room-7")?).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::revoke_permission`].
    pub async fn revoke_permission(&self, permission: Permission) -> Result<()> {
        self.client
            .revoke_permission(permission, &self.connection_id)
            .await
    }

    /// Returns whether the connection has a permission.
    ///
    /// ```no_run
    /// use azwire_pubsub::Permission;
    ///
    /// # async fn run(one: azwire_pubsub::ConnectionClient) -> Result<(), azwire_pubsub::Error> {
    /// if one.check_permission(Permission::send_to_any_group()).await? {
    ///     println!("it may send to every group");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::check_permission`].
    pub async fn check_permission(&self, permission: Permission) -> Result<bool> {
        self.client
            .check_permission(permission, &self.connection_id)
            .await
    }
}
