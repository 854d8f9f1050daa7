//! The client edge: opening, the subprotocol's messages, closing.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::{Sink, Stream};
use http::{Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use pubsub::protocol::{AckError, DownstreamMessage, UpstreamMessage, json};
use pubsub::{GroupName, HubName, Subprotocol};
use tokio::sync::mpsc;
use transport::net::{AcceptOptions, Upgrade};
use transport::{Body, CloseCode, CloseFrame, Limits, Message, Text, WebSocket};
use uuid::Uuid;

use super::hub::Connection;
use super::outbox::{Format, Outbox, Outgoing};
use super::rest::{bearer, query_values};
use super::{Service, audiences};

/// Answers a request to `/client/…`.
pub(super) fn handle(service: &Arc<Service>, mut request: Request<Body>) -> Response<Body> {
    match open(service, &mut request) {
        Ok(response) | Err(response) => response,
    }
}

fn open(
    service: &Arc<Service>,
    request: &mut Request<Body>,
) -> Result<Response<Body>, Response<Body>> {
    let refuse = |status: StatusCode, text: &str| {
        let mut response = Response::new(Body::from(text.to_owned()));
        *response.status_mut() = status;
        response
    };
    let upgrade = Upgrade::from_request(request).map_err(|error| error.to_response())?;
    let uri = request.uri().clone();
    let query = uri.query().unwrap_or_default();
    let hub = match uri.path().trim_end_matches('/') {
        "/client" => query_values(query, "hub").into_iter().next_back(),
        path => path
            .strip_prefix("/client/hubs/")
            .map(|hub| percent_decode_str(hub).decode_utf8_lossy().into_owned()),
    };
    let hub = hub
        .and_then(|hub| HubName::new(hub).ok())
        .ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "Invalid hub name."))?;

    // The query is looked at first, then the header.
    let in_query = query_values(query, "access_token").into_iter().next();
    let token = in_query
        .as_deref()
        .or_else(|| bearer(request))
        .ok_or_else(|| refuse(StatusCode::UNAUTHORIZED, ""))?;
    let audiences: Vec<String> = audiences(request)
        .into_iter()
        .filter_map(|url| {
            let (origin, _) = url.split_once("/client")?;
            Some(format!("{origin}/client/hubs/{hub}"))
        })
        .collect();
    let audiences: Vec<&str> = audiences.iter().map(String::as_str).collect();
    let claims = service
        .verifier
        .verify(token, &audiences, service.now())
        .map_err(|error| {
            tracing::info!(%error, "client token refused");
            refuse(StatusCode::UNAUTHORIZED, "")
        })?;
    let mut groups = BTreeSet::new();
    for group in &claims.groups {
        GroupName::new(group)
            .map_err(|_| refuse(StatusCode::BAD_REQUEST, "Invalid group name in the token."))?;
        groups.insert(group.clone());
    }

    let chosen = upgrade
        .subprotocols()
        .iter()
        .find_map(|name| Subprotocol::from_name(name));
    if chosen.is_none() && !upgrade.subprotocols().is_empty() {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            "None of the subprotocols is known here.",
        ));
    }
    let mut options =
        AcceptOptions::default().with_limits(Limits::default().with_max_message(MAX_MESSAGE));
    if let Some(subprotocol) = chosen {
        options = options.with_subprotocol(subprotocol.as_str());
    }
    let (response, opened) = upgrade
        .accept(options)
        .map_err(|_| refuse(StatusCode::BAD_REQUEST, "The handshake is not valid."))?;

    let id = Uuid::new_v4().simple().to_string();
    let format = match chosen {
        Some(_) => Format::Json,
        None => Format::Simple,
    };
    let user_id = claims.subject.clone();
    let roles = claims.roles.iter().cloned().collect();
    let task_service = Arc::clone(service);
    service.tasks.spawn(async move {
        let Ok(socket) = opened.await else {
            return;
        };
        let (outbox, queue) = Outbox::new();
        if format == Format::Json {
            outbox.push(encode(&DownstreamMessage::Connected {
                connection_id: id.clone(),
                user_id: user_id.clone(),
                reconnection_token: None,
            }));
        }
        let connection = Connection {
            user_id,
            roles,
            groups,
            format,
            outbox: outbox.clone(),
        };
        task_service.with_hub(hub.as_str(), |hub| hub.connect(&id, connection));
        tracing::debug!(%hub, connection_id = id, "connected");
        let edge = Edge {
            service: Arc::clone(&task_service),
            hub: hub.clone(),
            id: id.clone(),
            format,
            socket,
            // The hub holds the only other end: when it drops the connection, the queue ends.
            outbox: outbox.downgrade(),
            queue,
            closing: false,
            needs_flush: false,
        };
        drop(outbox);
        edge.await;
        task_service.with_hub(hub.as_str(), |hub| hub.disconnect(&id));
        tracing::debug!(%hub, connection_id = id, "disconnected");
    });
    Ok(response)
}

/// One client's socket, driven by one task.
struct Edge {
    service: Arc<Service>,
    hub: HubName,
    id: String,
    format: Format,
    socket: Box<dyn WebSocket>,
    outbox: super::outbox::WeakOutbox,
    queue: mpsc::Receiver<Outgoing>,
    closing: bool,
    needs_flush: bool,
}

impl Edge {
    /// Moves the queue to the socket: everything that fits, then one flush.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<bool, ()> {
        let mut progress = false;
        while !self.closing {
            match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Err(()),
                Poll::Pending => break,
            }
            let message = match self.queue.poll_recv(cx) {
                Poll::Ready(Some(Outgoing::Message(message))) => message,
                Poll::Ready(Some(Outgoing::Close(frame))) => {
                    self.closing = true;
                    Message::Close(Some(frame))
                }
                // The hub has dropped the connection: the end is abrupt, as the service's is.
                Poll::Ready(None) => return Err(()),
                Poll::Pending => break,
            };
            Pin::new(&mut self.socket)
                .start_send(message)
                .map_err(drop)?;
            self.needs_flush = true;
            progress = true;
        }
        if self.needs_flush {
            match Pin::new(&mut self.socket).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.needs_flush = false,
                Poll::Ready(Err(_)) => return Err(()),
                Poll::Pending => {}
            }
        }
        Ok(progress)
    }

    fn handle(&self, message: Message) {
        let text = match (self.format, message) {
            (Format::Json, Message::Text(text)) => text,
            (Format::Json, Message::Binary(bytes)) => match Text::try_from(bytes) {
                Ok(text) => text,
                Err(_) => return self.close(CloseCode::INVALID_PAYLOAD, "not UTF-8"),
            },
            // Without an event handler there is nobody to take a simple client's frame.
            (Format::Simple, Message::Text(_) | Message::Binary(_)) => {
                return self.close(CloseCode::INTERNAL_ERROR, "EventHandlerNotFound");
            }
            _ => return,
        };
        match json::decode_upstream(&text) {
            Ok(message) => self.perform(message),
            Err(error) => {
                tracing::info!(%error, connection_id = self.id, "invalid message");
                self.close(
                    CloseCode::INVALID_PAYLOAD,
                    "not a valid json.webpubsub.azure.v1 protocol message",
                );
            }
        }
    }

    fn perform(&self, message: UpstreamMessage) {
        let hub = self.hub.as_str();
        let id = self.id.as_str();
        let (ack_id, result) = match message {
            UpstreamMessage::JoinGroup { group, ack_id } => (
                ack_id,
                self.service.with_hub(hub, |hub| hub.join(id, &group)),
            ),
            UpstreamMessage::LeaveGroup { group, ack_id } => (
                ack_id,
                self.service.with_hub(hub, |hub| hub.leave(id, &group)),
            ),
            UpstreamMessage::SendToGroup {
                group,
                ack_id,
                no_echo,
                data,
            } => (
                ack_id,
                self.service
                    .with_hub(hub, |hub| hub.publish(id, &group, data, no_echo)),
            ),
            UpstreamMessage::Event { ack_id, .. } => (
                ack_id,
                Err(AckError::new(
                    "InternalServerError",
                    "There is no event handler for the event.",
                )),
            ),
            UpstreamMessage::Ping => return self.push(&DownstreamMessage::Pong),
            _ => return,
        };
        if let Some(ack_id) = ack_id {
            self.push(&DownstreamMessage::Ack { ack_id, result });
        }
    }

    fn push(&self, message: &DownstreamMessage) {
        self.outbox.push(encode(message));
    }

    fn close(&self, code: CloseCode, reason: &str) {
        if self.format == Format::Json {
            self.push(&DownstreamMessage::Disconnected {
                message: Some(reason.to_owned()),
            });
        }
        self.outbox
            .push(Outgoing::Close(CloseFrame::new(code, reason)));
    }
}

impl Future for Edge {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        for _ in 0..ROUNDS_BEFORE_YIELD {
            let Ok(mut progress) = this.poll_write(cx) else {
                return Poll::Ready(());
            };
            match Pin::new(&mut this.socket).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    if !this.closing {
                        this.handle(message);
                    }
                    progress = true;
                }
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            if !progress {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn encode(message: &DownstreamMessage) -> Outgoing {
    Outgoing::Message(Message::Text(json::encode_downstream(message)))
}

/// 1 MiB, the service's limit for a frame.
const MAX_MESSAGE: usize = 1024 * 1024;
/// How often a connection goes round before it lets other tasks run.
const ROUNDS_BEFORE_YIELD: usize = 64;
