//! 1,000 rounds of use and reset leave nothing: no state, no task, no memory.
//!
//! A process of its own, because it counts everything that is allocated.

#![expect(clippy::unwrap_used, reason = "what a test relies on fails it")]

use std::alloc::System;
use std::time::Duration;

use azwire_tests::pubsub::peer::{JSON_RELIABLE, Opening};
use azwire_tests::pubsub::rest::Rest;
use azwire_tests::relay::peer::{Socket, joined};
use azwire_tests::within;
use emulator::{Emulator, EventHandlerConfig, Fault, FaultPlan, FaultRule};
use serde_json::{Value, json};
use stats_alloc::StatsAlloc;
use tokio::runtime::Handle;

#[global_allocator]
static HEAP: StatsAlloc<System> = StatsAlloc::system();

/// Returns the bytes that are allocated now.
fn live() -> usize {
    let stats = HEAP.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

fn state(emulator: &Emulator) -> Value {
    json!([emulator.pubsub().state(), emulator.relay().state()])
}

/// Makes use of whatever leaves something behind, then resets.
async fn round(emulator: &Emulator) {
    let plain = Opening::all("chat").groups(&["g"]).open(emulator).await;
    let reliable = Opening::all("chat").subprotocol(Some(JSON_RELIABLE));
    let lost = reliable.open(emulator).await;
    let rest = Rest {
        emulator,
        hub: "chat",
    };
    assert_eq!(rest.post(":send", "text/plain", "x").await.status, 202);
    let drop_it = FaultRule::now(Fault::Drop).with_connection(&lost.id);
    let forever = FaultRule::on_ack(Fault::WithholdAck)
        .with_every(7)
        .forever();
    let plan = FaultPlan::new(1).with(drop_it).with(forever);
    emulator.pubsub().arm(plan.clone()).unwrap();
    emulator.relay().arm(plan).unwrap();
    // Nobody listens there, so the event is under way at the reset.
    let handler = EventHandlerConfig::new("other", "http://127.0.0.1:9/").with_system_events([]);
    emulator.pubsub().add_event_handler(handler).unwrap();
    let mut other = Opening::all("other").open(emulator).await;
    other
        .send(r#"{"type":"event","event":"e","ackId":1,"data":1}"#)
        .await;
    emulator.clock().advance(Duration::from_secs(1));
    emulator.clock().hold();
    let mut control = Socket::listen(emulator, "hc1").await;
    let pair = joined(emulator, &mut control, "hc1").await;
    // The peers go away while the emulator says goodbye.
    drop((plain, lost, other, control, pair));
    emulator.reset().await;
}

/// Waits until no more tasks are left than `count`.
async fn settle(count: usize) {
    while Handle::current().metrics().num_alive_tasks() > count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_thousand_rounds_leave_nothing() {
    let rounds = async {
        let emulator = Emulator::builder().start().await.unwrap();
        let before = state(&emulator);
        // Pools and tables reach their size.
        for _ in 0..WARM_UP {
            round(&emulator).await;
        }
        assert_eq!(state(&emulator), before);
        let tasks = Handle::current().metrics().num_alive_tasks();
        let memory = live();
        for _ in 0..1000 {
            round(&emulator).await;
        }
        assert_eq!(state(&emulator), before);
        settle(tasks).await;
        let more = live().saturating_sub(memory);
        assert!(more < NOISE, "{more} bytes more after 1,000 rounds");
    };
    within(rounds).await;
}

const WARM_UP: usize = 50;
/// Less than the smallest allocation of a round, 1,000 times: nothing is left of each round.
const NOISE: usize = 16 * 1000;
