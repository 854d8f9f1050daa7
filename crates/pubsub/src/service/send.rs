//! Sending messages to the clients of a hub.

use std::time::Duration;

use super::request::{Call, RequestBuilder};
use super::{Content, Filter, ServiceClient};
use crate::generated::operations;
use crate::ttl;
use crate::{ConnectionId, Error, GroupName, Result, UserId};

impl ServiceClient {
    /// Sends to every connection of the hub.
    ///
    /// The service responds as soon as it has accepted the message; it does not
    /// report delivery.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use azwire_pubsub::{Content, Filter, SendOptions, ServiceClient};
    ///
    /// # async fn run(chat: ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// let options = SendOptions::default()
    ///     .with_excluded(["the-senders-connection"])?
    ///     .with_filter(Filter::user_id().is_not_null())
    ///     .with_ttl(Duration::from_secs(30));
    /// chat.send_to_all(Content::json(&[1, 2, 3])?, options).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors). A send is not retried if it may have
    /// reached the service ([retries](Self#retries)).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops waiting; the message may still be sent.
    pub async fn send_to_all(
        &self,
        content: impl Into<Content>,
        options: impl Into<Option<SendOptions>>,
    ) -> Result<()> {
        let content = content.into();
        let options: Option<SendOptions> = options.into();
        if options.as_ref().is_none_or(SendOptions::adds_nothing) {
            let call = self.to_all()?.with_content(content)?;
            return self.perform(&call).await.map(drop);
        }
        let request = self.request(&operations::SEND_TO_ALL, &[])?;
        self.send(request, content, options).await
    }

    /// Sends to every connection in a group. An empty group is no error.
    ///
    /// ```no_run
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.send_to_group("room-7", "hello, room", None).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`send_to_all`](Self::send_to_all).
    ///
    /// # Cancel safety
    ///
    /// Same as [`send_to_all`](Self::send_to_all).
    pub async fn send_to_group(
        &self,
        group: impl TryInto<GroupName, Error: Into<Error>>,
        content: impl Into<Content>,
        options: impl Into<Option<SendOptions>>,
    ) -> Result<()> {
        let group = group.try_into().map_err(Into::into)?;
        let request = self.request(&operations::SEND_TO_GROUP, &[("group", group.as_str())])?;
        self.send(request, content.into(), options.into()).await
    }

    /// Sends to every connection of a user. A user without connections is no error.
    ///
    /// ```no_run
    /// use azwire_pubsub::Content;
    ///
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.send_to_user("ann", Content::binary(vec![1, 2, 3]), None).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`send_to_all`](Self::send_to_all); excluded connections are
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), since the service has no such option here.
    ///
    /// # Cancel safety
    ///
    /// Same as [`send_to_all`](Self::send_to_all).
    pub async fn send_to_user(
        &self,
        user_id: impl TryInto<UserId, Error: Into<Error>>,
        content: impl Into<Content>,
        options: impl Into<Option<SendOptions>>,
    ) -> Result<()> {
        let user = user_id.try_into().map_err(Into::into)?;
        let request = self.request(&operations::SEND_TO_USER, &[("userId", user.as_str())])?;
        self.send(request, content.into(), options.into()).await
    }

    /// Sends to one connection. If it no longer exists, that is no error.
    ///
    /// ```no_run
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.send_to_connection("connection-id", "hello, you", None).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [`send_to_all`](Self::send_to_all); excluded connections and a filter are
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), since the service has no such options
    /// here.
    ///
    /// # Cancel safety
    ///
    /// Same as [`send_to_all`](Self::send_to_all).
    pub async fn send_to_connection(
        &self,
        connection_id: impl TryInto<ConnectionId, Error: Into<Error>>,
        content: impl Into<Content>,
        options: impl Into<Option<SendOptions>>,
    ) -> Result<()> {
        let connection = connection_id.try_into().map_err(Into::into)?;
        let names = [("connectionId", connection.as_str())];
        let request = self.request(&operations::SEND_TO_CONNECTION, &names)?;
        self.send(request, content.into(), options.into()).await
    }

    /// Returns the call of a send to the whole hub without options.
    fn to_all(&self) -> Result<&Call> {
        if let Some(call) = self.to_all.get() {
            return Ok(call);
        }
        let call = self.request(&operations::SEND_TO_ALL, &[])?.build()?;
        Ok(self.to_all.get_or_init(|| call))
    }

    async fn send(
        &self,
        request: RequestBuilder<'_>,
        content: Content,
        options: Option<SendOptions>,
    ) -> Result<()> {
        let options = options.unwrap_or_default();
        self.run(options.add_to(request)?.content(content)?).await
    }
}

/// The exclusions, the filter and the time to live of a message.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SendOptions {
    /// Connections that do not receive the message. Not for sends to a user or a connection.
    /// Default: none.
    pub excluded: Vec<ConnectionId>,
    /// The connections of the target that receive the message. Not for sends to a connection. Default: all.
    pub filter: Option<Filter>,
    /// How long the service keeps the message for a connection that does not
    /// receive it, in whole seconds, rounded up. Default: `None`, which, like 0, means no limit.
    /// At most [`MAX_TTL`](Self::MAX_TTL).
    pub ttl: Option<Duration>,
}

impl SendOptions {
    /// Five minutes, the range of `messageTtlSeconds` in the REST description.
    pub const MAX_TTL: Duration = ttl::MAX;

    /// Excludes connections.
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

    /// Sends only to the connections that match the filter.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Sets how long the service keeps the message for a connection that does not receive it.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Whether a request is the same without these options.
    fn adds_nothing(&self) -> bool {
        let Self {
            excluded,
            filter,
            ttl,
        } = self;
        excluded.is_empty() && filter.is_none() && ttl.is_none()
    }

    fn add_to<'a>(&self, mut request: RequestBuilder<'a>) -> Result<RequestBuilder<'a>> {
        let takes = |name| request.operation().query.contains(&name);
        if !self.excluded.is_empty() && !takes("excluded") {
            let rule = "must be empty for a send to a user or a connection";
            return Err(Error::invalid("excluded", rule));
        }
        if self.filter.is_some() && !takes("filter") {
            let rule = "must not be set for a send to a connection";
            return Err(Error::invalid("filter", rule));
        }
        request = request.query_each("excluded", self.excluded.iter().map(ConnectionId::as_str));
        if let Some(filter) = &self.filter {
            request = request.query("filter", filter.check()?.as_str());
        }
        if let Some(ttl) = self.ttl {
            let seconds = ttl::seconds(ttl).ok_or_else(|| Error::invalid("ttl", ttl::RULE))?;
            request = request.query("messageTtlSeconds", &seconds.to_string());
        }
        Ok(request)
    }
}

/// Adds names, validating each.
pub(super) fn extend<T, I>(names: &mut Vec<T>, more: I) -> Result<()>
where
    I: IntoIterator<Item: TryInto<T, Error: Into<Error>>>,
{
    for name in more {
        names.push(name.try_into().map_err(Into::into)?);
    }
    Ok(())
}
