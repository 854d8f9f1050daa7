//! The state machines, clocks and calculations: no socket, and time as it is told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth::{
    AccessKey, AccessToken, Audience, CacheOptions, Claims, Clock, FixedClock, JwtSigner,
    JwtTokenProvider, JwtVerifier, SasRule, SasTokenProvider, SasVerifier, SharedAccessKey,
    TokenCache, TokenProvider,
};
use pubsub::{ClientRetryOptions, InvokeEventOptions, SendToGroupOptions, StreamOptions};
use relay::control::{ControlOptions, KeepAlive};
use transport::_internal::Backoff;
use transport::testing::ManualRuntime;
use transport::{BackoffOptions, after};

use crate::drive::{PEERS, channel, drive_channel, instant, invoke, publish, session, stream};
use crate::{Case, at_once};

const HOUR: Duration = Duration::from_secs(3600);

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

pub(super) const CASES: &[Case] = &[
    (
        "auth AccessToken::is_fresh",
        at_once!(|value| {
            let token = AccessToken::new("t", now() + HOUR);
            assert_eq!(token.is_fresh(now(), value), value < HOUR);
        }),
    ),
    (
        "auth CacheOptions::margin",
        at_once!(|value| {
            let mut options = CacheOptions::default();
            options.margin = value;
            cache(options);
        }),
    ),
    (
        "auth CacheOptions::with_margin",
        at_once!(|value| cache(CacheOptions::default().with_margin(value))),
    ),
    (
        "auth CacheOptions::retry_delay",
        at_once!(|value| {
            let mut options = CacheOptions::default();
            options.retry_delay = value;
            cache(options);
        }),
    ),
    (
        "auth CacheOptions::max_retry_delay",
        at_once!(|value| {
            let mut options = CacheOptions::default();
            options.max_retry_delay = value;
            cache(options);
        }),
    ),
    (
        "auth CacheOptions::with_retry_delay",
        at_once!(|value| cache(CacheOptions::default().with_retry_delay(value, value))),
    ),
    (
        "auth FixedClock::advance",
        at_once!(|value| {
            let clock = FixedClock::new(now());
            clock.advance(value);
            clock.advance(value);
            assert!(clock.now() >= now());
        }),
    ),
    (
        "auth JwtTokenProvider::with_lifetime",
        at_once!(|value| {
            let provider = JwtTokenProvider::new(&AccessKey::new("key"));
            provided(
                provider
                    .with_lifetime(value)
                    .with_clock(FixedClock::new(now())),
            );
        }),
    ),
    (
        "auth SasTokenProvider::with_lifetime",
        at_once!(|value| {
            let provider = SasTokenProvider::new(&SharedAccessKey::new("rule", "key"));
            provided(
                provider
                    .with_lifetime(value)
                    .with_clock(FixedClock::new(now())),
            );
        }),
    ),
    (
        "auth JwtVerifier::with_skew",
        at_once!(|value| {
            let key = AccessKey::new("key");
            let token = JwtSigner::new(&key).sign(&Claims::new("a", now()));
            let verifier = JwtVerifier::new([&key]).with_skew(value);
            let late = now() + Duration::from_secs(1);
            let outcome = verifier.verify(token.expose(), &["a"], late);
            assert_eq!(outcome.is_ok(), value > Duration::from_secs(1));
        }),
    ),
    (
        "auth SasVerifier::with_grace",
        at_once!(|value| {
            let key = SharedAccessKey::new("rule", "key");
            let token = auth::SasSigner::new(&key).sign(&Audience::verbatim("a"), now());
            let verifier = SasVerifier::new([SasRule::from(&key)]).with_grace(value);
            let late = now() + Duration::from_secs(1);
            let outcome = verifier.verify(token.expose(), late);
            assert_eq!(outcome.is_ok(), value > Duration::from_secs(1));
        }),
    ),
    (
        "transport BackoffOptions::initial",
        at_once!(|value| {
            let mut options = BackoffOptions::default();
            options.initial = value;
            backoff(options);
        }),
    ),
    (
        "transport BackoffOptions::max",
        at_once!(|value| {
            let mut options = BackoffOptions::default();
            options.max = value;
            backoff(options);
        }),
    ),
    (
        "transport BackoffOptions::with_initial",
        at_once!(|value| backoff(BackoffOptions::default().with_initial(value))),
    ),
    (
        "transport BackoffOptions::with_max",
        at_once!(|value| backoff(
            BackoffOptions::default()
                .with_initial(value)
                .with_max(value)
        )),
    ),
    (
        "transport ManualRuntime::advance",
        at_once!(|value| {
            let runtime = ManualRuntime::new();
            runtime.advance(value);
            runtime.advance(value);
        }),
    ),
    (
        "transport azwire_transport::after",
        at_once!(|value| assert!(after(instant(), value) >= instant())),
    ),
    (
        "transport SharedRuntime::after",
        at_once!(|value| {
            let runtime = ManualRuntime::new().shared();
            assert!(runtime.after(value) >= runtime.now());
        }),
    ),
    (
        "pubsub SessionOptions::ack_timeout",
        at_once!(|value| session(|options| options.ack_timeout = value)),
    ),
    (
        "pubsub SessionOptions::close_timeout",
        at_once!(|value| session(|options| options.close_timeout = value)),
    ),
    (
        "pubsub SessionOptions::connect_timeout",
        at_once!(|value| session(|options| options.connect_timeout = value)),
    ),
    (
        "pubsub SessionOptions::invocation_timeout",
        at_once!(|value| session(|options| options.invocation_timeout = Some(value))),
    ),
    (
        "pubsub SessionOptions::keep_alive_interval",
        at_once!(|value| session(|options| options.keep_alive_interval = Some(value))),
    ),
    (
        "pubsub SessionOptions::keep_alive_timeout",
        at_once!(|value| session(|options| options.keep_alive_timeout = Some(value))),
    ),
    (
        "pubsub SessionOptions::recovery_interval",
        at_once!(|value| session(|options| options.recovery_interval = value)),
    ),
    (
        "pubsub SessionOptions::recovery_window",
        at_once!(|value| session(|options| options.recovery_window = value)),
    ),
    (
        "pubsub SessionOptions::sequence_ack_interval",
        at_once!(|value| session(|options| options.sequence_ack_interval = value)),
    ),
    (
        "pubsub ClientRetryOptions::retry_delay",
        at_once!(|value| session(|options| {
            options.reconnect_retry.retry_delay = value;
            options.message_retry.retry_delay = value;
        })),
    ),
    (
        "pubsub ClientRetryOptions::max_retry_delay",
        at_once!(|value| session(|options| {
            options.reconnect_retry.max_retry_delay = value;
            options.message_retry.max_retry_delay = value;
        })),
    ),
    (
        "pubsub ClientRetryOptions::with_retry_delay",
        at_once!(|value| session(|options| {
            options.reconnect_retry = endless().with_retry_delay(value);
            options.message_retry = endless().with_retry_delay(value);
        })),
    ),
    (
        "pubsub ClientRetryOptions::with_max_retry_delay",
        at_once!(|value| session(|options| {
            options.reconnect_retry = endless().with_max_retry_delay(value);
            options.message_retry = endless().with_max_retry_delay(value);
        })),
    ),
    (
        "pubsub InvokeEventOptions::timeout",
        at_once!(|value| {
            let mut options = InvokeEventOptions::default();
            options.timeout = Some(value);
            invoke(options);
        }),
    ),
    (
        "pubsub InvokeEventOptions::with_timeout",
        at_once!(|value| invoke(InvokeEventOptions::default().with_timeout(value))),
    ),
    (
        "pubsub SendToGroupOptions::ttl",
        at_once!(|value| {
            let mut options = SendToGroupOptions::default();
            options.ttl = Some(value);
            publish(options);
        }),
    ),
    (
        "pubsub SendToGroupOptions::with_ttl",
        at_once!(|value| publish(SendToGroupOptions::default().with_ttl(value))),
    ),
    (
        "pubsub StreamOptions::idle_timeout",
        at_once!(|value| {
            let mut options = StreamOptions::default();
            options.idle_timeout = Some(value);
            stream(options);
        }),
    ),
    (
        "pubsub StreamOptions::with_idle_timeout",
        at_once!(|value| stream(StreamOptions::default().with_idle_timeout(value))),
    ),
    (
        "relay Ping::interval",
        at_once!(|value| channel(|options| {
            options.keep_alive = ping(value, KeepAlive::DEFAULT_GRACE);
        })),
    ),
    (
        "relay Ping::grace",
        at_once!(|value| channel(|options| {
            options.keep_alive = ping(Duration::from_millis(100), value);
        })),
    ),
    (
        "relay Pong::interval",
        at_once!(|value| channel(|options| {
            options.keep_alive = pong(value);
        })),
    ),
    (
        "relay ControlOptions::attempt_timeout",
        at_once!(|value| channel(|options| options.attempt_timeout = value)),
    ),
    (
        "relay ControlOptions::close_timeout",
        at_once!(|value| channel(|options| options.close_timeout = value)),
    ),
    (
        "relay ControlOptions::drain_timeout",
        at_once!(|value| channel(|options| options.drain_timeout = value)),
    ),
    (
        "relay ControlOptions::not_found_patience",
        at_once!(|value| channel(|options| options.not_found_patience = value)),
    ),
    (
        "relay ControlOptions::with_attempt_timeout",
        at_once!(|value| channel(|options| *options = options.clone().with_attempt_timeout(value))),
    ),
    (
        "relay ControlOptions::with_close_timeout",
        at_once!(|value| channel(|options| *options = options.clone().with_close_timeout(value))),
    ),
    (
        "relay ControlOptions::with_drain_timeout",
        at_once!(|value| channel(|options| *options = options.clone().with_drain_timeout(value))),
    ),
    (
        "relay ControlOptions::with_not_found_patience",
        at_once!(|value| channel(
            |options| *options = options.clone().with_not_found_patience(value)
        )),
    ),
    (
        "relay ControlChannel::handle_token",
        at_once!(|value| {
            for peer in PEERS {
                drive_channel(ControlOptions::default(), peer, value);
            }
        }),
    ),
];

fn cache(options: CacheOptions) {
    let audience = Audience::verbatim("a");
    let mut cache = TokenCache::new(options);
    cache.insert(audience.clone(), AccessToken::new("t", now() + HOUR), now());
    for _ in 0..100 {
        cache.record_failure(&audience, now());
        _ = cache.lookup(&audience, now());
    }
}

/// A token is good when it is given out.
fn provided(provider: impl TokenProvider) {
    let audience = Audience::verbatim("a");
    let token = futures::executor::block_on(provider.token(&audience)).unwrap();
    assert!(token.is_fresh(now(), Duration::ZERO));
}

fn backoff(options: BackoffOptions) {
    let mut backoff = Backoff::new(options.clone(), 7);
    assert!((0..100).all(|_| backoff.next_delay() <= options.max));
}

fn endless() -> ClientRetryOptions {
    ClientRetryOptions::default().with_max_retries(None)
}

fn ping(interval: Duration, grace: Duration) -> KeepAlive {
    KeepAlive::Ping { interval, grace }
}

fn pong(interval: Duration) -> KeepAlive {
    KeepAlive::Pong { interval }
}
