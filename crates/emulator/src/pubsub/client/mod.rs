//! The client edge: authorization and opening of WebSockets.
//!
//! The order of the checks is the service's: the upgrade, recovery, the token,
//! its groups, the `connect` handler.
#![expect(
    clippy::result_large_err,
    reason = "the error is the response, built once for a request and moved once"
)]

mod message_check;
mod refusal;
mod socket;

use std::collections::BTreeSet;
use std::sync::Arc;

use auth::Claims;
use futures::SinkExt;
use futures::future::{Either, select};
use http::{Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use pubsub::protocol::DownstreamMessage;
use pubsub::{GroupName, HubName, Subprotocol};
use transport::net::{Upgrade, UpgradeOptions};
use transport::{Body, CloseCode, CloseFrame, Limits, Message};

use self::refusal::{Refusal, refuse, unauthorized};
use self::socket::ClientSocket;
use super::broadcast::Format;
use super::connection::Connection;
use super::event_handler::{ConnectAnswer, ConnectDetails, EventQueue, asks_before_connecting};
use super::lifecycle::TransportEnd;
use super::permission::Permissions;
use super::query::Query;
use super::reliable::AckCache;
use super::send_queue::SendQueue;
use super::token::{ClientTokenError, bearer, user_of};
use super::{Service, recording, rest};
use crate::fault::{Fault, Occasion, Subject};

/// Answers a request to `/client/…`.
pub(super) async fn handle(service: &Arc<Service>, mut request: Request<Body>) -> Response<Body> {
    service.hold_back().await;
    match open(service, &mut request).await {
        Ok(response) => response,
        Err(refusal) => {
            refusal.record(&service.journal, request.uri());
            refusal.response
        }
    }
}

async fn open(
    service: &Arc<Service>,
    request: &mut Request<Body>,
) -> Result<Response<Body>, Refusal> {
    let upgrade = Upgrade::from_request(request)
        .map_err(|error| refuse(StatusCode::BAD_REQUEST, &error.to_string()))?;
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let hub = hub_name(request.uri().path(), &query)
        .ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "Invalid hub name."))?;
    let key = hub.as_str().to_ascii_lowercase();
    let subject = Subject {
        scope: &key,
        ..Subject::default()
    };
    if let Some(Fault::Status {
        status,
        retry_after,
    }) = service.strike(Occasion::Open, &subject)
    {
        return Err(Refusal::elsewhere(rest::fault(status, retry_after)));
    }
    // An empty id counts as absent, as in Microsoft's emulator.
    if let Some(id) = query.last("awps_connection_id").filter(|id| !id.is_empty()) {
        let token = query.last("awps_reconnection_token").unwrap_or_default();
        return recover(service, upgrade, key, id, token);
    }

    // The query takes precedence over the header.
    let token = query
        .first("access_token")
        .filter(|token| !token.is_empty())
        .or_else(|| bearer(request).filter(|token| !token.is_empty()));
    let claims = match token {
        Some(token) => service
            .tokens
            .check_client(token, request, hub.as_str(), service.wall())
            .map_err(unauthorized)?,
        None if service.anonymous_hubs.contains(&key) => Claims::default(),
        None => return Err(unauthorized(ClientTokenError::Missing)),
    };
    if claims
        .groups
        .iter()
        .any(|group| GroupName::new(group).is_err())
    {
        let text = "Invalid group name in the token.";
        return Err(refuse(StatusCode::BAD_REQUEST, text));
    }
    let mode = Mode::read(&query).map_err(|text| refuse(StatusCode::BAD_REQUEST, text));
    let mut offered = upgrade.subprotocols().iter();
    if !offered.any(|name| Subprotocol::from_name(name).is_some())
        && let Err(refusal) = mode
    {
        return Err(refusal);
    }

    let id: Arc<str> = service.ids.connection().into();
    let mut user_id = user_of(&claims);
    let handlers = service.event_handlers.handlers(&key);
    let verdict = match &handlers {
        Some(handlers) => {
            let details = ConnectDetails {
                token,
                query: query.pairs(),
                headers: request.headers(),
                subprotocols: upgrade.subprotocols(),
            };
            let asked = service
                .event_handlers
                .connect(handlers, &id, user_id.as_deref(), &details);
            asked.await.map_err(Refusal::elsewhere)?
        }
        None => ConnectAnswer::default(),
    };
    if let Some(user) = &verdict.user_id {
        user_id = Some(user.clone()).filter(|user| !user.is_empty());
    }
    let (subprotocol, name) = choose(upgrade.subprotocols(), verdict.subprotocol.as_deref())?;
    // The mode applies only to clients without a subprotocol.
    let mode = match subprotocol {
        Some(_) => Mode::SendEvent,
        None => mode?,
    };
    let roles = verdict.roles.as_ref().unwrap_or(&claims.roles);
    let groups = if verdict.groups.is_empty() {
        &claims.groups
    } else {
        &verdict.groups
    };
    let user_id: Option<Arc<str>> = user_id.map(Into::into);
    let was_asked = handlers.as_deref().is_some_and(asks_before_connecting);
    let events = handlers.map(|handlers| {
        let (id, user) = (Arc::clone(&id), user_id.clone());
        EventQueue::new(handlers, id, user, name.clone(), &verdict)
    });
    let is_reliable = subprotocol.is_some_and(Subprotocol::is_reliable);
    let connection = Connection {
        user_id,
        subprotocol,
        permissions: Permissions::from_roles(roles.iter().map(String::as_str)),
        groups: groups
            .iter()
            .map(|group| group.as_str().into())
            .collect::<BTreeSet<_>>(),
        send_queue: SendQueue::new(id, Format::of(subprotocol), is_reliable),
        acks: AckCache::default(),
        streams: Default::default(),
        state_groups: BTreeSet::new(),
        events,
        lost: None,
    };

    let mut options = accept_options();
    let accepted = service.journal.is_on().then(|| name.clone()).flatten();
    if let Some(name) = name {
        options = options.with_subprotocol(name);
    }
    let (response, opened) = upgrade
        .accept(options)
        .map_err(|error| refuse(StatusCode::BAD_REQUEST, &error.to_string()))?;
    let hello = hello(service, &connection);
    let connected = service
        .journal
        .is_on()
        .then(|| recording::connected(&key, &connection, accepted.as_deref(), roles));
    let (send_queue, user_id) = (
        Arc::clone(&connection.send_queue),
        connection.user_id.clone(),
    );
    let events = connection.events.clone();
    // Before the client is accepted: it may be sent something at once.
    let generation = service
        .register(&key, connection, hello, connected)
        .ok_or_else(|| refuse(StatusCode::SERVICE_UNAVAILABLE, "The emulator ends."))?;
    let client = ClientSocket {
        service: Arc::clone(service),
        hub: key.into(),
        send_queue,
        generation,
        subprotocol,
        mode,
        user_id,
        events,
    };
    service.tasks.spawn_own(async move {
        let Some(socket) = Box::pin(until_ended(&client.service, opened)).await else {
            let id = client.send_queue.id();
            client
                .service
                .give_up(&client.hub, id, client.events.as_ref(), was_asked);
            return;
        };
        client
            .service
            .begin_events(&client.hub, client.events.as_ref());
        client.run(socket).await;
    });
    Ok(response)
}

/// The meaning of the frames of a client without a subprotocol.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Mode {
    /// Each is an event named `message`.
    SendEvent,
    /// Each is published to a group.
    SendToGroup { group: String, no_echo: bool },
}

impl Mode {
    fn read(query: &Query) -> Result<Self, &'static str> {
        let Some(mode) = query.last("webpubsub_mode") else {
            return Ok(Self::SendEvent);
        };
        if mode.eq_ignore_ascii_case("sendEvent") {
            return Ok(Self::SendEvent);
        }
        if !mode.eq_ignore_ascii_case("sendToGroup") {
            return Err("Invalid webpubsub_mode.");
        }
        let group = query
            .last("group")
            .filter(|group| GroupName::new(group).is_ok());
        let no_echo = match query.last("noEcho") {
            None => false,
            Some(value) if value.eq_ignore_ascii_case("true") => true,
            Some(value) if value.eq_ignore_ascii_case("false") => false,
            Some(_) => return Err("Invalid noEcho."),
        };
        Ok(Self::SendToGroup {
            group: group.ok_or("Invalid group name.")?.to_owned(),
            no_echo,
        })
    }
}

/// Opens a new socket for a connection that lost its own. It is always opened:
/// a refusal is a close frame with 1008.
fn recover(
    service: &Arc<Service>,
    upgrade: Upgrade,
    hub: String,
    id: &str,
    token: &str,
) -> Result<Response<Body>, Refusal> {
    let (subprotocol, name) = choose(upgrade.subprotocols(), None).unwrap_or_default();
    let is_allowed = service.tokens.check_reconnection(token, id, service.wall());
    let mut options = accept_options();
    if let Some(name) = name {
        options = options.with_subprotocol(name);
    }
    let (response, opened) = upgrade
        .accept(options)
        .map_err(|error| refuse(StatusCode::BAD_REQUEST, &error.to_string()))?;
    // Before the client is accepted: what it missed waits for it, and so does what follows.
    let recovered = match is_allowed {
        true => service.recover(&hub, id, subprotocol),
        false => None,
    };
    if recovered.is_none() {
        let rule = match is_allowed {
            true => "there is no such connection that this client may recover",
            false => "the reconnection token is not valid for the connection",
        };
        service.journal.record(|| {
            let refused = recording::refused("recovery", rule, None);
            refused.with_hub(&hub).with_connection(id)
        });
    }
    let service = Arc::clone(service);
    service.tasks.clone().spawn_own(async move {
        let opened = until_ended(&service, opened).await;
        let Some(recovered) = recovered else {
            if let Some(mut socket) = opened {
                let frame = CloseFrame::new(CloseCode::POLICY_VIOLATION, RECOVERY_REFUSED);
                // A client that does not read it finds out in another way.
                let sent = socket.send(Message::Close(Some(frame)));
                if until_ended(&service, sent).await.is_some() {
                    socket::finish(&service, &mut socket).await;
                }
            }
            return;
        };
        let Some(socket) = opened else {
            let (id, generation) = (recovered.send_queue.id(), recovered.generation);
            service.transport_ended(&hub, id, generation, TransportEnd::Lost);
            return;
        };
        ClientSocket {
            service,
            hub: hub.into(),
            send_queue: recovered.send_queue,
            generation: recovered.generation,
            subprotocol,
            mode: Mode::SendEvent,
            user_id: recovered.user_id,
            events: recovered.events,
        }
        .run(socket)
        .await;
    });
    Ok(response)
}

/// Returns what comes, unless it fails or the service ends first.
async fn until_ended<T, E>(
    service: &Service,
    coming: impl Future<Output = Result<T, E>>,
) -> Option<T> {
    let ended = std::pin::pin!(service.tasks.ended());
    match select(std::pin::pin!(coming), ended).await {
        Either::Left((came, _)) => came.ok(),
        Either::Right(_) => None,
    }
}

/// Returns the first message of a new connection.
fn hello(service: &Service, connection: &Connection) -> Option<Message> {
    let token = connection.is_reliable().then(|| {
        let tokens = &service.tokens;
        tokens.reconnection(connection.id(), &service.ids.unique(), service.wall())
    });
    connection
        .send_queue
        .format()
        .encode(&DownstreamMessage::Connected {
            connection_id: connection.id().to_string(),
            user_id: connection.user_id.as_deref().map(str::to_owned),
            reconnection_token: token,
        })
}

/// Returns the hub in a path, or in the query.
fn hub_name(path: &str, query: &Query) -> Option<HubName> {
    let name = match path.trim_end_matches('/') {
        "/client" => query.last("hub")?.to_owned(),
        path => {
            let name = path.strip_prefix("/client/hubs/")?;
            percent_decode_str(name).decode_utf8_lossy().into_owned()
        }
    };
    HubName::new(name).ok()
}

/// Returns the subprotocol for a client, and the name to send: the handler's
/// choice, else the first known one.
fn choose(
    offered: &[String],
    wanted: Option<&str>,
) -> Result<(Option<Subprotocol>, Option<String>), Refusal> {
    if let Some(wanted) = wanted {
        if !offered.iter().any(|name| name == wanted) {
            let text = "The event handler chose a subprotocol that was not offered.";
            return Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, text));
        }
        return Ok((Subprotocol::from_name(wanted), Some(wanted.to_owned())));
    }
    let known = offered.iter().find_map(|name| Subprotocol::from_name(name));
    match known {
        Some(known) => Ok((Some(known), Some(known.as_str().to_owned()))),
        None if offered.is_empty() => Ok((None, None)),
        None => Err(refuse(
            StatusCode::BAD_REQUEST,
            "None of the subprotocols is known here.",
        )),
    }
}

fn accept_options() -> UpgradeOptions {
    UpgradeOptions::default().with_limits(Limits::default().with_max_message(MAX_MESSAGE))
}

/// 1 MiB, the service's limit for a message.
const MAX_MESSAGE: usize = 1024 * 1024;
const RECOVERY_REFUSED: &str = "The connection cannot be recovered.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hub_is_in_the_path_or_in_the_query() {
        let hub =
            |path, query| hub_name(path, &Query::parse(query)).map(|hub| hub.as_str().to_owned());
        assert_eq!(hub("/client/hubs/chat", "hub=x").as_deref(), Some("chat"));
        assert_eq!(hub("/client/hubs/a%60b/", "").as_deref(), Some("a`b"));
        assert_eq!(hub("/client/", "hub=Chat").as_deref(), Some("Chat"));
        for (path, query) in [
            ("/client", ""),
            ("/client/hubs/", ""),
            ("/client/hubs/a/b", ""),
            ("/client/x", "hub=a"),
        ] {
            assert_eq!(hub(path, query), None, "{path}");
        }
    }

    #[test]
    fn the_handlers_choice_comes_first_and_must_have_been_offered() {
        let offered = ["x", "json.webpubsub.azure.v1", "y"].map(str::to_owned);
        let choose =
            |offered: &[String], wanted| choose(offered, wanted).map_err(|r| r.response.status());
        let json = (
            Some(Subprotocol::Json),
            Some("json.webpubsub.azure.v1".to_owned()),
        );
        assert_eq!(choose(&offered, None), Ok(json));
        assert_eq!(
            choose(&offered, Some("y")),
            Ok((None, Some("y".to_owned())))
        );
        assert_eq!(
            choose(&offered, Some("z")),
            Err(StatusCode::INTERNAL_SERVER_ERROR)
        );
        assert_eq!(choose(&offered[..1], None), Err(StatusCode::BAD_REQUEST));
        assert_eq!(choose(&[], None), Ok((None, None)));
    }

    #[test]
    fn modes_are_read_without_case_and_the_last_counts() {
        let read = |query| Mode::read(&Query::parse(query));
        assert_eq!(read(""), Ok(Mode::SendEvent));
        assert_eq!(
            read("webpubsub_mode=x&webpubsub_mode=SENDTOGROUP&group=a%20b&noEcho=True"),
            Ok(Mode::SendToGroup {
                group: "a b".to_owned(),
                no_echo: true
            })
        );
        for bad in [
            "webpubsub_mode=x",
            "webpubsub_mode=sendToGroup",
            "webpubsub_mode=sendToGroup&group=%20",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
