//! The driver, the only task of a client: it performs what the session decides. Shell.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use futures::future::BoxFuture;
use futures::{FutureExt, Sink};
use transport::_internal::{Deadline, ROUNDS_BEFORE_YIELD, SocketWriter};
use transport::{SharedRuntime, WebSocket};

use super::callers::Callers;
use super::command::Command;
use super::control::Control;
use super::dial::{Dialed, Dialer};
use super::observer::Observer;
use super::queue::{Receiver, Sender};
use super::running::Running;
use super::state::StateWriter;
use crate::session::{Action, Session, SocketId};
use crate::{Error, ErrorKind, Event};

pub(super) struct Driver {
    pub(super) session: Session,
    pub(super) runtime: SharedRuntime,
    pub(super) dialer: Dialer,
    /// `None` once every handle is gone.
    pub(super) commands: Option<Receiver<Command>>,
    pub(super) controls: Receiver<Control>,
    /// `None` once [`Events`](super::Events) is dropped.
    pub(super) events: Option<Sender<Event>>,
    pub(super) running: Running,
    pub(super) state: StateWriter,
    pub(super) observer: Observer,
    pub(super) work: Work,
    pub(super) callers: Callers,
}

/// The work in progress.
#[derive(Default)]
pub(super) struct Work {
    dialing: Option<(SocketId, BoxFuture<'static, Dialed>)>,
    socket: Option<(SocketId, SocketWriter)>,
    /// A socket that the peer has closed, until our close frame is written.
    lingering: Option<Box<dyn WebSocket>>,
    is_paused: bool,
    /// Whether the socket had no room.
    is_stalled: bool,
    /// Whether callers without room in the queue of commands fail.
    is_refusing: bool,
    /// Commands that have been taken off their queue.
    commands: VecDeque<Command>,
    controls: VecDeque<Control>,
    /// Events on their way from the session to their queue.
    events: VecDeque<Event>,
    deadline: Deadline,
    /// The time of the last round.
    now: Option<Instant>,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // Each round does everything that is ready. The last one finds nothing, and by then
        // every waker is registered.
        for _ in 0..ROUNDS_BEFORE_YIELD {
            let now = this.runtime.now();
            this.work.now = Some(now);
            let mut progress = this.drive_events(cx);
            progress |= this.drive_timer(cx, now);
            progress |= this.drive_dial(cx, now);
            progress |= this.drive_reads(cx, now);
            progress |= this.drive_controls(cx, now);
            progress |= this.drive_commands(cx, now);
            progress |= this.drive_writes(cx, now);
            // Before callers and the application hear of what has changed.
            this.show(now);
            progress |= this.drive_replies();
            progress |= this.drive_events(cx);
            if this.session.is_stopped() {
                this.running.set(false);
                this.callers.handle_stopped();
                if this.commands.is_none() && this.session.waiting_events() == 0 {
                    this.state.end();
                    return Poll::Ready(());
                }
            }
            if !progress {
                this.show_counters();
                return Poll::Pending;
            }
        }
        // A busy connection must let other tasks run.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Driver {
    /// Ends the task although the client was not stopped, and notifies all waiting callers.
    /// Neither calls nor drops any part supplied by the application, which may be what has failed.
    pub(super) fn fail(&mut self, failure: &'static str) {
        self.running.fail(failure);
        if let Some(now) = self.work.now {
            let error = Error::message(ErrorKind::Closed, failure).maybe_delivered();
            self.state.set_error(error);
            self.session.fail(now, failure);
        }
        if let Some(now) = self.work.now {
            self.show(now);
        }
        self.state.end();
        while self.session.poll_action().is_some() {}
        self.drive_replies();
        self.callers.abandon();
        self.work.commands.clear();
        self.work.controls.clear();
        while let Some(event) = self.session.poll_event() {
            self.work.events.push_back(event);
        }
        if let Some(events) = self.events.take() {
            // The last events are reported even if there is no room.
            let _ = events.append(&mut self.work.events);
        }
    }

    /// Shows handles and operators what has changed.
    fn show(&mut self, now: Instant) {
        self.state.show(&self.session);
        while let Some(notice) = self.session.poll_notice() {
            let state = &self.state;
            self.observer
                .handle_notice(now, notice, || state.last_error());
        }
    }

    fn show_counters(&mut self) {
        let waiting = self.callers.waiting() + self.work.commands.len();
        self.observer.show(waiting);
    }

    fn drive_timer(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let deadline = self.session.poll_timeout();
        let due = self.work.deadline.poll(cx, &self.runtime, now, deadline);
        if due.is_ready() {
            // A deadline that passes during this check is for the next round, which reads the clock
            // again.
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
        // What a credential, a connector or TLS logs is about this client.
        let Poll::Ready(dialed) = self.observer.in_span(|| dialing.poll_unpin(cx)) else {
            return false;
        };
        let socket = *socket;
        self.work.dialing = None;
        if let Some(url) = dialed.url {
            self.observer.handle_url(&url);
            self.dialer.last_url = Some(url);
        }
        match dialed.result {
            Ok(opened) => {
                self.work.socket = Some((socket, SocketWriter::new(opened.socket)));
                self.session.handle_open(now, socket);
            }
            Err((kind, error)) => {
                let state = self.session.state();
                self.observer.handle_dial_failed(state, &error);
                self.state.set_error(error);
                self.session.handle_dial_failed(now, socket, kind);
            }
        }
        true
    }

    /// Reads as many messages as the event queue has room for, and without room as many as the session wants.
    fn drive_reads(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        if self.work.socket.is_none() {
            return false;
        }
        let room = match self.events.as_ref().map(|events| events.poll_room(cx)) {
            Some(Poll::Pending) => 0,
            Some(Poll::Ready(Ok(room))) => room.min(READS_A_ROUND),
            Some(Poll::Ready(Err(_))) | None => READS_A_ROUND,
        };
        let is_held = self.session.waiting_events() >= room;
        self.session.hold(now, is_held);
        // Back-pressure: what nobody waits for stays in the socket.
        if self.work.is_paused == self.session.wants_message() {
            self.work.is_paused = !self.work.is_paused;
            self.session.pause(now, self.work.is_paused);
        }
        let mut progress = false;
        for _ in 0..READS_A_ROUND {
            if !is_held && self.session.waiting_events() >= room || !self.session.wants_message() {
                break;
            }
            let Some((id, socket)) = &mut self.work.socket else {
                break;
            };
            let id = *id;
            match socket.poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    progress = true;
                    self.observer.handle_received(&message);
                    if let Err(error) = self.session.handle_message(now, id, message) {
                        self.observer.handle_invalid(&error);
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
        let progress = self.write(cx, now);
        let is_stalled = self.work.has_no_room();
        let was_stalled = std::mem::replace(&mut self.work.is_stalled, is_stalled);
        self.session.stall(is_stalled);
        // It decides what is read and which commands are taken.
        progress || is_stalled != was_stalled
    }

    fn write(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        // A socket without room must not prevent the session from dropping it.
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
                        self.observer.handle_sent(&message);
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
                Control::Start(caller) if self.session.start(now) => {
                    self.callers.add_starting(caller);
                    self.state.set_error(None);
                    self.running.set(true);
                }
                Control::Start(caller) => {
                    let _ = caller.send(Err(Error::message(
                        ErrorKind::InvalidInput,
                        "the client is already started",
                    )));
                }
                Control::Stop(caller) => {
                    self.callers.add_stopping(caller);
                    self.session.stop(now);
                }
                Control::AbandonStream(id) => self.session.abandon_stream(now, &id),
                Control::CancelInvocation(key) => {
                    if let Some(id) = self.callers.cancel_invocation(key) {
                        self.session.cancel_invocation(&id);
                    }
                }
            }
        }
        progress
    }

    fn drive_commands(&mut self, cx: &Context<'_>, now: Instant) -> bool {
        let mut progress = false;
        self.refuse_commands(cx, now);
        loop {
            // While the connection has no room, commands stay in their queue, so that callers wait.
            if !self.session.is_ready() {
                return progress;
            }
            if let Some(command) = self.work.commands.pop_front() {
                progress = true;
                self.perform(command, now);
                continue;
            }
            if progress {
                // Results of commands are written before further commands are taken.
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

    /// Fails whatever would wait for room that comes only when events are read. Messages without
    /// an answer that were accepted before keep their place.
    fn refuse_commands(&mut self, cx: &Context<'_>, now: Instant) {
        let is_refusing = self.session.is_behind() && !self.session.is_ready();
        let Some(queue) = &self.commands else {
            return;
        };
        if self.work.is_refusing != is_refusing {
            self.work.is_refusing = is_refusing;
            queue.refuse(is_refusing);
        }
        if !is_refusing {
            return;
        }
        let (mut refused, others) = std::mem::take(&mut self.work.commands)
            .into_iter()
            .partition::<VecDeque<_>, _>(Command::has_caller);
        self.work.commands = others;
        queue.extract(cx, &mut refused, Command::has_caller);
        for command in refused {
            self.perform(command, now);
        }
    }

    fn perform(&mut self, command: Command, now: Instant) {
        self.callers
            .perform(&mut self.session, command, now, &self.observer);
    }

    fn drive_replies(&mut self) -> bool {
        let mut progress = false;
        while let Some(reply) = self.session.poll_reply() {
            progress |= self.callers.handle_reply(reply, &self.state);
        }
        progress
    }

    /// Moves as many events to their queue as there is room for.
    fn drive_events(&mut self, cx: &Context<'_>) -> bool {
        if self.session.waiting_events() == 0 {
            return false;
        }
        let room = match self.events.as_ref().map(|events| events.poll_room(cx)) {
            Some(Poll::Pending) => return false,
            Some(Poll::Ready(Ok(room))) => room,
            Some(Poll::Ready(Err(_))) | None => {
                self.events = None;
                self.session.waiting_events()
            }
        };
        let most = room.saturating_sub(self.work.events.len());
        self.session.take_events(most, &mut self.work.events);
        if let Some(events) = &self.events
            && events.append(&mut self.work.events).is_err()
        {
            self.events = None;
        }
        if self.events.is_none() {
            self.work.events.clear();
        }
        true
    }

    fn lose(&mut self, now: Instant, error: transport::Error) {
        self.observer.handle_socket_lost(&error);
        if let Some((socket, _)) = self.work.socket.take() {
            self.state.set_error(Error::from(error));
            self.session.handle_closed(now, socket);
        }
    }
}

impl Work {
    /// Whether a message waits for room in the socket.
    fn has_no_room(&self) -> bool {
        let socket = self.socket.as_ref();
        socket.is_some_and(|(_, socket)| socket.is_full())
    }
}

/// The maximum number of messages to read before other work.
const READS_A_ROUND: usize = 64;
