//! The service client: the REST interface of a hub.

mod attempt;
mod authorize;
mod builder;
mod close;
mod connection;
mod content;
mod credential;
mod exist;
mod filter;
mod group;
mod list;
mod membership;
mod permission;
mod request;
mod request_id;
mod response;
mod runner;
mod send;
mod stack;
mod token;
mod user;

pub use builder::ServiceClientBuilder;
pub use close::CloseOptions;
pub use connection::ConnectionClient;
pub use content::Content;
pub use credential::ServiceCredential;
pub use filter::{Filter, FilterNumber, FilterText, FilterValue};
pub use group::GroupClient;
pub use list::{GroupMember, GroupMemberPage, GroupMemberPages, GroupMembers, ListOptions};
pub use permission::Permission;
pub use send::SendOptions;
pub use user::UserClient;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::Response;
use tracing::{Instrument, debug_span};
use transport::pipeline::LogOptions;

use self::request::{Call, RequestBuilder, Target};
use self::request_id::RequestIds;
use self::runner::CallRunner;
use self::stack::Stack;
use crate::generated::operations::{self, Operation};
use crate::{ConnectionId, Endpoint, Error, GroupName, HubName, Result, UserId};

/// A client for the REST interface of one hub: it sends to clients, manages groups, and
/// issues the URLs with which clients connect.
///
/// Clones are cheap and share one connection pool.
///
/// ```no_run
/// use azwire_pubsub::{Content, ServiceClient};
///
/// # async fn run(connection_string: &str) -> Result<(), azwire_pubsub::Error> {
/// let chat = ServiceClient::from_connection_string(connection_string, "chat")?;
/// let hello = Content::json(&serde_json::json!({ "from": "user1", "text": "hello" }))?;
/// chat.send_to_all(hello, None).await?;
/// chat.send_to_group("room-7", "hello, room", None).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Options
///
/// Whatever an operation can do without is an `impl Into<Option<…>>`, so that both `None` and the
/// options themselves can be passed, and most calls need no import. `None` means the defaults.
///
/// # Errors
///
/// All operations fail in the same ways:
///
/// | kind | when | may it have taken effect |
/// | --- | --- | --- |
/// | [`InvalidInput`](crate::ErrorKind::InvalidInput) | an argument breaks a rule, which the error text names | no, nothing was sent |
/// | [`Auth`](crate::ErrorKind::Auth) | failed to get a token, or the service responded with 401 or 403 | no |
/// | [`Service`](crate::ErrorKind::Service) | the service responded with another error, in [`Error::status`] and [`Error::error_code`] | after 5xx |
/// | [`Transport`](crate::ErrorKind::Transport) | failed to connect | see [`Error::may_be_delivered`] |
/// | [`Closed`](crate::ErrorKind::Closed), [`Timeout`](crate::ErrorKind::Timeout) | no response arrived | yes |
/// | [`Protocol`](crate::ErrorKind::Protocol) | the response is malformed | yes |
/// | [`TooLarge`](crate::ErrorKind::TooLarge) | the response is larger than 4 MiB | yes |
///
/// # Retries
///
/// Idempotent operations, which is all except the four sends, get up to four attempts.
/// A send is retried only if it cannot have
/// reached the service, or if the service rejected it with `Retry-After`;
/// [`RetryOptions::with_retry_non_idempotent`](transport::pipeline::RetryOptions::with_retry_non_idempotent)
/// removes that restriction. With an access key, each attempt carries a newly signed token; two
/// attempts of one URL within a second share one, since its expiry is in whole seconds.
///
/// # Cancel safety
///
/// Dropping the future stops waiting; the operation may still take effect.
///
/// # Names
///
/// Names are escaped entirely. Still, avoid slashes in group names and ids:
/// Microsoft's emulator does not decode `%2F` in a path, so that the group `a/b` of a client
/// differs from the one that an operation names; whether the service does the same is unknown.
///
/// # Operations
///
#[doc = include_str!("../../spec/coverage.md")]
#[derive(Clone, Debug)]
#[doc(alias = "WebPubSubServiceClient")]
pub struct ServiceClient {
    shared: Arc<Shared>,
    hub: HubName,
    /// The call of a send to the whole hub without options and without its content, once there
    /// has been one: the URL of most sends is always the same.
    to_all: Arc<OnceLock<Call>>,
    calls: CallRunner,
}

#[derive(Debug)]
struct Shared {
    target: Target,
    stack: Stack,
    request_ids: RequestIds,
    /// The signer of client access tokens, if there is an access key.
    #[cfg(feature = "_hmac")]
    signer: Option<auth::JwtSigner>,
    #[cfg(feature = "_hmac")]
    clock: auth::SharedClock,
}

impl ServiceClient {
    /// Creates a client of `hub` from a connection string with an access key.
    ///
    /// [`ServiceClientBuilder::from_connection_string`] does the same with options.
    ///
    /// ```
    /// use azwire_pubsub::ServiceClient;
    ///
    /// let text = "Endpoint=https://contoso.webpubsub.azure.com;AccessKey=abc;Version=1.0;";
    /// let chat = ServiceClient::from_connection_string(text, "chat")?;
    /// assert_eq!(chat.hub_name().as_str(), "chat");
    /// # Ok::<(), azwire_pubsub::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), naming the part of the
    /// connection string or the rule for hub names that is broken, and what
    /// [`build`](ServiceClientBuilder::build) rejects.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn from_connection_string(
        connection_string: &str,
        hub: impl TryInto<HubName, Error: Into<Error>>,
    ) -> Result<Self> {
        ServiceClientBuilder::from_connection_string(connection_string, hub)?.build()
    }

    /// Creates a client of `hub` from the connection string in the environment variable
    /// `WEBPUBSUB_CONNECTION_STRING`.
    ///
    /// ```no_run
    /// use azwire_pubsub::ServiceClient;
    ///
    /// let chat = ServiceClient::from_env("chat")?;
    /// # Ok::<(), azwire_pubsub::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), naming the variable, if it is missing,
    /// empty or not UTF-8; the same as
    /// [`from_connection_string`](Self::from_connection_string) as the source otherwise.
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn from_env(hub: impl TryInto<HubName, Error: Into<Error>>) -> Result<Self> {
        ServiceClientBuilder::from_env(hub)?.build()
    }

    /// Returns a builder for a client of `hub` at `endpoint` that authenticates with `credential`:
    /// an access key, or a [`ServiceCredential`].
    ///
    /// ```no_run
    /// # use auth as azwire_auth;
    /// use azwire_auth::TokenCredential;
    /// use azwire_pubsub::{ServiceClient, ServiceCredential};
    ///
    /// # fn run(credential: impl TokenCredential) -> Result<(), azwire_pubsub::Error> {
    /// let endpoint = "https://contoso.webpubsub.azure.com".parse()?;
    /// let chat = ServiceClient::builder(endpoint, "chat".parse()?, ServiceCredential::entra(credential))
    ///     .application_id("shop/2.3")
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(
        endpoint: Endpoint,
        hub: HubName,
        credential: impl Into<ServiceCredential>,
    ) -> ServiceClientBuilder {
        ServiceClientBuilder::new(endpoint, hub, credential.into())
    }

    /// Returns the same client for another hub of the same resource.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid name.
    pub fn hub(&self, hub: impl TryInto<HubName, Error: Into<Error>>) -> Result<Self> {
        Ok(Self {
            hub: hub.try_into().map_err(Into::into)?,
            to_all: Arc::default(),
            ..self.clone()
        })
    }

    /// Returns a client for one group.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid name.
    pub fn group(&self, group: impl TryInto<GroupName, Error: Into<Error>>) -> Result<GroupClient> {
        let group = group.try_into().map_err(Into::into)?;
        Ok(GroupClient::new(self.clone(), group))
    }

    /// Returns a client for the connections of one user.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an empty id.
    pub fn user(&self, user_id: impl TryInto<UserId, Error: Into<Error>>) -> Result<UserClient> {
        let user_id = user_id.try_into().map_err(Into::into)?;
        Ok(UserClient::new(self.clone(), user_id))
    }

    /// Returns a client for one connection.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an empty id.
    pub fn connection(
        &self,
        connection_id: impl TryInto<ConnectionId, Error: Into<Error>>,
    ) -> Result<ConnectionClient> {
        let connection_id = connection_id.try_into().map_err(Into::into)?;
        Ok(ConnectionClient::new(self.clone(), connection_id))
    }

    /// Returns the same client with logging of the requests and responses of its calls.
    /// The counterpart of the official Python client's `logging_enable`.
    ///
    /// Events are written through `tracing` at level `DEBUG`: method, URL, status,
    /// time, and headers. Values of headers and query parameters are shown if
    /// `options` list them, tokens and keys never, bodies only with
    /// [`LogOptions::with_bodies`].
    ///
    /// ```no_run
    /// # use transport as azwire_transport;
    /// use azwire_pubsub::ServiceClient;
    /// use azwire_transport::pipeline::LogOptions;
    ///
    /// # async fn run(chat: ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// let shown = LogOptions::default().with_bodies(1024);
    /// chat.with_logging(shown).send_to_all("hello", None).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "logging_enable")]
    #[must_use]
    pub fn with_logging(&self, options: LogOptions) -> Self {
        Self {
            calls: self.shared.stack.runner(Some(options)),
            ..self.clone()
        }
    }

    /// Returns the hub of this client.
    pub fn hub_name(&self) -> &HubName {
        &self.hub
    }

    /// Returns the address of the service itself, even behind a reverse proxy.
    pub fn endpoint(&self) -> &Endpoint {
        self.shared.target.endpoint()
    }

    /// Checks that the service is up.
    ///
    /// ```no_run
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// chat.service_status().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors). The service is up if there is no error.
    #[doc(alias = "GetServiceStatus")]
    pub async fn service_status(&self) -> Result<()> {
        self.run(self.request(&operations::SERVICE_STATUS, &[])?)
            .await
    }

    /// Starts a request; `names` are the names in its path besides the hub.
    fn request(
        &self,
        operation: &'static Operation,
        names: &[(&'static str, &str)],
    ) -> Result<RequestBuilder<'_>> {
        // No operation has more than two names besides the hub.
        let mut all = [("hub", self.hub.as_str()); 3];
        all[1..=names.len()].copy_from_slice(names);
        self.shared.target.request(operation, &all[..=names.len()])
    }

    /// Sends a request that returns nothing.
    async fn run(&self, request: RequestBuilder<'_>) -> Result<()> {
        self.fetch(request).await.map(drop)
    }

    /// Sends a request with a yes-or-no answer.
    async fn ask(&self, request: RequestBuilder<'_>) -> Result<bool> {
        let call = request.build()?;
        response::yes_or_no(call.operation, self.respond(&call).await?)
    }

    /// Sends a request and returns the response body.
    async fn fetch(&self, request: RequestBuilder<'_>) -> Result<Bytes> {
        self.perform(&request.build()?).await
    }

    /// Performs a call and returns the response body.
    async fn perform(&self, call: &Call) -> Result<Bytes> {
        response::accept(call.operation, self.respond(call).await?)
    }

    async fn respond(&self, call: &Call) -> Result<Response<Bytes>> {
        let id = self.shared.request_ids.next();
        let span = debug_span!("pubsub", operation = call.operation.name, hub = %self.hub);
        let response = self.calls.send(call, id).instrument(span).await?;
        let (parts, body) = response.into_parts();
        // `Attempt` has read it already, within its limit.
        let body = body.collect(attempt::MAX_ANSWER).await?;
        Ok(Response::from_parts(parts, body))
    }
}
