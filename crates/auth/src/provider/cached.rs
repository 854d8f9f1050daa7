//! A caching token provider: at most one fetch per audience at a time, however many
//! callers wait for it.

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};

use super::{SharedTokenProvider, TokenProvider};
use crate::access_token::AccessToken;
use crate::cache::{CacheOptions, Lookup, TokenCache};
use crate::clock::{Clock, SharedClock};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::lock;
use crate::sas::Audience;

/// A [`TokenProvider`] that caches the tokens of another.
///
/// - However many callers ask for a missing token, there is one fetch,
///   and all of them get its result, including an error.
/// - A token is refreshed before it expires ([`TokenCache::lookup`]). The
///   caller that finds it due waits for the fetch; the others get the old one.
/// - If that fetch fails, callers get the old token as long as it is valid, and
///   the next attempt waits for [`CacheOptions::retry_delay`], which doubles with
///   each failure.
/// - A fetch makes progress while any caller waits for it. If all waiting callers are
///   cancelled, it is suspended, and the next caller resumes it. Up to
///   [`CacheOptions::capacity`] fetches are kept that way; beyond that they are dropped.
///
/// There is no background task and no timer: a fetch timeout is up to the inner
/// provider. Clones share the cache.
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
    /// Creates a cache for the tokens of `provider`, with default options and the system clock.
    pub fn new(provider: impl TokenProvider) -> Self {
        Self {
            provider: SharedTokenProvider::new(provider),
            clock: SharedClock::default(),
            state: Arc::new(Mutex::new(State::new(CacheOptions::default()))),
        }
    }

    /// Sets the clock; default: the system clock.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = SharedClock::new(clock);
        self
    }

    /// Sets the capacity and the refresh times, and empties the cache.
    #[must_use]
    pub fn with_options(mut self, options: CacheOptions) -> Self {
        self.state = Arc::new(Mutex::new(State::new(options)));
        self
    }

    /// Removes the token for `audience`, for example because the service rejected it. A
    /// fetch in flight goes on.
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
            Some(flight) => match held {
                Some(token) if is_waited_for(flight) => return Step::Done(token),
                _ => flight.clone(),
            },
            None => {
                let flight = self.fetch(audience.clone());
                let given_up = state.make_room();
                state.flights.insert(audience.clone(), flight.clone());
                // Dropping a fetch runs the provider's code, which must not run under the lock.
                drop(state);
                drop(given_up);
                flight
            }
        };
        Step::Wait { flight, held }
    }

    /// Starts a fetch that puts its result into the cache, whichever caller polls it to completion.
    fn fetch(&self, audience: Audience) -> Flight {
        let provider = self.provider.clone();
        let clock = self.clock.clone();
        // The state holds the flight, which must not hold the state.
        let state = Arc::downgrade(&self.state);
        let fetch = async move {
            // A panicked future would otherwise stay in the map and panic in every later caller.
            let attempt = AssertUnwindSafe(async { provider.token(&audience).await });
            let fetched = attempt.catch_unwind().await;
            let result = fetched.unwrap_or_else(|_| {
                let text = "the token provider panicked";
                Err(Error::message(ErrorKind::Credential, text).not_retryable())
            });
            if let Some(state) = state.upgrade() {
                lock(&state).settle(&audience, &result, clock.now());
            }
            result
        };
        fetch.boxed().shared()
    }
}

#[async_trait]
impl TokenProvider for CachedTokenProvider {
    /// Returns the cached token, or fetches one.
    ///
    /// # Errors
    ///
    /// Those of the inner provider, if no valid token is left;
    /// [`ErrorKind::Credential`] if it panics.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel the fetch: other waiting callers, or the next one,
    /// complete it.
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

    /// Removes and returns the fetches that no caller waits for, once their number reaches the
    /// capacity.
    fn make_room(&mut self) -> Vec<(Audience, Flight)> {
        if self.flights.len() < self.cache.capacity() {
            return Vec::new();
        }
        self.flights
            .extract_if(|_, flight| !is_waited_for(flight))
            .collect()
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

/// The map holds one handle; every other handle belongs to a waiting caller.
fn is_waited_for(flight: &Flight) -> bool {
    flight.strong_count().is_some_and(|count| count > 1)
}
