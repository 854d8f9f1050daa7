//! Tokens kept until shortly before they expire.
//!
//! [`TokenCache`] decides and is pure; [`CachedTokenProvider`] performs: one
//! fetch at a time for an audience, however many callers wait for it.

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};

use crate::access_token::AccessToken;
use crate::clock::{Clock, SharedClock};
use crate::error::{Error, ErrorKind, Result};
use crate::provider::{SharedTokenProvider, TokenProvider};
use crate::sas::Audience;

/// A [`TokenProvider`] that keeps the tokens of another.
///
/// - However many callers ask for a token that is missing, one fetch goes out
///   and all get its result, an error too.
/// - A token is fetched anew ahead of its expiry ([`TokenCache::lookup`]). The
///   caller who finds it due waits for the fetch; the others get the old one.
/// - If that fetch fails, the old token is given as long as it is valid, and
///   the next attempt waits for [`CacheOptions::retry_delay`], doubled with
///   each failure.
/// - A fetch makes progress while anyone waits for it. If all who wait are
///   cancelled, it stays, and the next caller goes on with it.
///
/// There is no background task and no timer: a limit on the time of a fetch is
/// for the inner provider to set. Clones share the cache.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use azwire_auth::{AccessToken, Audience, CachedTokenProvider, FixedClock, TokenProvider, token_fn};
///
/// let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
/// let fetch = token_fn(move |_| async move {
///     Ok(AccessToken::new("token", now + Duration::from_secs(3600)))
/// });
/// let provider = CachedTokenProvider::new(fetch).with_clock(FixedClock::new(now));
/// # futures::executor::block_on(async {
/// let audience = Audience::verbatim("https://contoso.webpubsub.azure.com");
/// let first = provider.token(&audience).await?;
/// let second = provider.token(&audience).await?;
/// assert_eq!(first, second);
/// # Ok::<(), azwire_auth::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct CachedTokenProvider {
    provider: SharedTokenProvider,
    clock: SharedClock,
    state: Arc<Mutex<State>>,
}

impl CachedTokenProvider {
    /// Keeps the tokens of `provider`, by the system's clock.
    pub fn new(provider: impl TokenProvider) -> Self {
        Self {
            provider: SharedTokenProvider::new(provider),
            clock: SharedClock::default(),
            state: Arc::new(Mutex::new(State::new(CacheOptions::default()))),
        }
    }

    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = SharedClock::new(clock);
        self
    }

    /// Sets size and times, and starts with an empty cache.
    #[must_use]
    pub fn with_options(mut self, options: CacheOptions) -> Self {
        self.state = Arc::new(Mutex::new(State::new(options)));
        self
    }

    /// Forgets the token for `audience`, because the service refused it. A
    /// fetch that is under way is not given up.
    pub fn invalidate(&self, audience: &Audience) {
        let audience = self.provider.cache_audience(audience);
        lock(&self.state).cache.remove(&audience);
    }

    /// Finds the token, or the fetch to wait for.
    fn step(&self, audience: &Audience) -> Step {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        let held = match state.cache.lookup(audience, now) {
            Lookup::Fresh(token) => return Step::Done(token),
            Lookup::Refresh(token) => Some(token),
            Lookup::Missing => None,
        };
        let flight = match state.flights.get(audience) {
            Some(flight) => {
                // The map holds one handle; any other is that of a caller who waits.
                let is_waited_for = flight.strong_count().is_some_and(|count| count > 1);
                match held {
                    Some(token) if is_waited_for => return Step::Done(token),
                    _ => flight.clone(),
                }
            }
            None => {
                let flight = self.fetch(audience.clone());
                state.flights.insert(audience.clone(), flight.clone());
                flight
            }
        };
        Step::Wait { flight, held }
    }

    /// A fetch that puts its result into the cache, whoever polls it to its end.
    fn fetch(&self, audience: Audience) -> Flight {
        let provider = self.provider.clone();
        let clock = self.clock.clone();
        // The state holds the flight, which must not hold the state.
        let state = Arc::downgrade(&self.state);
        let fetch = async move {
            // A panic would otherwise stay in the map and meet every later caller.
            let fetched = AssertUnwindSafe(provider.token(&audience))
                .catch_unwind()
                .await;
            let result = fetched.unwrap_or_else(|_| {
                let text = "the token provider panicked";
                Err(Error::message(ErrorKind::Credential, text).not_retryable())
            });
            if let Some(state) = Weak::upgrade(&state) {
                lock(&state).settle(&audience, &result, clock.now());
            }
            result
        };
        fetch.boxed().shared()
    }
}

#[async_trait]
impl TokenProvider for CachedTokenProvider {
    /// Gives the token that is kept, or fetches one.
    ///
    /// # Errors
    ///
    /// Those of the inner provider, if no valid token is left;
    /// [`ErrorKind::Credential`] if it panics.
    ///
    /// # Cancel safety
    ///
    /// A fetch goes on for those who wait for it, and for the next caller.
    async fn token(&self, audience: &Audience) -> Result<AccessToken> {
        let audience = self.provider.cache_audience(audience);
        let (flight, held) = match self.step(&audience) {
            Step::Done(token) => return Ok(token),
            Step::Wait { flight, held } => (flight, held),
        };
        let result = flight.await;
        match (result, held) {
            (Err(_), Some(token)) if token.is_fresh(self.clock.now(), Duration::ZERO) => Ok(token),
            (result, _) => result,
        }
    }

    fn cache_audience(&self, audience: &Audience) -> Audience {
        self.provider.cache_audience(audience)
    }
}

type Flight = Shared<BoxFuture<'static, Result<AccessToken>>>;

enum Step {
    Done(AccessToken),
    Wait {
        flight: Flight,
        held: Option<AccessToken>,
    },
}

struct State {
    cache: TokenCache,
    flights: HashMap<Audience, Flight>,
}

impl State {
    fn new(options: CacheOptions) -> Self {
        Self {
            cache: TokenCache::new(options),
            flights: HashMap::new(),
        }
    }

    fn settle(&mut self, audience: &Audience, result: &Result<AccessToken>, now: SystemTime) {
        self.flights.remove(audience);
        match result {
            Ok(token) => self.cache.insert(audience.clone(), token.clone(), now),
            Err(_) => self.cache.record_failure(audience, now),
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("cache", &self.cache)
            .field("flights", &self.flights.len())
            .finish()
    }
}

/// A bounded map from audience to token that knows when a token is due; pure.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use azwire_auth::{AccessToken, Audience, CacheOptions, Lookup, TokenCache};
///
/// let second = Duration::from_secs(1);
/// let audience = Audience::verbatim("a");
/// let token = AccessToken::new("token", UNIX_EPOCH + 3600 * second);
///
/// let mut cache = TokenCache::new(CacheOptions::default());
/// assert_eq!(cache.lookup(&audience, UNIX_EPOCH), Lookup::Missing);
/// cache.insert(audience.clone(), token.clone(), UNIX_EPOCH);
/// assert_eq!(cache.lookup(&audience, UNIX_EPOCH + 2879 * second), Lookup::Fresh(token.clone()));
/// assert_eq!(cache.lookup(&audience, UNIX_EPOCH + 2880 * second), Lookup::Refresh(token));
/// assert_eq!(cache.lookup(&audience, UNIX_EPOCH + 3600 * second), Lookup::Missing);
/// ```
#[derive(Clone, Debug)]
pub struct TokenCache {
    entries: HashMap<Audience, Entry>,
    options: CacheOptions,
}

impl TokenCache {
    /// Creates an empty cache.
    pub fn new(options: CacheOptions) -> Self {
        Self {
            entries: HashMap::new(),
            options,
        }
    }

    /// Looks for the token of `audience` at `now`.
    ///
    /// It is due for a refresh after four fifths of its lifetime or
    /// [`CacheOptions::margin`] before its expiry, whichever is earlier, but
    /// not before half of its lifetime; and, after a failure, not before the
    /// delay is over.
    pub fn lookup(&self, audience: &Audience, now: SystemTime) -> Lookup {
        let Some(entry) = self.entries.get(audience) else {
            return Lookup::Missing;
        };
        if !entry.token.is_fresh(now, Duration::ZERO) {
            Lookup::Missing
        } else if now < entry.refresh_on {
            Lookup::Fresh(entry.token.clone())
        } else {
            Lookup::Refresh(entry.token.clone())
        }
    }

    /// Keeps `token`, which was obtained at `now`, in place of an older one.
    ///
    /// When the cache is full, the token that expires first makes room.
    pub fn insert(&mut self, audience: Audience, token: AccessToken, now: SystemTime) {
        if !self.entries.contains_key(&audience) {
            while self.entries.len() >= self.options.capacity.max(1) {
                self.evict();
            }
        }
        let lifetime = token.expires_on().duration_since(now).unwrap_or_default();
        let wait = (lifetime / 5 * 4)
            .min(lifetime.saturating_sub(self.options.margin))
            .max(lifetime / 2);
        let entry = Entry {
            // Never past the expiry, which the system could tell.
            refresh_on: now.checked_add(wait).unwrap_or(now),
            failures: 0,
            token,
        };
        self.entries.insert(audience, entry);
    }

    /// Takes note that a refresh failed at `now`, and puts the next one off.
    pub fn record_failure(&mut self, audience: &Audience, now: SystemTime) {
        let Some(entry) = self.entries.get_mut(audience) else {
            return;
        };
        let factor = 1_u32.checked_shl(entry.failures).unwrap_or(u32::MAX);
        let delay = self.options.retry_delay.saturating_mul(factor);
        let delay = delay.min(self.options.max_retry_delay);
        entry.failures = entry.failures.saturating_add(1);
        entry.refresh_on = now.checked_add(delay).unwrap_or(now);
    }

    /// Forgets the token of `audience`.
    pub fn remove(&mut self, audience: &Audience) {
        self.entries.remove(audience);
    }

    /// How many tokens are kept, expired ones included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no token is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn evict(&mut self) {
        let first = self
            .entries
            .iter()
            .min_by_key(|(_, entry)| entry.token.expires_on());
        if let Some(audience) = first.map(|(audience, _)| audience.clone()) {
            self.entries.remove(&audience);
        }
    }
}

/// What a [`TokenCache`] has for an audience.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a fourth answer would be another contract"
)]
pub enum Lookup {
    /// A token to use.
    Fresh(AccessToken),
    /// No valid token.
    Missing,
    /// A token that may still be used, and is due for a refresh.
    Refresh(AccessToken),
}

/// Size and times of a [`TokenCache`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CacheOptions {
    /// How many tokens are kept, at least one. Default [`DEFAULT_CAPACITY`](Self::DEFAULT_CAPACITY).
    pub capacity: usize,
    /// How long before its expiry a token is due at the latest. Default [`DEFAULT_MARGIN`](Self::DEFAULT_MARGIN).
    pub margin: Duration,
    /// The wait after a first failed refresh. Default [`DEFAULT_RETRY_DELAY`](Self::DEFAULT_RETRY_DELAY).
    pub retry_delay: Duration,
    /// The longest wait after a failed refresh. Default [`DEFAULT_MAX_RETRY_DELAY`](Self::DEFAULT_MAX_RETRY_DELAY).
    pub max_retry_delay: Duration,
}

impl CacheOptions {
    /// Sets the number of tokens that are kept.
    #[must_use]
    pub fn with_capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Sets how long before its expiry a token is due at the latest.
    #[must_use]
    pub fn with_margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// Sets the first and the longest wait after a failed refresh.
    #[must_use]
    pub fn with_retry_delay(mut self, first: Duration, longest: Duration) -> Self {
        self.retry_delay = first;
        self.max_retry_delay = longest;
        self
    }

    /// Enough for the hubs and hybrid connections of one process.
    pub const DEFAULT_CAPACITY: usize = 256;

    /// Five minutes, the margin of the official Azure clients.
    pub const DEFAULT_MARGIN: Duration = Duration::from_secs(5 * 60);

    /// One second, so that a hiccup of the identity service is soon over.
    pub const DEFAULT_RETRY_DELAY: Duration = Duration::from_secs(1);

    /// Half a minute: nine tries within the default margin.
    pub const DEFAULT_MAX_RETRY_DELAY: Duration = Duration::from_secs(30);
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self {
            capacity: Self::DEFAULT_CAPACITY,
            margin: Self::DEFAULT_MARGIN,
            retry_delay: Self::DEFAULT_RETRY_DELAY,
            max_retry_delay: Self::DEFAULT_MAX_RETRY_DELAY,
        }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    token: AccessToken,
    refresh_on: SystemTime,
    failures: u32,
}

/// No code that may panic runs under the lock, so a poisoned state is whole.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
