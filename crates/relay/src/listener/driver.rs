//! The driver of a control channel, its only task: it performs what the state machine decides. Shell.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::channel::{mpsc, oneshot};
use futures::future::{AbortHandle, BoxFuture};
use futures::{FutureExt, Stream};
use http::{Request, StatusCode};
use tracing::{Instrument as _, Span};
use transport::_internal::{Deadline, ROUNDS_BEFORE_YIELD, SocketWriter};
use transport::{Handshake, Message};

use super::ListenerState;
use super::admission::Admission;
use super::connect::{FetchedToken, ListenerParts, dial, fetch};
use super::handler::TOO_MANY;
use super::http::{HttpParts, RequestOutcome, refuse_pointer, serve_inline, serve_pointer};
use super::log::recorded;
use super::metrics::RunningRequest;
use super::observer::Observer;
use super::permit::Permit;
use super::response_queue::ResponseQueue;
use super::state::StateCell;
use crate::control::{
    AbortReason, Action, ControlChannel, ControlOptions, Event, Loss, TokenUnavailable,
};
use crate::exchange::{Pointer, Responder};
use crate::{Error, ErrorKind, Result};

#[derive(Debug)]
pub(super) enum ListenerCommand {
    Stop(oneshot::Sender<()>),
}

/// The driver's links to the listener's handles and to the tasks of requests.
pub(super) struct Queues {
    pub(super) commands: mpsc::Receiver<ListenerCommand>,
    pub(super) outcomes: mpsc::Receiver<RequestOutcome>,
    /// Fails once the listener is dropped.
    pub(super) abandoned: oneshot::Receiver<Infallible>,
    /// Reports once that the channel is online, or why it never was.
    pub(super) opened: Option<oneshot::Sender<Result<()>>>,
    pub(super) state: StateCell,
}

pub(super) struct Driver {
    parts: ListenerParts,
    http: HttpParts,
    admission: Admission,
    channel: ControlChannel,
    queues: Queues,
    observer: Observer,
    is_abandoned: bool,
    fetching: Option<BoxFuture<'static, Result<FetchedToken>>>,
    dialing: Option<BoxFuture<'static, Result<Handshake>>>,
    socket: Option<SocketWriter>,
    /// The responses to send, one after the other.
    responses: ResponseQueue,
    /// The permit of the response whose messages are being sent.
    handing_on: Option<Permit>,
    /// Aborts the handlers of requests that can only be answered on this socket.
    handlers: HashMap<String, AbortHandle>,
    stopping: Vec<oneshot::Sender<()>>,
    deadline: Deadline,
}

impl Driver {
    pub(super) fn new(
        parts: ListenerParts,
        http: HttpParts,
        admission: Admission,
        options: ControlOptions,
        queues: Queues,
        observer: Observer,
        seed: u64,
    ) -> Self {
        let mut channel = ControlChannel::new(options, seed);
        channel.start(parts.runtime.now());
        Self {
            parts,
            http,
            admission,
            channel,
            queues,
            observer,
            is_abandoned: false,
            fetching: None,
            dialing: None,
            socket: None,
            responses: ResponseQueue::default(),
            handing_on: None,
            handlers: HashMap::new(),
            stopping: Vec::new(),
            deadline: Deadline::default(),
        }
    }

    /// Runs until the listener has ended. However it ends, even by a panic in the
    /// application's code, the listener is offline afterwards.
    pub(super) async fn run(mut self) {
        let driving = AssertUnwindSafe(&mut self).catch_unwind();
        if driving.await.is_err() {
            self.observer.handle_panic();
            // The message may contain secrets; the panic hook has already reported it.
            let text = "a credential, clock, connector or runtime panicked in the listener's task";
            self.queues
                .state
                .set_error(Error::message(ErrorKind::Other, text));
            self.queues.state.set(ListenerState::Offline);
        }
    }

    fn drive_futures(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        if let Some(fetching) = &mut self.fetching
            && let Poll::Ready(token) = fetching.poll_unpin(cx)
        {
            self.fetching = None;
            let token = token.map_err(|error| {
                let is_connecting = self.queues.state.get() != ListenerState::Online;
                self.observer.handle_token_failed(&error, is_connecting);
                self.queues.state.set_error(error);
                TokenUnavailable
            });
            self.channel.handle_token(self.parts.runtime.now(), token);
            let renewals = self.channel.renewals();
            self.observer.counters().token_renewals.set(renewals);
            progress = true;
        }
        if let Some(dialing) = &mut self.dialing
            && let Poll::Ready(opened) = dialing.poll_unpin(cx)
        {
            self.dialing = None;
            let now = self.parts.runtime.now();
            match opened {
                Ok(opened) => {
                    self.socket = Some(SocketWriter::new(opened.socket));
                    self.channel.handle_open(now);
                }
                Err(error) => {
                    self.observer.handle_attempt_failed(&error);
                    let loss = error.status().map_or(Loss::Ended, Loss::Refused);
                    self.queues.state.set_error(error);
                    self.channel.handle_closed(now, loss);
                }
            }
            progress = true;
        }
        progress
    }

    fn drive_writes(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        // A socket without room must not keep the channel from dropping it, or from renewing its token.
        while let Some(action) = self.channel.poll_urgent() {
            self.perform(action);
            progress = true;
        }
        if self.socket.is_some() && !self.channel.wants_socket() {
            self.socket = None;
        }
        loop {
            if let Some(socket) = &mut self.socket {
                match socket.poll_send(cx) {
                    Poll::Ready(Ok(sent)) => progress |= sent,
                    Poll::Ready(Err(error)) => {
                        self.lose(error);
                        return true;
                    }
                    Poll::Pending => return progress,
                }
            }
            let Some(message) = self.next_message() else {
                break;
            };
            if let Some(socket) = &mut self.socket {
                self.observer.counters().handle_sent(&message);
                socket.push(message);
            }
        }
        if let Some(socket) = &mut self.socket
            && let Poll::Ready(Err(error)) = socket.poll_flush(cx)
        {
            self.lose(error);
            return true;
        }
        progress
    }

    /// Returns the next message to send: the channel's own first, then that of the next response.
    fn next_message(&mut self) -> Option<Message> {
        loop {
            match self.channel.poll_action() {
                Some(Action::Transmit(message)) => return Some(message),
                Some(action) => self.perform(action),
                None => {
                    self.handing_on = None;
                    let (response, request) = self.responses.pop()?;
                    if self.channel.respond(self.parts.runtime.now(), response) {
                        request.record.answered();
                        self.handing_on = Some(request.permit);
                    } else {
                        tracing::debug!(
                            "response dropped: the control channel of its request was lost"
                        );
                    }
                }
            }
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Abort(reason) => {
                self.tell(reason);
                self.dialing = None;
                self.fetching = None;
                self.socket = None;
            }
            Action::Dial(token) => self.dialing = Some(dial(self.parts.clone(), token).boxed()),
            Action::FetchToken => self.fetching = Some(fetch(self.parts.clone()).boxed()),
            Action::Transmit(_) => {}
        }
    }

    /// Records why the socket is being dropped, unless that was requested.
    fn tell(&mut self, reason: AbortReason) {
        let (kind, text) = match reason {
            AbortReason::Attempt if self.fetching.is_some() => (
                ErrorKind::Timeout,
                format!("{reason}: the credential provided no token"),
            ),
            AbortReason::Attempt => (ErrorKind::Timeout, reason.to_string()),
            AbortReason::Expired => (ErrorKind::Unauthorized, reason.to_string()),
            AbortReason::Silence if self.has_no_room() => (
                ErrorKind::ConnectionLost,
                format!("{reason}, and has no room for the messages sent to it"),
            ),
            AbortReason::Silence => (ErrorKind::ConnectionLost, reason.to_string()),
            AbortReason::Closing | AbortReason::Stopped => return,
        };
        let error = Error::message(kind, text);
        match reason {
            AbortReason::Attempt => self.observer.handle_attempt_failed(&error),
            _ => self.observer.handle_failure(),
        }
        self.queues.state.set_error(error);
    }

    fn drive_events(&mut self) -> bool {
        let mut progress = false;
        while let Some(event) = self.channel.poll_event() {
            progress = true;
            match event {
                Event::Incoming(accept) => {
                    let announced = self.admission.announce(&self.parts, accept);
                    let now = self.parts.runtime.now();
                    self.observer.handle_announced(now, announced);
                }
                Event::Request(request, responder) => self.serve(*request, responder),
                Event::Pointer(pointer) => self.fetch(pointer),
                Event::Online => {
                    self.observer.handle_online(self.parts.runtime.now());
                    self.queues.state.set(ListenerState::Online);
                    if let Some(opened) = self.queues.opened.take() {
                        // The caller may have stopped waiting; `abandoned` then ends the listener.
                        let _ = opened.send(Ok(()));
                    }
                }
                Event::Connecting => {
                    let last_error = self.queues.state.last_error();
                    let now = self.parts.runtime.now();
                    self.observer.handle_lost(now, last_error);
                    self.queues.state.set(ListenerState::Connecting);
                    self.give_requests_up();
                }
                Event::Offline => {
                    self.give_requests_up();
                    let is_wanted = self.is_abandoned || !self.stopping.is_empty();
                    self.observer
                        .handle_end(is_wanted, self.queues.state.last_error());
                    self.queues.state.set(ListenerState::Offline);
                    if let Some(opened) = self.queues.opened.take() {
                        let _ = opened.send(Err(self.why_offline()));
                    }
                }
            }
        }
        progress
    }

    fn fetch(&mut self, pointer: Pointer) {
        let span = tracing::debug_span!("relay", operation = "rendezvous");
        let span = recorded(span, &Span::current());
        if let Some(permit) = self.http.counters.requests.take() {
            let serving = serve_pointer(self.http.clone(), pointer, permit);
            self.parts.runtime.spawn(Box::pin(serving.instrument(span)));
            return;
        }
        let permit = self.admission.rejecting.take();
        self.handle_refused(permit.is_some());
        if let Some(permit) = permit {
            let refusing = refuse_pointer(self.http.clone(), pointer, permit);
            self.parts
                .runtime
                .spawn(Box::pin(refusing.instrument(span)));
        } else {
            self.http.counters.requests_rejected.add(1);
        }
    }

    fn handle_refused(&mut self, was_told: bool) {
        let now = self.parts.runtime.now();
        self.observer.handle_refused(now, was_told);
    }

    fn serve(&mut self, request: Request<Bytes>, responder: Responder) {
        let Some(running) = RunningRequest::take(&self.http.counters) else {
            let now = self.parts.runtime.now();
            let busy = StatusCode::SERVICE_UNAVAILABLE;
            let was_told = self.channel.refuse(now, responder, busy, TOO_MANY);
            self.http.counters.requests_rejected.add(1);
            self.handle_refused(was_told);
            return;
        };
        let (handle, lost) = AbortHandle::new_pair();
        self.handlers.insert(responder.id().to_owned(), handle);
        let span = tracing::debug_span!(
            "relay",
            operation = "request",
            tracking_id = responder.id(),
            method = %request.method()
        );
        let serving = serve_inline(self.http.clone(), request, responder, lost, running);
        let serving = serving.instrument(recorded(span, &Span::current()));
        self.parts.runtime.spawn(Box::pin(serving));
    }

    fn give_requests_up(&mut self) {
        self.responses.clear();
        self.handing_on = None;
        for (_, handler) in self.handlers.drain() {
            handler.abort();
        }
    }

    fn why_offline(&self) -> Error {
        self.queues.state.take_error().unwrap_or_else(|| {
            Error::message(
                ErrorKind::Timeout,
                "the control channel did not open in time",
            )
        })
    }

    fn drive_outcomes(&mut self, cx: &mut Context<'_>) -> bool {
        let Poll::Ready(Some(outcome)) = Pin::new(&mut self.queues.outcomes).poll_next(cx) else {
            return false;
        };
        let now = self.parts.runtime.now();
        match outcome {
            RequestOutcome::Respond(response, running) => {
                self.handlers.remove(response.id());
                self.responses.push(now, response, running);
            }
            RequestOutcome::Release(id) => {
                self.handlers.remove(&id);
                self.channel.release(now, &id);
            }
        }
        true
    }

    fn drive_reads(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(socket) = &mut self.socket else {
            return false;
        };
        match socket.poll_next(cx) {
            Poll::Ready(Some(Ok(Message::Close(frame)))) => {
                tracing::debug!(?frame, "the relay closed the control channel");
                if let Some(frame) = frame {
                    let text = format!(
                        "the relay closed the control channel with code {}: {}",
                        frame.code, frame.reason
                    );
                    let error = Error::message(ErrorKind::ConnectionLost, text);
                    self.queues.state.set_error(error);
                    self.observer.handle_close_frame(frame);
                }
                true
            }
            Poll::Ready(Some(Ok(message))) => {
                self.observer.counters().handle_received(&message);
                let now = self.parts.runtime.now();
                if let Err(error) = self.channel.handle_message(now, message) {
                    tracing::warn!(%error, "ignored unknown message");
                }
                true
            }
            Poll::Ready(Some(Err(error))) => {
                self.lose(error);
                true
            }
            Poll::Ready(None) => {
                self.socket = None;
                self.channel
                    .handle_closed(self.parts.runtime.now(), Loss::Ended);
                true
            }
            Poll::Pending => false,
        }
    }

    fn drive_commands(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        if let Poll::Ready(Some(ListenerCommand::Stop(done))) =
            Pin::new(&mut self.queues.commands).poll_next(cx)
        {
            self.stopping.push(done);
            progress = true;
        }
        if !self.is_abandoned && self.queues.abandoned.poll_unpin(cx).is_ready() {
            self.is_abandoned = true;
            progress = true;
        }
        if progress {
            self.admission.close();
            self.channel.stop(self.parts.runtime.now());
        }
        progress
    }

    fn drive_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let deadlines = [self.channel.poll_timeout(), self.responses.next_expiry()];
        let deadline = deadlines.into_iter().flatten().min();
        let runtime = &self.parts.runtime;
        let due = self.deadline.poll(cx, runtime, runtime.now(), deadline);
        if due.is_pending() {
            return false;
        }
        let now = self.parts.runtime.now();
        while let Some(response) = self.responses.expire(now) {
            let tracking_id = response.id();
            tracing::warn!(
                tracking_id,
                "response dropped: the relay did not read it in time"
            );
            self.channel.release(now, tracking_id);
        }
        self.channel.handle_timeout(now);
        true
    }

    fn lose(&mut self, error: transport::Error) {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "control channel lost"
        );
        self.socket = None;
        self.observer.handle_failure();
        self.queues.state.set_error(error.into());
        self.channel
            .handle_closed(self.parts.runtime.now(), Loss::Ended);
    }

    /// Whether a message is waiting for the socket to accept it.
    fn has_no_room(&self) -> bool {
        self.socket.as_ref().is_some_and(SocketWriter::is_full)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.give_requests_up();
        // Happens only if the runtime drops the task before its end.
        if self.queues.state.get() != ListenerState::Offline {
            let text = "the runtime dropped the listener's task";
            self.queues
                .state
                .set_error(Error::message(ErrorKind::Closed, text));
            self.queues.state.set(ListenerState::Offline);
        }
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        for _ in 0..ROUNDS_BEFORE_YIELD {
            let mut progress = this.drive_futures(cx);
            progress |= this.drive_writes(cx);
            progress |= this.drive_events();
            progress |= this.drive_outcomes(cx);
            progress |= this.drive_reads(cx);
            progress |= this.drive_commands(cx);
            progress |= this.drive_timer(cx);
            if this.channel.is_offline() {
                this.drive_events();
                for done in this.stopping.drain(..) {
                    // The caller may have stopped waiting.
                    let _ = done.send(());
                }
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
