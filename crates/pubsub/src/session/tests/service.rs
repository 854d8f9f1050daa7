//! A service that follows the rules of its subprotocol, for one client. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use transport::{CloseCode, CloseFrame, Message};

use crate::protocol::{
    AckError, Data, DataOrigin, DownstreamMessage, Metadata, Subprotocol, UpstreamMessage,
};
use crate::session::{DialTarget, SocketId};

/// What the service does with its sockets.
pub(super) enum Output {
    Send(SocketId, Message),
    /// The connection under the socket ends without a close frame.
    Drop(SocketId),
}

#[derive(Default)]
pub(super) struct Service {
    connections: BTreeMap<String, Connection>,
    next_id: u64,
    subprotocol: Subprotocol,
    /// Whether it sends `connected` again after a recovery.
    is_talkative: bool,
    pub(super) outputs: VecDeque<Output>,
    /// The payloads that were published, in order.
    pub(super) executed: Vec<u64>,
    /// Those of messages without an ack.
    pub(super) posts: Vec<u64>,
}

struct Connection {
    token: String,
    socket: Option<SocketId>,
    detached_at: Option<Instant>,
    next_sequence_id: u64,
    unacknowledged: VecDeque<(u64, Message)>,
    processed: BTreeSet<u64>,
    is_member: bool,
}

impl Service {
    pub(super) fn new(subprotocol: Subprotocol, is_talkative: bool) -> Self {
        Self {
            subprotocol,
            is_talkative,
            ..Self::default()
        }
    }

    /// A socket was opened.
    pub(super) fn handle_open(&mut self, now: Instant, socket: SocketId, target: &DialTarget) {
        self.expire(now);
        let DialTarget::Recover {
            connection_id,
            reconnection_token,
        } = target
        else {
            self.next_id += 1;
            let id = format!("c{}", self.next_id);
            let token = format!("token-{id}");
            let connected = self.connected(&id, &token);
            self.send(socket, &connected);
            let connection = Connection {
                token,
                socket: Some(socket),
                detached_at: None,
                next_sequence_id: 1,
                unacknowledged: VecDeque::new(),
                processed: BTreeSet::new(),
                is_member: false,
            };
            self.connections.insert(id, connection);
            return;
        };
        let connected = self.connected(connection_id, reconnection_token.expose());
        let Some(connection) = self
            .connections
            .get_mut(connection_id)
            .filter(|connection| connection.token == reconnection_token.expose())
        else {
            let refused = CloseFrame::new(CloseCode::POLICY_VIOLATION, "");
            let frame = Message::Close(Some(refused));
            self.outputs.push_back(Output::Send(socket, frame));
            self.outputs.push_back(Output::Drop(socket));
            return;
        };
        connection.detached_at = None;
        if let Some(old) = connection.socket.replace(socket) {
            self.outputs.push_back(Output::Drop(old));
        }
        let replay: Vec<_> = connection
            .unacknowledged
            .iter()
            .map(|(_, frame)| frame.clone())
            .collect();
        if self.is_talkative {
            self.send(socket, &connected);
        }
        for frame in replay {
            self.outputs.push_back(Output::Send(socket, frame));
        }
    }

    /// A frame of the client arrived.
    pub(super) fn handle_message(&mut self, socket: SocketId, message: Message) {
        let Some((id, connection)) = self
            .connections
            .iter_mut()
            .find(|(_, connection)| connection.socket == Some(socket))
        else {
            return;
        };
        let message = match message {
            Message::Text(_) | Message::Binary(_) => message,
            Message::Close(_) => {
                let id = id.clone();
                self.connections.remove(&id);
                self.outputs
                    .push_back(Output::Send(socket, Message::Close(None)));
                self.outputs.push_back(Output::Drop(socket));
                return;
            }
            _ => return,
        };
        let (ack_id, payload) = match self.subprotocol.decode_upstream(message).unwrap() {
            UpstreamMessage::SequenceAck { sequence_id } => {
                while connection
                    .unacknowledged
                    .front()
                    .is_some_and(|(id, _)| *id <= sequence_id)
                {
                    connection.unacknowledged.pop_front();
                }
                return;
            }
            UpstreamMessage::Ping => return self.send(socket, &DownstreamMessage::Pong),
            UpstreamMessage::JoinGroup { ack_id, .. } => {
                connection.is_member = true;
                (ack_id, None)
            }
            UpstreamMessage::SendToGroup {
                ack_id: None, data, ..
            } => return self.posts.push(number(&data)),
            UpstreamMessage::SendToGroup { ack_id, data, .. } => (ack_id, Some(number(&data))),
            other => panic!("the client says {other:?}"),
        };
        let ack_id = ack_id.unwrap();
        let result = if connection.processed.insert(ack_id) {
            self.executed.extend(payload);
            Ok(())
        } else {
            Err(AckError::new("Duplicate", "processed"))
        };
        self.send(socket, &DownstreamMessage::Ack { ack_id, result });
    }

    /// The service has noticed that a socket is gone.
    pub(super) fn handle_lost(&mut self, now: Instant, socket: SocketId) {
        if !self.subprotocol.is_reliable() {
            // Nothing is kept for a recovery.
            self.connections
                .retain(|_, connection| connection.socket != Some(socket));
        }
        for connection in self.connections.values_mut() {
            if connection.socket == Some(socket) {
                connection.socket = None;
                connection.detached_at = Some(now);
            }
        }
    }

    /// Publishes a number to the group; returns whether the group has any member.
    pub(super) fn publish(&mut self, now: Instant, payload: u64) -> bool {
        self.expire(now);
        let mut is_kept = false;
        for connection in self.connections.values_mut() {
            if !connection.is_member {
                continue;
            }
            is_kept = true;
            let sequence_id = connection.next_sequence_id;
            connection.next_sequence_id += 1;
            let message = DownstreamMessage::Data {
                from: DataOrigin::Group {
                    group: "g".into(),
                    from_user_id: None,
                },
                data: Data::Text(payload.to_string().into()),
                sequence_id: self.subprotocol.is_reliable().then_some(sequence_id),
                metadata: Metadata::new(),
                stream: None,
            };
            let frame = self.subprotocol.encode_downstream(&message).unwrap();
            if self.subprotocol.is_reliable() {
                let kept = (sequence_id, frame.clone());
                connection.unacknowledged.push_back(kept);
            }
            if let Some(socket) = connection.socket {
                self.outputs.push_back(Output::Send(socket, frame));
            }
        }
        is_kept
    }

    fn expire(&mut self, now: Instant) {
        self.connections.retain(|_, connection| {
            connection
                .detached_at
                .is_none_or(|at| now <= at + KEEP_TIME)
        });
    }

    fn connected(&self, id: &str, token: &str) -> DownstreamMessage {
        DownstreamMessage::Connected {
            connection_id: id.to_owned(),
            user_id: None,
            reconnection_token: self
                .subprotocol
                .is_reliable()
                .then(|| auth::Secret::new(token)),
        }
    }

    fn send(&mut self, socket: SocketId, message: &DownstreamMessage) {
        let frame = self.subprotocol.encode_downstream(message).unwrap();
        self.outputs.push_back(Output::Send(socket, frame));
    }
}

/// The number in a payload.
pub(super) fn number(data: &Data) -> u64 {
    std::str::from_utf8(data.as_bytes())
        .unwrap()
        .parse()
        .unwrap()
}

/// How long the service keeps a connection without a socket.
const KEEP_TIME: Duration = Duration::from_secs(30);
