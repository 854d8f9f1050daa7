//! WebSockets through the relay.

use std::fmt;

use http::{HeaderName, HeaderValue};
use tracing::Instrument as _;
use transport::{HandshakeRequest, Limits, WebSocketConnector};
use uuid::Uuid;

use super::Sender;
use super::request::check_head;
use crate::address::query::ACTION;
use crate::header::{RELAY_USER_AGENT, SERVICE_BUS_AUTHORIZATION, join_cookies};
use crate::sign_in::{token_header, user_agent};
use crate::{Error, RelayStream, Result};

/// The options of a sender's connection.
#[derive(Clone)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// Continues the path of the hybrid connection, slashes included; must not contain `..`.
    pub path_suffix: String,
    /// The application's own query, without `?`.
    pub query: String,
    /// The additional headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The subprotocols to offer, the preferred one first.
    pub subprotocols: Vec<String>,
    /// The limits of the stream's socket.
    pub limits: Limits,
}

impl ConnectOptions {
    /// Continues the path of the hybrid connection. A suffix that does not begin with a slash
    /// gets one; otherwise it is unchanged. A segment `..` is refused.
    #[must_use]
    pub fn with_path_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.path_suffix = suffix.into();
        self
    }

    /// Sets the application's own query, without `?`.
    #[must_use]
    pub fn with_query(mut self, query: impl Into<String>) -> Self {
        self.query = query.into();
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Offers a subprotocol, after those already offered.
    #[must_use]
    pub fn with_subprotocol(mut self, name: impl Into<String>) -> Self {
        self.subprotocols.push(name.into());
        self
    }

    /// Sets the limits of the stream's socket; default: [`RelayStream::default_limits`]. The
    /// service does not limit the size of a message; the default limit is 64 MiB.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            path_suffix: String::new(),
            query: String::new(),
            headers: Vec::new(),
            subprotocols: Vec::new(),
            limits: RelayStream::default_limits(),
        }
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Query and headers belong to the application and may be secret.
        f.debug_struct("ConnectOptions")
            .field("path_suffix", &self.path_suffix)
            .field("subprotocols", &self.subprotocols)
            .finish_non_exhaustive()
    }
}

pub(super) async fn open(sender: &Sender, options: ConnectOptions) -> Result<RelayStream> {
    let id = Uuid::new_v4().to_string();
    let own = &sender.hybrid_connection;
    let span = tracing::debug_span!(
        "relay",
        operation = "connect",
        hybrid_connection = %own,
        tracking_id = id
    );
    async {
        let uri = own.connect_uri(&options.path_suffix, &options.query, &id)?;
        let mut request = HandshakeRequest::new(uri)
            .with_half_close(true)
            .with_limits(options.limits)
            .with_header(RELAY_USER_AGENT, user_agent());
        for (name, value) in options.headers {
            request = request.with_header(name, value);
        }
        join_cookies(&mut request.headers);
        for subprotocol in options.subprotocols {
            request = request.with_subprotocol(subprotocol);
        }
        // The relay's own parameters come last and are not passed on to the listener.
        let target = request.uri.path_and_query().map_or("", |target| {
            let target = target.as_str();
            target.rsplit_once(ACTION).map_or(target, |(own, _)| own)
        });
        let target = target.trim_start_matches("/$hc");
        check_head("GET", target.trim_end_matches(['?', '&']), &request.headers)?;
        if let Some(token) = sender.token().await? {
            request
                .headers
                .insert(SERVICE_BUS_AUTHORIZATION, token_header(&token)?);
        }
        let opened = match sender.connector.connect(request).await {
            Ok(opened) => opened,
            Err(error) => return Err(sender.refused(Error::of_sender(error))),
        };
        tracing::debug!("connected");
        Ok(RelayStream::kept_alive(
            opened,
            &sender.runtime,
            sender.keep_alive,
            &id,
        ))
    }
    .instrument(span)
    .await
}
