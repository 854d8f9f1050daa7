//! A custom credential that gets tokens from a service, and a cache.
//!
//! Goal: implement `TokenCredential`, and see that many callers cause one
//! fetch and that a token is refreshed before it expires. Simplifications: the
//! service is a counter, and the clock is moved by hand.

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use azwire_auth::{
    AccessToken, Audience, CachedTokenProvider, Clock, EntraTokenProvider, FixedClock,
    TokenCredential, TokenProvider, async_trait,
};
use futures::future::try_join_all;

const SCOPE: &str = "https://webpubsub.azure.com/.default";

/// Stands in for an identity service; each token is valid for an hour.
#[derive(Clone, Debug)]
struct Counter {
    fetches: Arc<AtomicU32>,
    clock: FixedClock,
}

#[async_trait]
impl TokenCredential for Counter {
    async fn token(&self, scopes: &[&str]) -> azwire_auth::Result<AccessToken> {
        let number = self.fetches.fetch_add(1, Ordering::Relaxed) + 1;
        println!("fetch {number} for {scopes:?}");
        let expires_on = self.clock.now() + Duration::from_secs(3600);
        Ok(AccessToken::new(format!("token {number}"), expires_on))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let clock = FixedClock::new(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let counter = Counter {
        fetches: Arc::default(),
        clock: clock.clone(),
    };
    let credential = EntraTokenProvider::new(counter.clone(), SCOPE);
    let provider = CachedTokenProvider::new(credential).with_clock(clock.clone());

    let audience = Audience::verbatim("https://contoso.webpubsub.azure.com/api/hubs/chat");
    for minutes in [0, 30, 50, 55] {
        clock.set(UNIX_EPOCH + Duration::from_secs(1_700_000_000 + minutes * 60));
        let tokens = try_join_all((0..1000).map(|_| provider.token(&audience))).await?;
        let first = tokens.first().ok_or("there were no callers")?;
        // This token is not a secret; never print a real one.
        println!(
            "after {minutes} minutes {} callers have `{}`",
            tokens.len(),
            first.token().expose()
        );
    }
    match counter.fetches.load(Ordering::Relaxed) {
        2 => Ok(()),
        fetches => Err(format!("{fetches} fetches instead of 2").into()),
    }
}
