//! The client of one user.

use super::{CloseOptions, Content, SendOptions, ServiceClient};
use crate::{Error, GroupName, Result, UserId};

/// A client for the connections of one user, with the operations of [`ServiceClient`] on them.
///
/// ```no_run
/// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
/// let ann = chat.user("ann")?;
/// if ann.exists().await? {
///     ann.send("hello, Ann", None).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct UserClient {
    client: ServiceClient,
    user_id: UserId,
}

impl UserClient {
    pub(super) fn new(client: ServiceClient, user_id: UserId) -> Self {
        Self { client, user_id }
    }

    /// Returns the id of the user.
    pub fn id(&self) -> &UserId {
        &self.user_id
    }

    /// Sends to every connection of the user.
    ///
    /// ```no_run
    /// # async fn run(ann: azwire_pubsub::UserClient) -> Result<(), azwire_pubsub::Error> {
    /// ann.send("hello, ann", None).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::send_to_user`].
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
            .send_to_user(&self.user_id, content, options)
            .await
    }

    /// Returns whether the user has any connection.
    ///
    /// ```no_run
    /// # async fn run(ann: azwire_pubsub::UserClient) -> Result<(), azwire_pubsub::Error> {
    /// if !ann.exists().await? {
    ///     println!("ann has no connection");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::user_exists`].
    pub async fn exists(&self) -> Result<bool> {
        self.client.user_exists(&self.user_id).await
    }

    /// Adds the current connections of the user to a group.
    ///
    /// ```no_run
    /// # async fn run(ann: azwire_pubsub::UserClient) -> Result<(), azwire_pubsub::Error> {
    /// ann.add_to_group("room-7").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::add_user_to_group`].
    pub async fn add_to_group(
        &self,
        group: impl TryInto<GroupName, Error: Into<Error>>,
    ) -> Result<()> {
        self.client.add_user_to_group(group, &self.user_id).await
    }

    /// Removes the current connections of the user from a group.
    ///
    /// ```no_run
    /// # async fn run(ann: azwire_pubsub::UserClient) -> Result<(), azwire_pubsub::Error> {
    /// ann.remove_from_group("room-7").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::remove_user_from_group`].
    pub async fn remove_from_group(
        &self,
        group: impl TryInto<GroupName, Error: Into<Error>>,
    ) -> Result<()> {
        self.client
            .remove_user_from_group(group, &self.user_id)
            .await
    }

    /// Removes the current connections of the user from every group.
    ///
    /// ```no_run
    /// # async fn run(ann: azwire_pubsub::UserClient) -> Result<(), azwire_pubsub::Error> {
    /// ann.remove_from_all_groups().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::remove_user_from_all_groups`].
    pub async fn remove_from_all_groups(&self) -> Result<()> {
        self.client.remove_user_from_all_groups(&self.user_id).await
    }

    /// Closes every connection of the user.
    ///
    /// ```no_run
    /// use azwire_pubsub::CloseOptions;
    ///
    /// # async fn run(ann: azwire_pubsub::UserClient) -> Result<(), azwire_pubsub::Error> {
    /// let goodbye = CloseOptions::default().with_reason("signed out");
    /// ann.close_connections(goodbye).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::close_user_connections`].
    pub async fn close_connections(&self, options: impl Into<Option<CloseOptions>>) -> Result<()> {
        self.client
            .close_user_connections(&self.user_id, options)
            .await
    }
}
