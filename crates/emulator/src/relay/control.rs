//! The listener edge: the control channel. Shell.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{BoxFuture, Either, select};
use futures::{FutureExt, Sink, Stream};
use http::{Request, Response, StatusCode};
use relay::command::Reply;
use tokio::sync::mpsc;
use transport::net::{ConnectionInfo, Upgrade, UpgradeOptions};
use transport::{Body, CloseCode, CloseFrame, Message, WebSocket, after};
use uuid::Uuid;

use super::authorize::Purpose;
use super::namespace::{EntityView, Listener, ListenerOrder, Namespace, PairFault, TooMany};
use super::tracking_id::{Interface, Tracking, host};
use super::{authorized, not_a_web_socket, unavailable};
use crate::fault::{Fault, Occasion, Subject};

/// Answers the opening of a control channel at `path`.
pub(super) fn listen(
    namespace: &Arc<Namespace>,
    request: &mut Request<Body>,
    tracking: &Tracking,
    path: &str,
) -> Result<Response<Body>, Response<Body>> {
    let upgrade = Upgrade::from_request(request).map_err(|_| not_a_web_socket(tracking))?;
    let entity = namespace.entity_for_listener(path).ok_or_else(|| {
        tracking.refuse(
            StatusCode::NOT_FOUND,
            "EndpointNotFound",
            "Endpoint does not exist.",
        )
    })?;
    let number = namespace.count();
    let id = tracking.guid().to_string();
    let subject = Subject {
        scope: &entity.key,
        connection: Some(&id),
        number,
        ..Subject::default()
    };
    if let Some(Fault::Status {
        status,
        retry_after,
    }) = namespace.strike(Occasion::Open, &subject)
    {
        return Err(unavailable(tracking, status, retry_after));
    }
    let granted = authorized(
        namespace,
        &entity.rules,
        tracking,
        Interface::WebSocket,
        request,
        Purpose::Listen,
        path,
    )?;
    let tls = request
        .extensions()
        .get::<ConnectionInfo>()
        .is_some_and(|info| info.tls);
    let host = host(request.headers()).to_owned();
    let key = Uuid::new_v4();
    let (orders, queue) = mpsc::channel(ORDERS);
    let listener = Listener {
        key,
        id: id.clone(),
        number,
        // Rendezvous addresses name the host that the listener used, so that its certificate fits.
        origin: format!("{}://{host}", if tls { "wss" } else { "ws" }),
        orders,
    };
    namespace
        .add_listener(&entity.key, listener)
        .map_err(|TooMany| {
            let most = namespace.limits.listeners;
            tracing::warn!(entity = entity.key, most, "one listener too many");
            tracking.refuse(
                StatusCode::FORBIDDEN,
                "QuotaExceeded",
                &format!("The maximum number of {most} listeners has been reached."),
            )
        })?;
    let leave = Registration {
        namespace: Arc::clone(namespace),
        entity,
        key,
        id,
        number,
    };
    let mut options = UpgradeOptions::default().with_half_close(true);
    if let Some(name) = upgrade.subprotocols().first() {
        options = options.with_subprotocol(name.clone());
    }
    let (response, opened) = upgrade
        .accept(options)
        .map_err(|_| not_a_web_socket(tracking))?;
    let path = path.to_owned();
    namespace.tasks.spawn(async move {
        let Ok(socket) = opened.await else {
            return;
        };
        tracing::info!(
            entity = leave.entity.key,
            listener = leave.id,
            "NewListenerRegistered"
        );
        Channel::new(&leave, host, path, socket, queue, granted.good_until)
            .run()
            .await;
    });
    Ok(response)
}

/// The close frame for a token that has expired.
pub(super) fn expired() -> CloseFrame {
    CloseFrame::new(CloseCode::POLICY_VIOLATION, "The token is expired.")
}

/// Takes the listener off its entity on drop, however the task ends.
struct Registration {
    namespace: Arc<Namespace>,
    entity: EntityView,
    key: Uuid,
    id: String,
    number: u64,
}

impl Registration {
    fn remove(&self) {
        let (entity, listener) = (&self.entity.key, &self.id);
        if self.namespace.remove_listener(entity, self.key) {
            tracing::info!(entity, listener, "ListenerUnregistered");
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.remove();
    }
}

/// One listener's socket, driven by one task.
struct Channel<'a> {
    leave: &'a Registration,
    host: String,
    path: String,
    socket: Box<dyn WebSocket>,
    queue: mpsc::Receiver<ListenerOrder>,
    /// What of an order is not written yet; a command and its body are one unit.
    pending: VecDeque<Message>,
    /// Who waits for the binary message that must come next.
    body: Option<oneshot::Sender<Bytes>>,
    expects_body: bool,
    needs_flush: bool,
    phase: Phase,
    times: Times,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Open,
    /// Our close frame is on its way; the listener's answer is awaited.
    Closing,
    /// Nothing moves any more, and nobody is told.
    Stalled,
    Ended,
}

/// When something is due, on the emulator's clock.
struct Times {
    expires: std::time::SystemTime,
    recycled: Instant,
    last_moved: Instant,
}

impl<'a> Channel<'a> {
    fn new(
        leave: &'a Registration,
        host: String,
        path: String,
        socket: Box<dyn WebSocket>,
        queue: mpsc::Receiver<ListenerOrder>,
        expires: std::time::SystemTime,
    ) -> Self {
        let now = leave.namespace.clock.instant();
        Self {
            leave,
            host,
            path,
            socket,
            queue,
            pending: VecDeque::new(),
            body: None,
            expects_body: false,
            needs_flush: false,
            phase: Phase::Open,
            times: Times {
                expires,
                recycled: after(now, leave.namespace.limits.listener_lifetime),
                last_moved: now,
            },
        }
    }

    async fn run(mut self) {
        let namespace = Arc::clone(&self.leave.namespace);
        while self.phase == Phase::Open {
            let due: BoxFuture<'_, ()> = namespace.clock.reaches(self.due()).boxed();
            let moved = std::pin::pin!(std::future::poll_fn(|cx| self.poll_move(cx)));
            match select(moved, due).await {
                Either::Left(((), _)) => {}
                Either::Right(_) => self.look_at_the_clock(),
            }
        }
        // Real time: this is about a real socket.
        let runtime = namespace.runtime();
        let limit = match self.phase {
            Phase::Stalled => return runtime.sleep_until(runtime.after(STALLED)).await,
            Phase::Ended => return,
            _ => runtime.sleep_until(runtime.after(FAREWELL)),
        };
        let farewell = std::pin::pin!(async {
            std::future::poll_fn(|cx| self.poll_move(cx)).await;
            std::future::poll_fn(|cx| Pin::new(&mut self.socket).poll_close(cx)).await
        });
        match select(farewell, limit).await {
            Either::Left(_) | Either::Right(_) => {}
        }
    }

    /// When to look at the clock again.
    fn due(&self) -> Instant {
        let namespace = &self.leave.namespace;
        let valid = self.times.expires.duration_since(namespace.now());
        let expires = namespace.clock.after(valid.unwrap_or_default().min(DAY));
        let idle = namespace.limits.control_idle;
        let cut = idle.map(|idle| after(self.times.last_moved, idle));
        expires.min(self.times.recycled).min(cut.unwrap_or(expires))
    }

    fn look_at_the_clock(&mut self) {
        let namespace = &self.leave.namespace;
        let now = namespace.clock.instant();
        let (entity, listener) = (&self.leave.entity.key, &self.leave.id);
        if namespace.now() >= self.times.expires {
            tracing::info!(entity, listener, "ListenerClosingFromExpiredToken");
            self.close(expired());
        } else if now >= self.times.recycled {
            tracing::info!(entity, listener, "listener recycled");
            self.close(CloseFrame::new(
                CloseCode::INTERNAL_ERROR,
                format!("InternalServerError: NameRenewalFailed. TrackingId:{listener}_G0"),
            ));
        } else if let Some(idle) = namespace.limits.control_idle
            && now >= after(self.times.last_moved, idle)
        {
            tracing::info!(
                entity,
                listener,
                "control channel cut: nothing moved on it, as behind Azure's load balancer; a listener should ping"
            );
            self.phase = Phase::Ended;
        }
    }

    fn close(&mut self, frame: CloseFrame) {
        if self.phase == Phase::Open {
            self.pending.push_back(Message::Close(Some(frame)));
            self.phase = Phase::Closing;
            // Who waits for a body need not wait for the farewell.
            self.body = None;
            // From here on it takes nobody any more, however long its farewell takes.
            self.leave.remove();
            self.queue.close();
        }
    }

    /// Ends the channel of a listener that breaks the protocol, and says so.
    fn blame(&mut self, code: CloseCode, rule: &'static str) {
        tracing::warn!(
            entity = self.leave.entity.key,
            listener = self.leave.id,
            rule,
            "ListenerAcceptingConnectionFailed: the listener broke the protocol and is closed"
        );
        self.close(CloseFrame::new(code, rule));
    }

    fn order(&mut self, order: ListenerOrder) {
        match order {
            ListenerOrder::Send { command, body } => {
                self.pending.push_back(Message::text(command));
                self.pending.extend(body.map(Message::Binary));
            }
            ListenerOrder::End(PairFault::Close(frame)) => self.close(frame),
            ListenerOrder::End(PairFault::Drop) => self.phase = Phase::Ended,
            ListenerOrder::End(PairFault::Stall) => self.phase = Phase::Stalled,
        }
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Text(_) if self.expects_body => {
                self.blame(
                    CloseCode::PROTOCOL_ERROR,
                    "a text message came where the body of a response was announced",
                );
            }
            Message::Text(text) => self.handle_text(&text),
            Message::Binary(bytes) if self.expects_body && bytes.len() > MAX_INLINE => {
                self.blame(
                    CloseCode::TOO_BIG,
                    "the body of a response over 64 KiB belongs on the rendezvous of its request",
                );
            }
            Message::Binary(bytes) if self.expects_body => {
                self.expects_body = false;
                if let Some(waiting) = self.body.take() {
                    // Who waited may have gone.
                    let _ = waiting.send(bytes);
                }
            }
            // The official Node listener sends an empty one after a response without a body.
            Message::Binary(bytes) if bytes.is_empty() => {}
            Message::Binary(_) => {
                self.blame(
                    CloseCode::PROTOCOL_ERROR,
                    "a binary message came that no response announced; data goes over a rendezvous",
                );
            }
            Message::Close(frame) => {
                let frame = frame.unwrap_or_else(|| CloseFrame::new(CloseCode::NORMAL, ""));
                self.close(frame);
            }
            _ => {}
        }
    }

    fn handle_text(&mut self, text: &str) {
        match Reply::decode(text) {
            Ok(Some(Reply::RenewToken(token))) => self.renew(token.expose()),
            Ok(Some(Reply::Response(response))) => {
                let (entity, id) = (&self.leave.entity.key, response.request_id.clone());
                let (sender, receiver) = oneshot::channel();
                self.expects_body = response.body;
                let receiver = response.body.then_some(receiver);
                let waiting = self.leave.namespace.take_exchange(&id, self.leave.key);
                match waiting.filter(|answer| !answer.is_canceled()) {
                    Some(answer) => {
                        tracing::debug!(entity, id, "ListenerReturningHttpResponse");
                        self.body = response.body.then_some(sender);
                        let _ = answer.send((response, receiver));
                    }
                    None => tracing::warn!(
                        entity,
                        id,
                        "ListenerReturningHttpResponseFailed: nothing waits for this response here: it was answered, timed out, belongs on its rendezvous, or the sender is gone"
                    ),
                }
            }
            Ok(_) => tracing::info!(
                entity = self.leave.entity.key,
                "ignored an unknown command of the listener"
            ),
            Err(error) => {
                tracing::warn!(entity = self.leave.entity.key, %error, "message on a control channel not understood: a listener sends only `response` and `renewToken` there, and its data over the rendezvous address of an `accept`; a sender connects with sb-hc-action=connect");
                self.blame(
                    CloseCode::PROTOCOL_ERROR,
                    "a message on the control channel is not a command",
                );
            }
        }
    }

    fn renew(&mut self, token: &str) {
        let leave = self.leave;
        let namespace = &leave.namespace;
        let checked = leave.entity.rules.check(
            token,
            Purpose::Listen,
            &self.host,
            &self.path,
            namespace.now(),
        );
        let (entity, listener) = (&leave.entity.key, &leave.id);
        match checked {
            Ok(until) => {
                tracing::debug!(entity, listener, "token renewed");
                self.times.expires = until;
            }
            Err(denied) => {
                let advice = denied.advice();
                tracing::warn!(entity, listener, advice, "InvalidSasToken");
                self.close(CloseFrame::new(
                    CloseCode::POLICY_VIOLATION,
                    denied.text().into_owned(),
                ));
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<bool, transport::Error> {
        let mut progress = false;
        loop {
            if self.pending.is_empty()
                && self.phase == Phase::Open
                && let Poll::Ready(Some(order)) = self.queue.poll_recv(cx)
            {
                self.order(order);
                progress = true;
                continue;
            }
            if self.pending.is_empty() || matches!(self.phase, Phase::Ended | Phase::Stalled) {
                break;
            }
            match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => break,
            }
            if let Some(message) = self.pending.pop_front() {
                Pin::new(&mut self.socket).start_send(message)?;
                // Traffic is traffic, whichever way it goes.
                self.times.last_moved = self.leave.namespace.clock.instant();
                self.needs_flush = true;
                progress = true;
            }
        }
        if self.needs_flush
            && let Poll::Ready(flushed) = Pin::new(&mut self.socket).poll_flush(cx)
        {
            flushed?;
            self.needs_flush = false;
        }
        Ok(progress)
    }

    /// Moves messages both ways; ready when the phase or the deadlines may have changed.
    fn poll_move(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Ok(mut progress) = self.poll_write(cx) else {
                self.phase = Phase::Ended;
                return Poll::Ready(());
            };
            match self.phase {
                Phase::Ended | Phase::Stalled => return Poll::Ready(()),
                Phase::Closing if self.pending.is_empty() && !self.needs_flush => {
                    return Poll::Ready(());
                }
                Phase::Closing if !progress => return Poll::Pending,
                Phase::Closing => continue,
                Phase::Open => {}
            }
            match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    let expires = self.times.expires;
                    self.times.last_moved = self.leave.namespace.clock.instant();
                    self.strike();
                    if self.phase == Phase::Open {
                        self.handle(message);
                    }
                    progress = true;
                    if self.times.expires != expires {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    tracing::info!(entity = self.leave.entity.key, %error, "control channel lost");
                    self.phase = Phase::Ended;
                }
                Poll::Ready(None) => self.phase = Phase::Ended,
                Poll::Pending => {}
            }
            if self.phase == Phase::Ended {
                return Poll::Ready(());
            }
            if !progress {
                return Poll::Pending;
            }
        }
    }

    /// A fault instead of taking a message.
    fn strike(&mut self) {
        let subject = Subject {
            scope: &self.leave.entity.key,
            connection: Some(&self.leave.id),
            number: self.leave.number,
            ..Subject::default()
        };
        let fault = self.leave.namespace.strike(Occasion::Message, &subject);
        if let Some(order) = fault.as_ref().and_then(ListenerOrder::of_fault) {
            self.order(order);
        }
    }
}

/// How many senders may be announced to a listener that does not read.
const ORDERS: usize = 256;
const FAREWELL: Duration = Duration::from_secs(5);
/// The largest body on a control channel, by the protocol guide.
pub(super) const MAX_INLINE: usize = 64 * 1024;
/// How long a connection that a fault left half open stays so: about the time
/// after which Azure's load balancer forgets one.
pub(super) const STALLED: Duration = Duration::from_secs(240);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
