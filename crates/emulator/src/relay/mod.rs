//! Relay: hybrid connections, their listeners, and the rendezvous that are
//! under way. Pure but for the queues that it puts commands into.

mod authorize;
mod control;
mod rendezvous;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use auth::{Clock, SasRule, SasVerifier, SharedClock};
use futures::channel::oneshot;
use http::{HeaderValue, Request, Response, StatusCode, header};
use percent_encoding::percent_decode_str;
use rand::seq::IndexedRandom;
use relay::address::query_value;
use relay::header::{ACTION, ID};
use tokio::sync::mpsc;
use transport::net::Handler;
use transport::{Body, ReasonPhrase, WebSocket};
use uuid::Uuid;

use crate::config::RelayConfig;
use crate::tasks::Tasks;

/// The Relay side of one emulator: one namespace.
#[derive(Debug)]
pub(crate) struct Namespace {
    verifier: SasVerifier,
    clock: SharedClock,
    tasks: Tasks,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By path in lower case: the service compares paths without case.
    entities: HashMap<String, Entity>,
    /// By the secret in their address; each is taken once.
    rendezvous: HashMap<String, oneshot::Sender<Outcome>>,
}

#[derive(Debug)]
struct Entity {
    requires_client_authorization: bool,
    listeners: Vec<Listener>,
}

/// The control channel of one listener, as the namespace sees it.
#[derive(Clone, Debug)]
struct Listener {
    key: Uuid,
    /// Where the listener reached the emulator: `wss://host:port`.
    origin: String,
    commands: mpsc::Sender<String>,
}

/// What a listener did with a sender.
enum Outcome {
    Accepted {
        subprotocol: Option<String>,
        socket: futures::future::BoxFuture<'static, transport::Result<Box<dyn WebSocket>>>,
    },
    Rejected {
        status: StatusCode,
        reason: String,
    },
}

impl Namespace {
    pub(crate) fn new(config: &RelayConfig, clock: SharedClock, tasks: Tasks) -> Self {
        let rule = SasRule::new(RelayConfig::RULE, config.key.clone());
        let entities = config
            .hybrid_connections
            .iter()
            .map(|entity| {
                (
                    entity.path.to_ascii_lowercase(),
                    Entity {
                        requires_client_authorization: entity.requires_client_authorization,
                        listeners: Vec::new(),
                    },
                )
            })
            .collect();
        Self {
            // The service cuts a one-hour token off at about 1 h 05 min, and official clients rely on it.
            verifier: SasVerifier::new([rule]).with_grace(EXPIRY_GRACE),
            clock,
            tasks,
            state: Mutex::new(State {
                entities,
                rendezvous: HashMap::new(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> std::time::SystemTime {
        self.clock.now()
    }

    /// The entity that a path belongs to: the longest whole-segment prefix.
    fn entity_of(&self, path: &str) -> Option<String> {
        let state = self.state();
        let path = path.trim_matches('/').to_ascii_lowercase();
        let mut prefix = path.as_str();
        loop {
            if state.entities.contains_key(prefix) {
                return Some(prefix.to_owned());
            }
            prefix = prefix.rsplit_once('/')?.0;
        }
    }

    fn add_listener(&self, entity: &str, listener: Listener) -> bool {
        match self.state().entities.get_mut(entity) {
            Some(entity) if entity.listeners.len() < MAX_LISTENERS => {
                entity.listeners.push(listener);
                true
            }
            _ => false,
        }
    }

    fn remove_listener(&self, entity: &str, key: Uuid) {
        if let Some(entity) = self.state().entities.get_mut(entity) {
            entity.listeners.retain(|listener| listener.key != key);
        }
    }

    /// One of the listeners, at random.
    fn pick_listener(&self, entity: &str) -> Option<Listener> {
        self.state()
            .entities
            .get(entity)?
            .listeners
            .choose(&mut rand::rng())
            .cloned()
    }

    fn requires_client_authorization(&self, entity: &str) -> bool {
        self.state()
            .entities
            .get(entity)
            .is_none_or(|entity| entity.requires_client_authorization)
    }

    fn add_rendezvous(&self) -> (String, oneshot::Receiver<Outcome>) {
        let secret = Uuid::new_v4().simple().to_string();
        let (sender, receiver) = oneshot::channel();
        self.state().rendezvous.insert(secret.clone(), sender);
        (secret, receiver)
    }

    fn take_rendezvous(&self, secret: &str) -> Option<oneshot::Sender<Outcome>> {
        self.state().rendezvous.remove(secret)
    }
}

/// Routes requests by `sb-hc-action`.
#[derive(Clone, Debug)]
pub(crate) struct Edge(pub(crate) Arc<Namespace>);

#[async_trait]
impl Handler for Edge {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let uri = request.uri().clone();
        let query = uri.query().unwrap_or_default();
        let call = Call::new(&request, query);
        let Some(path) = uri.path().strip_prefix("/$hc/") else {
            return call.refuse(
                StatusCode::NOT_IMPLEMENTED,
                "The emulator does not relay HTTP requests.",
            );
        };
        let path = percent_decode_str(path).decode_utf8_lossy();
        match query_value(query, ACTION).as_deref() {
            Some("listen") => control::listen(&self.0, request, call, &path),
            // Without an action it is a sender, as the service has it.
            Some("connect") | None => rendezvous::connect(&self.0, request, call, &path).await,
            Some("accept") => rendezvous::accept(&self.0, request, call),
            Some(_) => call.refuse(StatusCode::BAD_REQUEST, "The action is not known."),
        }
    }
}

/// The tracking of one request.
#[derive(Clone, Debug)]
struct Call {
    /// The client's GUID, or one of ours when it gave none that parses.
    id: Uuid,
    system_tracker: String,
}

impl Call {
    fn new(request: &Request<Body>, query: &str) -> Self {
        let host = request
            .headers()
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        Self {
            id: query_value(query, ID)
                .and_then(|id| Uuid::parse_str(&id).ok())
                .unwrap_or_else(Uuid::new_v4),
            system_tracker: format!("sb://{host}{}", request.uri().path()),
        }
    }

    fn tracking_id(&self) -> String {
        format!("{}_G0", self.id)
    }

    /// A refusal: the text and the tracking id are in the reason phrase.
    fn refuse(&self, status: StatusCode, text: &str) -> Response<Body> {
        let id = self.tracking_id();
        let reason = format!(
            "{text} TrackingId:{id}, SystemTracker:{}",
            self.system_tracker
        );
        let mut response = self.answer(status, &reason);
        if let Ok(id) = HeaderValue::try_from(id) {
            response.headers_mut().insert("trackingid", id);
        }
        response
    }

    /// An answer with a reason phrase as it is.
    fn answer(&self, status: StatusCode, reason: &str) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        response.extensions_mut().insert(ReasonPhrase::new(reason));
        response
    }
}

/// The service allows 25 listeners on one hybrid connection.
const MAX_LISTENERS: usize = 25;
const EXPIRY_GRACE: std::time::Duration = std::time::Duration::from_secs(5 * 60);
