//! What an application's server does: sends by REST, and answers the events of clients.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, Request, Response, StatusCode};
use pubsub::webhook::{
    ConnectedRequest, DisconnectedRequest, EventHandler, Rejection, UserEventRequest,
    UserEventResponse, Webhook,
};
use pubsub::{Content, ServiceClient, ServiceClientBuilder};
use serde_json::json;
use transport::net::{Handler, Server};
use transport::{Body, SharedRuntime};

use super::clients::{self, GROUPS, Member, PERIOD};
use super::ledger::{Channel, Receiver};
use super::payload::{self, Random};
use super::world::{HUB, World, count, pause};

/// Sends to all, to groups, to users and to connections, each by a task of its own.
pub(crate) async fn send(world: Arc<World>, members: Vec<Arc<Member>>, to: To) {
    let ledger = &world.ledger;
    let channels: Vec<Channel> = match to {
        To::All => {
            let all: Vec<Receiver> = members.iter().map(|member| member.receiver).collect();
            vec![ledger.channel("REST to all", &all)]
        }
        To::Group => (0..GROUPS)
            .map(|group| {
                let all = members.iter().enumerate();
                let those = all.filter(|(number, _)| clients::groups_of(*number).contains(&group));
                let those: Vec<Receiver> = those.map(|(_, member)| member.receiver).collect();
                ledger.channel(format!("REST to group{group}"), &those)
            })
            .collect(),
        To::User | To::Connection => members
            .iter()
            .map(|member| {
                let name = format!("REST to {to:?} of {}", member.user);
                ledger.channel(name, &[member.receiver])
            })
            .collect(),
    };
    let service = client(&world);
    let mut random = Random::new(world.seed ^ (0x5E4D << to as u32));
    while !world.is_over() {
        pause(PERIOD).await;
        let target = random.below(channels.len() as u64) as usize;
        let connection = match to {
            To::Connection => members[target].client.connection_id(),
            _ => Some(String::new()),
        };
        // A client without a connection has no id to send to.
        let Some(connection) = connection else {
            continue;
        };
        let channel = channels[target];
        let send = async |number| {
            let content = Content::from(payload::message(channel, number));
            match to {
                To::All => service.send_to_all(content, None).await,
                To::Group => {
                    let group = clients::group(target);
                    service.send_to_group(group, content, None).await
                }
                To::User => {
                    let user = members[target].user.as_str();
                    service.send_to_user(user, content, None).await
                }
                To::Connection => {
                    let connection = connection.as_str();
                    service.send_to_connection(connection, content, None).await
                }
            }
        };
        world.send(channel, send).await;
    }
}

/// To whom a task sends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum To {
    All,
    Group,
    User,
    Connection,
}

fn client(world: &World) -> ServiceClient {
    let text = world.pubsub_connection_string();
    let builder = ServiceClientBuilder::from_connection_string(text, HUB);
    let builder = builder
        .expect("the emulator's own")
        .try_timeout(Duration::from_secs(10));
    builder.build().expect("valid options")
}

/// Sends events and invocations, and expects the answers.
pub(crate) async fn ask(world: Arc<World>, member: Arc<Member>, office: Arc<Office>) {
    let (ledger, user) = (&world.ledger, &member.user);
    let event = ledger.channel(format!("event of {user}"), &[office.receiver]);
    let answer = ledger.channel(format!("answer to {user}"), &[member.receiver]);
    let call = ledger.channel(format!("invocation of {user}"), &[office.receiver]);
    office.answer_in(event, answer);
    let mut random = Random::new(world.seed ^ (0xA5C << 20) ^ member.receiver as u64);
    while !world.is_over() {
        pause(5 * PERIOD).await;
        if random.below(4) == 0 {
            let send = async |number| {
                let data = payload::message(call, number);
                let expected = data.clone();
                let answer = member.client.invoke_event("invoke", data, None).await?;
                if answer.as_ref() != Some(&expected) {
                    let user = &member.user;
                    world
                        .ledger
                        .wrong(format!("{user}: another answer to invocation {number}"));
                }
                count(&world.counts.invocations, 1);
                Ok(())
            };
            world.send(call, send).await;
            continue;
        }
        // The answer has the number of its event, and fails with it.
        let answered = world.ledger.begin(answer);
        let mut outcome = None;
        let send = async |number| {
            let data = payload::message(event, number);
            let sent = member.client.send_event("work", data, None).await;
            outcome = Some(super::world::outcome(&sent));
            sent
        };
        world.send(event, send).await;
        let outcome = outcome.expect("the send has ended");
        world.ledger.end(answer, answered, outcome);
    }
}

/// Where events are answered.
#[derive(Debug)]
pub(crate) struct Office {
    world: Arc<World>,
    receiver: Receiver,
    /// The channels of answers, by that of the events.
    answers: Mutex<BTreeMap<Channel, Channel>>,
    connected: Mutex<BTreeSet<String>>,
    events: AtomicU64,
}

impl Office {
    /// Serves, and has the emulator send all events of the hub.
    pub(crate) async fn open(world: &Arc<World>) -> (Arc<Self>, Server) {
        let office = Arc::new(Self {
            world: Arc::clone(world),
            receiver: world.ledger.receiver("the event handler"),
            answers: Mutex::default(),
            connected: Mutex::default(),
            events: AtomicU64::new(0),
        });
        let webhook = Webhook::builder()
            .hub(HUB, Arc::clone(&office))
            .connection_string(world.pubsub_connection_string())
            .time_limit(Duration::from_secs(30), SharedRuntime::default());
        let webhook = webhook.build().expect("valid options");
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::builder(Serving(webhook)).bind(any_port).start();
        let server = server.expect("a free port");
        let url = format!("http://{}/{{event}}", server.local_addrs()[0]);
        let handler = json!({
            "hub": HUB,
            "url": url,
            "user-events": "*",
            "system-events": ["connect", "connected", "disconnected"],
        });
        world
            .control(Method::POST, "event-handlers", &handler)
            .await;
        (office, server)
    }

    /// Says in which channel the events of another are answered.
    fn answer_in(&self, event: Channel, answer: Channel) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(event, answer);
    }

    /// Returns the answer to an event; `None` for an invocation, which returns what it got.
    fn answer_to(&self, event: Channel) -> Option<Channel> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(&event).copied()
    }

    /// How many connections it believes to be there.
    pub(crate) fn connected(&self) -> usize {
        self.lock_connected().len()
    }

    fn lock_connected(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EventHandler for Office {
    async fn connected(&self, request: ConnectedRequest) {
        let id = request.context().connection_id().to_string();
        if !self.lock_connected().insert(id) {
            self.world
                .ledger
                .wrong("the event handler: connected twice");
        }
    }

    async fn disconnected(&self, request: DisconnectedRequest) {
        let id = request.context().connection_id().to_string();
        if !self.lock_connected().remove(&id) {
            self.world
                .ledger
                .wrong("the event handler: disconnected, but never connected");
        }
    }

    async fn user_event(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        // The service asks again.
        if self.events.fetch_add(1, Ordering::Relaxed) % 50 == 49 {
            count(&self.world.counts.events_refused, 1);
            return Err(Rejection::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "try again",
            ));
        }
        let ledger = &self.world.ledger;
        let Some((channel, number)) = payload::read(request.data()) else {
            ledger.wrong("the event handler: a damaged event");
            return Ok(UserEventResponse::accept());
        };
        ledger.arrived(self.receiver, channel, number);
        Ok(UserEventResponse::data(match self.answer_to(channel) {
            Some(answer) => payload::message(answer, number),
            None => request.into_data(),
        }))
    }
}

/// Serves a webhook.
#[derive(Debug)]
struct Serving(Webhook);

#[async_trait]
impl Handler for Serving {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        if let Some(answer) = self.0.answer_head(&head) {
            return answer.map(Body::from);
        }
        let Ok(body) = body.collect(self.0.limits().body).await else {
            return Response::new(Body::empty());
        };
        let request = Request::from_parts(head, body);
        self.0.handle(request).await.map(Body::from)
    }
}
