//! The server side of the opening handshake (RFC 6455 §4.2).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header,
};
use hyper::upgrade::OnUpgrade;

use super::client::exchange_error;
use super::{VERSION, has_token, key, list, reserved_header};
use crate::net::server::upgraded::UpgradedStream;
use crate::net::websocket;
use crate::token::is_token;
use crate::{Body, Error, ErrorKind, Limits, Result, WebSocket};

/// A valid request to open a WebSocket that has not been answered yet.
///
/// To refuse it, drop this and answer the request with any other status.
///
/// ```
/// use azwire_transport::net::{UpgradeOptions, Upgrade};
/// use azwire_transport::{Body, Result, SharedRuntime};
/// use futures_util::StreamExt;
/// use http::{Request, Response};
///
/// fn answer(runtime: &SharedRuntime, mut request: Request<Body>) -> Result<Response<Body>> {
///     let upgrade = match Upgrade::from_request(&mut request) {
///         Ok(upgrade) => upgrade,
///         Err(error) => return Ok(error.to_response()),
///     };
///     let (response, accepted) = upgrade.accept(UpgradeOptions::default())?;
///     runtime.spawn(Box::pin(async move {
///         let Ok(mut socket) = accepted.await else { return };
///         while let Some(Ok(message)) = socket.next().await {
///             println!("{message:?}");
///         }
///     }));
///     Ok(response)
/// }
///
/// // An ordinary request is answered with 426.
/// let response = answer(&SharedRuntime::default(), Request::new(Body::empty()))?;
/// assert_eq!(response.status(), 426);
/// # azwire_transport::Result::<()>::Ok(())
/// ```
#[derive(Debug)]
pub struct Upgrade {
    accept: HeaderValue,
    offered: Vec<String>,
    on_upgrade: OnUpgrade,
}

impl Upgrade {
    /// Checks `request` and takes from it what a response needs.
    ///
    /// The request must come from [`Server`](crate::net::Server), which put the
    /// connection into its extensions; the first call removes it.
    ///
    /// # Errors
    ///
    /// The rule of RFC 6455 §4.2.1 that the request breaks, which determines the status to
    /// answer with ([`UpgradeError::status`]).
    pub fn from_request<B>(request: &mut Request<B>) -> Result<Self, UpgradeError> {
        let accept = check_request(request.method(), request.version(), request.headers())?;
        let offered = list(request.headers(), &header::SEC_WEBSOCKET_PROTOCOL)
            .map(str::to_owned)
            .collect();
        let on_upgrade = request
            .extensions_mut()
            .remove::<OnUpgrade>()
            .ok_or(UpgradeError::Unavailable)?;
        Ok(Self {
            accept,
            offered,
            on_upgrade,
        })
    }

    /// Returns the subprotocols that the client offers, the preferred one first.
    pub fn subprotocols(&self) -> &[String] {
        &self.offered
    }

    /// Creates the 101 response and the future of the socket.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput): the subprotocol was not
    /// offered, or a header is one that the handshake sets itself.
    pub fn accept(self, options: UpgradeOptions) -> Result<(Response<Body>, Accepted)> {
        if let Some(name) = reserved_header(&options.headers) {
            return Err(Error::message(
                ErrorKind::InvalidInput,
                format!("the header {name} is reserved for the opening handshake"),
            ));
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = options.headers;
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept);
        if let Some(name) = options.subprotocol {
            let chosen = HeaderValue::try_from(&name)
                .ok()
                .filter(|_| self.offered.contains(&name) && is_token(&name))
                .ok_or_else(|| {
                    Error::message(ErrorKind::InvalidInput, "the subprotocol was not offered")
                })?;
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, chosen);
        }
        let accepted = Accepted {
            on_upgrade: self.on_upgrade,
            limits: options.limits,
            half_close: options.half_close,
        };
        Ok((response, accepted))
    }
}

/// The future of an accepted socket.
///
/// It completes once the response has been written, and must run in a separate
/// task: the response is written only after the handler has returned it. It fails
/// with [`Closed`](ErrorKind::Closed) if the connection ends before that. Dropping it
/// drops the connection.
#[derive(Debug)]
#[must_use = "dropping it drops the connection"]
pub struct Accepted {
    on_upgrade: OnUpgrade,
    limits: Limits,
    half_close: bool,
}

impl Future for Accepted {
    type Output = Result<Box<dyn WebSocket>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let upgraded = ready!(Pin::new(&mut self.on_upgrade).poll(cx)).map_err(exchange_error)?;
        Poll::Ready(Ok(websocket::server(
            UpgradedStream::new(upgraded),
            self.limits,
            self.half_close,
        )))
    }
}

/// The options of an accepted WebSocket.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct UpgradeOptions {
    /// The subprotocol to select, one of those offered. Default: none.
    pub subprotocol: Option<String>,
    /// The additional headers of the 101 response.
    pub headers: HeaderMap,
    /// The limits of the socket.
    pub limits: Limits,
    /// Whether a close frame from the peer ends only the peer's direction; see [`HandshakeRequest::with_half_close`](crate::HandshakeRequest::with_half_close). Default: `false`.
    pub half_close: bool,
}

impl UpgradeOptions {
    /// Selects a subprotocol.
    #[must_use]
    pub fn with_subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocol = Some(name.into());
        self
    }

    /// Adds a header to the 101 response.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Makes a close frame from the peer end only the peer's direction, like
    /// [`HandshakeRequest::with_half_close`](crate::HandshakeRequest::with_half_close). Default: off.
    #[must_use]
    pub fn with_half_close(mut self, half_close: bool) -> Self {
        self.half_close = half_close;
        self
    }
}

/// Why a request does not open a WebSocket (RFC 6455 §4.2.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// `Connection` lacks `Upgrade`.
    #[error("the header connection lacks upgrade")]
    Connection,
    /// The request is not HTTP/1.1.
    #[error("the request is not HTTP/1.1")]
    HttpVersion,
    /// `Sec-WebSocket-Key` is missing, repeated, or not 16 bytes in base64.
    #[error("sec-websocket-key is not 16 bytes in base64")]
    Key,
    /// The method is not GET.
    #[error("the method is not GET")]
    Method,
    /// The connection cannot be taken over: it already was, or the
    /// request does not come from this crate's server.
    #[error("the connection cannot be upgraded")]
    Unavailable,
    /// `Upgrade` lacks `websocket`: it is an ordinary request.
    #[error("the header upgrade lacks websocket")]
    Upgrade,
    /// `Sec-WebSocket-Version` is not 13.
    #[error("sec-websocket-version is not 13")]
    Version,
}

impl UpgradeError {
    /// Returns the status to answer with: 426 for another version of the protocol (RFC 6455 §4.4) and for
    /// a request without the upgrade, 405 for another method, 400 for an invalid request.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Connection | Self::HttpVersion | Self::Key => StatusCode::BAD_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unavailable => StatusCode::NOT_IMPLEMENTED,
            Self::Upgrade | Self::Version => StatusCode::UPGRADE_REQUIRED,
        }
    }

    /// Returns the complete response, with the headers that its status requires.
    pub fn to_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.to_string()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        match self.status() {
            StatusCode::UPGRADE_REQUIRED => {
                // RFC 9110 §15.5.22 and RFC 6455 §4.4.
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
                headers.insert(
                    header::SEC_WEBSOCKET_VERSION,
                    HeaderValue::from_static(VERSION),
                );
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET"));
            }
            _ => {}
        }
        response
    }
}

/// Checks the head of an opening request and returns its
/// `Sec-WebSocket-Accept` value (RFC 6455 §4.2.1). Pure.
fn check_request(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> Result<HeaderValue, UpgradeError> {
    if !has_token(headers, &header::UPGRADE, "websocket") {
        return Err(UpgradeError::Upgrade);
    }
    if method != Method::GET {
        return Err(UpgradeError::Method);
    }
    if version != Version::HTTP_11 {
        return Err(UpgradeError::HttpVersion);
    }
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        return Err(UpgradeError::Connection);
    }
    if !list(headers, &header::SEC_WEBSOCKET_VERSION).eq([VERSION]) {
        return Err(UpgradeError::Version);
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(UpgradeError::Key);
    };
    let key = key
        .to_str()
        .map_err(|_| UpgradeError::Key)?
        .trim_matches([' ', '\t']);
    if STANDARD.decode(key).map_err(|_| UpgradeError::Key)?.len() != 16 {
        return Err(UpgradeError::Key);
    }
    HeaderValue::try_from(key::accept_value(key)).map_err(|_| UpgradeError::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The opening request of RFC 6455 §1.3 with one header changed.
    fn check(change: impl FnOnce(&mut HeaderMap)) -> Result<HeaderValue, UpgradeError> {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (header::HOST, "server.example.com"),
            (header::UPGRADE, "websocket"),
            (header::CONNECTION, "Upgrade"),
            (header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
            (header::SEC_WEBSOCKET_VERSION, "13"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        change(&mut headers);
        check_request(&Method::GET, Version::HTTP_11, &headers)
    }

    fn set(name: HeaderName, value: &'static str) -> Result<HeaderValue, UpgradeError> {
        check(|headers| {
            headers.insert(name, HeaderValue::from_static(value));
        })
    }

    #[test]
    fn the_opening_of_the_rfc_is_accepted() {
        assert_eq!(check(|_| {}).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        // RFC 6455 §4.2.1, 3 and 4: tokens are compared ignoring case, and others may be present.
        assert!(set(header::UPGRADE, "h2c, WebSocket").is_ok());
        assert!(set(header::CONNECTION, "keep-alive, UPGRADE").is_ok());
    }

    #[test]
    fn each_broken_rule_is_named() {
        use UpgradeError::{Connection, Key, Upgrade, Version};
        for (name, value, error) in [
            (header::UPGRADE, "h2c", Upgrade),
            (header::CONNECTION, "close", Connection),
            (header::SEC_WEBSOCKET_VERSION, "8", Version),
            (header::SEC_WEBSOCKET_VERSION, "13, 8", Version),
            (header::SEC_WEBSOCKET_VERSION, "", Version),
            (header::SEC_WEBSOCKET_KEY, "", Key),
            (header::SEC_WEBSOCKET_KEY, "c2hvcnQ=", Key),
            (header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ", Key),
            (
                header::SEC_WEBSOCKET_KEY,
                "dGhlIHNhbXBsZSBub25jZWFhYQ==",
                Key,
            ),
        ] {
            assert_eq!(set(name.clone(), value), Err(error), "{name}: {value}");
            if error != Version && error != Key {
                assert_eq!(check(|headers| drop(headers.remove(&name))), Err(error));
            }
        }
        let twice = check(|headers| {
            let value = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
            headers.append(header::SEC_WEBSOCKET_KEY, value);
        });
        assert_eq!(twice, Err(Key));
    }

    #[test]
    fn method_and_version_of_http_are_checked() {
        let mut headers = HeaderMap::new();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        for (method, version, error) in [
            (Method::POST, Version::HTTP_11, UpgradeError::Method),
            (Method::GET, Version::HTTP_10, UpgradeError::HttpVersion),
            (Method::GET, Version::HTTP_2, UpgradeError::HttpVersion),
        ] {
            assert_eq!(check_request(&method, version, &headers), Err(error));
        }
    }

    #[test]
    fn answers_tell_what_would_be_right() {
        let response = UpgradeError::Version.to_response();
        assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
        assert_eq!(response.headers()[header::SEC_WEBSOCKET_VERSION], "13");
        assert_eq!(response.headers()[header::UPGRADE], "websocket");
        let response = UpgradeError::Method.to_response();
        assert_eq!(response.headers()[header::ALLOW], "GET");
    }
}
