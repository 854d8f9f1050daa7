//! HTTP requests: the handler in the middle, the control channel or a rendezvous
//! at the ends. Shell.

mod body;
mod inline;
mod options;
mod rendezvous;
mod response;

pub(super) use inline::serve_inline;
pub use options::HttpOptions;
pub(super) use rendezvous::{refuse_pointer, serve_pointer};

use std::sync::Arc;

use futures::channel::mpsc;
use transport::SharedRuntime;

use super::handler::RequestHandler;
use super::permit::{Permit, Permits};
use crate::HybridConnection;
use crate::exchange::InlineResponse;
use crate::fragment::RendezvousConnector;

/// What every request of a listener needs.
#[derive(Clone)]
pub(super) struct HttpParts {
    pub(super) hybrid_connection: HybridConnection,
    pub(super) handler: Arc<dyn RequestHandler>,
    pub(super) rendezvous: RendezvousConnector,
    pub(super) runtime: SharedRuntime,
    pub(super) options: HttpOptions,
    /// Of the requests that are being answered.
    pub(super) requests: Permits,
    /// Of the rendezvous that wait for a further request.
    pub(super) idle: Permits,
    pub(super) outcomes: mpsc::Sender<RequestOutcome>,
}

/// What a request's task tells the driver.
#[derive(Debug)]
pub(super) enum RequestOutcome {
    /// Send this on the control channel. The permit ends once that is done.
    Respond(InlineResponse, Permit),
    /// The request with this id needs the control channel no more.
    Release(String),
}
