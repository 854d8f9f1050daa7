//! Faults, armed round after round by the admin API.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use super::clients::CLIENTS;
use super::payload::Random;
use super::world::{HUB, World, count, pause};

/// Arms other faults in each round, until the authors stop; then removes them.
pub(crate) async fn strike(world: Arc<World>) {
    let mut random = Random::new(world.seed ^ 0xFA17);
    let mut round = 0;
    while !world.is_over() {
        round += 1;
        let (mut rules, mut length) = (Vec::new(), 2_500);
        match round % 60 {
            // Longer than the emulator keeps a connection.
            30 => {
                rules.extend(outage(2 + random.below(CLIENTS as u64 - 2)));
                length = 33_000;
            }
            // Longer than the hasty clients wait.
            n if n % 10 == 5 => {
                rules.extend(outage(random.below(2)));
                length = 5_000;
            }
            _ => {
                for _ in 0..=random.below(3) {
                    rules.push(pubsub_rule(&mut random));
                }
            }
        }
        let body = json!({ "seed": random.next() >> 1, "rules": rules });
        world.control(Method::POST, "faults", &body).await;
        let mut relay = Vec::new();
        for _ in 0..=random.below(2) {
            relay.extend(relay_rule(&world, &mut random).await);
        }
        // The emulator forgets such a listener after minutes, like Azure, and offers it senders until then.
        if round % 240 == 45 {
            relay.push(json!({ "at": "now", "fault": "halfOpen" }));
        }
        let armed = rules.len() + relay.len();
        count(&world.counts.faults_armed, armed as u64);
        let body = json!({ "seed": random.next() >> 1, "rules": relay });
        world.control_relay(Method::POST, "faults", &body).await;
        for _ in 0..length / 100 {
            if !world.is_over() {
                pause(100).await;
            }
        }
        let struck = [
            world.control(Method::GET, "faults", &Value::Null).await,
            world
                .control_relay(Method::GET, "faults", &Value::Null)
                .await,
        ];
        count(
            &world.counts.faults_struck,
            struck.iter().map(struck_times).sum(),
        );
        world.control(Method::DELETE, "faults", &Value::Null).await;
        world
            .control_relay(Method::DELETE, "faults", &Value::Null)
            .await;
    }
}

/// How often the rules of a plan have struck.
fn struck_times(state: &Value) -> u64 {
    let rules = state["rules"].as_array().map_or(&[][..], Vec::as_slice);
    rules
        .iter()
        .filter_map(|rule| rule["struck"].as_u64())
        .sum()
}

/// A user loses the connection, and gets none.
fn outage(user: u64) -> [Value; 2] {
    let user = format!("user{user}");
    [
        json!({ "at": "open", "fault": "status", "status": 503, "user": user, "times": "forever" }),
        json!({ "at": "now", "fault": "drop", "user": user }),
    ]
}

/// A fault of Web PubSub; half of the time for one user alone.
fn pubsub_rule(random: &mut Random) -> Value {
    let every = 1 + random.below(40);
    let times = 1 + random.below(4);
    let mut rule = match random.below(17) {
        0 | 1 => json!({ "at": "now", "fault": "drop" }),
        2 | 3 => json!({ "at": "delivery", "fault": "drop" }),
        4 | 5 => json!({ "at": "message", "fault": "drop" }),
        6 => json!({ "at": "now", "fault": "halfOpen" }),
        7 => json!({ "at": "delivery", "fault": "halfOpen" }),
        8 => json!({ "at": "now", "fault": "close", "code": 1001, "reason": "soak" }),
        9 => json!({ "at": "delivery", "fault": "close", "code": 1008, "reason": "soak" }),
        10 => json!({ "at": "ack", "fault": "delayAck", "milliseconds": random.below(1_000) }),
        11 => json!({ "at": "ack", "fault": "duplicateAck" }),
        12 => json!({ "at": "ack", "fault": "withholdAck" }),
        13 => json!({
            "at": "ack", "fault": "refuseAck", "name": "InternalServerError", "message": "soak",
        }),
        14 => json!({ "at": "request", "fault": "status", "status": 503, "retryAfter": 1 }),
        15 => json!({ "at": "open", "fault": "status", "status": 503 }),
        _ => json!({ "at": "now", "fault": "expireTokens" }),
    };
    if rule["at"] != "now" {
        rule["every"] = every.into();
        rule["times"] = times.into();
    }
    // Requests by REST have no user.
    let is_of_client = rule["at"] != "request" && rule["fault"] != "expireTokens";
    if is_of_client && random.below(2) == 0 {
        rule["user"] = format!("user{}", random.below(CLIENTS as u64)).into();
    }
    rule["scope"] = HUB.into();
    rule
}

/// A fault of Relay; one that ends a stream names its sender.
async fn relay_rule(world: &World, random: &mut Random) -> Option<Value> {
    let every = 1 + random.below(20);
    let mut rule = match random.below(11) {
        0 => json!({ "at": "now", "fault": "drop" }),
        1 => json!({ "at": "now", "fault": "close", "code": 1001, "reason": "soak" }),
        2 => json!({ "at": "now", "fault": "expireTokens" }),
        3 => json!({ "at": "delivery", "fault": "drop" }),
        4 => json!({ "at": "message", "fault": "drop" }),
        5 => json!({ "at": "open", "fault": "status", "status": 503 }),
        6 => json!({ "at": "request", "fault": "status", "status": 503 }),
        7 => json!({ "at": "ack", "fault": "delayAck", "milliseconds": random.below(2_000) }),
        8 => json!({ "at": "ack", "fault": "withholdAck" }),
        kind => {
            let state = world
                .control_relay(Method::GET, "state", &Value::Null)
                .await;
            let pairs = state["hybridConnections"]["hc1"]["pairs"].as_array()?;
            let pair = pairs.get(random.below(pairs.len().max(1) as u64) as usize)?;
            count(&world.counts.cuts, 1);
            match kind {
                9 => json!({ "at": "now", "fault": "drop", "connection": pair["sender"] }),
                _ => json!({
                    "at": "now", "fault": "close", "code": 1011, "reason": "soak",
                    "connection": pair["sender"],
                }),
            }
        }
    };
    if rule["at"] != "now" {
        rule["every"] = every.into();
        rule["times"] = (1 + random.below(3)).into();
    }
    Some(rule)
}
