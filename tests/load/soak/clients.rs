//! The clients of Web PubSub: those that stay, those that come and go, and what they publish.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use pubsub::{
    Client, ClientAccessOptions, ClientRetryOptions, Event, Events, GroupName, Role,
    SessionOptions, Subprotocol,
};

use super::ledger::{Channel, Receiver};
use super::payload::{self, Random};
use super::world::{HUB, World, count, pause};

/// The clients that stay.
pub(crate) const CLIENTS: usize = 12;

/// The groups; each client is in two.
pub(crate) const GROUPS: usize = 4;

/// How many come and go at a time.
pub(crate) const GUESTS: usize = 3;

/// A client, and its place in the ledger.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) user: String,
    pub(crate) receiver: Receiver,
    pub(crate) client: Client,
    /// Its groups, with its channel in each.
    groups: Vec<(GroupName, Channel)>,
}

/// Returns the group with a number.
pub(crate) fn group(number: usize) -> GroupName {
    GroupName::new(format!("group{number}")).expect("a valid name")
}

/// Returns the groups of a client.
pub(crate) fn groups_of(client: usize) -> [usize; 2] {
    [client % GROUPS, (client + 1 + client / GROUPS) % GROUPS]
}

/// Connects those that stay and has them join their groups; returns them with the tasks that read.
pub(crate) async fn connect(
    world: &Arc<World>,
) -> (Vec<Arc<Member>>, Vec<tokio::task::JoinHandle<()>>) {
    let names = (0..CLIENTS).map(|number| format!("user{number}"));
    let receivers: Vec<Receiver> = names.map(|name| world.ledger.receiver(name)).collect();
    let (mut members, mut readers) = (Vec::new(), Vec::new());
    for number in 0..CLIENTS {
        let user = format!("user{number}");
        let groups = groups_of(number).map(|joined| {
            let others = (0..CLIENTS).filter(|other| groups_of(*other).contains(&joined));
            let others: Vec<Receiver> = others.map(|other| receivers[other]).collect();
            let channel = world
                .ledger
                .channel(format!("{user} to group{joined}"), &others);
            (group(joined), channel)
        });
        let (client, events) = build(world, &user, number);
        let member = Arc::new(Member {
            user,
            receiver: receivers[number],
            client,
            groups: groups.to_vec(),
        });
        client_start(world, &member).await;
        for (group, _) in &member.groups {
            join(world, &member, group).await;
        }
        readers.push(tokio::spawn(read(
            Arc::clone(world),
            Arc::clone(&member),
            events,
        )));
        members.push(member);
    }
    (members, readers)
}

fn build(world: &World, user: &str, number: usize) -> (Client, Events) {
    let access = ClientAccessOptions::default()
        .with_user_id(user)
        .expect("a valid name")
        .with_role(Role::JoinLeaveAnyGroup)
        .with_role(Role::SendToAnyGroup);
    let mut options = SessionOptions::default();
    options.subprotocol = Some(match number % 2 {
        0 => Subprotocol::JsonReliable,
        _ => Subprotocol::ProtobufReliable,
    });
    // So that silence is noticed, and a withheld acknowledgement asked for again, within a round of faults.
    options.keep_alive_interval = Some(Duration::from_secs(1));
    options.keep_alive_timeout = Some(Duration::from_secs(4));
    options.ack_timeout = Duration::from_secs(4);
    options.connect_timeout = Duration::from_secs(5);
    options.recovery_interval = Duration::from_millis(100);
    if is_hasty(number) {
        options.recovery_window = Duration::from_secs(3);
    }
    // Not less than a second: the URLs that are signed within one are the same, and five refusals of the
    // same URL, as after `expireTokens`, end a client.
    options.reconnect_retry = ClientRetryOptions::default()
        .with_max_retries(None)
        .with_retry_delay(Duration::from_secs(1));
    let text = world.pubsub_connection_string();
    let builder = Client::from_connection_string(text, HUB, access).expect("the emulator's own");
    let builder = builder
        .session_options(options)
        .seed(world.seed ^ number as u64);
    builder.build().expect("valid options")
}

/// Whether a client gives a lost connection up after 3 seconds.
pub(crate) fn is_hasty(number: usize) -> bool {
    number < 2
}

/// Starts a client, which the faults may refuse.
async fn client_start(world: &World, member: &Member) {
    while let Err(error) = member.client.start().await {
        if world.is_over() {
            return;
        }
        if !error.is_retryable() && !error.is_auth() {
            world
                .ledger
                .wrong(format!("{}: {error} on starting", member.user));
        }
        pause(200).await;
    }
}

/// Joins a group, which the faults may refuse.
async fn join(world: &World, member: &Member, group: &GroupName) {
    while member.client.join_group(group.clone()).await.is_err() {
        if world.is_closing() {
            return;
        }
        pause(200).await;
    }
}

/// Reads all events, and enters what comes.
async fn read(world: Arc<World>, member: Arc<Member>, mut events: Events) {
    let (ledger, me) = (&world.ledger, member.receiver);
    let mut not_joined = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Event::GroupMessage {
                data, sequence_id, ..
            }
            | Event::ServerMessage {
                data, sequence_id, ..
            } => {
                match sequence_id {
                    Some(id) => ledger.sequence(me, id),
                    None => ledger.wrong(format!("{}: no sequence id", member.user)),
                }
                match payload::read(&data) {
                    Some((channel, number)) => ledger.arrived(me, channel, number),
                    None => ledger.wrong(format!("{}: a damaged message", member.user)),
                }
            }
            Event::Gap {
                last_sequence_id,
                next_sequence_id,
                ..
            } => ledger.told_gap(me, last_sequence_id, next_sequence_id),
            Event::Disconnected { .. } if world.is_closing() || ledger.is_in_gap(me) => {}
            Event::Disconnected { .. } => {
                ledger.wrong(format!("{}: disconnected without a gap", member.user));
            }
            Event::RejoinGroupFailed { group, .. } => not_joined.push(group),
            Event::Connected { .. } => {
                count(&world.counts.connections, 1);
                ledger.new_connection(me);
                let groups = std::mem::take(&mut not_joined);
                if groups.is_empty() {
                    ledger.complete(me);
                } else {
                    let (world, member) = (Arc::clone(&world), Arc::clone(&member));
                    tokio::spawn(async move {
                        for group in groups {
                            join(&world, &member, &group).await;
                        }
                        world.ledger.complete(member.receiver);
                    });
                }
            }
            Event::Recovered { .. } => count(&world.counts.recoveries, 1),
            Event::Stopped if world.is_closing() => break,
            Event::Stopped => {
                ledger.wrong(format!("{}: stopped by itself", member.user));
            }
            _ => {}
        }
    }
}

/// Publishes to a random one of the client's groups, again and again.
pub(crate) async fn publish(world: Arc<World>, member: Arc<Member>) {
    let mut random = Random::new(world.seed ^ member.receiver as u64);
    while !world.is_over() {
        pause(PERIOD).await;
        let (group, channel) = &member.groups[random.below(2) as usize];
        let send = async |number| {
            let data = payload::message(*channel, number);
            member.client.send_to_group(group.clone(), data, None).await
        };
        world.send(*channel, send).await;
    }
}

/// Comes, joins a group of its own, publishes and reads, and goes: half of the times without a word.
pub(crate) async fn visit(world: Arc<World>, number: usize) {
    let user = format!("guest{number}");
    let receiver = world.ledger.receiver(user.as_str());
    let channel = world
        .ledger
        .channel(format!("{user} to itself"), &[receiver]);
    let group = GroupName::new(user.as_str()).expect("a valid name");
    let mut random = Random::new(world.seed ^ (0x6E57 + number as u64));
    world.ledger.gap(receiver);
    while !world.is_over() {
        let (client, mut events) = build(&world, &user, CLIENTS + number);
        let member = Member {
            user: user.clone(),
            receiver,
            client,
            groups: Vec::new(),
        };
        client_start(&world, &member).await;
        if world.is_over() {
            member.client.stop().await;
            break;
        }
        let publish = async {
            // What the group gets counts from here.
            join(&world, &member, &group).await;
            world.ledger.complete(receiver);
            for _ in 0..5 {
                let send = async |number| {
                    let data = payload::message(channel, number);
                    member.client.send_to_group(group.clone(), data, None).await
                };
                world.send(channel, send).await;
            }
        };
        let read = async {
            while let Some(event) = events.next().await {
                match event {
                    Event::GroupMessage { data, .. } => match payload::read(&data) {
                        Some((channel, number)) => world.ledger.arrived(receiver, channel, number),
                        None => world.ledger.wrong(format!("{user}: a damaged message")),
                    },
                    // The next life begins where this one ends.
                    Event::Gap { .. } => break,
                    _ => {}
                }
            }
        };
        let arrived = async {
            publish.await;
            while world.ledger.outstanding_of(receiver) > 0 {
                pause(20).await;
            }
        };
        tokio::select! {
            () = read => {}
            ended = tokio::time::timeout(LIFE, arrived) => if ended.is_err() {
                world.ledger.wrong(format!("{user}: it waits for what was sent"));
            }
        }
        world.ledger.give_up(channel);
        world.ledger.gap(receiver);
        if random.below(2) == 0 {
            member.client.stop().await;
        }
        count(&world.counts.lives, 1);
        pause(200).await;
    }
    world.ledger.complete(receiver);
}

/// A life of a guest, at most: far more than the faults may take.
const LIFE: Duration = Duration::from_secs(90);

/// The time between two messages of a client, in milliseconds.
pub(crate) const PERIOD: u64 = 100;
