//! The only task of a client: it performs what the session decides. Shell.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::channel::{mpsc, oneshot};
use futures::future::BoxFuture;
use futures::{FutureExt, Sink, Stream};
use transport::{Message, Opened, SharedRuntime, Sleep, WebSocket};

use super::command::{Command, Reply};
use crate::session::{AckId, Action, Event, Session};
use crate::{Error, ErrorKind, Result};

/// Opens the socket: asks the credential, then the connector.
pub(super) type Dial = Box<dyn Fn() -> BoxFuture<'static, Result<Opened>> + Send>;

pub(super) struct Driver {
    pub(super) session: Session,
    pub(super) runtime: SharedRuntime,
    pub(super) dial: Dial,
    /// `None` once every handle is gone.
    pub(super) commands: Option<mpsc::Receiver<Command>>,
    /// `None` once nobody listens.
    pub(super) events: Option<mpsc::Sender<Event>>,
    pub(super) dialing: Option<BoxFuture<'static, Result<Opened>>>,
    pub(super) socket: Option<Box<dyn WebSocket>>,
    /// A message that the socket had no room for yet.
    pub(super) outgoing: Option<Message>,
    /// An event that its queue had no room for yet.
    pub(super) pending_event: Option<Event>,
    pub(super) needs_flush: bool,
    pub(super) replies: HashMap<AckId, Reply>,
    pub(super) starting: Option<oneshot::Sender<Result<()>>>,
    pub(super) start_error: Option<Error>,
    pub(super) stopping: Vec<oneshot::Sender<()>>,
    pub(super) sleep: Option<(std::time::Instant, Pin<Box<dyn Sleep>>)>,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // Each round does whatever is ready; the last one finds nothing and has
        // registered every waker.
        for _ in 0..ROUNDS_BEFORE_YIELD {
            let mut progress = this.drive_dial(cx);
            progress |= this.drive_writes(cx);
            this.drive_replies();
            progress |= this.drive_events(cx);
            progress |= this.drive_reads(cx);
            progress |= this.drive_commands(cx);
            progress |= this.drive_timer(cx);
            if this.session.is_stopped() {
                for reply in this.stopping.drain(..) {
                    // Whoever asked may have stopped waiting.
                    let _ = reply.send(());
                }
                if this.commands.is_none() && this.pending_event.is_none() {
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
    fn drive_dial(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(dialing) = &mut self.dialing else {
            return false;
        };
        let Poll::Ready(opened) = dialing.poll_unpin(cx) else {
            return false;
        };
        self.dialing = None;
        let now = self.runtime.now();
        match opened {
            Ok(opened) => {
                self.socket = Some(opened.socket);
                self.session.handle_open(now);
            }
            Err(error) => {
                self.start_error = Some(error);
                self.session.handle_closed(now);
            }
        }
        true
    }

    fn drive_writes(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        loop {
            let message = match self.outgoing.take() {
                Some(message) => message,
                None => match self.session.poll_action() {
                    Some(Action::Dial) => {
                        self.dialing = Some((self.dial)());
                        progress = true;
                        continue;
                    }
                    Some(Action::Abort) => {
                        self.dialing = None;
                        self.drop_socket();
                        progress = true;
                        continue;
                    }
                    Some(Action::Transmit(message)) => message,
                    None => break,
                },
            };
            let Some(socket) = &mut self.socket else {
                continue;
            };
            match Pin::new(&mut *socket).poll_ready(cx) {
                Poll::Ready(Ok(())) => {
                    if let Err(error) = Pin::new(socket).start_send(message) {
                        self.lose(error);
                        return true;
                    }
                    self.needs_flush = true;
                    progress = true;
                }
                Poll::Ready(Err(error)) => {
                    self.lose(error);
                    return true;
                }
                Poll::Pending => {
                    self.outgoing = Some(message);
                    return progress;
                }
            }
        }
        if self.needs_flush
            && let Some(socket) = &mut self.socket
        {
            match Pin::new(socket).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.needs_flush = false,
                Poll::Ready(Err(error)) => {
                    self.lose(error);
                    return true;
                }
                Poll::Pending => {}
            }
        }
        progress
    }

    fn drive_replies(&mut self) {
        while let Some((id, result)) = self.session.poll_reply() {
            if let Some(reply) = self.replies.remove(&id) {
                // The caller may have stopped waiting.
                let _ = reply.send(result);
            }
        }
    }

    fn drive_events(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        loop {
            let Some(event) = self.pending_event.take().or_else(|| self.next_event()) else {
                return progress;
            };
            let Some(events) = &mut self.events else {
                progress = true;
                continue;
            };
            match events.poll_ready(cx) {
                Poll::Ready(Ok(())) => {
                    if events.start_send(event).is_err() {
                        self.events = None;
                    }
                    progress = true;
                }
                Poll::Ready(Err(_)) => {
                    self.events = None;
                    progress = true;
                }
                Poll::Pending => {
                    self.pending_event = Some(event);
                    return progress;
                }
            }
        }
    }

    /// Takes an event from the session, and tells those who wait for it.
    fn next_event(&mut self) -> Option<Event> {
        let event = self.session.poll_event()?;
        match &event {
            Event::Connected { .. } => {
                if let Some(reply) = self.starting.take() {
                    let _ = reply.send(Ok(()));
                }
            }
            Event::Stopped => {
                if let Some(reply) = self.starting.take() {
                    let error = self.start_error.take().unwrap_or_else(|| {
                        Error::message(
                            ErrorKind::Closed,
                            "the connection ended before the service knew it",
                        )
                    });
                    let _ = reply.send(Err(error));
                }
            }
            _ => {}
        }
        Some(event)
    }

    fn drive_reads(&mut self, cx: &mut Context<'_>) -> bool {
        // Back-pressure: while the application does not read its events, the socket is not read either.
        if self.pending_event.is_some() {
            return false;
        }
        let Some(socket) = &mut self.socket else {
            return false;
        };
        match Pin::new(socket).poll_next(cx) {
            Poll::Ready(Some(Ok(message))) => {
                if let Err(error) = self.session.handle_message(self.runtime.now(), message) {
                    tracing::debug!(%error, "frame passed over");
                }
                true
            }
            Poll::Ready(Some(Err(error))) => {
                self.lose(error);
                true
            }
            Poll::Ready(None) => {
                self.drop_socket();
                self.session.handle_closed(self.runtime.now());
                true
            }
            Poll::Pending => false,
        }
    }

    fn drive_commands(&mut self, cx: &mut Context<'_>) -> bool {
        // While the socket has no room, callers wait for room in the queue.
        if self.outgoing.is_some() {
            return false;
        }
        let Some(commands) = &mut self.commands else {
            return false;
        };
        let now = self.runtime.now();
        match Pin::new(commands).poll_next(cx) {
            Poll::Ready(Some(command)) => {
                self.perform(command, now);
                true
            }
            Poll::Ready(None) => {
                self.commands = None;
                self.session.stop(now);
                true
            }
            Poll::Pending => false,
        }
    }

    fn perform(&mut self, command: Command, now: std::time::Instant) {
        let (id, reply) = match command {
            Command::Start(reply) => {
                if self.session.is_stopped() {
                    self.starting = Some(reply);
                    self.start_error = None;
                    self.session.start(now);
                } else {
                    let _ = reply.send(Err(Error::message(
                        ErrorKind::InvalidInput,
                        "the client is started already",
                    )));
                }
                return;
            }
            Command::Stop(reply) => {
                self.stopping.push(reply);
                self.session.stop(now);
                return;
            }
            Command::JoinGroup(group, reply) => (self.session.join_group(now, &group), reply),
            Command::LeaveGroup(group, reply) => (self.session.leave_group(now, &group), reply),
            Command::SendToGroup {
                group,
                data,
                no_echo,
                reply,
            } => (
                self.session.send_to_group(now, &group, data, no_echo),
                reply,
            ),
            Command::SendEvent(event, data, reply) => {
                (self.session.send_event(now, &event, data), reply)
            }
        };
        self.replies.insert(id, reply);
    }

    fn drive_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.session.poll_timeout() else {
            self.sleep = None;
            return false;
        };
        let sleep = match &mut self.sleep {
            Some((set, sleep)) => {
                if *set != deadline {
                    *set = deadline;
                    sleep.as_mut().reset(deadline);
                }
                sleep
            }
            none => {
                &mut none
                    .insert((deadline, self.runtime.sleep_until(deadline)))
                    .1
            }
        };
        if sleep.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.sleep = None;
        self.session.handle_timeout(self.runtime.now());
        true
    }

    fn lose(&mut self, error: transport::Error) {
        tracing::debug!(error = &error as &dyn std::error::Error, "connection lost");
        self.drop_socket();
        self.start_error = Some(error.into());
        self.session.handle_closed(self.runtime.now());
    }

    fn drop_socket(&mut self) {
        self.socket = None;
        self.outgoing = None;
        self.needs_flush = false;
    }
}

/// How often a driver goes round before it lets other tasks run.
const ROUNDS_BEFORE_YIELD: usize = 256;
