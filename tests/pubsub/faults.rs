//! Many faults at once: nothing is lost, doubled or reordered.

use azwire_tests::pubsub::link::{Hub, text};
use azwire_tests::within;
use emulator::{Fault, FaultPlan, FaultRule};
use futures::StreamExt;
use pubsub::{Client, Event, Events, SendToGroupOptions, Subprotocol};
use tokio::sync::Semaphore;

const MESSAGES: u64 = 1000;
/// How far the publisher is ahead of the reader at most. What is not acknowledged
/// is repeated after each drop, and each repetition is a chance of another one.
const AHEAD: usize = 20;

#[expect(
    clippy::print_stdout,
    reason = "the figures of a run are part of its result"
)]
#[tokio::test]
async fn drops_of_deliveries_and_of_requests_lose_nothing() {
    within(async {
        let mut recoveries = 0;
        for (seed, subprotocol) in Subprotocol::ALL
            .iter()
            .copied()
            .filter(|subprotocol| subprotocol.is_reliable())
            .cycle()
            .take(4)
            .enumerate()
        {
            let hub = Hub::start().await;
            let (publisher, mut to_publisher) = hub
                .connect_with("ann", |builder| builder.subprotocol(subprotocol))
                .await;
            let (reader, mut to_reader) = hub
                .connect_with("bob", |builder| builder.subprotocol(subprotocol))
                .await;
            reader.join_group("g").await.unwrap();
            let often = |rule: FaultRule| rule.with_probability(0.02).with_times(1_000_000);
            let plan = FaultPlan::new(seed as u64)
                .with(often(FaultRule::on_delivery(Fault::Drop)))
                .with(often(FaultRule::on_message(Fault::Drop)))
                .with(often(FaultRule::on_ack(Fault::DuplicateAck)));
            hub.emulator.pubsub().arm(plan).unwrap();
            let permits = Semaphore::new(AHEAD);
            let (recovered, ()) = futures::join!(
                receive(&mut to_reader, &permits),
                publish(&publisher, &mut to_publisher, &permits)
            );
            recoveries += recovered;
        }
        println!("4 runs of {MESSAGES} messages, {recoveries} recoveries of the reader");
        assert!(recoveries > 0);
    })
    .await;
}

async fn publish(client: &Client, events: &mut Events, permits: &Semaphore) {
    let sending = async {
        for n in 1..=MESSAGES {
            permits.acquire().await.unwrap().forget();
            let options = SendToGroupOptions::default();
            client
                .send_to_group("g", text(&n.to_string()), options)
                .await
                .unwrap();
        }
    };
    let mut sending = Box::pin(sending);
    // Whoever awaits requests reads events, too.
    loop {
        match futures::future::select(&mut sending, events.next()).await {
            futures::future::Either::Left(_) => return,
            futures::future::Either::Right((event, _)) => assert!(
                matches!(
                    event,
                    Some(Event::Recovering { .. } | Event::Recovered { .. })
                ),
                "{event:?}"
            ),
        }
    }
}

/// Checks that every number comes once and in order; returns the number of recoveries.
async fn receive(events: &mut Events, permits: &Semaphore) -> u64 {
    let (mut next, mut recoveries) = (1, 0);
    while next <= MESSAGES {
        match events.next().await {
            Some(Event::GroupMessage { data, .. }) => {
                assert_eq!(data, text(&next.to_string()));
                next += 1;
                permits.add_permits(1);
            }
            Some(Event::Recovered { .. }) => recoveries += 1,
            Some(Event::Recovering { .. }) => {}
            other => panic!("{other:?} instead of {next}"),
        }
    }
    recoveries
}
