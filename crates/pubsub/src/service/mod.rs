//! The service client: the application's side of a hub over REST.

mod authorize;
mod builder;
mod content;
mod request;
mod response;

pub use builder::ServiceClientBuilder;
pub use content::Content;

use std::sync::Arc;

use auth::AccessKey;
use transport::Pipeline;

use self::request::Requests;
use crate::{
    ClientAccessOptions, ClientAccessUrl, ConnectionId, ConnectionString, Endpoint, Error,
    GroupName, HubName, Result, UserId,
};

/// Sends to the clients of one hub, and hands out their access URLs.
///
/// Handles are cheap to clone and share one pool of connections.
///
/// ```no_run
/// use azwire_pubsub::{Content, SendOptions, ServiceClient};
///
/// # async fn run(connection_string: &str) -> Result<(), azwire_pubsub::Error> {
/// let chat = ServiceClient::from_connection_string(connection_string, "chat")?;
/// let hello = Content::json(&serde_json::json!({ "from": "user1", "text": "hello" }))?;
/// chat.send_to_all(hello, SendOptions::default()).await?;
/// chat.send_to_group("room-7", "hello, room", SendOptions::default()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "WebPubSubServiceClient")]
pub struct ServiceClient {
    requests: Requests,
    pipeline: Pipeline,
    access_key: Option<Arc<AccessKey>>,
    clock: auth::SharedClock,
}

impl ServiceClient {
    /// Creates a client of `hub` from a connection string with an access key.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), naming the part of the
    /// connection string or the rule for hub names that is broken.
    pub fn from_connection_string<H>(connection_string: &str, hub: H) -> Result<Self>
    where
        H: TryInto<HubName>,
        H::Error: Into<Error>,
    {
        let parsed: ConnectionString = connection_string.parse()?;
        let hub = hub.try_into().map_err(Into::into)?;
        Self::builder(parsed.endpoint().clone(), hub, parsed.access_key().clone()).build()
    }

    /// Begins to build a client of `hub` at `endpoint` that signs with `access_key`.
    pub fn builder(
        endpoint: Endpoint,
        hub: HubName,
        access_key: AccessKey,
    ) -> ServiceClientBuilder {
        ServiceClientBuilder::new(endpoint, hub, access_key)
    }

    /// The same client for another hub of the same resource.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a bad name.
    pub fn hub<H>(&self, hub: H) -> Result<Self>
    where
        H: TryInto<HubName>,
        H::Error: Into<Error>,
    {
        Ok(Self {
            requests: self.requests.with_hub(hub.try_into().map_err(Into::into)?),
            ..self.clone()
        })
    }

    /// Sends to every connection of the hub.
    ///
    /// The service answers as soon as it has accepted the message; there is no
    /// report of its delivery.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) before anything is sent;
    /// [`Auth`](crate::ErrorKind::Auth) for a wrong key;
    /// [`Service`](crate::ErrorKind::Service) for any other refusal;
    /// [`Transport`](crate::ErrorKind::Transport), [`Closed`](crate::ErrorKind::Closed)
    /// and [`Timeout`](crate::ErrorKind::Timeout) when no answer came, with
    /// [`Error::may_be_delivered`] to tell whether it may have been sent. A send
    /// is retried only if it certainly did not reach the service.
    ///
    /// # Cancel safety
    ///
    /// A dropped future gives up waiting; the message may have been sent.
    pub async fn send_to_all(
        &self,
        content: impl Into<Content>,
        options: SendOptions,
    ) -> Result<()> {
        self.send(&[], &content.into(), &options).await
    }

    /// Sends to every connection that is in the group now. An unknown group has no members.
    ///
    /// # Errors
    ///
    /// As [`send_to_all`](Self::send_to_all).
    ///
    /// # Cancel safety
    ///
    /// As [`send_to_all`](Self::send_to_all).
    pub async fn send_to_group<G>(
        &self,
        group: G,
        content: impl Into<Content>,
        options: SendOptions,
    ) -> Result<()>
    where
        G: TryInto<GroupName>,
        G::Error: Into<Error>,
    {
        let group = group.try_into().map_err(Into::into)?;
        self.send(&["groups", group.as_str()], &content.into(), &options)
            .await
    }

    /// Sends to every connection of the user. A user without one receives nothing.
    ///
    /// # Errors
    ///
    /// As [`send_to_all`](Self::send_to_all); excluded connections are
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), for the service has no such option here.
    ///
    /// # Cancel safety
    ///
    /// As [`send_to_all`](Self::send_to_all).
    pub async fn send_to_user<U>(
        &self,
        user_id: U,
        content: impl Into<Content>,
        options: SendOptions,
    ) -> Result<()>
    where
        U: TryInto<UserId>,
        U::Error: Into<Error>,
    {
        let user = user_id.try_into().map_err(Into::into)?;
        if !options.excluded.is_empty() {
            return Err(Error::invalid(
                "options",
                "a send to a user takes no excluded connections",
            ));
        }
        self.send(&["users", user.as_str()], &content.into(), &options)
            .await
    }

    /// Makes the URL with which a client connects to the hub, signed here with the access key.
    ///
    /// # Errors
    ///
    /// [`Auth`](crate::ErrorKind::Auth) when the client has no access key.
    pub fn client_access_url(&self, options: &ClientAccessOptions) -> Result<ClientAccessUrl> {
        let Some(key) = &self.access_key else {
            return Err(Error::message(
                crate::ErrorKind::Auth,
                "the client has no access key to sign with",
            ));
        };
        ClientAccessUrl::sign(
            self.requests.endpoint(),
            self.requests.hub(),
            key,
            options,
            auth::Clock::now(&self.clock),
        )
    }

    async fn send(&self, target: &[&str], content: &Content, options: &SendOptions) -> Result<()> {
        let request = self.requests.send(target, content, options)?;
        response::accept(self.pipeline.send(request).await?).await
    }
}

/// What a send may leave out.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SendOptions {
    /// Connections that do not receive the message.
    pub excluded: Vec<ConnectionId>,
}

impl SendOptions {
    /// Leaves connections out.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an empty id.
    pub fn with_excluded<I>(mut self, connections: I) -> Result<Self>
    where
        I: IntoIterator,
        I::Item: TryInto<ConnectionId>,
        <I::Item as TryInto<ConnectionId>>::Error: Into<Error>,
    {
        for connection in connections {
            self.excluded
                .push(connection.try_into().map_err(Into::into)?);
        }
        Ok(self)
    }
}

/// The newest version of the service's REST interface, and the default.
pub(crate) const API_VERSION: &str = "2024-12-01";
