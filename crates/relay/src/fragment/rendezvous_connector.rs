//! The connector for the rendezvous of HTTP requests, over the listener's connector. Shell.

use transport::{
    HandshakeRequest, Result, SharedWebSocketConnector, WebSocket, WebSocketConnector,
};

#[cfg(feature = "hyper")]
use super::connector::FragmentConnector;
use super::whole::WholeMessages;

/// Opens rendezvous, and determines how their sockets deliver bodies.
#[derive(Clone, Debug)]
pub(crate) enum RendezvousConnector {
    /// Bodies are delivered fragment by fragment.
    #[cfg(feature = "hyper")]
    Fragments(SharedWebSocketConnector),
    /// Bodies are whole messages, which are kept in memory.
    Whole(SharedWebSocketConnector),
}

impl RendezvousConnector {
    /// Delivers fragments over the connections of `connector`.
    #[cfg(feature = "hyper")]
    pub(crate) fn over(connector: transport::net::Connector) -> Self {
        let fragments = FragmentConnector::new(connector, transport::SharedRuntime::default());
        Self::Fragments(SharedWebSocketConnector::new(fragments))
    }

    pub(crate) async fn connect(&self, request: HandshakeRequest) -> Result<Box<dyn WebSocket>> {
        Ok(match self {
            #[cfg(feature = "hyper")]
            Self::Fragments(connector) => connector.connect(request).await?.socket,
            Self::Whole(connector) => {
                Box::new(WholeMessages::new(connector.connect(request).await?.socket))
            }
        })
    }
}
