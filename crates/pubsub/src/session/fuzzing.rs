//! Fuzzing of sessions with arbitrary input.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use transport::{CloseCode, CloseFrame, Message};

use super::{
    AckId, Action, DialError, InvokeEventOptions, Reply, Request, SendToGroupOptions, Session,
    SessionOptions, SocketId, StreamOptions, WriteId,
};
use crate::protocol::{Data, StreamEndError, Subprotocol, json};
use crate::{EventName, GroupName};

/// Interprets `input` as operations on a session and performs them, in virtual time.
///
/// # Panics
///
/// If the session breaks its contract: it does not come to rest, it sends
/// without an open socket or more than the service accepts, or a command gets no reply or two.
#[expect(
    clippy::disallowed_methods,
    reason = "any instant serves as the origin of virtual time"
)]
pub fn drive_session(input: &[u8]) {
    let mut input = Input(input);
    let options = SessionOptions {
        subprotocol: match input.byte() % 4 {
            0 => None,
            1 => Some(Subprotocol::Json),
            2 => Some(Subprotocol::JsonReliable),
            // The last one is protobuf, if this build supports it.
            _ => Subprotocol::ALL.last().copied(),
        },
        auto_reconnect: input.byte() % 4 != 0,
        resend_on_new_connection: input.byte().is_multiple_of(2),
        max_in_flight: usize::from(input.byte() % 4),
        max_unread_bytes: usize::from(input.byte()) * 8,
        ..SessionOptions::default()
    };
    let mut rig = Rig {
        session: Session::new(options, u64::from(input.byte())),
        now: Instant::now(),
        sockets: vec![SocketId::FIRST],
        open: BTreeMap::new(),
        waiting: BTreeSet::new(),
        is_held: false,
    };
    while !input.0.is_empty() {
        rig.perform(&mut input);
        rig.settle();
    }
    rig.session.stop(rig.now);
    rig.settle();
    rig.pass(Duration::from_secs(3600));
    assert!(rig.session.is_stopped(), "a stop ends");
    assert_eq!(rig.waiting, BTreeSet::new(), "nobody waits forever");
}

/// A caller that waits for a reply.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Waiting {
    Start,
    Request(AckId),
    Invocation(String),
    Stream(String),
    Write(WriteId),
    End(String),
}

struct Rig {
    session: Session,
    now: Instant,
    sockets: Vec<SocketId>,
    open: BTreeMap<SocketId, bool>,
    waiting: BTreeSet<Waiting>,
    /// Whether the application reads no events.
    is_held: bool,
}

impl Rig {
    fn wait<T, E>(&mut self, result: Result<T, E>, waiting: impl FnOnce(T) -> Waiting) {
        if let Ok(id) = result {
            let is_new = self.waiting.insert(waiting(id));
            assert!(is_new, "an id is used by one at a time");
        }
    }

    fn perform(&mut self, input: &mut Input<'_>) {
        let now = self.now;
        let group =
            GroupName::new(["g", "h"][usize::from(input.byte() % 2)]).expect("it is a group name");
        let event = EventName::new("e").expect("it is an event name");
        let socket = self.sockets[usize::from(input.byte()) % self.sockets.len()];
        let last = self.sockets[self.sockets.len() - 1];
        let session = &mut self.session;
        match input.byte() % 21 {
            0 => {
                let started = session.start(now).then_some(()).ok_or(());
                self.wait(started, |()| Waiting::Start);
            }
            1 => session.stop(now),
            2 => {
                let joined = session.join_group(now, &group);
                self.wait(joined, Waiting::Request);
            }
            3 => {
                let left = session.leave_group(now, &group);
                self.wait(left, Waiting::Request);
            }
            4 | 5 => {
                let options = SendToGroupOptions {
                    ack_id: input.ack_id(),
                    ..SendToGroupOptions::default()
                };
                let sent = session.send_to_group(now, &group, input.data(), options);
                self.wait(sent, Waiting::Request);
            }
            6 => {
                let _ = session.post(now, &Request::JoinGroup(group));
            }
            7 => {
                let options = InvokeEventOptions {
                    invocation_id: input.ack_id().map(|id| id.to_string()),
                    ..InvokeEventOptions::default()
                };
                let invoked = session.invoke_event(now, &event, Some(input.data()), options);
                self.wait(invoked, Waiting::Invocation);
            }
            8 => {
                session.cancel_invocation("1");
                self.waiting.remove(&Waiting::Invocation("1".to_owned()));
            }
            9 => {
                let options = StreamOptions::default().with_stream_id("s");
                let opened = session.open_group_stream(now, &group, options);
                self.wait(opened, Waiting::Stream);
            }
            10 => {
                let written = session.write_stream(now, "s", input.data());
                self.wait(written, Waiting::Write);
            }
            11 => {
                let error = (input.byte().is_multiple_of(2)).then(StreamEndError::default);
                let ended = session.end_stream(now, "s", error);
                self.wait(ended, |()| Waiting::End("s".to_owned()));
            }
            12 => {
                session.handle_open(now, last);
                self.open.insert(last, true);
            }
            13 => session.handle_dial_failed(now, last, DialError::Transport),
            14 => session.handle_closed(now, socket),
            15 => {
                let code = [1000, 1001, 1008][usize::from(input.byte() % 3)];
                let frame = CloseCode::new(code).map(|code| CloseFrame::new(code, "x"));
                let _ = session.handle_message(now, socket, Message::Close(frame));
            }
            16 | 17 => {
                let text = input.frame();
                let written = session.options().subprotocol.and_then(|subprotocol| {
                    let message = json::decode_downstream(&text.as_str().into()).ok()?;
                    subprotocol.encode_downstream(&message).ok()
                });
                let message = written.unwrap_or_else(|| Message::text(text));
                let _ = session.handle_message(now, last, message);
            }
            18 => self.pass(Duration::from_millis(u64::from(input.byte()) * 500)),
            19 => session.stall(input.byte().is_multiple_of(2)),
            _ => {
                self.is_held = input.byte().is_multiple_of(2);
                session.hold(now, self.is_held);
                session.pause(now, !session.wants_message());
            }
        }
    }

    fn settle(&mut self) {
        for _ in 0..MAX_OUTPUTS {
            match self.session.poll_action() {
                Some(Action::Dial { socket, .. }) => self.sockets.push(socket),
                Some(Action::Abort(socket)) => {
                    self.open.remove(&socket);
                }
                Some(Action::Transmit(frame)) => {
                    assert!(!self.open.is_empty(), "there is something to send on");
                    assert!(frame.payload_len() <= Session::MAX_MESSAGE_LEN);
                }
                None => break,
            }
        }
        assert_eq!(self.session.poll_action(), None, "actions come to an end");
        while let Some(reply) = self.session.poll_reply() {
            let waiting = match reply {
                Reply::Started(_) => Waiting::Start,
                Reply::Acknowledged(id, _) => Waiting::Request(id),
                Reply::Invoked(id, _) => Waiting::Invocation(id),
                Reply::StreamOpened(id, _) => Waiting::Stream(id),
                Reply::StreamWritten(id, _) => Waiting::Write(id),
                Reply::StreamEnded(id, _) => Waiting::End(id),
            };
            assert!(
                self.waiting.remove(&waiting),
                "an answer is somebody's: {waiting:?}"
            );
        }
        while !self.is_held && self.session.poll_event().is_some() {}
    }

    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..MAX_OUTPUTS {
            let Some(deadline) = self.session.poll_timeout().filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(deadline);
            self.session.handle_timeout(self.now);
            self.settle();
        }
        let next = self.session.poll_timeout();
        assert!(next.is_none_or(|next| next > end), "time goes on");
        self.now = end;
    }
}

/// A source of choices from bytes; zeros once they have run out.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    /// Chooses an ack id of the application, small or large.
    fn ack_id(&mut self) -> Option<AckId> {
        match self.byte() % 8 {
            0 => Some(AckId::new(u64::MAX)),
            1 => Some(AckId::new(u64::from(self.byte() % 8))),
            _ => None,
        }
    }

    /// Chooses valid or invalid data.
    fn data(&mut self) -> Data {
        match self.byte() {
            0 => Data::Text("x".repeat(Session::MAX_MESSAGE_LEN).into()),
            1 => Data::Json("1,\"type\":\"ping\"".into()),
            2 => Data::Json("null".into()),
            3..8 => Data::Json("[1]".into()),
            _ => Data::Text("x".into()),
        }
    }

    fn frame(&mut self) -> String {
        let (kind, number) = (self.byte(), self.byte() % 8);
        match kind % 16 {
            0 | 1 => format!(
                r#"{{"type":"system","event":"connected","connectionId":"c{}","reconnectionToken":"t"}}"#,
                number % 2
            ),
            2 | 3 => format!(r#"{{"type":"ack","ackId":{number},"success":true}}"#),
            4 => {
                let name =
                    ["Duplicate", "Forbidden", "InternalServerError"][usize::from(number % 3)];
                format!(
                    r#"{{"type":"ack","ackId":{number},"success":false,"error":{{"name":"{name}"}}}}"#
                )
            }
            5 | 6 => format!(
                r#"{{"sequenceId":{number},"type":"message","from":"server","dataType":"text","data":"x"}}"#
            ),
            7 => r#"{"type":"invokeResponse","invocationId":"1","success":true}"#.to_owned(),
            8 => format!(r#"{{"type":"streamAck","streamId":"s","expectedSequenceId":{number}}}"#),
            9 => format!(
                r#"{{"type":"streamNack","streamId":"s","expectedSequenceId":{number},"name":"{}"}}"#,
                ["InvalidSequenceId", "TransientError"][usize::from(number % 2)]
            ),
            10 => r#"{"type":"streamClosed","streamId":"s"}"#.to_owned(),
            11 => format!(
                r#"{{"sequenceId":{number},"type":"message","from":"server","dataType":7,"data":"x"}}"#
            ),
            12 => format!(
                r#"{{"sequenceId":{number}.5,"type":"message","from":"server","dataType":"text","data":"x"}}"#
            ),
            13 => format!(r#"{{"type":"ack","ackId":"{number}","success":true}}"#),
            14 => r#"{"type":"ack","ackId":18446744073709551615,"success":true}"#.to_owned(),
            _ => "{".to_owned(),
        }
    }
}

/// Far more outputs than any step produces.
const MAX_OUTPUTS: usize = 100_000;
