//! What a client is made of, and the defaults.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use futures::FutureExt;
use futures::channel::mpsc;
use http::Uri;
use transport::{
    ConnectRequest, Opened, SharedRuntime, SharedWebSocketConnector, WebSocketConnector,
};

use super::driver::Driver;
use super::{Client, ClientCredential, Events};
use crate::protocol::Subprotocol;
use crate::session::{Session, SessionOptions};
use crate::{Error, ErrorKind, Result};

/// Builds a [`Client`].
#[derive(Debug)]
#[must_use]
pub struct ClientBuilder {
    credential: ClientCredential,
    session: SessionOptions,
    event_capacity: NonZeroUsize,
    runtime: Option<SharedRuntime>,
    connector: Option<SharedWebSocketConnector>,
}

impl ClientBuilder {
    /// 256 events may wait for the application before the socket is no longer read.
    pub const DEFAULT_EVENT_CAPACITY: NonZeroUsize = NonZeroUsize::new(256).unwrap();

    pub(super) fn new(credential: ClientCredential) -> Self {
        Self {
            credential,
            session: SessionOptions::default(),
            event_capacity: Self::DEFAULT_EVENT_CAPACITY,
            runtime: None,
            connector: None,
        }
    }

    /// Sets how long a request waits for its acknowledgement; 30 s unless set.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.session.ack_timeout = timeout;
        self
    }

    /// Sets how many events may wait for the application.
    pub fn event_capacity(mut self, events: NonZeroUsize) -> Self {
        self.event_capacity = events;
        self
    }

    /// Sets the runtime that carries the driver task; tokio's unless set.
    pub fn runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Sets what opens WebSockets; the one over hyper unless set.
    pub fn connector(mut self, connector: SharedWebSocketConnector) -> Self {
        self.connector = Some(connector);
        self
    }

    /// Builds the client, not connected, and the stream of its events. The
    /// driver task is spawned here.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the crate was built without
    /// feature `hyper` and the runtime or the connector is not set.
    pub fn build(self) -> Result<(Client, Events)> {
        let runtime = match self.runtime {
            Some(runtime) => runtime,
            None => crate::defaults::runtime()?,
        };
        let connector = match self.connector {
            Some(connector) => connector,
            None => crate::defaults::connector()?,
        };
        let credential = self.credential;
        // The queue is short on purpose: a caller that waits for room knows that the socket is full.
        let (commands, command_queue) = mpsc::channel(COMMAND_CAPACITY);
        let (events, event_queue) = mpsc::channel(self.event_capacity.get());
        let driver = Driver {
            session: Session::new(self.session),
            runtime: runtime.clone(),
            dial: Box::new(move || open(credential.clone(), connector.clone()).boxed()),
            commands: Some(command_queue),
            events: Some(events),
            dialing: None,
            socket: None,
            outgoing: None,
            pending_event: None,
            needs_flush: false,
            replies: HashMap::new(),
            starting: None,
            start_error: None,
            stopping: Vec::new(),
            sleep: None,
        };
        runtime.spawn(Box::pin(driver));
        Ok((Client { commands }, Events(event_queue)))
    }
}

async fn open(credential: ClientCredential, connector: SharedWebSocketConnector) -> Result<Opened> {
    let url = credential.fetch().await?;
    let uri: Uri = url.expose().parse().map_err(|_| {
        // The parser's own error would print the URL, which holds the token.
        Error::message(
            ErrorKind::InvalidInput,
            "the client access URL is not a URL",
        )
    })?;
    if !matches!(uri.scheme_str(), Some("ws" | "wss")) || uri.host().is_none() {
        return Err(Error::message(
            ErrorKind::InvalidInput,
            "the client access URL must begin with ws:// or wss:// and name a host",
        ));
    }
    let subprotocol = Subprotocol::Json;
    let request = ConnectRequest::new(uri).with_subprotocol(subprotocol.as_str());
    let opened = connector.connect(request).await?;
    if opened.subprotocol.as_deref() != Some(subprotocol.as_str()) {
        return Err(Error::message(
            ErrorKind::Protocol,
            "the service did not take the subprotocol that was asked for",
        ));
    }
    Ok(opened)
}

const COMMAND_CAPACITY: usize = 64;
