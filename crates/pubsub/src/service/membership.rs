//! Group membership.

use super::send::extend;
use super::{Content, Filter, ServiceClient};
use crate::generated::models::{AddToGroupsRequest, RemoveFromGroupsRequest};
use crate::generated::operations;
use crate::{ConnectionId, Error, GroupName, Result, UserId};

impl ServiceClient {
    /// Adds every connection that matches the filter, or all connections without one, to groups.
    ///
    /// Connections that are opened later are not added.
    ///
    /// ```no_run
    /// use azwire_pubsub::Filter;
    ///
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// let filter = Filter::user_id().starts_with("guest-");
    /// chat.add_connections_to_groups(["lobby", "news"], filter).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors); an empty list of groups is
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput). Succeeds if no connection matches.
    pub async fn add_connections_to_groups<I>(
        &self,
        groups: I,
        filter: impl Into<Option<Filter>>,
    ) -> Result<()>
    where
        I: IntoIterator<Item: TryInto<GroupName, Error: Into<Error>>>,
    {
        let body = AddToGroupsRequest {
            groups: Some(names(groups)?),
            filter: text(filter.into())?,
        };
        let request = self.request(&operations::ADD_CONNECTIONS_TO_GROUPS, &[])?;
        self.run(request.content(Content::json(&body)?)?).await
    }

    /// Removes every connection that matches the filter, or all connections without one, from
    /// groups.
    ///
    /// ```no_run
    /// use azwire_pubsub::Filter;
    ///
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.remove_connections_from_groups(["lobby"], Filter::in_group("banned")).await?;
    /// chat.remove_connections_from_groups(["news"], None).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`add_connections_to_groups`](Self::add_connections_to_groups).
    pub async fn remove_connections_from_groups<I>(
        &self,
        groups: I,
        filter: impl Into<Option<Filter>>,
    ) -> Result<()>
    where
        I: IntoIterator<Item: TryInto<GroupName, Error: Into<Error>>>,
    {
        let body = RemoveFromGroupsRequest {
            groups: Some(names(groups)?),
            filter: text(filter.into())?,
        };
        let request = self.request(&operations::REMOVE_CONNECTIONS_FROM_GROUPS, &[])?;
        self.run(request.content(Content::json(&body)?)?).await
    }

    /// Adds a connection to a group.
    ///
    /// ```no_run
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.add_connection_to_group("room-7", "connection-id").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors); for a connection that does not exist,
    /// status 404 with `Error.Connection.NotExisted`.
    pub async fn add_connection_to_group(
        &self,
        group: impl TryInto<GroupName, Error: Into<Error>>,
        connection_id: impl TryInto<ConnectionId, Error: Into<Error>>,
    ) -> Result<()> {
        let group = group.try_into().map_err(Into::into)?;
        let connection = connection_id.try_into().map_err(Into::into)?;
        let names = [
            ("group", group.as_str()),
            ("connectionId", connection.as_str()),
        ];
        self.run(self.request(&operations::ADD_CONNECTION_TO_GROUP, &names)?)
            .await
    }

    /// Removes a connection from a group. If it is not in the group, that is no error.
    ///
    /// ```no_run
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.remove_connection_from_group("room-7", "connection-id").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors).
    pub async fn remove_connection_from_group(
        &self,
        group: impl TryInto<GroupName, Error: Into<Error>>,
        connection_id: impl TryInto<ConnectionId, Error: Into<Error>>,
    ) -> Result<()> {
        let group = group.try_into().map_err(Into::into)?;
        let connection = connection_id.try_into().map_err(Into::into)?;
        let names = [
            ("group", group.as_str()),
            ("connectionId", connection.as_str()),
        ];
        self.run(self.request(&operations::REMOVE_CONNECTION_FROM_GROUP, &names)?)
            .await
    }

    /// Removes a connection from every group that it is in.
    ///
    /// ```no_run
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.remove_connection_from_all_groups("connection-id").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors).
    pub async fn remove_connection_from_all_groups(
        &self,
        connection_id: impl TryInto<ConnectionId, Error: Into<Error>>,
    ) -> Result<()> {
        let connection = connection_id.try_into().map_err(Into::into)?;
        let names = [("connectionId", connection.as_str())];
        self.run(self.request(&operations::REMOVE_CONNECTION_FROM_ALL_GROUPS, &names)?)
            .await
    }

    /// Adds the current connections of a user to a group. Later ones are not added.
    ///
    /// ```no_run
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.add_user_to_group("room-7", "ann").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors); for a user without a connection,
    /// status 404 with `Warning.User.NotExisted`.
    pub async fn add_user_to_group(
        &self,
        group: impl TryInto<GroupName, Error: Into<Error>>,
        user_id: impl TryInto<UserId, Error: Into<Error>>,
    ) -> Result<()> {
        let group = group.try_into().map_err(Into::into)?;
        let user = user_id.try_into().map_err(Into::into)?;
        let names = [("group", group.as_str()), ("userId", user.as_str())];
        self.run(self.request(&operations::ADD_USER_TO_GROUP, &names)?)
            .await
    }

    /// Removes the current connections of a user from a group.
    ///
    /// ```no_run
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.remove_user_from_group("room-7", "ann").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors).
    pub async fn remove_user_from_group(
        &self,
        group: impl TryInto<GroupName, Error: Into<Error>>,
        user_id: impl TryInto<UserId, Error: Into<Error>>,
    ) -> Result<()> {
        let group = group.try_into().map_err(Into::into)?;
        let user = user_id.try_into().map_err(Into::into)?;
        let names = [("group", group.as_str()), ("userId", user.as_str())];
        self.run(self.request(&operations::REMOVE_USER_FROM_GROUP, &names)?)
            .await
    }

    /// Removes the current connections of a user from every group.
    ///
    /// ```no_run
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.remove_user_from_all_groups("ann").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors).
    pub async fn remove_user_from_all_groups(
        &self,
        user_id: impl TryInto<UserId, Error: Into<Error>>,
    ) -> Result<()> {
        let user = user_id.try_into().map_err(Into::into)?;
        let names = [("userId", user.as_str())];
        self.run(self.request(&operations::REMOVE_USER_FROM_ALL_GROUPS, &names)?)
            .await
    }
}

fn names<I>(groups: I) -> Result<Vec<String>>
where
    I: IntoIterator<Item: TryInto<GroupName, Error: Into<Error>>>,
{
    let mut checked: Vec<GroupName> = Vec::new();
    extend(&mut checked, groups)?;
    if checked.is_empty() {
        return Err(Error::invalid("groups", "must not be empty"));
    }
    Ok(checked.iter().map(GroupName::to_string).collect())
}

fn text(filter: Option<Filter>) -> Result<Option<String>> {
    let Some(filter) = filter else {
        return Ok(None);
    };
    Ok(Some(filter.check()?.as_str().to_owned()))
}
