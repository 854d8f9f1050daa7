//! Losing the network, and going on.

use std::time::Duration;

use azwire_tests::pubsub::link::{Hub, impatient, next_text, text, wait_for};
use azwire_tests::within;
use emulator::{Fault, FaultPlan, FaultRule};
use futures::StreamExt;
use pubsub::{
    Client, ClientCredential, DialError, ErrorKind, Event, SendToGroupOptions, StreamOptions,
    Subprotocol,
};

fn reliable() -> impl Iterator<Item = Subprotocol> {
    Subprotocol::ALL
        .iter()
        .copied()
        .filter(|subprotocol| subprotocol.is_reliable())
}

#[tokio::test]
async fn a_dropped_connection_is_recovered_with_everything() {
    within(async {
        for subprotocol in reliable() {
            let hub = Hub::start().await;
            let (client, mut events) = hub
                .connect_with("ann", |builder| builder.subprotocol(subprotocol))
                .await;
            client.join_group("g").await.unwrap();
            for n in 0..20 {
                hub.drop_all();
                hub.publish(&n.to_string()).await;
                assert_eq!(next_text(&mut events).await, n.to_string(), "{subprotocol}");
            }
            client.stop().await;
        }
    })
    .await;
}

/// The network ends before each of the first deliveries, and after each of the first requests.
#[expect(
    clippy::print_stdout,
    reason = "the figures of a run are part of its result"
)]
#[tokio::test]
async fn a_cut_at_every_message_boundary_loses_nothing() {
    within(async {
        for subprotocol in reliable() {
            let hub = Hub::start().await;
            let (client, mut events) = hub
                .connect_with("ann", |builder| builder.subprotocol(subprotocol))
                .await;
            client.join_group("g").await.unwrap();
            let mut cuts = 0;
            for boundary in 1..=BOUNDARIES {
                for at_delivery in [true, false] {
                    let rule = match at_delivery {
                        true => FaultRule::on_delivery(Fault::Drop),
                        false => FaultRule::on_message(Fault::Drop),
                    };
                    hub.arm(rule.with_every(boundary).with_times(1));
                    let mut recovered = 0;
                    let publish = async {
                        for n in 0..BOUNDARIES {
                            // With an echo: one message each way.
                            let (data, options) =
                                (text(&n.to_string()), SendToGroupOptions::default());
                            client.send_to_group("g", data, options).await.unwrap();
                        }
                    };
                    let read = async {
                        let mut next = 0;
                        while next < BOUNDARIES {
                            match events.next().await {
                                Some(Event::GroupMessage { data, .. }) => {
                                    assert_eq!(data, text(&next.to_string()), "{subprotocol}");
                                    next += 1;
                                }
                                Some(Event::Recovered { .. }) => recovered += 1,
                                Some(Event::Recovering { .. }) => {}
                                other => panic!("{other:?} instead of {next}"),
                            }
                        }
                    };
                    futures::join!(publish, read);
                    cuts += recovered;
                }
            }
            println!(
                "{subprotocol}: {cuts} cuts at {} boundaries",
                2 * BOUNDARIES
            );
            assert!(cuts >= BOUNDARIES, "{cuts}");
            client.stop().await;
        }
    })
    .await;
}

const BOUNDARIES: u64 = 20;

#[tokio::test]
async fn a_new_connection_is_opened_with_a_new_url() {
    within(async {
        let hub = Hub::start().await;
        let mut urls = Vec::new();
        for user in ["bob", "ann"] {
            urls.push(hub.url(user).await.url().expose().to_owned());
        }
        let urls = std::sync::Mutex::new(urls);
        let credential = ClientCredential::from_fn(move || {
            let url = urls.lock().unwrap().pop();
            async { url.ok_or_else(|| std::io::Error::other("no more")) }
        });
        let (client, mut events) = Client::builder(credential)
            .session_options(impatient())
            .build()
            .unwrap();
        client.start().await.unwrap();
        hub.arm(FaultRule::now(gone()));
        wait_for(&mut events, |event| {
            matches!(event, Event::Disconnected { .. })
        })
        .await;
        let next = events.next().await;
        assert!(
            matches!(&next, Some(Event::Connected { user_id: Some(user), .. }) if user == "bob"),
            "{next:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_url_whose_token_has_expired_is_not_tried_for_ever() {
    within(async {
        let hub = Hub::start().await;
        let (client, mut events) = hub.connect("ann").await;
        let plan = FaultPlan::new(1)
            .with(FaultRule::now(Fault::ExpireTokens))
            .with(FaultRule::now(gone()));
        hub.emulator.pubsub().arm(plan).unwrap();
        let mut refusals = 0;
        loop {
            match events.next().await {
                Some(Event::ReconnectFailed {
                    error: DialError::Refused { status: 401, .. },
                    attempts,
                }) => refusals = attempts,
                Some(Event::Stopped) => break,
                Some(Event::Gap { .. } | Event::Disconnected { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        // Those within a second of one that counted do not count.
        assert!(refusals >= 5, "{refusals}");
        let error = client.join_group("g").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotStarted);
    })
    .await;
}

fn gone() -> Fault {
    Fault::Close {
        code: 1008,
        reason: "on purpose".to_owned(),
    }
}

#[tokio::test]
async fn the_application_is_told_of_the_loss_and_of_the_recovery() {
    within(async {
        let hub = Hub::start().await;
        let (client, mut events) = hub.connect("ann").await;
        hub.drop_all();
        let lost = events.next().await;
        assert!(matches!(lost, Some(Event::Recovering { .. })), "{lost:?}");
        let back = events.next().await;
        assert!(matches!(back, Some(Event::Recovered { .. })), "{back:?}");
        // Groups survive, and so does what is asked meanwhile.
        hub.drop_all();
        client.join_group("g").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_half_open_connection_is_noticed_and_recovered() {
    within(async {
        let hub = Hub::start().await;
        let mut options = impatient();
        options.keep_alive_interval = Some(Duration::from_millis(100));
        options.keep_alive_timeout = Some(Duration::from_millis(400));
        let (client, mut events) = hub
            .connect_with("ann", |builder| builder.session_options(options))
            .await;
        client.join_group("g").await.unwrap();
        hub.arm(FaultRule::now(Fault::HalfOpen));
        hub.publish("meanwhile").await;
        assert_eq!(next_text(&mut events).await, "meanwhile");
    })
    .await;
}

#[tokio::test]
async fn after_the_window_the_gap_is_told_and_a_new_connection_is_made() {
    within(async {
        let hub = Hub::start().await;
        let (client, mut events) = hub.connect("ann").await;
        client.join_group("g").await.unwrap();
        hub.publish("before").await;
        assert_eq!(next_text(&mut events).await, "before");
        // No attempt gets through until the service has forgotten the connection.
        let away = Fault::Status {
            status: 503,
            retry_after: None,
        };
        let plan = FaultPlan::new(1)
            .with(FaultRule::on_open(away).with_times(1_000_000))
            .with(FaultRule::now(Fault::Drop));
        hub.emulator.pubsub().arm(plan).unwrap();
        wait_for(&mut events, |event| {
            matches!(event, Event::Recovering { .. })
        })
        .await;
        hub.publish("missed").await;
        hub.emulator.clock().advance(Duration::from_secs(31));
        hub.emulator.pubsub().disarm();
        let gap = events.next().await;
        assert!(
            matches!(
                gap,
                Some(Event::Gap {
                    last_sequence_id: 1,
                    next_sequence_id: None,
                    ..
                })
            ),
            "{gap:?}"
        );
        assert!(matches!(
            events.next().await,
            Some(Event::Disconnected { .. })
        ));
        wait_for(&mut events, |event| {
            matches!(event, Event::Connected { .. })
        })
        .await;
        hub.publish("after").await;
        assert_eq!(next_text(&mut events).await, "after");
    })
    .await;
}

#[tokio::test]
async fn an_unreliable_connection_is_replaced() {
    within(async {
        let hub = Hub::start().await;
        let (client, mut events) = hub
            .connect_with("ann", |builder| builder.subprotocol(Subprotocol::Json))
            .await;
        client.join_group("g").await.unwrap();
        hub.drop_all();
        assert!(matches!(
            events.next().await,
            Some(Event::Disconnected { .. })
        ));
        wait_for(&mut events, |event| {
            matches!(event, Event::Connected { .. })
        })
        .await;
        hub.publish("again").await;
        assert_eq!(next_text(&mut events).await, "again");
    })
    .await;
}

#[tokio::test]
async fn a_stream_goes_on_after_a_recovery() {
    within(async {
        for subprotocol in reliable() {
            let hub = Hub::start().await;
            let (reader, mut events) = hub.connect("ann").await;
            reader.join_group("g").await.unwrap();
            let (writer, _own) = hub
                .connect_with("bob", |builder| builder.subprotocol(subprotocol))
                .await;
            let write = async {
                let options = StreamOptions::default();
                let mut stream = writer.open_group_stream("g", options).await.unwrap();
                for n in 1..=200 {
                    if n % 40 == 0 {
                        hub.arm(FaultRule::now(Fault::Drop).with_user("bob"));
                    }
                    stream.write(text(&n.to_string())).await.unwrap();
                }
                stream.end().await.unwrap();
            };
            let read = async {
                let mut received = Vec::new();
                loop {
                    let Some(Event::GroupMessage { data, stream, .. }) = events.next().await else {
                        panic!("a fragment was expected");
                    };
                    let fragment = stream.unwrap();
                    if fragment.is_end {
                        assert_eq!(fragment.error, None);
                        return received;
                    }
                    assert_eq!(fragment.sequence_id, received.len() as u64 + 1);
                    received.push(String::from_utf8(data.as_bytes().to_vec()).unwrap());
                }
            };
            let ((), received) = futures::join!(write, read);
            let all: Vec<String> = (1..=200).map(|n| n.to_string()).collect();
            assert_eq!(received, all, "{subprotocol}");
        }
    })
    .await;
}
