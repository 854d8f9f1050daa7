//! Losses of the control channel, in virtual time.

use std::time::Duration;

use auth::Secret;
use azwire_tests::relay::scripted::{Opening, Scripted};
use futures::{SinkExt, StreamExt};
use relay::command::{Accept, Command};
use relay::{Credential, ErrorKind, Listener, ListenerState};
use tokio::time::Instant;
use transport::{CloseCode, CloseFrame, Message};

const SECOND: Duration = Duration::from_secs(1);

fn signature() -> Credential {
    let token = "SharedAccessSignature sr=x&sig=y&se=9999999999&skn=z";
    Credential::signature(&Secret::new(token)).unwrap()
}

async fn online(relay: &mut Scripted) -> (Listener, Opening) {
    let listener = relay.listener(signature()).open().await.unwrap();
    let control = relay.next().await;
    (listener, control)
}

/// Checks that a sender that the relay announces on `control` reaches the listener, via `relay`.
async fn check(listener: &mut Listener, control: &mut Opening, relay: &mut Scripted) {
    let address = "wss://g7-x-sb.servicebus.windows.net:443/$hc/hc1?sb-hc-action=accept&sb-hc-id=I";
    control
        .command(&Command::Accept(Accept::new(address, "I")))
        .await;
    let mut stream = listener.accept().await.unwrap().accept().await.unwrap();
    let mut rendezvous = relay.next().await;
    assert_eq!(rendezvous.request.uri, address);
    assert!(
        rendezvous.request.headers.is_empty(),
        "the address alone is the secret"
    );
    rendezvous.text("hello").await;
    assert_eq!(
        stream.receive().await.unwrap(),
        Some(Message::text("hello"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_cut_or_recycled_channel_is_back_at_once_and_streams_live_on() {
    let mut relay = Scripted::new();
    let (mut listener, mut control) = online(&mut relay).await;
    let address = "wss://g7-x-sb.servicebus.windows.net:443/$hc/hc1?sb-hc-action=accept&sb-hc-id=I";
    control
        .command(&Command::Accept(Accept::new(address, "I")))
        .await;
    let mut stream = listener.accept().await.unwrap().accept().await.unwrap();
    let mut rendezvous = relay.next().await;
    for round in 0..4 {
        tokio::time::advance(60 * SECOND).await;
        let lost = Instant::now();
        if round % 2 == 0 {
            control.link.cut();
        } else {
            let recycled = CloseFrame::new(CloseCode::INTERNAL_ERROR, "NameRenewalFailed");
            control
                .socket
                .send(Message::Close(Some(recycled)))
                .await
                .unwrap();
        }
        let old = control.request.uri.clone();
        control = relay.next().await;
        assert_eq!(control.request.uri, old, "a listener keeps its id");
        assert!(lost.elapsed() < SECOND, "{:?}", lost.elapsed());
        check(&mut listener, &mut control, &mut relay).await;
        rendezvous.text("still here").await;
        assert_eq!(
            stream.receive().await.unwrap(),
            Some(Message::text("still here"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_half_open_channel_is_noticed_by_its_silence() {
    let mut relay = Scripted::new();
    let (mut listener, control) = online(&mut relay).await;
    let silent = Instant::now();
    control.link.stall();
    let mut control = relay.next().await;
    assert!(silent.elapsed() < 50 * SECOND, "{:?}", silent.elapsed());
    check(&mut listener, &mut control, &mut relay).await;
}

#[tokio::test(start_paused = true)]
async fn refused_openings_are_tried_again_with_growing_delays() {
    for status in [404, 401, 403, 500, 503] {
        let mut relay = Scripted::new();
        let (mut listener, control) = online(&mut relay).await;
        let mut states = listener.changes();
        assert_eq!(states.next().await, Some(ListenerState::Online));
        tokio::time::advance(60 * SECOND).await;
        relay.refuse([status; 6]);
        let lost = Instant::now();
        control.link.cut();
        assert_eq!(states.next().await, Some(ListenerState::Connecting));
        let mut control = relay.next().await;
        // 0, 1, 2, 5, 10, 30, 30 s, each shortened by up to a quarter.
        let took = lost.elapsed();
        assert!(
            (36 * SECOND..79 * SECOND).contains(&took),
            "{status}: {took:?}"
        );
        assert_eq!(states.next().await, Some(ListenerState::Online));
        assert_eq!(listener.last_error().unwrap().status().unwrap(), status);
        check(&mut listener, &mut control, &mut relay).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_404_that_lasts_ends_the_listener() {
    let mut relay = Scripted::new();
    let (mut listener, control) = online(&mut relay).await;
    let mut states = listener.changes();
    relay.refuse([404; 1000]);
    let lost = Instant::now();
    control.link.cut();
    assert!(listener.accept().await.is_none());
    assert!((30 * 60 * SECOND..31 * 60 * SECOND).contains(&lost.elapsed()));
    while let Some(state) = states.next().await {
        assert_ne!(state, ListenerState::Connecting);
    }
    assert!(relay.refusals_left() > 900, "not in a tight loop");
    assert_eq!(
        listener.last_error().unwrap().kind(),
        ErrorKind::EndpointNotFound
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_opening_is_not_tried_again() {
    for (status, kind) in [
        (401, ErrorKind::Unauthorized),
        (404, ErrorKind::EndpointNotFound),
        (503, ErrorKind::ServerBusy),
    ] {
        let relay = Scripted::new();
        relay.refuse([status; 2]);
        let error = relay.listener(signature()).open().await.unwrap_err();
        assert_eq!((error.kind(), error.tracking_id()), (kind, Some("1f_G1")));
        assert_eq!(relay.refusals_left(), 1);
    }
}
