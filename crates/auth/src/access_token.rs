//! Tokens of any kind with their expiry.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::secret::Secret;

/// A token and its expiry time. Clones share the text.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use azwire_auth::AccessToken;
///
/// let token = AccessToken::new("a.b.c", UNIX_EPOCH + Duration::from_secs(3600));
/// let now = UNIX_EPOCH + Duration::from_secs(3500);
/// assert!(token.is_fresh(now, Duration::ZERO));
/// // With a margin of five minutes, the token is already due for renewal.
/// assert!(!token.is_fresh(now, Duration::from_secs(300)));
/// assert!(!format!("{token:?}").contains("a.b.c"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessToken {
    token: Arc<Secret>,
    expires_on: SystemTime,
}

impl AccessToken {
    /// Pairs `token` with its expiry.
    pub fn new(token: impl Into<Secret>, expires_on: SystemTime) -> Self {
        Self {
            token: Arc::new(token.into()),
            expires_on,
        }
    }

    /// Returns the token as a header carries it: a complete SAS token, or a JWT without `Bearer`.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// Returns the time at which the token expires.
    pub fn expires_on(&self) -> SystemTime {
        self.expires_on
    }

    /// Whether the token is valid for longer than `margin` after `now`. With a margin of
    /// zero: whether it has not expired.
    pub fn is_fresh(&self, now: SystemTime, margin: Duration) -> bool {
        self.expires_on
            .duration_since(now)
            .is_ok_and(|left| left > margin)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn is_fresh_until_the_margin_before_expiry() {
        let second = Duration::from_secs(1);
        let token = AccessToken::new("t", UNIX_EPOCH + 10 * second);
        assert!(token.is_fresh(UNIX_EPOCH + 9 * second, Duration::ZERO));
        assert!(!token.is_fresh(UNIX_EPOCH + 10 * second, Duration::ZERO));
        assert!(!token.is_fresh(UNIX_EPOCH + 11 * second, Duration::ZERO));
        assert!(token.is_fresh(UNIX_EPOCH + 6 * second, 3 * second));
        assert!(!token.is_fresh(UNIX_EPOCH + 7 * second, 3 * second));
        assert!(!token.is_fresh(UNIX_EPOCH, Duration::MAX));
    }
}
