//! The exchange of a relayed request: from the sender to a listener, until the
//! response arrives. Shell.

use bytes::Bytes;
use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{Either, select};
use http::{Response, StatusCode};
use relay::command::{self, Command};
use serde_json::json;
use transport::Body;

use super::read_ahead::{ReadAhead, SenderGone};
use super::sender::HttpSender;
use crate::fault::Occasion;
use crate::relay::handover::{QueuedRequest, RelayedResponse, RendezvousRequest, ResponseError};
use crate::relay::listeners::{Listener, ListenerChoice, ListenerOrder};
use crate::relay::relayed_head;
use crate::relay::rendezvous::address::{self, Action, MAX_COMMAND};
use crate::relay::rendezvous_table::Rendezvous;

/// The body of a request.
pub(super) enum Content {
    /// Small, and already read.
    Whole(Bytes),
    /// Large, or of unknown length.
    Stream(Body),
}

/// A relayed request in progress.
pub(super) struct RelayedExchange<'a> {
    pub(super) sender: &'a HttpSender<'a>,
    /// Whether `Authorization` was the relay's token.
    pub(super) is_authorization: bool,
}

impl RelayedExchange<'_> {
    /// Relays the request; the error is the relay's own response.
    pub(super) async fn run(&self, body: Content) -> Result<Response<Body>, Response<Body>> {
        if let Content::Whole(bytes) = &body
            && let Some(answer) = self.over_idle(bytes).await
        {
            return self.sender.respond_streamed(answer);
        }
        self.over_control(body).await
    }

    /// Relays over the rendezvous that an earlier request on the sender's
    /// connection left open. `None` if there is none, or the listener closed it
    /// before it responded, as the official .NET one does after each response;
    /// then the request may be relayed another way.
    async fn over_idle(&self, body: &Bytes) -> Option<Result<RelayedResponse, ResponseError>> {
        let sender = self.sender;
        let connection = sender.connection()?.number();
        let waiting = &sender.namespace.rendezvous;
        let idle = waiting.idle(connection, &sender.entity.key)?;
        let id = sender.tracking().id();
        let command = self.command(&idle.address, &id, !body.is_empty());
        let (answer, receiver) = oneshot::channel();
        let request = QueuedRequest {
            id,
            command: Some(command),
            body: Body::from(body.clone()),
            answer,
        };
        idle.requests.try_send(request).ok()?;
        sender.visit.set_listener(&idle.listener);
        sender.visit.set_by_rendezvous();
        match receiver.await {
            Ok(Err(ResponseError::Closed)) | Err(_) => None,
            // The request may have taken effect.
            Ok(Err(ResponseError::Lost)) if sender.request.method().is_idempotent() => None,
            Ok(answer) => Some(answer),
        }
    }

    /// Relays over the control channel of a listener, with a rendezvous if one is needed.
    async fn over_control(&self, body: Content) -> Result<Response<Body>, Response<Body>> {
        let sender = self.sender;
        let (namespace, entity) = (sender.namespace, sender.entity);
        let choice = ListenerChoice::of(sender.request.headers());
        let listener = namespace
            .pick_listener(&entity.key, &choice)
            .map_err(|none| {
                sender
                    .tracking()
                    .refuse(StatusCode::NOT_FOUND, "EndpointNotFound", none.text())
            })?;
        sender.visit.set_listener(&listener.id);
        let waiting = &namespace.rendezvous;
        let (response, inline) =
            waiting.await_response(&entity.key, sender.tracking().guid(), listener.key);
        let (opened, rendezvous) = oneshot::channel();
        let guard = waiting.add(&entity.key, Rendezvous::Http(opened));
        let path = format!("/$hc{}", sender.request.uri().path());
        let address = address::of(
            &listener.reached_at,
            &path,
            sender.request.uri().query(),
            Action::Request,
            response.id(),
            guard.secret(),
        );
        let parts = self.parts(body, &address, response.id());
        self.deliver(&listener, parts.command, parts.inline_body)
            .await?;
        let late = std::pin::pin!(namespace.wait(namespace.limits.response_timeout));
        let (command, body) = parts.held_back.unzip();
        let mut ahead = ReadAhead::new(body.unwrap_or_default());
        let answered = select(select(inline, rendezvous), late);
        let answered = match select(answered, ahead.watch().boxed()).await {
            Either::Left((answered, _)) => answered,
            Either::Right((SenderGone, _)) => return Err(sender.lost()),
        };
        match answered {
            Either::Left((Either::Left((Ok(inline), _)), _)) => sender.respond_inline(inline).await,
            Either::Left((Either::Right((Ok(handover), inline)), _)) => {
                // From here on a response on the control channel is a mistake.
                drop(inline);
                sender.visit.set_by_rendezvous();
                let (answer, receiver) = oneshot::channel();
                // A listener that opened it only for its response need not read
                // from it: the official Node one does not.
                let takes_more = command.is_some();
                let request = QueuedRequest {
                    id: response.id().to_owned(),
                    command,
                    body: ahead.into_body(),
                    answer,
                };
                let _ = handover.send(RendezvousRequest {
                    request,
                    entity: entity.key.clone(),
                    listener: listener.id.clone(),
                    address,
                    connection: sender.connection().cloned(),
                    takes_more,
                });
                let answer = receiver.await.unwrap_or(Err(ResponseError::Lost));
                sender.respond_streamed(answer)
            }
            Either::Left(_) => {
                tracing::info!(
                    entity = entity.key,
                    listener = listener.id,
                    "ListenerAcceptingHttpRequestFailed: the listener's control channel ended before it responded"
                );
                Err(sender.lost())
            }
            Either::Right(_) => {
                tracing::warn!(
                    entity = entity.key,
                    listener = listener.id,
                    "ListenerAcceptingRequestTimeout: the listener must answer each `request` within 60 s, with `response` or on the rendezvous"
                );
                Err(sender.late())
            }
        }
    }

    /// Splits a request into the part for the control channel and the part for the rendezvous.
    fn parts(&self, body: Content, address: &str, id: &str) -> Parts {
        let has_body = match &body {
            Content::Whole(bytes) => !bytes.is_empty(),
            Content::Stream(_) => true,
        };
        let command = self.command(address, id, has_body);
        match body {
            Content::Whole(bytes) if command.len() <= MAX_COMMAND => Parts {
                command,
                inline_body: has_body.then_some(bytes),
                held_back: None,
            },
            // Too large for the control channel: only a pointer is sent there.
            Content::Whole(bytes) => Parts::behind_pointer(address, command, Body::from(bytes)),
            Content::Stream(body) => Parts::behind_pointer(address, command, body),
        }
    }

    /// Sends a command to a listener, with the relay's delay, unless a fault strikes it.
    async fn deliver(
        &self,
        listener: &Listener,
        command: String,
        body: Option<Bytes>,
    ) -> Result<(), Response<Body>> {
        let (namespace, entity) = (self.sender.namespace, &self.sender.entity.key);
        namespace.wait(namespace.delay(self.sender.number)).await;
        let fault = namespace.strike(Occasion::Delivery, &listener.subject(entity));
        let order = fault.as_ref().and_then(ListenerOrder::of_fault);
        let order = order.unwrap_or(ListenerOrder::Send { command, body });
        let delivered = std::pin::pin!(listener.orders.send(order));
        let late = std::pin::pin!(namespace.wait(namespace.limits.response_timeout));
        match select(delivered, late).await {
            Either::Left((Ok(()), _)) => Ok(()),
            Either::Left((Err(_), _)) => Err(self.sender.lost()),
            Either::Right(_) => {
                tracing::warn!(entity, listener = listener.id, "ListenerUnresponsive");
                Err(self.sender.late())
            }
        }
    }

    /// Returns the command with everything about the request except its body.
    fn command(&self, address: &str, id: &str, body: bool) -> String {
        let request = self.sender.request;
        let fields = json!({ "address": address, "body": body });
        let mut command: command::Request =
            serde_json::from_value(fields).expect("a request needs only an address");
        command.id = Some(id.to_owned());
        command.method = Some(request.method().to_string());
        command.request_target = Some(relayed_head::target(
            request.uri().path(),
            request.uri().query(),
        ));
        command.remote_endpoint = Some(relayed_head::remote_endpoint(request));
        command.request_headers =
            relayed_head::of_request(request.headers(), self.is_authorization, self.sender.host());
        Command::Request(command).encode()
    }
}

/// A request, split for transfer.
struct Parts {
    /// The command for the control channel.
    command: String,
    inline_body: Option<Bytes>,
    /// The command and the body for the rendezvous.
    held_back: Option<(String, Body)>,
}

impl Parts {
    /// Sends everything over the rendezvous except the pointer to it.
    fn behind_pointer(address: &str, command: String, body: Body) -> Self {
        Self {
            command: json!({ "request": { "address": address } }).to_string(),
            inline_body: None,
            held_back: Some((command, body)),
        }
    }
}
