//! The connection between handles and the driver.

use std::sync::Arc;

use futures::channel::oneshot;
use transport::_internal::Watch;

use super::command::{Caller, Command};
use super::control::{Control, InvocationKeys};
use super::error;
use super::observer::Counters;
use super::queue::{Sender, Unsent};
use super::running::Running;
use super::state::Seen;
use crate::protocol::Subprotocol;
use crate::session::{Posted, Request};
use crate::{AckId, Acknowledged, Error, ErrorKind, RequestError, Result};

/// The sending end of the queues to the driver.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    pub(super) commands: Sender<Command>,
    pub(super) controls: Sender<Control>,
    pub(super) invocations: InvocationKeys,
    pub(super) running: Running,
    pub(super) counters: Arc<Counters>,
    pub(super) state: Watch<Seen>,
    pub(super) subprotocol: Option<Subprotocol>,
}

impl Handle {
    pub(super) async fn request(
        &self,
        request: Request,
        ack_id: Option<AckId>,
    ) -> Result<Acknowledged> {
        let operation = request.operation();
        let request = Box::new(request);
        let outcome = self
            .ask(|caller| Command::Request(request, ack_id, caller))
            .await?;
        outcome.map_err(|error| error::request(operation, error))
    }

    /// Checks and encodes a request at once, because no caller waits for its outcome.
    pub(super) fn encode(
        &self,
        operation: &'static str,
        encode: impl FnOnce(Option<Subprotocol>) -> Result<Posted, RequestError>,
    ) -> Result<Command> {
        self.check_running(operation)?;
        encode(self.subprotocol)
            .map(Command::Post)
            .map_err(|error| error::request(operation, error))
    }

    pub(super) fn check_running(&self, operation: &'static str) -> Result<()> {
        if self.running.is_set() {
            return Ok(());
        }
        Err(match self.running.failure() {
            Some(_) => self.stopped(),
            None => error::request(operation, RequestError::NotStarted),
        })
    }

    /// Sends a command without a caller to the driver.
    pub(super) async fn post(&self, operation: &'static str, command: Command) -> Result<()> {
        self.commands
            .send(command)
            .await
            .map_err(|unsent| match unsent {
                Unsent::Gone => self.stopped(),
                Unsent::Refused(_) => {
                    let was_sent = false;
                    error::request(operation, RequestError::EventsNotRead { was_sent })
                }
            })
    }

    /// Sends a command to the driver and returns the channel for its outcome.
    pub(super) async fn command<T, E>(
        &self,
        command: impl FnOnce(Caller<T, E>) -> Command,
    ) -> Result<oneshot::Receiver<Result<T, E>>> {
        let (caller, outcome) = oneshot::channel();
        match self.commands.send(command(caller)).await {
            Ok(()) => {}
            Err(Unsent::Gone) => return Err(self.stopped()),
            Err(Unsent::Refused(command)) => command.refuse(),
        }
        Ok(outcome)
    }

    pub(super) async fn ask<T, E>(
        &self,
        command: impl FnOnce(Caller<T, E>) -> Command,
    ) -> Result<Result<T, E>> {
        let outcome = self.command(command).await?;
        outcome.await.map_err(|_| self.lost())
    }

    /// Returns the error for a driver that no longer accepts commands.
    pub(super) fn stopped(&self) -> Error {
        let reason = self.running.failure().unwrap_or("the client has stopped");
        Error::message(ErrorKind::Closed, reason)
    }

    /// Like [`stopped`](Self::stopped), after a command was accepted.
    pub(super) fn lost(&self) -> Error {
        self.stopped().maybe_delivered()
    }
}
