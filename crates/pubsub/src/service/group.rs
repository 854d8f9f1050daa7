//! The client of one group.

use super::{CloseOptions, Content, GroupMembers, ListOptions, SendOptions, ServiceClient};
use crate::{ConnectionId, Error, GroupName, Result, UserId};

/// A client for one group, with the operations of [`ServiceClient`] on it.
///
/// ```no_run
/// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
/// let room = chat.group("room-7")?;
/// room.add_user("ann").await?;
/// room.send("hello, room", None).await?;
/// # Ok(())
/// # }
/// ```
#[doc(alias = "WebPubSubGroup")]
#[derive(Clone, Debug)]
pub struct GroupClient {
    client: ServiceClient,
    group: GroupName,
}

impl GroupClient {
    pub(super) fn new(client: ServiceClient, group: GroupName) -> Self {
        Self { client, group }
    }

    /// Returns the name of the group.
    pub fn name(&self) -> &GroupName {
        &self.group
    }

    /// Sends to every connection in the group.
    ///
    /// ```no_run
    /// use azwire_pubsub::Content;
    ///
    /// # async fn run(room: azwire_pubsub::GroupClient) -> Result<(), azwire_pubsub::Error> {
    /// let hello = Content::json(&["hello"])?;
    /// room.send(hello, None).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::send_to_group`].
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
            .send_to_group(&self.group, content, options)
            .await
    }

    /// Returns whether the group has any connection.
    ///
    /// ```no_run
    /// # async fn run(room: azwire_pubsub::GroupClient) -> Result<(), azwire_pubsub::Error> {
    /// if !room.exists().await? {
    ///     println!("{} is empty", room.name());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::group_exists`].
    pub async fn exists(&self) -> Result<bool> {
        self.client.group_exists(&self.group).await
    }

    /// Lists the connections in the group.
    ///
    /// ```no_run
    /// use futures::TryStreamExt;
    ///
    /// # async fn run(room: azwire_pubsub::GroupClient) -> Result<(), azwire_pubsub::Error> {
    /// let members: Vec<_> = room.list_connections(None)?.try_collect().await?;
    /// println!("{} connections", members.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::list_connections_in_group`].
    pub fn list_connections(
        &self,
        options: impl Into<Option<ListOptions>>,
    ) -> Result<GroupMembers> {
        self.client.list_connections_in_group(&self.group, options)
    }

    /// Adds a connection to the group.
    ///
    /// ```no_run
    /// # async fn run(room: azwire_pubsub::GroupClient) -> Result<(), azwire_pubsub::Error> {
    /// room.add_connection("connection-id").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::add_connection_to_group`].
    pub async fn add_connection(
        &self,
        connection_id: impl TryInto<ConnectionId, Error: Into<Error>>,
    ) -> Result<()> {
        self.client
            .add_connection_to_group(&self.group, connection_id)
            .await
    }

    /// Removes a connection from the group.
    ///
    /// ```no_run
    /// # async fn run(room: azwire_pubsub::GroupClient) -> Result<(), azwire_pubsub::Error> {
    /// room.remove_connection("connection-id").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::remove_connection_from_group`].
    pub async fn remove_connection(
        &self,
        connection_id: impl TryInto<ConnectionId, Error: Into<Error>>,
    ) -> Result<()> {
        self.client
            .remove_connection_from_group(&self.group, connection_id)
            .await
    }

    /// Adds the current connections of a user to the group.
    ///
    /// ```no_run
    /// # async fn run(room: azwire_pubsub::GroupClient) -> Result<(), azwire_pubsub::Error> {
    /// room.add_user("ann").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::add_user_to_group`].
    pub async fn add_user(&self, user_id: impl TryInto<UserId, Error: Into<Error>>) -> Result<()> {
        self.client.add_user_to_group(&self.group, user_id).await
    }

    /// Removes the current connections of a user from the group.
    ///
    /// ```no_run
    /// # async fn run(room: azwire_pubsub::GroupClient) -> Result<(), azwire_pubsub::Error> {
    /// room.remove_user("ann").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::remove_user_from_group`].
    pub async fn remove_user(
        &self,
        user_id: impl TryInto<UserId, Error: Into<Error>>,
    ) -> Result<()> {
        self.client
            .remove_user_from_group(&self.group, user_id)
            .await
    }

    /// Closes every connection in the group.
    ///
    /// ```no_run
    /// use azwire_pubsub::CloseOptions;
    ///
    /// # async fn run(room: azwire_pubsub::GroupClient) -> Result<(), azwire_pubsub::Error> {
    /// let goodbye = CloseOptions::default().with_reason("the room is closed");
    /// room.close_connections(goodbye).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::close_group_connections`].
    pub async fn close_connections(&self, options: impl Into<Option<CloseOptions>>) -> Result<()> {
        self.client
            .close_group_connections(&self.group, options)
            .await
    }
}
