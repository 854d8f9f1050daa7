//! The messages between the tasks of a sender, a listener and a rendezvous.

use bytes::Bytes;
use futures::channel::oneshot;
use http::StatusCode;
use hyper::upgrade::OnUpgrade;
use relay::command;
use tokio::sync::mpsc;
use transport::Body;
use transport::net::ConnectionInfo;

/// A listener's decision about the WebSocket of a sender.
#[derive(Debug)]
pub(super) enum ListenerDecision {
    Accepted {
        subprotocol: Option<String>,
        /// Receives the sender's half.
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
    /// The GUID that the sender connected with, or a generated one.
    pub(super) id: String,
    pub(super) number: u64,
    /// The id of the listener that the sender was announced to.
    pub(super) listener: String,
}

/// A response on a control channel.
#[derive(Debug)]
pub(super) struct InlineResponse {
    pub(super) head: command::Response,
    /// The channel of its body; `None` without a body.
    pub(super) body: Option<oneshot::Receiver<Bytes>>,
}

/// One request on a rendezvous.
#[derive(Debug)]
pub(super) struct QueuedRequest {
    pub(super) id: String,
    /// The command to send; `None` if it was sent on the control channel.
    pub(super) command: Option<String>,
    pub(super) body: Body,
    pub(super) answer: oneshot::Sender<Result<RelayedResponse, ResponseError>>,
}

/// A sender's request for the rendezvous that was opened for it.
#[derive(Debug)]
pub(super) struct RendezvousRequest {
    pub(super) request: QueuedRequest,
    pub(super) entity: String,
    /// The id of the listener that the request was announced to.
    pub(super) listener: String,
    pub(super) address: String,
    /// The sender's connection; the rendezvous ends with it.
    pub(super) connection: Option<ConnectionInfo>,
    /// Whether later requests on that connection may use the rendezvous, too.
    pub(super) takes_more: bool,
}

/// A response on a rendezvous.
#[derive(Debug)]
pub(super) struct RelayedResponse {
    pub(super) head: command::Response,
    /// The pieces of the body; `None` without a body.
    pub(super) body: Option<mpsc::Receiver<Result<Bytes, ResponseError>>>,
}

/// Why a request received no response, or only a part of one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum ResponseError {
    #[error("the listener closed the rendezvous before it responded")]
    Closed,
    #[error("the rendezvous was lost")]
    Lost,
    #[error("the listener broke the protocol: {0}")]
    Protocol(&'static str),
    #[error("the listener did not continue in time")]
    Timeout,
}
