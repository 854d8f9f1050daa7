//! The outbox of requests and invocations: those that wait to be
//! sent, in order, and those that wait for a response. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use transport::{Message, after};

use super::ack::{AckId, AckTable, Acknowledged, Completed, Expired, RequestError};
use super::effect::Effect;
use super::frame;
use super::invoke::{InvocationError, InvocationTable};
use super::options::SessionOptions;
use super::request::{InvokeEventOptions, Request};
use crate::protocol::{AckError, Data, Metadata, Subprotocol, UpstreamMessage};
use crate::{EventName, GroupName};

/// The requests and invocations that have not ended.
#[derive(Debug)]
pub(super) struct Outbox {
    acks: AckTable,
    invocations: InvocationTable,
    /// What waits for a connection or for acks, in order.
    backlog: VecDeque<Backlog>,
}

#[derive(Debug)]
enum Backlog {
    Frame(Message, Effect),
    Invocation(String, Message),
    Request(AckId),
}

/// The outcome of a request.
pub(super) type Ended = (AckId, Effect, Result<Acknowledged, RequestError>);

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            acks: AckTable::new(),
            invocations: InvocationTable::new(),
            backlog: VecDeque::new(),
        }
    }

    /// Adds a request with an ack.
    pub(super) fn request(
        &mut self,
        now: Instant,
        request: &Request,
        ack_id: Option<AckId>,
        options: &SessionOptions,
    ) -> Result<AckId, RequestError> {
        let subprotocol = options.subprotocol.ok_or(RequestError::Unsupported)?;
        request.check()?;
        let id = self.acks.choose(ack_id)?;
        let frame = request.encode(subprotocol, Some(id.as_u64()))?;
        let deadline = after(now, options.ack_timeout);
        self.acks
            .insert(id, ack_id.is_some(), frame, request.effect(), deadline);
        self.backlog.push_back(Backlog::Request(id));
        Ok(id)
    }

    /// Adds a frame without an ack.
    pub(super) fn post(&mut self, frame: Message, effect: Effect) {
        self.backlog.push_back(Backlog::Frame(frame, effect));
    }

    /// Adds an invocation.
    pub(super) fn invoke(
        &mut self,
        now: Instant,
        event: &EventName,
        data: Option<Data>,
        call: InvokeEventOptions,
        options: &SessionOptions,
    ) -> Result<String, InvocationError> {
        let subprotocol = options.subprotocol.ok_or(InvocationError::Unsupported)?;
        if let Some(data) = &data {
            frame::measure_data(data)?;
        }
        let id = self.invocations.choose(call.invocation_id)?;
        let message = UpstreamMessage::Invoke {
            invocation_id: id.clone(),
            event: event.as_str().to_owned(),
            data,
            metadata: Metadata::new(),
        };
        let frame = frame::encode(subprotocol, &message)?;
        let timeout = call.timeout.or(options.invocation_timeout);
        let timeout = timeout.filter(|timeout| !timeout.is_zero());
        let deadline = timeout.map(|timeout| after(now, timeout));
        self.invocations.insert(id.clone(), deadline);
        self.backlog
            .push_back(Backlog::Invocation(id.clone(), frame));
        Ok(id)
    }

    /// Ends an invocation; returns whether it was sent, or `None` if it is unknown.
    pub(super) fn end_invocation(&mut self, id: &str) -> Option<bool> {
        self.invocations.remove(id)
    }

    /// Whether anything waits for an answer.
    pub(super) fn has_pending(&self) -> bool {
        !self.acks.is_empty() || !self.invocations.is_empty()
    }

    /// Ends the requests that somebody waits for, because events are not read.
    pub(super) fn end_behind(&mut self) -> Vec<Ended> {
        let mut ids = self.acks.ids();
        ids.retain(|id| !matches!(self.acks.effect(*id), Some(Effect::Rejoin(_))));
        self.drop_requests(&ids);
        ids.into_iter()
            .filter_map(|id| {
                let was_sent = self.acks.was_sent(id);
                self.end(id, RequestError::EventsNotRead { was_sent })
            })
            .collect()
    }

    /// Ends all invocations; also returns whether each was sent.
    pub(super) fn end_all_invocations(&mut self) -> Vec<(String, bool)> {
        let sent = self.invocations.drain(true).into_iter();
        let unsent = self.invocations.drain(false).into_iter();
        sent.map(|id| (id, true))
            .chain(unsent.map(|id| (id, false)))
            .collect()
    }

    /// Removes an invocation whose timeout has elapsed; also returns whether it was sent.
    pub(super) fn expire_invocation(&mut self, now: Instant) -> Option<(String, bool)> {
        self.invocations.expire(now)
    }

    /// Returns the next frame to send, and its effect if it has no ack;
    /// `None` if nothing waits, or the maximum is in flight.
    pub(super) fn next(
        &mut self,
        now: Instant,
        options: &SessionOptions,
    ) -> Option<(Message, Effect)> {
        loop {
            if matches!(self.backlog.front()?, Backlog::Request(_))
                && self.acks.in_flight() >= options.max_in_flight.clamp(1, 1000)
            {
                return None;
            }
            let frame = match self.backlog.pop_front()? {
                Backlog::Frame(frame, effect) => return Some((frame, effect)),
                Backlog::Request(id) => self.acks.send(id, after(now, options.ack_timeout)),
                Backlog::Invocation(id, frame) => self.invocations.send(&id).then_some(frame),
            };
            if let Some(frame) = frame {
                return Some((frame, Effect::None));
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.backlog.is_empty()
    }

    /// Whether so much waits that a shell should accept no more.
    pub(super) fn is_full(&self) -> bool {
        self.backlog.len() >= MAX_BACKLOG
    }

    /// Handles an ack; returns the request if that has ended it.
    pub(super) fn complete(
        &mut self,
        now: Instant,
        ack_id: u64,
        result: Result<(), AckError>,
        options: &SessionOptions,
        spread: impl FnOnce(Duration) -> Duration,
    ) -> Option<Ended> {
        match self.acks.complete(now, ack_id, result, options, spread)? {
            Completed::Done(id, effect, result) => Some((id, effect, result)),
            Completed::Delayed => None,
        }
    }

    /// Handles requests whose deadlines have passed; returns one that has ended.
    pub(super) fn expire(
        &mut self,
        now: Instant,
        is_connected: bool,
        options: &SessionOptions,
    ) -> Option<Ended> {
        loop {
            let retry = &options.message_retry;
            match self.acks.expire(now, is_connected, retry)? {
                Expired::Resend(id) => self.backlog.push_back(Backlog::Request(id)),
                Expired::Failed(id, effect, error) => {
                    self.drop_requests(&[id]);
                    return Some((id, effect, Err(error)));
                }
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.acks.next_deadline()
    }

    pub(super) fn next_invocation_deadline(&self) -> Option<Instant> {
        self.invocations.next_deadline()
    }

    /// Handles a lost socket; returns the invocations that are lost with it.
    pub(super) fn suspend(&mut self) -> Vec<String> {
        self.acks.suspend();
        self.invocations.drain(true)
    }

    /// Handles a recovered connection: requests that may have been lost are sent again before
    /// anything else.
    pub(super) fn handle_recovered(&mut self) {
        let unsure = self.acks.unsure();
        self.requeue(&unsure);
    }

    /// Rejoins groups before anything else is sent; returns those for which that is impossible.
    pub(super) fn rejoin(
        &mut self,
        groups: Vec<GroupName>,
        subprotocol: Subprotocol,
        deadline: Instant,
    ) -> Vec<(GroupName, RequestError)> {
        let mut ids = Vec::new();
        let mut unfit = Vec::new();
        for group in groups {
            let id = self.acks.next_free();
            let request = Request::JoinGroup(group.clone());
            match request.encode(subprotocol, Some(id.as_u64())) {
                Ok(frame) => {
                    let effect = Effect::Rejoin(group);
                    self.acks.insert(id, false, frame, effect, deadline);
                    ids.push(id);
                }
                Err(error) => unfit.push((group, error.into())),
            }
        }
        self.push_front(&ids);
        unfit
    }

    /// Handles the end of the connection: repeatable requests wait for the next one.
    /// Returns the others, which may have taken effect and end here.
    pub(super) fn handle_lost(&mut self, now: Instant, options: &SessionOptions) -> Vec<Ended> {
        let mut ended = Vec::new();
        let mut repeated = Vec::new();
        for id in self.acks.unsure() {
            match self.acks.effect(id) {
                // The next connection rejoins all groups.
                Some(Effect::Rejoin(_)) => {
                    self.acks.remove(id);
                }
                Some(effect) if effect.is_repeatable() || options.resend_on_new_connection => {
                    self.acks.repeat(id, after(now, options.ack_timeout));
                    repeated.push(id);
                }
                _ => ended.extend(self.end(id, RequestError::ConnectionLost)),
            }
        }
        self.requeue(&repeated);
        ended
    }

    /// Ends the requests that were sent, or those that were not.
    pub(super) fn end_all(&mut self, were_sent: bool) -> Vec<Ended> {
        let error = if were_sent {
            RequestError::ConnectionLost
        } else {
            self.backlog.clear();
            RequestError::NotConnected
        };
        let mut ids = self.acks.ids();
        ids.retain(|id| self.acks.was_sent(*id) == were_sent);
        ids.into_iter()
            .filter_map(|id| self.end(id, error.clone()))
            .collect()
    }

    /// Ends the invocations that were not sent.
    pub(super) fn end_unsent_invocations(&mut self) -> Vec<String> {
        self.invocations.drain(false)
    }

    fn end(&mut self, id: AckId, error: RequestError) -> Option<Ended> {
        Some((id, self.acks.remove(id)?, Err(error)))
    }

    /// Moves requests that were sent before those that were not.
    fn requeue(&mut self, ids: &[AckId]) {
        self.drop_requests(ids);
        self.push_front(ids);
    }

    fn push_front(&mut self, ids: &[AckId]) {
        for id in ids.iter().rev() {
            self.backlog.push_front(Backlog::Request(*id));
        }
    }

    fn drop_requests(&mut self, ids: &[AckId]) {
        self.backlog
            .retain(|entry| !matches!(entry, Backlog::Request(id) if ids.contains(id)));
    }
}

/// The number of requests that may wait for a connection before a shell makes its callers wait.
const MAX_BACKLOG: usize = 64;
