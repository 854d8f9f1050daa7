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
use super::metrics::{Counters, RunningRequest};
use super::permit::Permits;
use crate::HybridConnection;
use crate::exchange::InlineResponse;
use crate::fragment::RendezvousConnector;

/// The parts of a listener that every request uses.
#[derive(Clone)]
pub(super) struct HttpParts {
    pub(super) hybrid_connection: Arc<HybridConnection>,
    pub(super) handler: Arc<dyn RequestHandler>,
    pub(super) rendezvous: RendezvousConnector,
    pub(super) runtime: SharedRuntime,
    pub(super) options: HttpOptions,
    pub(super) counters: Arc<Counters>,
    /// Permits for the rendezvous that wait for another request.
    pub(super) idle: Permits,
    pub(super) outcomes: mpsc::Sender<RequestOutcome>,
}

/// A report from a request's task to the driver.
#[derive(Debug)]
pub(super) enum RequestOutcome {
    /// Send this on the control channel, and hold the request until then.
    Respond(InlineResponse, RunningRequest),
    /// The request with this id no longer needs the control channel.
    Release(String),
}
