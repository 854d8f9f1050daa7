//! What the tasks of a sender, of a listener and of a rendezvous hand each other.

use bytes::Bytes;
use futures::channel::oneshot;
use http::StatusCode;
use hyper::upgrade::OnUpgrade;
use relay::command;
use tokio::sync::mpsc;
use transport::Body;
use transport::net::ConnectionInfo;

/// What a listener did with the WebSocket of a sender.
#[derive(Debug)]
pub(super) enum ListenerDecision {
    Accepted {
        subprotocol: Option<String>,
        /// Takes the sender's half.
        peer: oneshot::Sender<PeerSocket>,
    },
    Rejected {
        status: StatusCode,
        reason: String,
    },
}

/// The sender's half of a pair.
#[derive(Debug)]
pub(super) struct PeerSocket {
    pub(super) upgrade: OnUpgrade,
    pub(super) entity: String,
    /// The GUID that the sender connected with, or one of ours.
    pub(super) id: String,
    pub(super) number: u64,
}

/// A response on a control channel.
#[derive(Debug)]
pub(super) struct InlineResponse {
    pub(super) head: command::Response,
    /// Where its body will be; `None` without one.
    pub(super) body: Option<oneshot::Receiver<Bytes>>,
}

/// One request on a rendezvous.
#[derive(Debug)]
pub(super) struct QueuedRequest {
    pub(super) id: String,
    /// The command to send; `None` when it went over the control channel.
    pub(super) command: Option<String>,
    pub(super) body: Body,
    pub(super) answer: oneshot::Sender<Result<RelayedResponse, ResponseError>>,
}

/// What brings a sender's request to the rendezvous that was opened for it.
#[derive(Debug)]
pub(super) struct RendezvousRequest {
    pub(super) request: QueuedRequest,
    pub(super) entity: String,
    pub(super) address: String,
    /// The sender's connection, with which the rendezvous ends.
    pub(super) connection: Option<ConnectionInfo>,
    /// Whether later requests on that connection may come this way too.
    pub(super) takes_more: bool,
}

/// A response on a rendezvous.
#[derive(Debug)]
pub(super) struct RelayedResponse {
    pub(super) head: command::Response,
    /// The pieces of the body; `None` without one.
    pub(super) body: Option<mpsc::Receiver<Result<Bytes, ResponseError>>>,
}

/// Why a request got no response, or only a part of one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum ResponseError {
    #[error("the listener closed the rendezvous before it answered")]
    Closed,
    #[error("the rendezvous broke")]
    Lost,
    #[error("the listener broke the protocol: {0}")]
    Protocol(&'static str),
    #[error("the listener did not go on in time")]
    Timeout,
}
