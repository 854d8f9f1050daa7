//! The only task of a client: it performs what the session decides. Shell.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use futures::channel::oneshot;
use futures::future::BoxFuture;
use futures::{FutureExt, Sink};
use transport::_internal::{Deadline, ROUNDS_BEFORE_YIELD, SocketWriter};
use transport::{SharedRuntime, WebSocket};

use super::command::{Command, Control, InvocationKey, ReplySender, Running};
use super::dial::{Dialed, Dialer};
use super::queue::{Receiver, Sender};
use super::stream::StreamGuard;
use crate::protocol::Data;
use crate::session::{
    AckId, Acknowledged, Action, DialError, Event, InvocationError, Reply, RequestError, Session,
    SocketId, StreamWriteError, WriteId,
};
use crate::{Error, ErrorKind, Result};

pub(super) struct Driver {
    pub(super) session: Session,
    pub(super) runtime: SharedRuntime,
    pub(super) dialer: Dialer,
    /// `None` once every handle is gone.
    pub(super) commands: Option<Receiver<Command>>,
    pub(super) controls: Receiver<Control>,
    /// The other end of the same queue, for streams.
    pub(super) own_controls: Sender<Control>,
    /// `None` once nobody listens.
    pub(super) events: Option<Sender<Event>>,
    pub(super) running: Running,
    pub(super) work: Work,
    pub(super) replies: Replies,
}

/// What is under way.
#[derive(Default)]
pub(super) struct Work {
    dialing: Option<(SocketId, BoxFuture<'static, Dialed>)>,
    socket: Option<(SocketId, SocketWriter)>,
    /// A socket that the peer has closed and that has an answer to write.
    lingering: Option<Box<dyn WebSocket>>,
    is_paused: bool,
    /// Commands that were taken off their queue.
    commands: VecDeque<Command>,
    controls: VecDeque<Control>,
    /// Events that their queue had no room for yet.
    events: VecDeque<Event>,
    deadline: Deadline,
    /// The time of the last round.
    now: Option<Instant>,
    start_error: Option<Error>,
}

/// The callers that wait, each for what.
#[derive(Default)]
pub(super) struct Replies {
    requests: HashMap<AckId, ReplySender<Acknowledged, RequestError>>,
    invocations: HashMap<String, (InvocationKey, ReplySender<Option<Data>, InvocationError>)>,
    opened: HashMap<String, ReplySender<StreamGuard, StreamWriteError>>,
    written: HashMap<WriteId, ReplySender<(), StreamWriteError>>,
    ended: HashMap<String, ReplySender<(), StreamWriteError>>,
    starting: Option<oneshot::Sender<Result<()>>>,
    stopping: Vec<oneshot::Sender<()>>,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // Each round does whatever is ready; the last one finds nothing and has
        // registered every waker.
        for _ in 0..ROUNDS_BEFORE_YIELD {
            let now = this.runtime.now();
            this.work.now = Some(now);
            let mut progress = this.drive_timer(cx, now);
            progress |= this.drive_dial(cx, now);
            progress |= this.drive_reads(cx, now);
            progress |= this.drive_controls(cx, now);
            progress |= this.drive_commands(cx, now);
            progress |= this.drive_writes(cx, now);
            progress |= this.drive_replies();
            progress |= this.drive_events(cx);
            if this.session.is_stopped() {
                this.running.set(false);
                for reply in this.replies.stopping.drain(..) {
                    // Whoever asked may have stopped waiting.
                    let _ = reply.send(());
                }
                if this.commands.is_none() && this.work.events.is_empty() {
                    return Poll::Ready(());
                }
            }
            if !progress {
                return Poll::Pending;
            }
        }
        // A busy connection lets other tasks run.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Driver {
    /// The task ends although nobody stopped the client: tells everybody who waits.
    /// Calls and drops nothing of the application's, which may be what has failed.
    pub(super) fn fail(&mut self, failure: &'static str) {
        self.running.fail(failure);
        if let Some(now) = self.work.now {
            let error = Error::message(ErrorKind::Closed, failure).maybe_delivered();
            self.work.start_error = Some(error);
            self.session.fail(now, failure);
        }
        while self.session.poll_action().is_some() {}
        self.drive_replies();
        // Callers that wait for anything else learn of it from the end of the channel.
        self.replies = Replies::default();
        self.work.commands.clear();
        self.work.controls.clear();
        while let Some(event) = self.session.poll_event() {
            self.work.events.push_back(event);
        }
        if let Some(events) = self.events.take() {
            // The last events are told whether there is room or not.
            let _ = events.append(&mut self.work.events);
        }
    }

    fn drive_timer(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let deadline = self.session.poll_timeout();
        let due = self.work.deadline.poll(cx, &self.runtime, now, deadline);
        if due.is_ready() {
            // A deadline that comes while it is looked at is for the next round, which has a new time.
            self.session.handle_timeout(now);
        }
        due.is_ready()
    }

    fn drive_dial(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        if let Some(socket) = &mut self.work.lingering
            && Pin::new(socket).poll_close(cx).is_ready()
        {
            self.work.lingering = None;
        }
        let Some((socket, dialing)) = &mut self.work.dialing else {
            return false;
        };
        let Poll::Ready(dialed) = dialing.poll_unpin(cx) else {
            return false;
        };
        let socket = *socket;
        self.work.dialing = None;
        if let Some(url) = dialed.url {
            self.dialer.last_url = Some(url);
        }
        match dialed.result {
            Ok(opened) => {
                self.work.socket = Some((socket, SocketWriter::new(opened.socket)));
                self.session.handle_open(now, socket);
            }
            Err((kind, error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "not connected");
                self.work.start_error = Some(error);
                self.session.handle_dial_failed(now, socket, kind);
            }
        }
        true
    }

    /// Reads as many messages as the application has room for.
    fn drive_reads(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        if self.work.socket.is_none() {
            return false;
        }
        // Back-pressure: while the application does not read its events, the socket is not read either.
        let room = match self.events.as_ref().map(|events| events.poll_room(cx)) {
            _ if !self.work.events.is_empty() => 0,
            Some(Poll::Pending) => 0,
            Some(Poll::Ready(Ok(room))) => room.min(READS_A_ROUND),
            Some(Poll::Ready(Err(_))) | None => READS_A_ROUND,
        };
        if self.work.is_paused != (room == 0) {
            self.work.is_paused = room == 0;
            self.session.pause(now, self.work.is_paused);
        }
        let mut progress = false;
        for _ in 0..room {
            let Some((id, socket)) = &mut self.work.socket else {
                break;
            };
            let id = *id;
            match socket.poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    progress = true;
                    if let Err(error) = self.session.handle_message(now, id, message) {
                        tracing::debug!(%error, "frame not understood");
                    }
                    while let Some(event) = self.session.poll_event() {
                        self.work.events.push_back(event);
                    }
                    if self.work.events.len() >= room {
                        break;
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.lose(now, error);
                    return true;
                }
                Poll::Ready(None) => {
                    let socket = self.work.socket.take();
                    self.work.lingering = socket.map(|(_, socket)| socket.into_socket());
                    self.session.handle_closed(now, id);
                    return true;
                }
                Poll::Pending => break,
            }
        }
        progress
    }

    fn drive_writes(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        // A socket without room must not keep the session from giving it up.
        if let Some((id, _)) = &self.work.socket
            && !self.session.wants(*id)
        {
            self.work.socket = None;
        }
        let mut progress = false;
        loop {
            if let Some((_, socket)) = &mut self.work.socket {
                match socket.poll_send(cx) {
                    Poll::Ready(Ok(sent)) => progress |= sent,
                    Poll::Ready(Err(error)) => {
                        self.lose(now, error);
                        return true;
                    }
                    Poll::Pending => return progress,
                }
            }
            match self.session.poll_action() {
                Some(Action::Dial { socket, target }) => {
                    self.work.dialing = Some((socket, self.dialer.dial(target)));
                    progress = true;
                }
                Some(Action::Abort(_)) => {
                    self.work.dialing = None;
                    self.work.socket = None;
                    progress = true;
                }
                Some(Action::Transmit(message)) => {
                    if let Some((_, socket)) = &mut self.work.socket {
                        socket.push(message);
                    }
                }
                None => break,
            }
        }
        if let Some((_, socket)) = &mut self.work.socket
            && let Poll::Ready(Err(error)) = socket.poll_flush(cx)
        {
            self.lose(now, error);
            return true;
        }
        progress
    }

    fn drive_controls(&mut self, cx: &Context<'_>, now: Instant) -> bool {
        let taken = self.controls.poll_take(cx, &mut self.work.controls);
        let progress = matches!(taken, Poll::Ready(Some(())));
        while let Some(control) = self.work.controls.pop_front() {
            match control {
                Control::Start(reply) if self.session.start(now) => {
                    self.replies.starting = Some(reply);
                    self.work.start_error = None;
                    self.running.set(true);
                }
                Control::Start(reply) => {
                    let _ = reply.send(Err(Error::message(
                        ErrorKind::InvalidInput,
                        "the client is started already",
                    )));
                }
                Control::Stop(reply) => {
                    self.replies.stopping.push(reply);
                    self.session.stop(now);
                }
                Control::AbandonStream(id) => self.session.abandon_stream(now, &id),
                Control::CancelInvocation(key) => {
                    let waiting = &mut self.replies.invocations;
                    let mut pending = waiting.iter().filter(|(_, (own, _))| *own == key);
                    if let Some(id) = pending.next().map(|(id, _)| id.clone()) {
                        waiting.remove(&id);
                        self.session.cancel_invocation(&id);
                    }
                }
            }
        }
        progress
    }

    fn drive_commands(&mut self, cx: &Context<'_>, now: Instant) -> bool {
        let mut progress = false;
        loop {
            // While the connection has no room, callers wait for room in the queue.
            if self.work.has_no_room() || !self.session.is_ready() {
                return progress;
            }
            if let Some(command) = self.work.commands.pop_front() {
                progress = true;
                self.perform(command, now);
                continue;
            }
            if progress {
                // What was commanded is written before more is taken.
                return true;
            }
            let Some(commands) = &self.commands else {
                return false;
            };
            match commands.poll_take(cx, &mut self.work.commands) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) => {
                    self.commands = None;
                    self.session.stop(now);
                    return true;
                }
                Poll::Pending => return false,
            }
        }
    }

    fn perform(&mut self, command: Command, now: Instant) {
        let session = &mut self.session;
        let replies = &mut self.replies;
        match command {
            Command::Request(request, ack_id, reply) => {
                match session.request(now, &request, ack_id) {
                    Ok(id) => keep(&mut replies.requests, id, reply),
                    Err(error) => answer(reply, Err(error)),
                }
            }
            Command::Post(posted) => {
                if session.post_ready(now, posted).is_err() {
                    tracing::debug!("the client stopped before a request was sent");
                }
            }
            Command::Send(data) => {
                if session.send(now, data).is_err() {
                    tracing::debug!("the client stopped before a frame was sent");
                }
            }
            // Given up before its turn came.
            Command::Invoke { reply, .. } if reply.is_canceled() => {}
            Command::Invoke {
                key,
                event,
                data,
                options,
                reply,
            } => match session.invoke_event(now, &event, data, options) {
                Ok(id) => keep(&mut replies.invocations, id, (key, reply)),
                Err(error) => answer(reply, Err(error)),
            },
            Command::OpenStream {
                group,
                options,
                reply,
            } => match session.open_group_stream(now, &group, options) {
                Ok(id) => keep(&mut replies.opened, id, reply),
                Err(error) => answer(reply, Err(error)),
            },
            Command::WriteStream {
                stream_id,
                data,
                reply,
            } => match session.write_stream(now, &stream_id, data) {
                Ok(id) => keep(&mut replies.written, id, reply),
                Err(error) => answer(reply, Err(error)),
            },
            Command::EndStream {
                stream_id,
                error,
                reply,
            } => match session.end_stream(now, &stream_id, error) {
                Ok(()) => keep(&mut replies.ended, stream_id, reply),
                Err(error) => answer(reply, Err(error)),
            },
        }
    }

    fn drive_replies(&mut self) -> bool {
        let replies = &mut self.replies;
        let mut progress = false;
        while let Some(reply) = self.session.poll_reply() {
            match reply {
                Reply::Started(result) => {
                    let result = result.map_err(|error| {
                        self.work
                            .start_error
                            .take()
                            .unwrap_or_else(|| start_error(error))
                    });
                    if let Some(reply) = replies.starting.take() {
                        answer(reply, result);
                    }
                }
                Reply::Acknowledged(id, result) => {
                    if let Some(reply) = replies.requests.remove(&id) {
                        answer(reply, result);
                    }
                }
                Reply::Invoked(id, result) => {
                    if let Some((_, reply)) = replies.invocations.remove(&id) {
                        answer(reply, result);
                    }
                }
                Reply::StreamOpened(id, result) => {
                    if let Some(reply) = replies.opened.remove(&id) {
                        // Unless somebody takes it, the guard ends the stream in the next round.
                        let own = || StreamGuard::new(self.own_controls.clone(), id);
                        answer(reply, result.map(|()| own()));
                        progress = true;
                    }
                }
                Reply::StreamWritten(id, result) => {
                    if let Some(reply) = replies.written.remove(&id) {
                        answer(reply, result);
                    }
                }
                Reply::StreamEnded(id, result) => {
                    if let Some(reply) = replies.ended.remove(&id) {
                        answer(reply, result);
                    }
                }
            }
        }
        progress
    }

    fn drive_events(&mut self, cx: &Context<'_>) -> bool {
        while let Some(event) = self.session.poll_event() {
            if matches!(event, Event::ReconnectFailed { .. })
                && matches!(self.work.events.back(), Some(Event::ReconnectFailed { .. }))
            {
                // Nobody has read of the attempt before; this one tells how many there were.
                self.work.events.pop_back();
            }
            self.work.events.push_back(event);
        }
        if self.work.events.is_empty() {
            return false;
        }
        let room = self.events.as_ref().map(|events| events.poll_room(cx));
        match (room, &self.events) {
            (Some(Poll::Pending), _) => return false,
            (Some(Poll::Ready(Ok(room))), Some(events)) if self.work.events.len() > room => {
                let mut fitting: VecDeque<Event> = self.work.events.drain(..room).collect();
                if events.append(&mut fitting).is_err() {
                    self.events = None;
                }
            }
            (Some(Poll::Ready(Ok(_))), Some(events)) => {
                if events.append(&mut self.work.events).is_err() {
                    self.events = None;
                }
            }
            _ => self.events = None,
        }
        if self.events.is_none() {
            self.work.events.clear();
        }
        true
    }

    fn lose(&mut self, now: Instant, error: transport::Error) {
        tracing::debug!(error = &error as &dyn std::error::Error, "connection lost");
        if let Some((socket, _)) = self.work.socket.take() {
            self.work.start_error = Some(error.into());
            self.session.handle_closed(now, socket);
        }
    }
}

impl Work {
    /// Whether a message waits for the socket to take it.
    fn has_no_room(&self) -> bool {
        let socket = self.socket.as_ref();
        socket.is_some_and(|(_, socket)| socket.is_full())
    }
}

fn keep<K: std::hash::Hash + Eq, T>(waiting: &mut HashMap<K, T>, key: K, reply: T) {
    waiting.insert(key, reply);
}

fn answer<T>(reply: oneshot::Sender<T>, result: T) {
    // Whoever asked may have stopped waiting.
    let _ = reply.send(result);
}

fn start_error(error: DialError) -> Error {
    let kind = match error {
        DialError::TimedOut => ErrorKind::Timeout,
        DialError::Closed => ErrorKind::Closed,
        DialError::Protocol | DialError::Subprotocol => ErrorKind::Protocol,
        DialError::Credential => return Error::new(ErrorKind::Auth, error),
        DialError::Refused { .. } | DialError::Transport => ErrorKind::Transport,
    };
    Error::new(kind, error).maybe_delivered()
}

/// How many messages are read before anything else is looked at.
const READS_A_ROUND: usize = 64;
