//! Waiting callers, from a command to its reply.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

use futures::channel::oneshot;

use super::command::{Caller, Command};
use super::control::{Control, InvocationKey};
use super::error;
use super::guard::StreamGuard;
use super::observer::Observer;
use super::queue::Sender;
use super::state::StateWriter;
use crate::protocol::Data;
use crate::session::{Reply, Session, WriteId};
use crate::{AckId, Acknowledged, InvocationError, RequestError, Result, StreamWriteError};

/// The callers whose commands the session has accepted.
pub(super) struct Callers {
    /// The control queue of the driver, for stream guards.
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

    /// Passes a command to the session; its caller waits, or is rejected at once.
    pub(super) fn perform(
        &mut self,
        session: &mut Session,
        command: Command,
        now: Instant,
        observer: &Observer,
    ) {
        match command {
            Command::Request(request, ack_id, caller) => {
                let taken = session.request(now, &request, ack_id);
                keep(&mut self.requests, taken, caller);
            }
            Command::Post(posted) => {
                if let Err(error) = session.post_ready(now, posted) {
                    observer.handle_unsent(&error);
                }
            }
            Command::Send(data) => {
                if let Err(error) = session.send(now, data) {
                    observer.handle_unsent(&error);
                }
            }
            // Cancelled before its turn came.
            Command::Invoke { caller, .. } if caller.is_canceled() => {}
            Command::Invoke {
                key,
                event,
                data,
                options,
                caller,
            } => match session.invoke_event(now, &event, data, *options) {
                Ok(id) => drop(self.invocations.insert(id, (key, caller))),
                Err(error) => answer(caller, Err(error)),
            },
            Command::OpenStream {
                group,
                options,
                caller,
            } => {
                let taken = session.open_group_stream(now, &group, *options);
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
                let taken = session.end_stream(now, &stream_id, error.map(|error| *error));
                keep(&mut self.ended, taken.map(|()| stream_id), caller);
            }
        }
    }

    /// Passes a reply to its caller. `state` has the details of a failed start, which the
    /// session does not have. Returns whether this may have queued a control message for the driver.
    pub(super) fn handle_reply(&mut self, reply: Reply, state: &StateWriter) -> bool {
        match reply {
            Reply::Started(result) => {
                let result = result
                    .map_err(|error| state.copy_error().unwrap_or_else(|| error::start(error)));
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
                    // If the caller is gone, the guard ends the stream in the next round.
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

    /// Returns the number of callers that wait for a request.
    pub(super) fn waiting(&self) -> usize {
        self.requests.len()
            + self.invocations.len()
            + self.opened.len()
            + self.written.len()
            + self.ended.len()
    }

    pub(super) fn add_starting(&mut self, caller: oneshot::Sender<Result<()>>) {
        self.starting = Some(caller);
    }

    pub(super) fn add_stopping(&mut self, caller: oneshot::Sender<()>) {
        self.stopping.push(caller);
    }

    /// Handles that the session has stopped.
    pub(super) fn handle_stopped(&mut self) {
        for caller in self.stopping.drain(..) {
            answer(caller, ());
        }
    }

    /// Removes the caller of an invocation; returns the session's id for it.
    pub(super) fn cancel_invocation(&mut self, key: InvocationKey) -> Option<String> {
        let mut pending = self.invocations.iter().filter(|(_, (own, _))| *own == key);
        let id = pending.next().map(|(id, _)| id.clone())?;
        self.invocations.remove(&id);
        Some(id)
    }

    /// Drops all channels, which tells the callers that no reply will arrive.
    pub(super) fn abandon(&mut self) {
        *self = Self::new(self.controls.clone());
    }
}

/// Stores the caller of an accepted command, or reports the error to it.
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
    // The caller may have stopped waiting.
    let _ = caller.send(result);
}
