//! The service client's builder.

use std::sync::Arc;
use std::time::Duration;

use auth::{CachedTokenProvider, Clock, EntraTokenProvider, SharedClock};
use http::HeaderValue;
use transport::pipeline::{
    LogOptions, Policy, RetryOptions, RetryPolicy, TimeoutPolicy, UserAgentPolicy,
};
use transport::{SharedHttpClient, SharedRuntime};

use super::authorize::Authorize;
#[cfg(feature = "_hmac")]
use super::authorize::Signed;
use super::credential::{Kind, ServiceCredential};
use super::request::Target;
use super::request_id::RequestIds;
use super::stack::Stack;
use super::{ServiceClient, Shared};
#[cfg(feature = "_hmac")]
use crate::ConnectionString;
use crate::generated::operations::API_VERSION;
use crate::{Endpoint, Error, HubName, Result};

/// A builder for a [`ServiceClient`].
///
/// A request passes, in this order: per-call log, per-call policies, call deadline,
/// retries, attempt deadline, authorization, per-try policies, per-try log, HTTP client.
#[derive(Debug)]
#[must_use]
pub struct ServiceClientBuilder {
    endpoint: Endpoint,
    hub: HubName,
    credential: ServiceCredential,
    api_version: String,
    entra_scope: String,
    reverse_proxy: Option<Endpoint>,
    allow_plain_text: bool,
    application_id: Option<String>,
    retry: RetryOptions,
    call_timeout: Option<Duration>,
    try_timeout: Duration,
    logging: Option<LogOptions>,
    per_call: Vec<Arc<dyn Policy>>,
    per_try: Vec<Arc<dyn Policy>>,
    client: Option<SharedHttpClient>,
    runtime: Option<SharedRuntime>,
    clock: SharedClock,
}

impl ServiceClientBuilder {
    /// 100 s for each attempt, the default of the Azure SDKs' HTTP clients.
    pub const DEFAULT_TRY_TIMEOUT: Duration = Duration::from_secs(100);
    /// The version of the REST interface to request: the newest one.
    pub const DEFAULT_API_VERSION: &str = API_VERSION;
    /// The scope of Entra ID tokens in the public cloud.
    pub const DEFAULT_ENTRA_SCOPE: &str = "https://webpubsub.azure.com/.default";
    /// 5 min, the lifetime that the official .NET client gives the token of a request.
    pub const TOKEN_LIFETIME: Duration = Duration::from_secs(300);

    pub(super) fn new(endpoint: Endpoint, hub: HubName, credential: ServiceCredential) -> Self {
        Self {
            endpoint,
            hub,
            credential,
            api_version: Self::DEFAULT_API_VERSION.to_owned(),
            entra_scope: Self::DEFAULT_ENTRA_SCOPE.to_owned(),
            reverse_proxy: None,
            allow_plain_text: false,
            application_id: None,
            retry: RetryOptions::default(),
            call_timeout: None,
            try_timeout: Self::DEFAULT_TRY_TIMEOUT,
            logging: None,
            per_call: Vec::new(),
            per_try: Vec::new(),
            client: None,
            runtime: None,
            clock: SharedClock::default(),
        }
    }

    /// Returns a builder with the endpoint and the access key of a connection string.
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::from_connection_string`].
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn from_connection_string(
        connection_string: &str,
        hub: impl TryInto<HubName, Error: Into<Error>>,
    ) -> Result<Self> {
        let parsed: ConnectionString = connection_string.parse()?;
        let hub = hub.try_into().map_err(Into::into)?;
        let key = parsed.access_key().clone();
        Ok(Self::new(parsed.endpoint().clone(), hub, key.into()))
    }

    /// As [`from_connection_string`](Self::from_connection_string), with the connection string in
    /// the environment variable `WEBPUBSUB_CONNECTION_STRING`.
    ///
    /// # Errors
    ///
    /// Same as [`ServiceClient::from_env`].
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub fn from_env(hub: impl TryInto<HubName, Error: Into<Error>>) -> Result<Self> {
        let hub = hub.try_into().map_err(Into::into)?;
        crate::environment::connection_string(
            |name| std::env::var_os(name),
            |text| Self::from_connection_string(text, hub),
        )
    }

    /// Sets the version of the REST interface; default: [`DEFAULT_API_VERSION`](Self::DEFAULT_API_VERSION).
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = version.into();
        self
    }

    /// Sets the scope of Entra ID tokens, for other clouds than the public one; default:
    /// [`DEFAULT_ENTRA_SCOPE`](Self::DEFAULT_ENTRA_SCOPE).
    pub fn entra_scope(mut self, scope: impl Into<String>) -> Self {
        self.entra_scope = scope.into();
        self
    }

    /// Sends requests to a reverse proxy in front of the service, such as API Management; default:
    /// to the service itself. Tokens and client URLs still use the service's own address.
    pub fn reverse_proxy_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.reverse_proxy = Some(endpoint);
        self
    }

    /// Allows `http://` to other machines, for emulators in containers: tokens and messages
    /// then cross the network unencrypted. Default: not allowed.
    pub fn allow_plain_text(mut self, allow: bool) -> Self {
        self.allow_plain_text = allow;
        self
    }

    /// Prefixes the `User-Agent` with the application's name; default: none.
    pub fn application_id(mut self, id: impl Into<String>) -> Self {
        self.application_id = Some(id.into());
        self
    }

    /// Sets how requests are retried; default: [`RetryOptions::default`].
    pub fn retry(mut self, options: RetryOptions) -> Self {
        self.retry = options;
        self
    }

    /// Sets the call timeout, which covers all attempts and the delays between them; default: none,
    /// as is zero.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = Some(timeout);
        self
    }

    /// Sets the attempt timeout, until the response is read; default: 100 s; zero means none.
    pub fn try_timeout(mut self, timeout: Duration) -> Self {
        self.try_timeout = timeout;
        self
    }

    /// Logs the requests and responses of every call of this client; default: no log. See
    /// [`ServiceClient::with_logging`] for what is shown.
    pub fn logging(mut self, options: LogOptions) -> Self {
        self.logging = Some(options);
        self
    }

    /// Adds a policy that runs once for each call.
    pub fn per_call_policy(mut self, policy: impl Policy) -> Self {
        self.per_call.push(Arc::new(policy));
        self
    }

    /// Adds a policy that runs for each attempt, after authorization.
    pub fn per_try_policy(mut self, policy: impl Policy) -> Self {
        self.per_try.push(Arc::new(policy));
        self
    }

    /// Sets the HTTP client; default: the one over hyper.
    pub fn http_client(mut self, client: SharedHttpClient) -> Self {
        self.client = Some(client);
        self
    }

    /// Sets the runtime whose timers serve timeouts and retries; default: tokio's.
    pub fn runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Sets the clock for token lifetimes; default: the system clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = SharedClock::new(clock);
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), naming the argument and
    /// the rule: an `http://` endpoint on another machine without
    /// [`allow_plain_text`](Self::allow_plain_text); an API version, scope or application
    /// id that cannot be sent; no HTTP client or runtime in a build without the
    /// features that provide a default.
    pub fn build(self) -> Result<ServiceClient> {
        self.check()?;
        let client = match self.client {
            Some(client) => client,
            None => crate::defaults::http_client(self.allow_plain_text)?,
        };
        let runtime = match self.runtime {
            Some(runtime) => runtime,
            None => crate::defaults::runtime()?,
        };
        let user_agent = UserAgentPolicy::azsdk(
            "azwire-pubsub",
            env!("CARGO_PKG_VERSION"),
            self.application_id.as_deref(),
        )
        .ok()
        .and_then(|policy| HeaderValue::from_str(policy.value()).ok())
        .ok_or_else(|| Error::invalid("application_id", "must be visible ASCII"))?;
        let authorize = match &self.credential.0 {
            #[cfg(feature = "_hmac")]
            Kind::Key(key) => Authorize::Signed(Box::new(Signed::new(
                auth::JwtSigner::new(key),
                Self::TOKEN_LIFETIME,
                self.clock.clone(),
            ))),
            Kind::Entra(credential) => Authorize::Cached(
                CachedTokenProvider::new(EntraTokenProvider::new(
                    credential.clone(),
                    self.entra_scope,
                ))
                .with_clock(self.clock.clone()),
            ),
            Kind::Provider(provider) => Authorize::Provided(provider.clone()),
        };
        let mut per_call = self.per_call;
        if let Some(timeout) = self.call_timeout {
            per_call.push(Arc::new(TimeoutPolicy::new(timeout, runtime.clone())));
        }
        let seed = crate::defaults::seed();
        let stack = Stack {
            per_call,
            retry: Arc::new(RetryPolicy::new(self.retry, runtime.clone(), seed)),
            timeout: TimeoutPolicy::new(self.try_timeout, runtime.clone()),
            user_agent,
            authorize: Arc::new(authorize),
            per_try: self.per_try,
            client,
            runtime,
        };
        Ok(ServiceClient {
            hub: self.hub,
            to_all: Arc::default(),
            calls: stack.runner(self.logging),
            shared: Arc::new(Shared {
                target: Target::new(self.endpoint, self.reverse_proxy, &self.api_version),
                stack,
                request_ids: RequestIds::new(crate::defaults::seed()),
                #[cfg(feature = "_hmac")]
                signer: match &self.credential.0 {
                    Kind::Key(key) => Some(auth::JwtSigner::new(key)),
                    Kind::Entra(_) | Kind::Provider(_) => None,
                },
                #[cfg(feature = "_hmac")]
                clock: self.clock,
            }),
        })
    }

    fn check(&self) -> Result<()> {
        for (argument, endpoint) in [
            ("endpoint", Some(&self.endpoint)),
            ("reverse_proxy_endpoint", self.reverse_proxy.as_ref()),
        ] {
            let Some(endpoint) = endpoint else { continue };
            if endpoint.is_plain_text() && !endpoint.is_loopback() && !self.allow_plain_text {
                return Err(Error::invalid(
                    argument,
                    "must be https:// for other machines, unless plain text is allowed",
                ));
            }
        }
        let version = &self.api_version;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        if version.is_empty() || !version.chars().all(allowed) {
            return Err(Error::invalid(
                "api_version",
                "must be letters, digits, - and ., such as 2024-12-01",
            ));
        }
        if self.entra_scope.trim().is_empty() {
            return Err(Error::invalid("entra_scope", "must not be empty"));
        }
        Ok(())
    }
}
