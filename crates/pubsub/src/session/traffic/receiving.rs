//! The receiving half of the traffic: messages of the service, and their acks.

use std::time::Instant;

use transport::{Message, after};

use super::super::delivery::{Flaw, data_event};
use super::super::event::Event;
use super::super::invoke::InvocationError;
use super::super::reply::Reply;
use super::super::timer::Timer;
use super::Traffic;
use super::outlet::Road;
use crate::protocol::{
    Data, DownstreamMessage, GroupStates, Metadata, PlainData, ProtocolError, Subprotocol,
    UpstreamMessage,
};

impl Traffic {
    /// Handles a message of the subprotocol; those about the connection itself are ignored here.
    pub(in super::super) fn receive(
        &mut self,
        now: Instant,
        bytes: usize,
        message: DownstreamMessage,
        connection_id: &str,
    ) {
        self.has_received = true;
        match message {
            DownstreamMessage::Data {
                from,
                data,
                sequence_id,
                metadata,
                stream,
            } => {
                if self.is_new(now, sequence_id, bytes, connection_id) {
                    self.deliver(data_event(from, data, sequence_id, metadata, stream));
                    self.fail_if_behind(now);
                }
            }
            DownstreamMessage::Ack { ack_id, result } => {
                let (outbox, jitter) = (&mut self.outbox, &mut self.jitter);
                let spread = |delay| jitter.spread(delay);
                if let Some(ended) = outbox.complete(now, ack_id, result, &self.options, spread) {
                    self.finish(ended);
                }
                self.flush(now);
            }
            DownstreamMessage::InvokeResponse {
                invocation_id,
                result,
                ..
            } => {
                if self.outbox.end_invocation(&invocation_id).is_some() {
                    let result = result.map_err(InvocationError::Refused);
                    self.replies
                        .push_back(Reply::Invoked(invocation_id, result));
                    self.arm(Timer::Invocation);
                }
            }
            DownstreamMessage::StreamAck {
                stream_id,
                expected_sequence_id,
            } => {
                self.streams
                    .handle_ack(now, &stream_id, expected_sequence_id);
                self.drain_streams();
            }
            DownstreamMessage::StreamNack {
                stream_id,
                expected_sequence_id,
                name,
                ..
            } => {
                self.streams
                    .handle_nack(now, &stream_id, expected_sequence_id, &name);
                self.drain_streams();
            }
            DownstreamMessage::StreamClosed { stream_id, error } => {
                self.streams.handle_closed(&stream_id, error);
                self.drain_streams();
            }
            DownstreamMessage::GroupStateSnapshot(states) => {
                self.receive_states(now, bytes, states, true, connection_id);
            }
            DownstreamMessage::GroupStateUpdate(states) => {
                self.receive_states(now, bytes, states, false, connection_id);
            }
            // The service does not invoke its clients so far.
            DownstreamMessage::CancelInvocation { .. }
            | DownstreamMessage::Connected { .. }
            | DownstreamMessage::Disconnected { .. }
            | DownstreamMessage::Pong => {}
        }
    }

    /// Handles a data message without rare parts, the most frequent kind.
    #[inline]
    pub(in super::super) fn receive_plain(
        &mut self,
        now: Instant,
        bytes: usize,
        message: PlainData,
        connection_id: &str,
    ) {
        self.has_received = true;
        let PlainData {
            from,
            data,
            sequence_id,
        } = message;
        if self.is_new(now, sequence_id, bytes, connection_id) {
            let metadata = Metadata::new();
            self.deliver(data_event(from, data, sequence_id, metadata, None));
            self.fail_if_behind(now);
        }
    }

    /// Handles a payload on a simple WebSocket.
    pub(in super::super) fn receive_bare(&mut self, frame: Message) {
        let data = match frame {
            Message::Text(text) => Data::Text(text),
            Message::Binary(bytes) => Data::Binary(bytes),
            _ => return,
        };
        self.deliver(Event::ServerMessage {
            data,
            sequence_id: None,
            metadata: Metadata::new(),
        });
    }

    /// Classifies a malformed frame.
    pub(in super::super) fn judge(
        &mut self,
        subprotocol: Subprotocol,
        frame: &Message,
        error: &ProtocolError,
    ) -> Flaw {
        self.delivery.judge(subprotocol, frame, error)
    }

    /// Continues after a malformed frame.
    pub(in super::super) fn skip(&mut self, now: Instant, flaw: Flaw, bytes: usize) {
        if let Flaw::Data(id) = flaw {
            self.delivery.skip(id, bytes);
            self.plan_acknowledgement(now);
        }
    }

    /// Returns whether data must be delivered, by its sequence id; reports a gap before it.
    #[inline]
    fn is_new(
        &mut self,
        now: Instant,
        sequence_id: Option<u64>,
        bytes: usize,
        connection_id: &str,
    ) -> bool {
        let Some(id) = sequence_id.filter(|_| self.options.is_reliable()) else {
            return true;
        };
        let is_new = self.delivery.accept(id, bytes, connection_id);
        self.plan_acknowledgement(now);
        is_new
    }

    fn receive_states(
        &mut self,
        now: Instant,
        bytes: usize,
        states: GroupStates,
        is_snapshot: bool,
        connection_id: &str,
    ) {
        if self.is_new(now, states.sequence_id, bytes, connection_id) {
            self.deliver(Event::GroupState {
                states,
                is_snapshot,
            });
            self.fail_if_behind(now);
        }
    }

    #[inline]
    pub(super) fn deliver(&mut self, event: Event) {
        self.delivery.push(event);
        if self.delivery.is_full() {
            self.release_events();
        }
    }

    /// Schedules the ack of received data.
    fn plan_acknowledgement(&mut self, now: Instant) {
        if self.delivery.is_urgent(now) {
            self.acknowledge(now);
        } else if !self.timers.is_set(Timer::SequenceAck) {
            let due = after(now, self.options.sequence_ack_interval);
            self.timers.set(Timer::SequenceAck, due);
        }
    }

    pub(super) fn acknowledge(&mut self, now: Instant) {
        self.timers.stop([Timer::SequenceAck]);
        if self.outlet.road() != Road::Closed
            && self.options.is_reliable()
            && let Some(sequence_id) = self.delivery.acknowledge(now)
        {
            self.outlet
                .say(&UpstreamMessage::SequenceAck { sequence_id });
        }
    }

    /// Fails whatever waits for an answer if the answer is behind more events than may wait.
    #[inline]
    pub(super) fn fail_if_behind(&mut self, now: Instant) {
        if self.is_behind() && (self.outbox.has_pending() || self.streams.has_pending()) {
            self.fail_behind(now);
        }
    }
}
