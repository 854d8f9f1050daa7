//! Joining a sender's socket and a listener's.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::{Either, select};
use futures::{Sink, Stream};
use http::{HeaderName, Request, Response, StatusCode, header};
use relay::address::{query_value, strip_reserved};
use relay::command::{Accept, Command, RemoteEndpoint};
use relay::header::{ACTION, ID, SERVICE_BUS_AUTHORIZATION, STATUS_CODE, STATUS_DESCRIPTION};
use transport::net::{AcceptOptions, ConnectionInfo, Upgrade};
use transport::{Body, Message, WebSocket};

use super::{Call, Namespace, Outcome, authorize};

/// Answers a sender, once a listener has accepted or refused it.
pub(super) async fn connect(
    namespace: &Arc<Namespace>,
    mut request: Request<Body>,
    call: Call,
    path: &str,
) -> Response<Body> {
    match meet(namespace, &mut request, &call, path).await {
        Ok(response) | Err(response) => response,
    }
}

/// Answers a listener that opens a rendezvous address.
pub(super) fn accept(
    namespace: &Arc<Namespace>,
    mut request: Request<Body>,
    call: Call,
) -> Response<Body> {
    let uri = request.uri().clone();
    let query = uri.query().unwrap_or_default();
    let upgrade = match Upgrade::from_request(&mut request) {
        Ok(upgrade) => upgrade,
        Err(_) => {
            return call.refuse(
                StatusCode::BAD_REQUEST,
                "This endpoint is only for web-socket requests.",
            );
        }
    };
    let rendezvous = query_value(query, SECRET)
        .and_then(|secret| namespace.take_rendezvous(&secret))
        .filter(|rendezvous| !rendezvous.is_canceled());
    let Some(rendezvous) = rendezvous else {
        return call.refuse(
            StatusCode::FORBIDDEN,
            "The rendezvous address is not valid any more.",
        );
    };
    // The official Node client writes the names without their prefix.
    let value = |name: &str| {
        let bare = name.trim_start_matches("sb-hc-");
        query_value(query, name).or_else(|| query_value(query, bare))
    };
    if let Some(status) = value(STATUS_CODE) {
        let Some(status) = status
            .parse()
            .ok()
            .and_then(|status: u16| StatusCode::from_u16(status).ok())
        else {
            return call.refuse(StatusCode::BAD_REQUEST, "The status is not valid.");
        };
        let reason = value(STATUS_DESCRIPTION).unwrap_or_default();
        let _ = rendezvous.send(Outcome::Rejected { status, reason });
        // The listener's handshake ends with 410, which tells it that all is well.
        return call.refuse(StatusCode::GONE, "The rendezvous is rejected.");
    }
    let subprotocol = upgrade.subprotocols().first().cloned();
    let mut options = AcceptOptions::default().with_half_close(true);
    if let Some(name) = &subprotocol {
        options = options.with_subprotocol(name);
    }
    let Ok((response, socket)) = upgrade.accept(options) else {
        return call.refuse(StatusCode::BAD_REQUEST, "The handshake is not valid.");
    };
    let outcome = Outcome::Accepted {
        subprotocol,
        socket: Box::pin(socket),
    };
    match rendezvous.send(outcome) {
        Ok(()) => response,
        Err(_) => call.refuse(StatusCode::FORBIDDEN, "The sender is gone."),
    }
}

async fn meet(
    namespace: &Arc<Namespace>,
    request: &mut Request<Body>,
    call: &Call,
    path: &str,
) -> Result<Response<Body>, Response<Body>> {
    let upgrade = Upgrade::from_request(request).map_err(|_| {
        call.refuse(
            StatusCode::BAD_REQUEST,
            "This endpoint is only for web-socket requests.",
        )
    })?;
    let entity = namespace
        .entity_of(path)
        .ok_or_else(|| call.refuse(StatusCode::NOT_FOUND, "Endpoint does not exist."))?;
    if namespace.requires_client_authorization(&entity) {
        authorize::check(namespace, request, call, path)?;
    }
    let nobody = || {
        call.refuse(
            StatusCode::NOT_FOUND,
            "There are no listeners connected for the endpoint.",
        )
    };
    let listener = namespace.pick_listener(&entity).ok_or_else(nobody)?;
    let (secret, outcome) = namespace.add_rendezvous();
    // However this ends, nothing of it stays behind.
    let _forget = Forget {
        namespace: Arc::clone(namespace),
        secret: secret.clone(),
    };
    let command = announce(request, call, &listener.origin, &secret);
    listener
        .commands
        .try_send(command.encode())
        .map_err(|_| nobody())?;

    let runtime = namespace.tasks.runtime();
    let deadline = runtime.sleep_until(runtime.now() + ACCEPT_TIMEOUT);
    let (subprotocol, listener_socket) = match select(outcome, deadline).await {
        Either::Left((
            Ok(Outcome::Accepted {
                subprotocol,
                socket,
            }),
            _,
        )) => (subprotocol, socket),
        Either::Left((Ok(Outcome::Rejected { status, reason }), _)) => {
            return Err(call.answer(status, &reason));
        }
        Either::Left((Err(_), _)) | Either::Right(_) => {
            return Err(call.refuse(
                StatusCode::NOT_FOUND,
                "None of the connected listeners accepted the connection within the allowed timeout.",
            ));
        }
    };
    let mut options = AcceptOptions::default().with_half_close(true);
    if let Some(name) = subprotocol.filter(|name| upgrade.subprotocols().contains(name)) {
        options = options.with_subprotocol(name);
    }
    let (response, sender_socket) = upgrade
        .accept(options)
        .map_err(|_| call.refuse(StatusCode::BAD_REQUEST, "The handshake is not valid."))?;
    namespace.tasks.spawn(async move {
        let sockets = futures::future::try_join(sender_socket, listener_socket).await;
        if let Ok((sender, listener)) = sockets {
            Joined {
                one: Leg::new(sender),
                other: Leg::new(listener),
            }
            .await;
        }
    });
    Ok(response)
}

fn announce(request: &Request<Body>, call: &Call, origin: &str, secret: &str) -> Command {
    let uri = request.uri();
    let query = uri
        .query()
        .and_then(strip_reserved)
        .map(|query| query + "&")
        .unwrap_or_default();
    let id = format!("{}_G1", call.tracking_id());
    let address = format!(
        "{origin}{}?{query}{ACTION}=accept&{ID}={id}&{SECRET}={secret}",
        uri.path()
    );
    let mut accept = Accept::new(address, id);
    for name in request.headers().keys() {
        if [SERVICE_BUS_AUTHORIZATION, header::AUTHORIZATION].contains(name) {
            continue;
        }
        let values: Vec<&str> = request
            .headers()
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        accept
            .connect_headers
            .insert(canonical(name), values.join(", "));
    }
    accept.remote_endpoint = request
        .extensions()
        .get::<ConnectionInfo>()
        .map(|info| RemoteEndpoint::new(info.peer.ip().to_string(), info.peer.port()));
    Command::Accept(accept)
}

/// A header's name as it is usually written; the official Node client looks
/// names up in that spelling.
fn canonical(name: &HeaderName) -> String {
    name.as_str()
        .split('-')
        .map(|word| match word {
            "websocket" => "WebSocket".to_owned(),
            word => {
                let (first, rest) = word.split_at(1.min(word.len()));
                first.to_ascii_uppercase() + rest
            }
        })
        .collect::<Vec<_>>()
        .join("-")
}

/// Forgets a rendezvous on drop.
struct Forget {
    namespace: Arc<Namespace>,
    secret: String,
}

impl Drop for Forget {
    fn drop(&mut self) {
        self.namespace.take_rendezvous(&self.secret);
    }
}

/// Two sockets that are one connection: what arrives at one leaves at the other.
///
/// A close frame ends one direction only. A leg that breaks ends both.
struct Joined {
    one: Leg,
    other: Leg,
}

struct Leg {
    socket: Box<dyn WebSocket>,
    /// Read from this leg, with no room at the other yet.
    waiting: Option<Message>,
    needs_flush: bool,
    /// The close frame of this leg has been passed on.
    ended: bool,
}

impl Leg {
    fn new(socket: Box<dyn WebSocket>) -> Self {
        Self {
            socket,
            waiting: None,
            needs_flush: false,
            ended: false,
        }
    }

    /// Moves messages from this leg to `to` until one of them is not ready.
    fn poll_pump(&mut self, to: &mut Self, cx: &mut Context<'_>) -> Result<bool, Broken> {
        let mut progress = false;
        for _ in 0..MESSAGES_BEFORE_FLUSH {
            if self.ended {
                break;
            }
            match Pin::new(&mut to.socket).poll_ready(cx) {
                Poll::Ready(ready) => ready.map_err(|_| Broken)?,
                Poll::Pending => break,
            }
            let message = match self.waiting.take() {
                Some(message) => message,
                None => match Pin::new(&mut self.socket).poll_next(cx) {
                    Poll::Ready(Some(Ok(message))) => message,
                    Poll::Ready(Some(Err(_)) | None) => return Err(Broken),
                    Poll::Pending => break,
                },
            };
            progress = true;
            match &message {
                // Pings end at this hop; the socket has answered them.
                Message::Ping(_) | Message::Pong(_) => continue,
                Message::Close(_) => self.ended = true,
                _ => {}
            }
            Pin::new(&mut to.socket)
                .start_send(message)
                .map_err(|_| Broken)?;
            to.needs_flush = true;
        }
        if to.needs_flush
            && let Poll::Ready(flushed) = Pin::new(&mut to.socket).poll_flush(cx)
        {
            flushed.map_err(|_| Broken)?;
            to.needs_flush = false;
        }
        Ok(progress)
    }
}

struct Broken;

impl Future for Joined {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        for _ in 0..ROUNDS_BEFORE_YIELD {
            let pumped = this
                .one
                .poll_pump(&mut this.other, cx)
                .and_then(|first| Ok(this.other.poll_pump(&mut this.one, cx)? || first));
            let Ok(progress) = pumped else {
                return Poll::Ready(());
            };
            let done = |leg: &Leg| leg.ended && !leg.needs_flush;
            if done(&this.one) && done(&this.other) {
                return Poll::Ready(());
            }
            if !progress {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The secret that makes a rendezvous address unguessable; reserved, so that it never reaches the application.
const SECRET: &str = "sb-hc-rendezvous";
/// The protocol guide says that an address is good for about 30 s.
const ACCEPT_TIMEOUT: Duration = Duration::from_secs(30);
const MESSAGES_BEFORE_FLUSH: usize = 64;
const ROUNDS_BEFORE_YIELD: usize = 64;
