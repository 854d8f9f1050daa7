//! The token cache: which tokens are kept and when they are refreshed; pure.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use crate::access_token::AccessToken;
use crate::clock::after;
use crate::sas::Audience;

/// A bounded map from audience to token that decides when a token is due for a refresh; pure.
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

    /// Looks up the token of `audience` at `now`.
    ///
    /// A token is due for a refresh after four fifths of its lifetime or
    /// [`CacheOptions::margin`] before its expiry, whichever is earlier, but
    /// not before half of its lifetime; and, after a failure, not before the
    /// delay has elapsed.
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

    /// Stores `token`, which was obtained at `now`, in place of an older one.
    /// If the cache is full, the token that expires first is evicted.
    pub fn insert(&mut self, audience: Audience, token: AccessToken, now: SystemTime) {
        if !self.entries.contains_key(&audience) {
            while self.entries.len() >= self.capacity() {
                self.evict();
            }
        }
        let lifetime = token.expires_on().duration_since(now).unwrap_or_default();
        let wait = (lifetime / 5 * 4)
            .min(lifetime.saturating_sub(self.options.margin))
            .max(lifetime / 2);
        let entry = Entry {
            refresh_on: after(now, wait),
            failures: 0,
            token,
        };
        self.entries.insert(audience, entry);
    }

    /// Records that a refresh failed at `now`, and delays the next one.
    pub fn record_failure(&mut self, audience: &Audience, now: SystemTime) {
        let Some(entry) = self.entries.get_mut(audience) else {
            return;
        };
        let factor = 1_u32.checked_shl(entry.failures).unwrap_or(u32::MAX);
        let delay = self.options.retry_delay.saturating_mul(factor);
        let delay = delay.min(self.options.max_retry_delay);
        entry.failures = entry.failures.saturating_add(1);
        entry.refresh_on = after(now, delay);
    }

    /// Removes the token of `audience`.
    pub fn remove(&mut self, audience: &Audience) {
        self.entries.remove(audience);
    }

    /// Returns the number of cached tokens, including expired ones.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the cache holds no token.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.options.capacity.max(1)
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

/// The result of a [`TokenCache`] look-up.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a fourth result would change the contract"
)]
pub enum Lookup {
    /// A token to use.
    Fresh(AccessToken),
    /// No valid token.
    Missing,
    /// A token that is still valid but due for a refresh.
    Refresh(AccessToken),
}

/// The capacity and refresh times of a [`TokenCache`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CacheOptions {
    /// The number of tokens to keep, at least one. Default:
    /// [`DEFAULT_CAPACITY`](Self::DEFAULT_CAPACITY).
    pub capacity: usize,
    /// How long before its expiry a token is refreshed at the latest. Default:
    /// [`DEFAULT_MARGIN`](Self::DEFAULT_MARGIN).
    pub margin: Duration,
    /// The delay after the first failed refresh. Default:
    /// [`DEFAULT_RETRY_DELAY`](Self::DEFAULT_RETRY_DELAY).
    pub retry_delay: Duration,
    /// The longest delay after a failed refresh. Default:
    /// [`DEFAULT_MAX_RETRY_DELAY`](Self::DEFAULT_MAX_RETRY_DELAY).
    pub max_retry_delay: Duration,
}

impl CacheOptions {
    /// Sets the number of tokens to keep.
    #[must_use]
    pub fn with_capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Sets how long before its expiry a token is refreshed at the latest.
    #[must_use]
    pub fn with_margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// Sets the first and the longest delay after a failed refresh.
    #[must_use]
    pub fn with_retry_delay(mut self, first: Duration, longest: Duration) -> Self {
        self.retry_delay = first;
        self.max_retry_delay = longest;
        self
    }

    /// 256 tokens, enough for the hubs and hybrid connections of one process.
    pub const DEFAULT_CAPACITY: usize = 256;

    /// Five minutes, the margin of the official Azure clients.
    pub const DEFAULT_MARGIN: Duration = Duration::from_secs(5 * 60);

    /// One second, to recover quickly from a hiccup of the identity service.
    pub const DEFAULT_RETRY_DELAY: Duration = Duration::from_secs(1);

    /// 30 seconds: nine attempts within the default margin.
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

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u32) -> SystemTime {
        UNIX_EPOCH + seconds * SECOND
    }

    fn token(expires_on: u32) -> AccessToken {
        AccessToken::new(format!("until {expires_on}"), at(expires_on))
    }

    fn audience(name: impl AsRef<str>) -> Audience {
        Audience::verbatim(name)
    }

    #[test]
    fn is_due_ahead_of_expiry() {
        for (lifetime, due) in [
            (3600, 2880), // four fifths
            (900, 600),   // the margin
            (400, 200),   // half, since the margin would leave less
            (60, 30),
        ] {
            let mut cache = TokenCache::new(CacheOptions::default());
            let token = token(1000 + lifetime);
            cache.insert(audience("a"), token.clone(), at(1000));
            let lookup = |seconds| cache.lookup(&audience("a"), at(1000 + seconds));
            assert_eq!(lookup(due - 1), Lookup::Fresh(token.clone()), "{lifetime}");
            assert_eq!(lookup(due), Lookup::Refresh(token.clone()), "{lifetime}");
            assert_eq!(
                lookup(lifetime - 1),
                Lookup::Refresh(token.clone()),
                "{lifetime}"
            );
            assert_eq!(lookup(lifetime), Lookup::Missing, "{lifetime}");
        }
    }

    #[test]
    fn puts_a_failed_refresh_off_for_longer_each_time() {
        let options = CacheOptions::default().with_retry_delay(SECOND, 5 * SECOND);
        let mut cache = TokenCache::new(options);
        let a = audience("a");
        cache.insert(a.clone(), token(3600), at(0));

        let mut now = 3000;
        for delay in [1, 2, 4, 5, 5] {
            assert_eq!(cache.lookup(&a, at(now)), Lookup::Refresh(token(3600)));
            cache.record_failure(&a, at(now));
            assert_eq!(
                cache.lookup(&a, at(now + delay - 1)),
                Lookup::Fresh(token(3600))
            );
            now += delay;
        }
        cache.record_failure(&a, at(3599));
        assert_eq!(cache.lookup(&a, at(3600)), Lookup::Missing);

        cache.insert(a.clone(), token(7200), at(3600));
        assert_eq!(cache.lookup(&a, at(3600)), Lookup::Fresh(token(7200)));
        cache.record_failure(&a, at(7000));
        assert_eq!(cache.lookup(&a, at(7001)), Lookup::Refresh(token(7200)));
    }

    #[test]
    fn survives_any_number_of_failures() {
        let mut cache = TokenCache::new(CacheOptions::default());
        cache.insert(audience("a"), token(u32::MAX), at(0));
        for _ in 0..100 {
            cache.record_failure(&audience("a"), at(10));
        }
        assert!(matches!(
            cache.lookup(&audience("a"), at(39)),
            Lookup::Fresh(_)
        ));
        assert!(matches!(
            cache.lookup(&audience("a"), at(40)),
            Lookup::Refresh(_)
        ));
        cache.record_failure(&audience("unknown"), at(10));
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn makes_room_by_the_token_that_expires_first() {
        let mut cache = TokenCache::new(CacheOptions::default().with_capacity(2));
        cache.insert(audience("a"), token(200), at(0));
        cache.insert(audience("b"), token(100), at(0));
        cache.insert(audience("a"), token(300), at(0));
        assert_eq!(cache.len(), 2);
        cache.insert(audience("c"), token(150), at(0));
        assert_eq!(cache.len(), 2);
        assert_eq!(cache.lookup(&audience("b"), at(0)), Lookup::Missing);
        assert_eq!(
            cache.lookup(&audience("a"), at(0)),
            Lookup::Fresh(token(300))
        );

        let mut cache = TokenCache::new(CacheOptions::default().with_capacity(0));
        cache.insert(audience("a"), token(100), at(0));
        assert_eq!(
            cache.lookup(&audience("a"), at(0)),
            Lookup::Fresh(token(100))
        );
        for index in 0..1000 {
            cache.insert(audience(format!("{index}")), token(100), at(0));
        }
        assert_eq!(cache.len(), 1);
        assert!(!cache.is_empty());
        cache.remove(&audience("999"));
        assert!(cache.is_empty());
    }

    #[test]
    fn the_margin_can_be_set() {
        let options = CacheOptions::default().with_margin(1000 * SECOND);
        let mut cache = TokenCache::new(options);
        cache.insert(audience("a"), token(3000), at(0));
        let lookup = |seconds| cache.lookup(&audience("a"), at(seconds));
        assert_eq!(lookup(1999), Lookup::Fresh(token(3000)));
        assert_eq!(lookup(2000), Lookup::Refresh(token(3000)));
    }

    #[test]
    fn a_token_that_came_expired_is_missing() {
        let mut cache = TokenCache::new(CacheOptions::default());
        cache.insert(audience("a"), token(10), at(10));
        assert_eq!(cache.lookup(&audience("a"), at(10)), Lookup::Missing);
    }
}
