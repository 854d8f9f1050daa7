//! Tokens over the lifetime of a control channel, in virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use auth::{AccessToken, FixedClock, SharedClock, token_fn};
use azwire_tests::relay::scripted::{Opening, Scripted};
use futures::{SinkExt, StreamExt};
use relay::command::Reply;
use relay::{Credential, ListenerState};
use transport::{CloseCode, CloseFrame, Message};

const HOUR: Duration = Duration::from_secs(3600);

/// Tokens `token 1`, `token 2` and so on, each valid for an hour.
fn tokens(made: &Arc<AtomicUsize>) -> Credential {
    let made = Arc::clone(made);
    Credential::provider(token_fn(move |_| {
        let number = made.fetch_add(1, Ordering::Relaxed) + 1;
        async move {
            Ok(AccessToken::new(
                format!("token {number}"),
                UNIX_EPOCH + HOUR,
            ))
        }
    }))
}

fn clock() -> SharedClock {
    SharedClock::new(FixedClock::new(UNIX_EPOCH))
}

fn header(opening: &Opening) -> &str {
    opening.request.headers["servicebusauthorization"]
        .to_str()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_token_is_replaced_ahead_of_its_end() {
    let mut relay = Scripted::new();
    let made = Arc::default();
    let listener = relay
        .listener(tokens(&made))
        .clock(clock())
        .open()
        .await
        .unwrap();
    let mut control = relay.next().await;
    assert_eq!(header(&control), "token 1");
    assert!(!control.request.uri.to_string().contains("token"));
    let mut last = tokio::time::Instant::now();
    for number in 2..26 {
        let Reply::RenewToken(token) = control.reply().await else {
            panic!("expected a renewal");
        };
        assert_eq!(token.expose(), format!("token {number}"));
        let now = tokio::time::Instant::now();
        assert!(
            (HOUR * 7 / 10..HOUR).contains(&(now - last)),
            "{:?}",
            now - last
        );
        last = now;
    }
    assert_eq!(listener.state(), ListenerState::Online);
    assert!(relay.is_idle(), "no second channel was needed");
}

#[tokio::test(start_paused = true)]
async fn a_refused_renewal_brings_a_new_channel_with_a_new_token() {
    let mut relay = Scripted::new();
    let made = Arc::default();
    let listener = relay
        .listener(tokens(&made))
        .clock(clock())
        .open()
        .await
        .unwrap();
    let mut states = listener.changes();
    assert_eq!(states.next().await, Some(ListenerState::Online));
    let mut control = relay.next().await;
    control.reply().await;
    let refusal = CloseFrame::new(CloseCode::POLICY_VIOLATION, "The token is invalid.");
    control
        .socket
        .send(Message::Close(Some(refusal)))
        .await
        .unwrap();
    let control = relay.next().await;
    assert_eq!(header(&control), "token 3");
    loop {
        if states.next().await == Some(ListenerState::Online) {
            break;
        }
    }
    let error = states.last_error().unwrap();
    assert!(error.to_string().contains("1008"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn entra_tokens_are_asked_for_with_the_scope_of_the_relay() {
    #[derive(Debug)]
    struct Identity;
    #[async_trait::async_trait]
    impl auth::TokenCredential for Identity {
        async fn token(&self, scopes: &[&str]) -> auth::Result<AccessToken> {
            assert_eq!(scopes, ["https://relay.azure.net/.default"]);
            Ok(AccessToken::new(
                "a JSON Web Token",
                UNIX_EPOCH + 1_000_000 * HOUR,
            ))
        }
    }
    let mut relay = Scripted::new();
    let _listener = relay
        .listener(Credential::entra(Identity))
        .open()
        .await
        .unwrap();
    assert_eq!(header(&relay.next().await), "a JSON Web Token");
}
