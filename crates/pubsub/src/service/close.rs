//! Closing connections.

use super::ServiceClient;
use super::request::RequestBuilder;
use super::send::extend;
use crate::generated::operations;
use crate::{ConnectionId, Error, GroupName, Result, UserId};

impl ServiceClient {
    /// Closes a connection. If it no longer exists, that is no error.
    ///
    /// ```no_run
    /// use azwire_pubsub::CloseOptions;
    ///
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.close_connection("connection-id", CloseOptions::default().with_reason("maintenance")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors); excluded connections are
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) here.
    pub async fn close_connection(
        &self,
        connection_id: impl TryInto<ConnectionId, Error: Into<Error>>,
        options: impl Into<Option<CloseOptions>>,
    ) -> Result<()> {
        let connection = connection_id.try_into().map_err(Into::into)?;
        let names = [("connectionId", connection.as_str())];
        let request = self.request(&operations::CLOSE_CONNECTION, &names)?;
        self.close(request, options.into()).await
    }

    /// Closes every connection of the hub.
    ///
    /// ```no_run
    /// use azwire_pubsub::CloseOptions;
    ///
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// let options = CloseOptions::default().with_excluded(["the-operators-connection"])?;
    /// chat.close_all_connections(options.with_reason("closing time")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors).
    pub async fn close_all_connections(
        &self,
        options: impl Into<Option<CloseOptions>>,
    ) -> Result<()> {
        let request = self.request(&operations::CLOSE_ALL_CONNECTIONS, &[])?;
        self.close(request, options.into()).await
    }

    /// Closes every connection in a group.
    ///
    /// ```no_run
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.close_group_connections("room-7", None).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors).
    pub async fn close_group_connections(
        &self,
        group: impl TryInto<GroupName, Error: Into<Error>>,
        options: impl Into<Option<CloseOptions>>,
    ) -> Result<()> {
        let group = group.try_into().map_err(Into::into)?;
        let names = [("group", group.as_str())];
        let request = self.request(&operations::CLOSE_GROUP_CONNECTIONS, &names)?;
        self.close(request, options.into()).await
    }

    /// Closes every connection of a user.
    ///
    /// ```no_run
    /// use azwire_pubsub::CloseOptions;
    ///
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.close_user_connections("ann", CloseOptions::default().with_reason("signed out")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors).
    pub async fn close_user_connections(
        &self,
        user_id: impl TryInto<UserId, Error: Into<Error>>,
        options: impl Into<Option<CloseOptions>>,
    ) -> Result<()> {
        let user = user_id.try_into().map_err(Into::into)?;
        let names = [("userId", user.as_str())];
        let request = self.request(&operations::CLOSE_USER_CONNECTIONS, &names)?;
        self.close(request, options.into()).await
    }

    async fn close(
        &self,
        request: RequestBuilder<'_>,
        options: Option<CloseOptions>,
    ) -> Result<()> {
        let options = options.unwrap_or_default();
        self.run(options.add_to(request)?).await
    }
}

/// The exceptions and the reason of a close operation.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CloseOptions {
    /// Connections that stay open. Default: none.
    pub excluded: Vec<ConnectionId>,
    /// The reason, for the event handler and for clients that speak a subprotocol of the service.
    /// Default: none.
    pub reason: Option<String>,
}

impl CloseOptions {
    /// Excludes connections, which stay open.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an empty id.
    pub fn with_excluded<I>(mut self, connections: I) -> Result<Self>
    where
        I: IntoIterator<Item: TryInto<ConnectionId, Error: Into<Error>>>,
    {
        extend(&mut self.excluded, connections)?;
        Ok(self)
    }

    /// Sets the reason, which clients and the event handler see.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    fn add_to<'a>(&self, request: RequestBuilder<'a>) -> Result<RequestBuilder<'a>> {
        if !self.excluded.is_empty() && !request.operation().query.contains(&"excluded") {
            let rule = "must be empty when one connection is closed";
            return Err(Error::invalid("excluded", rule));
        }
        let request = request
            .query_each("excluded", self.excluded.iter().map(ConnectionId::as_str))
            .query_each("reason", self.reason.as_deref());
        Ok(request)
    }
}
