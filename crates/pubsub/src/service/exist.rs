//! Existence checks.

use super::ServiceClient;
use crate::generated::operations;
use crate::{ConnectionId, Error, GroupName, Result, UserId};

impl ServiceClient {
    /// Returns whether a connection exists.
    ///
    /// ```no_run
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// if !chat.connection_exists("connection-id").await? {
    ///     println!("gone");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors); one that does not exist is `false`.
    pub async fn connection_exists(
        &self,
        connection_id: impl TryInto<ConnectionId, Error: Into<Error>>,
    ) -> Result<bool> {
        let connection = connection_id.try_into().map_err(Into::into)?;
        let names = [("connectionId", connection.as_str())];
        self.ask(self.request(&operations::CONNECTION_EXISTS, &names)?)
            .await
    }

    /// Returns whether a group has any connection.
    ///
    /// ```no_run
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// let is_open = chat.group_exists("room-7").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors); a group without a connection is `false`.
    pub async fn group_exists(
        &self,
        group: impl TryInto<GroupName, Error: Into<Error>>,
    ) -> Result<bool> {
        let group = group.try_into().map_err(Into::into)?;
        let names = [("group", group.as_str())];
        self.ask(self.request(&operations::GROUP_EXISTS, &names)?)
            .await
    }

    /// Returns whether a user has any connection.
    ///
    /// ```no_run
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// let is_online = chat.user_exists("ann").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors); a user without a connection is `false`.
    pub async fn user_exists(
        &self,
        user_id: impl TryInto<UserId, Error: Into<Error>>,
    ) -> Result<bool> {
        let user = user_id.try_into().map_err(Into::into)?;
        let names = [("userId", user.as_str())];
        self.ask(self.request(&operations::USER_EXISTS, &names)?)
            .await
    }
}
