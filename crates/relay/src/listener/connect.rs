//! Opening the control channel: the token, then the socket. Shell.

use std::sync::Arc;
use std::time::Duration;

use auth::{Clock, Secret};
use http::Uri;
use transport::{
    Handshake, HandshakeRequest, Limits, SharedRuntime, SharedWebSocketConnector,
    WebSocketConnector,
};

use crate::header::{RELAY_USER_AGENT, SERVICE_BUS_AUTHORIZATION};
use crate::sign_in::{token_header, user_agent};
use crate::{Credential, Error, HybridConnection, Result};

/// The constant parts of a listener.
#[derive(Clone)]
pub(super) struct ListenerParts {
    pub(super) uri: Uri,
    pub(super) hybrid_connection: Arc<HybridConnection>,
    pub(super) credential: Credential,
    pub(super) connector: SharedWebSocketConnector,
    pub(super) clock: auth::SharedClock,
    pub(super) runtime: SharedRuntime,
    /// The keep-alive interval of accepted streams.
    pub(super) keep_alive: Option<Duration>,
}

/// A token and how long it is valid; `None` if none is required.
pub(super) type FetchedToken = Option<(Secret, Duration)>;

pub(super) async fn fetch(parts: ListenerParts) -> Result<FetchedToken> {
    let audience = parts.hybrid_connection.audience();
    let token = parts.credential.token(&audience).await?;
    Ok(token.map(|token| {
        let remaining = token
            .expires_on()
            .duration_since(parts.clock.now())
            .unwrap_or_default();
        (token.token().clone(), remaining)
    }))
}

pub(super) async fn dial(parts: ListenerParts, token: Option<Secret>) -> Result<Handshake> {
    let limits = Limits::default().with_max_message(MAX_COMMAND);
    let mut request = HandshakeRequest::new(parts.uri)
        .with_limits(limits)
        .with_header(RELAY_USER_AGENT, user_agent());
    if let Some(token) = token {
        request = request.with_header(SERVICE_BUS_AUTHORIZATION, token_header(&token)?);
    }
    parts.connector.connect(request).await.map_err(|error| {
        let error = Error::from(error);
        let audience = parts.hybrid_connection.audience();
        parts.credential.handle_refusal(&audience, &error);
        error.expecting(&audience)
    })
}

/// Commands and bodies on the control channel are at most 64 KiB; this leaves
/// room for a service that interprets this differently.
const MAX_COMMAND: usize = 1024 * 1024;
