//! Callers that wait: from a command to the reply that ends it.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

use futures::channel::oneshot;

use super::command::{Caller, Command};
use super::control::{Control, InvocationKey};
use super::error;
use super::guard::StreamGuard;
use super::queue::Sender;
use crate::protocol::Data;
use crate::session::{Reply, Session, WriteId};
use crate::{AckId, Acknowledged, Error, InvocationError, RequestError, Result, StreamWriteError};

/// The callers whose commands the session has taken.
pub(super) struct Callers {
    /// The way to the driver itself, for the guards of streams.
    controls: Sender<Control>,
    requests: HashMap<AckId, Caller<Acknowledged, RequestError>>,
    invocations: HashMap<String, (InvocationKey, Caller<Option<Data>, InvocationError>)>,
    opened: HashMap<String, Caller<StreamGuard, StreamWriteError>>,
    written: HashMap<WriteId, Caller<(), StreamWriteError>>,
    ended: HashMap<String, Caller<(), StreamWriteError>>,
    starting: Option<oneshot::Sender<Result<()>>>,
    stopping: Vec<oneshot::Sender<()>>,
}

impl Callers {
    pub(super) fn new(controls: Sender<Control>) -> Self {
        Self {
            controls,
            requests: HashMap::new(),
            invocations: HashMap::new(),
            opened: HashMap::new(),
            written: HashMap::new(),
            ended: HashMap::new(),
            starting: None,
            stopping: Vec::new(),
        }
    }

    /// Gives a command to the session; its caller waits, or is refused at once.
    pub(super) fn perform(&mut self, session: &mut Session, command: Command, now: Instant) {
        match command {
            Command::Request(request, ack_id, caller) => {
                let taken = session.request(now, &request, ack_id);
                keep(&mut self.requests, taken, caller);
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
            Command::Invoke { caller, .. } if caller.is_canceled() => {}
            Command::Invoke {
                key,
                event,
                data,
                options,
                caller,
            } => match session.invoke_event(now, &event, data, options) {
                Ok(id) => drop(self.invocations.insert(id, (key, caller))),
                Err(error) => answer(caller, Err(error)),
            },
            Command::OpenStream {
                group,
                options,
                caller,
            } => {
                let taken = session.open_group_stream(now, &group, options);
                keep(&mut self.opened, taken, caller);
            }
            Command::WriteStream {
                stream_id,
                data,
                caller,
            } => {
                let taken = session.write_stream(now, &stream_id, data);
                keep(&mut self.written, taken, caller);
            }
            Command::EndStream {
                stream_id,
                error,
                caller,
            } => {
                let taken = session.end_stream(now, &stream_id, error);
                keep(&mut self.ended, taken.map(|()| stream_id), caller);
            }
        }
    }

    /// Gives a reply to its caller. `start_error` says more of a failed start than the
    /// session knows. Returns whether the driver may have heard something in return.
    pub(super) fn handle_reply(&mut self, reply: Reply, start_error: &mut Option<Error>) -> bool {
        match reply {
            Reply::Started(result) => {
                let result = result
                    .map_err(|error| start_error.take().unwrap_or_else(|| error::start(error)));
                if let Some(caller) = self.starting.take() {
                    answer(caller, result);
                }
            }
            Reply::Acknowledged(id, result) => {
                if let Some(caller) = self.requests.remove(&id) {
                    answer(caller, result);
                }
            }
            Reply::Invoked(id, result) => {
                if let Some((_, caller)) = self.invocations.remove(&id) {
                    answer(caller, result);
                }
            }
            Reply::StreamOpened(id, result) => {
                if let Some(caller) = self.opened.remove(&id) {
                    // Unless somebody takes it, the guard ends the stream in the next round.
                    let own = || StreamGuard::new(self.controls.clone(), id);
                    answer(caller, result.map(|()| own()));
                    return true;
                }
            }
            Reply::StreamWritten(id, result) => {
                if let Some(caller) = self.written.remove(&id) {
                    answer(caller, result);
                }
            }
            Reply::StreamEnded(id, result) => {
                if let Some(caller) = self.ended.remove(&id) {
                    answer(caller, result);
                }
            }
        }
        false
    }

    pub(super) fn add_starting(&mut self, caller: oneshot::Sender<Result<()>>) {
        self.starting = Some(caller);
    }

    pub(super) fn add_stopping(&mut self, caller: oneshot::Sender<()>) {
        self.stopping.push(caller);
    }

    /// The session has stopped.
    pub(super) fn handle_stopped(&mut self) {
        for caller in self.stopping.drain(..) {
            answer(caller, ());
        }
    }

    /// Forgets the caller of an invocation; returns the session's name for it.
    pub(super) fn cancel_invocation(&mut self, key: InvocationKey) -> Option<String> {
        let mut pending = self.invocations.iter().filter(|(_, (own, _))| *own == key);
        let id = pending.next().map(|(id, _)| id.clone())?;
        self.invocations.remove(&id);
        Some(id)
    }

    /// Lets everybody learn from the end of the channel that no reply comes.
    pub(super) fn abandon(&mut self) {
        *self = Self::new(self.controls.clone());
    }
}

/// Remembers the caller of what the session has taken, or refuses it.
fn keep<K: Hash + Eq, T, E>(
    waiting: &mut HashMap<K, Caller<T, E>>,
    taken: Result<K, E>,
    caller: Caller<T, E>,
) {
    match taken {
        Ok(id) => drop(waiting.insert(id, caller)),
        Err(error) => answer(caller, Err(error)),
    }
}

fn answer<T>(caller: oneshot::Sender<T>, result: T) {
    // Whoever asked may have stopped waiting.
    let _ = caller.send(result);
}
