//! The service client's builder.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use auth::{CachedTokenProvider, Clock, EntraTokenProvider, SharedClock};
use http::HeaderValue;
use transport::pipeline::{LogOptions, LogPolicy, RetryPolicy, TimeoutPolicy, UserAgentPolicy};
use transport::{Pipeline, Policy, RetryOptions, SharedHttpClient, SharedRuntime};

use super::attempt::{Attempt, CallRunner};
use super::authorize::Authorize;
#[cfg(feature = "_hmac")]
use super::authorize::Signed;
use super::credential::{Kind, ServiceCredential};
use super::request::Target;
use super::{ServiceClient, Shared};
#[cfg(feature = "_hmac")]
use crate::ConnectionString;
use crate::generated::operations::API_VERSION;
use crate::{Endpoint, Error, HubName, Result};

/// Builds a [`ServiceClient`].
///
/// A request passes: log of the call, policies for each call, deadline of the
/// call, retries, deadline of the try, authorisation, policies for each try, log
/// of the try, HTTP client.
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
    /// 100 s for each try, the default of the Azure SDKs' HTTP clients.
    pub const DEFAULT_TRY_TIMEOUT: Duration = Duration::from_secs(100);
    /// The version of the REST interface that is asked for: the newest that there is.
    pub const DEFAULT_API_VERSION: &str = API_VERSION;
    /// What an Entra ID token is asked for, in the public cloud.
    pub const DEFAULT_ENTRA_SCOPE: &str = "https://webpubsub.azure.com/.default";
    /// 5 min, the lifetime that the official .NET client gives a token for one request.
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

    /// Begins with the endpoint and the key of a connection string.
    ///
    /// # Errors
    ///
    /// As [`ServiceClient::from_connection_string`].
    #[cfg(feature = "_hmac")]
    pub fn from_connection_string(
        connection_string: &str,
        hub: impl TryInto<HubName, Error: Into<Error>>,
    ) -> Result<Self> {
        let parsed: ConnectionString = connection_string.parse()?;
        let hub = hub.try_into().map_err(Into::into)?;
        let key = parsed.access_key().clone();
        Ok(Self::new(parsed.endpoint().clone(), hub, key.into()))
    }

    /// Sets the version of the REST interface; default: [`DEFAULT_API_VERSION`](Self::DEFAULT_API_VERSION).
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = version.into();
        self
    }

    /// Sets what Entra ID tokens are asked for, where the cloud is not the public one.
    pub fn entra_scope(mut self, scope: impl Into<String>) -> Self {
        self.entra_scope = scope.into();
        self
    }

    /// Sends requests to what stands before the service, such as API Management.
    /// Tokens are still made for the service's own address, and clients are sent there.
    pub fn reverse_proxy_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.reverse_proxy = Some(endpoint);
        self
    }

    /// Allows `http://` to other machines than this one: tokens and messages
    /// then pass the network in the clear. For emulators in containers.
    pub fn allow_plain_text(mut self, allow: bool) -> Self {
        self.allow_plain_text = allow;
        self
    }

    /// Puts the application's name before ours in the `User-Agent`.
    pub fn application_id(mut self, id: impl Into<String>) -> Self {
        self.application_id = Some(id.into());
        self
    }

    /// Sets how requests are retried.
    pub fn retry(mut self, options: RetryOptions) -> Self {
        self.retry = options;
        self
    }

    /// Limits the time of a whole call, with all its tries and waits; default: no limit, which zero means too.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = Some(timeout);
        self
    }

    /// Sets how long one try may take until its answer is read; default: 100 s, zero is no limit.
    pub fn try_timeout(mut self, timeout: Duration) -> Self {
        self.try_timeout = timeout;
        self
    }

    /// Logs the requests and responses of every call of this client. See
    /// [`ServiceClient::with_logging`] for what is shown.
    pub fn logging(mut self, options: LogOptions) -> Self {
        self.logging = Some(options);
        self
    }

    /// Adds a policy that sees each call once.
    pub fn per_call_policy(mut self, policy: impl Policy) -> Self {
        self.per_call.push(Arc::new(policy));
        self
    }

    /// Adds a policy that sees each try, with its token.
    pub fn per_try_policy(mut self, policy: impl Policy) -> Self {
        self.per_try.push(Arc::new(policy));
        self
    }

    /// Sets the HTTP client; default: the one over hyper.
    pub fn http_client(mut self, client: SharedHttpClient) -> Self {
        self.client = Some(client);
        self
    }

    /// Sets the runtime whose timers time-outs and retries wait on; default: tokio's.
    pub fn runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Sets the clock that tokens are dated by.
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
    /// features that give a default.
    pub fn build(self) -> Result<ServiceClient> {
        self.check()?;
        let client = match self.client {
            Some(client) => client,
            None => crate::defaults::http_client()?,
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
            exchange: stack.exchange(self.logging),
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
                    "must be https:// for another machine, unless plain text is allowed",
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

/// What calls go through, but for the log: whoever wants another has another.
#[derive(Debug)]
pub(super) struct Stack {
    per_call: Vec<Arc<dyn Policy>>,
    retry: Arc<RetryPolicy>,
    timeout: TimeoutPolicy,
    user_agent: HeaderValue,
    authorize: Arc<Authorize>,
    per_try: Vec<Arc<dyn Policy>>,
    client: SharedHttpClient,
    runtime: SharedRuntime,
}

impl Stack {
    pub(super) fn exchange(&self, log: Option<LogOptions>) -> CallRunner {
        let mut around = Vec::new();
        let mut behind = self.per_try.clone();
        if let Some(options) = log {
            let per_call = LogPolicy::per_call(options.clone(), self.runtime.clone());
            let per_try = LogPolicy::per_try(options, self.runtime.clone());
            around.push(Arc::new(per_call) as Arc<dyn Policy>);
            behind.push(Arc::new(per_try));
        }
        around.extend(self.per_call.iter().cloned());
        let attempt = Arc::new(Attempt {
            timeout: self.timeout.clone(),
            user_agent: self.user_agent.clone(),
            authorize: Arc::clone(&self.authorize),
            behind: Pipeline::new(self.client.clone(), behind),
        });
        let retry = Arc::clone(&self.retry);
        let around = (!around.is_empty()).then(|| {
            around.push(Arc::clone(&retry) as Arc<dyn Policy>);
            Pipeline::new(SharedHttpClient::from(Arc::clone(&attempt)), around)
        });
        CallRunner {
            retry,
            attempt,
            around,
        }
    }
}

/// Gives each call a UUID (version 4). They tell calls apart, but are no secrets.
#[derive(Debug)]
pub(super) struct RequestIds {
    /// The first half of all of them, which tells clients apart.
    client: u64,
    keys: RandomState,
    calls: AtomicU64,
}

impl RequestIds {
    fn new(client: u64) -> Self {
        Self {
            client,
            keys: RandomState::new(),
            calls: AtomicU64::new(0),
        }
    }

    pub(super) fn next(&self) -> HeaderValue {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        uuid(u128::from(self.client) << 64 | u128::from(self.keys.hash_one(call)))
    }
}

/// RFC 9562 §5.4: version 4 and variant 10 in their places.
fn uuid(bits: u128) -> HeaderValue {
    let bits = bits & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    /// Where the digits of each byte go, in groups of 8, 4, 4, 4 and 12.
    const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    let mut text = [b'-'; 36];
    for (byte, place) in bits.to_be_bytes().into_iter().zip(PLACES) {
        text[place] = DIGITS[usize::from(byte >> 4)];
        text[place + 1] = DIGITS[usize::from(byte & 0xf)];
    }
    HeaderValue::from_bytes(&text).expect("hexadecimal digits and hyphens make a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_version_and_variant_whatever_the_bits() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(
            uuid(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
            "01234567-89ab-4def-8123-456789abcdef"
        );
    }

    #[test]
    fn no_two_calls_have_the_same_id() {
        let ids = RequestIds::new(7);
        let all: std::collections::HashSet<_> = (0..1000).map(|_| ids.next()).collect();
        assert_eq!(all.len(), 1000);
    }
}
