//! Senders' WebSockets as upgrade requests to the site. Shell.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::uri::Authority;
use http::{HeaderValue, StatusCode, Uri, header};
use relay::_internal::carry;
use relay::{AcceptOptions, IncomingConnection, Listener, RelayStream, Result};
use transport::_internal::{lock, within};
use transport::net::open_websocket;
use transport::{ErrorKind, Handshake, HandshakeRequest};

use super::ReverseProxy;
use super::answer::Failure;
use super::head::{Seen, forward_request_head, remove_handshake};

impl ReverseProxy {
    /// Serves senders' WebSockets until the listener has ended:
    /// [`serve_websocket`](Self::serve_websocket) for each, in a task of its own.
    ///
    /// At most [`with_max_websockets`](Self::with_max_websockets) are open at once;
    /// further senders get 503. WebSockets that are open when the listener ends stay open.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no sender. Open WebSockets stay open.
    pub async fn serve_websockets(&self, listener: &mut Listener) {
        while let Some(incoming) = listener.accept().await {
            if let Some(serving) = self.admit(incoming) {
                self.runtime.spawn(serving);
            }
        }
    }

    /// Returns what serves a sender's WebSocket, or rejects it if too many are open.
    pub(crate) fn admit(&self, incoming: IncomingConnection) -> Option<BoxFuture<'static, ()>> {
        let tracking_id = incoming.tracking_id().to_owned();
        let Ok(permit) = Arc::clone(&self.websockets).try_acquire_owned() else {
            // Dropped, and so rejected.
            if let Some(count) = lock(&self.rejected).strike(self.runtime.now()) {
                tracing::warn!(count, tracking_id, "WebSockets rejected: too many are open");
            }
            return None;
        };
        let proxy = self.clone();
        Some(Box::pin(async move {
            if let Err(error) = proxy.serve_websocket(incoming).await {
                let error = &error as &dyn StdError;
                tracing::debug!(tracking_id, error, "a WebSocket ended early");
            }
            drop(permit);
        }))
    }

    /// Passes a sender's WebSocket on to the target, until it has ended.
    ///
    /// # Errors
    ///
    /// Those of [`IncomingConnection::accept`] and [`IncomingConnection::reject`];
    /// [`ConnectionLost`](relay::ErrorKind::ConnectionLost) if the sender disappears
    /// without a close frame; [`TooLarge`](relay::ErrorKind::TooLarge). `Ok` means that
    /// the WebSocket has ended, or that the sender was told that it cannot be opened.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the sender's WebSocket and that of the target.
    pub async fn serve_websocket(&self, incoming: IncomingConnection) -> Result<()> {
        let tracking_id = incoming.tracking_id();
        let opened = within(&self.runtime, UPGRADE_TIMEOUT, self.upgrade(&incoming)).await;
        let opened = match opened.unwrap_or(Err(Rejection::Failed(Failure::Late, None))) {
            Ok(opened) => opened,
            Err(Rejection::Answered(status, reason)) => {
                tracing::debug!(
                    tracking_id,
                    status = status.as_u16(),
                    "the target rejects a WebSocket"
                );
                return incoming.reject(status, &reason).await;
            }
            Err(Rejection::Failed(failure, error)) => {
                tracing::warn!(
                    tracking_id,
                    target = %self.target.authority(),
                    status = failure.status().as_u16(),
                    error = error.as_ref().map(|error| error as &dyn StdError),
                    "the target did not open a WebSocket"
                );
                return incoming.reject(failure.status(), failure.text()).await;
            }
        };
        let options = match opened.subprotocol {
            Some(name) => AcceptOptions::default().with_subprotocol(name),
            None => AcceptOptions::default().without_subprotocol(),
        };
        let stream = incoming.accept_with(options).await?;
        carry(&self.runtime, stream, opened.socket).await
    }

    /// Opens a WebSocket at the target.
    async fn upgrade(
        &self,
        incoming: &IncomingConnection,
    ) -> std::result::Result<Handshake, Rejection> {
        let (prefix, relative) = self.split_path(incoming.path(), incoming.relative_path());
        let uri = self
            .target
            .uri(relative, incoming.uri().query())
            .map_err(|_| Rejection::Failed(Failure::Path, None))?;
        let mut headers = incoming.headers().clone();
        let host = headers.get(header::HOST).cloned().or_else(|| {
            let authority = incoming.uri().authority()?;
            HeaderValue::from_str(authority.as_str()).ok()
        });
        let endpoint = incoming.remote_endpoint();
        let seen = Seen {
            address: endpoint.map(|endpoint| endpoint.address.as_str()),
            host: host.as_ref(),
            prefix,
        };
        forward_request_head(&mut headers, seen, self.rules);
        remove_handshake(&mut headers);
        let host = host.filter(|_| self.rules.preserves_host);
        let address =
            websocket_uri(&uri, host.as_ref()).ok_or(Rejection::Failed(Failure::Request, None))?;
        let mut request = HandshakeRequest::new(address)
            .with_half_close(true)
            .with_limits(RelayStream::default_limits());
        request.headers = headers;
        for name in incoming.subprotocols() {
            // What is offered twice is offered.
            if !request.subprotocols.iter().any(|other| other == name) {
                request = request.with_subprotocol(name);
            }
        }
        let connection = self.connector.connect(&uri).await.map_err(Rejection::of)?;
        let opening = open_websocket(connection, request, &self.runtime);
        opening.await.map_err(|error| match error.kind() {
            ErrorKind::InvalidInput => Rejection::Failed(Failure::Request, Some(error)),
            _ => Rejection::of(error),
        })
    }
}

/// What the sender is told instead.
enum Rejection {
    /// The target's own words.
    Answered(StatusCode, String),
    Failed(Failure, Option<transport::Error>),
}

impl Rejection {
    fn of(error: transport::Error) -> Self {
        if let Some(rejection) = error.rejection() {
            let status = rejection.status;
            if status.is_client_error() || status.is_server_error() {
                let reason = rejection.reason.replace(char::is_control, " ");
                return Self::Answered(status, reason);
            }
            return Self::Failed(Failure::NoWebSocket, Some(error));
        }
        Self::Failed(Failure::of(&error), Some(error))
    }
}

/// Returns the address of the opening request, from which it takes the path and `Host`:
/// that of the target, or `host`.
fn websocket_uri(target: &Uri, host: Option<&HeaderValue>) -> Option<Uri> {
    let scheme = if target.scheme_str() == Some("https") {
        "wss"
    } else {
        "ws"
    };
    let authority = match host {
        // Nothing but a host: what follows one in a text, such as a path, would be the target's.
        Some(host) => Authority::try_from(host.as_bytes()).ok()?,
        None => target.authority()?.clone(),
    };
    if authority.as_str().contains('@') {
        return None;
    }
    let path = target.path_and_query()?;
    format!("{scheme}://{authority}{path}").parse().ok()
}

/// Of the 30 s for which a sender waits.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_nothing_but_a_host() {
        let target: Uri = "http://localhost:81/base/chat?a=1".parse().unwrap();
        let address = |host: Option<&'static str>| {
            let host = host.map(HeaderValue::from_static);
            websocket_uri(&target, host.as_ref()).map(|uri| uri.to_string())
        };
        for (host, expected) in [
            (None, "ws://localhost:81/base/chat?a=1"),
            (Some("shop.example"), "ws://shop.example/base/chat?a=1"),
            (Some("[::1]:8443"), "ws://[::1]:8443/base/chat?a=1"),
        ] {
            assert_eq!(address(host).as_deref(), Some(expected));
        }
        for host in [
            "shop.example/../admin",
            "shop.example/admin?",
            "shop.example?a",
            "shop.example#",
            "ann@shop.example",
            "shop example",
            "",
        ] {
            assert_eq!(address(Some(host)), None, "{host}");
        }
        let secure: Uri = "https://site.example/".parse().unwrap();
        let uri = websocket_uri(&secure, None).unwrap();
        assert_eq!(uri, "wss://site.example/");
    }
}
