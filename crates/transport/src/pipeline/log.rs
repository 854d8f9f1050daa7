//! Tracing of calls and attempts. Values that are not on an allow list are not shown.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, HeaderName, Request, Response, Uri};
use tracing::field::Empty;
use tracing::{Instrument, Span, debug, debug_span};

use super::{Next, Policy, TryNumber};
use crate::request_id::CLIENT_REQUEST_ID;
use crate::{Body, Result, SharedRuntime};

/// Opens a `tracing` span around a call or an attempt, and emits an event for the
/// request and one for its outcome.
///
/// [`per_call`](Self::per_call) belongs before the
/// [`RetryPolicy`](super::RetryPolicy) and opens the span `http_call`;
/// [`per_try`](Self::per_try) belongs after it, opens the span `http_try` with
/// the number of the attempt, and emits the events. Everything is at level `DEBUG`, with
/// these fields: `method`, `url`, `headers`, `status`, `elapsed`, `error`.
///
/// The log shows the scheme, host, port and path of a URL, the names of its query
/// parameters, and the names of headers. The values of parameters and headers
/// are shown if [`LogOptions`] lists them, and are `REDACTED` otherwise. Bodies
/// are shown only after [`LogOptions::with_bodies`].
#[derive(Clone, Debug)]
pub struct LogPolicy {
    scope: Scope,
    options: Arc<LogOptions>,
    runtime: SharedRuntime,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scope {
    Call,
    Try,
}

impl LogPolicy {
    /// Creates the policy for whole calls.
    pub fn per_call(options: LogOptions, runtime: SharedRuntime) -> Self {
        Self::new(Scope::Call, options, runtime)
    }

    /// Creates the policy for single attempts.
    pub fn per_try(options: LogOptions, runtime: SharedRuntime) -> Self {
        Self::new(Scope::Try, options, runtime)
    }

    fn new(scope: Scope, options: LogOptions, runtime: SharedRuntime) -> Self {
        Self {
            scope,
            options: Arc::new(options),
            runtime,
        }
    }

    fn span(&self, request: &Request<Body>) -> Span {
        match self.scope {
            Scope::Call => debug_span!(
                "http_call",
                method = %request.method(),
                url = %self.url(request.uri()),
                request_id = request_id(request.headers()),
                status = Empty,
            ),
            Scope::Try => {
                let number = request
                    .extensions()
                    .get()
                    .map_or(1, |number: &TryNumber| number.as_u32());
                debug_span!("http_try", number, status = Empty)
            }
        }
    }

    fn log_request(&self, request: &Request<Body>) {
        debug!(
            method = %request.method(),
            url = %self.url(request.uri()),
            headers = %self.headers(request.headers()),
            body_length = request.body().content_length(),
            body = self.options.bodies.and_then(|limit| {
                Some(display(Excerpt::new(request.body().as_bytes()?, limit)))
            }),
            "request"
        );
    }

    fn url<'a>(&'a self, uri: &'a Uri) -> Url<'a> {
        Url {
            uri,
            shown: &self.options.query,
        }
    }

    fn headers<'a>(&'a self, headers: &'a HeaderMap) -> Headers<'a> {
        Headers {
            headers,
            shown: &self.options.headers,
        }
    }
}

#[async_trait]
impl Policy for LogPolicy {
    async fn send(&self, request: Request<Body>, next: Next<'_>) -> Result<Response<Body>> {
        let span = self.span(&request);
        if span.is_disabled() {
            return next.send(request).await;
        }
        async {
            let begun = self.runtime.now();
            if self.scope == Scope::Try {
                self.log_request(&request);
            }
            let result = next.send(request).await;
            let elapsed = self.runtime.now().saturating_duration_since(begun);
            match result {
                Ok(response) => {
                    let status = response.status().as_u16();
                    Span::current().record("status", status);
                    if self.scope == Scope::Call {
                        debug!(status, ?elapsed, "call ended");
                        return Ok(response);
                    }
                    debug!(status, ?elapsed, headers = %self.headers(response.headers()), "response");
                    Ok(match self.options.bodies {
                        Some(limit) => response.map(|body| LoggedBody::wrap(body, limit)),
                        None => response,
                    })
                }
                Err(error) => {
                    debug!(kind = ?error.kind(), %error, ?elapsed, "no response");
                    Err(error)
                }
            }
        }
        .instrument(span)
        .await
    }
}

/// The options of a [`LogPolicy`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LogOptions {
    /// The headers whose values are shown. Default: those that neither
    /// identify nor authorize: `content-length`, `content-type`, `date`,
    /// `retry-after`, `server`, `user-agent`, `x-ms-client-request-id` and the like.
    pub headers: Vec<HeaderName>,
    /// The query parameters whose values are shown, case-sensitive. Default: `api-version`.
    pub query: Vec<String>,
    /// The number of bytes of each body that are shown. Default: `None`, which shows none.
    pub bodies: Option<usize>,
}

impl LogOptions {
    /// Shows the values of an additional header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName) -> Self {
        self.headers.push(name);
        self
    }

    /// Shows the values of an additional query parameter.
    #[must_use]
    pub fn with_query(mut self, name: impl Into<String>) -> Self {
        self.query.push(name.into());
        self
    }

    /// Shows up to `max_bytes` of each body. The log then contains payloads, including
    /// any secrets in them. A streamed request body is never shown; a
    /// response body is shown once it has been read or dropped.
    #[must_use]
    pub fn with_bodies(mut self, max_bytes: usize) -> Self {
        self.bodies = Some(max_bytes);
        self
    }
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            headers: SHOWN_HEADERS.map(HeaderName::from_static).into(),
            query: SHOWN_PARAMETERS.map(str::to_owned).into(),
            bodies: None,
        }
    }
}

/// A URL without its potential secrets: user information, parameter values, and the fragment.
struct Url<'a> {
    uri: &'a Uri,
    shown: &'a [String],
}

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(scheme), Some(host)) = (self.uri.scheme_str(), self.uri.host()) {
            write!(f, "{scheme}://{host}")?;
            if let Some(port) = self.uri.port_u16() {
                write!(f, ":{port}")?;
            }
        }
        f.write_str(self.uri.path())?;
        let Some(query) = self.uri.query() else {
            return Ok(());
        };
        for (index, parameter) in query.split('&').enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            match parameter.split_once('=') {
                Some((name, value)) if self.shown.iter().any(|shown| shown == name) => {
                    write!(f, "{name}={value}")?;
                }
                Some((name, _)) => write!(f, "{name}={REDACTED}")?,
                // A parameter without a name consists of its value only.
                None => f.write_str(REDACTED)?,
            }
        }
        Ok(())
    }
}

/// Headers as `name: value`, on one line.
struct Headers<'a> {
    headers: &'a HeaderMap,
    shown: &'a [HeaderName],
}

impl fmt::Display for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.headers.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let value = match value.to_str() {
                Ok(value) if self.shown.contains(name) && !self.is_sensitive(name) => value,
                _ => REDACTED,
            };
            write!(f, "{separator}{name}: {value}")?;
        }
        Ok(())
    }
}

impl Headers<'_> {
    /// Whether any value of the header is marked as sensitive, which overrides the allow list.
    fn is_sensitive(&self, name: &HeaderName) -> bool {
        self.headers
            .get_all(name)
            .iter()
            .any(|value| value.is_sensitive())
    }
}

/// The beginning of a body; everything except ASCII text is escaped.
struct Excerpt<'a> {
    beginning: &'a [u8],
    /// The length of the body, or of the part that was read.
    length: usize,
}

impl<'a> Excerpt<'a> {
    fn new(bytes: &'a [u8], limit: usize) -> Self {
        Self {
            beginning: &bytes[..bytes.len().min(limit)],
            length: bytes.len(),
        }
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.beginning.escape_ascii())?;
        match self.length - self.beginning.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more bytes"),
        }
    }
}

/// A response body whose beginning is logged once the body has been read or dropped.
struct LoggedBody {
    body: Body,
    beginning: Vec<u8>,
    length: usize,
    limit: usize,
    span: Span,
}

impl LoggedBody {
    fn wrap(body: Body, limit: usize) -> Body {
        if body.is_empty() {
            return body;
        }
        let length = body.content_length();
        let overheard = Self {
            body,
            beginning: Vec::new(),
            length: 0,
            limit,
            span: Span::current(),
        };
        Body::from_stream(overheard, length)
    }
}

impl Stream for LoggedBody {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.body).poll_next(cx);
        if let Poll::Ready(Some(Ok(chunk))) = &next {
            self.length += chunk.len();
            let room = self.limit.saturating_sub(self.beginning.len());
            self.beginning
                .extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        next
    }
}

impl Drop for LoggedBody {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        let body = Excerpt {
            beginning: &self.beginning,
            length: self.length,
        };
        debug!(%body, "response body");
    }
}

fn request_id(headers: &HeaderMap) -> Option<&str> {
    headers.get(CLIENT_REQUEST_ID)?.to_str().ok()
}

const REDACTED: &str = "REDACTED";
/// Headers that describe a message's framing or identify its call.
const SHOWN_HEADERS: [&str; 18] = [
    "accept",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expires",
    "last-modified",
    "retry-after",
    "retry-after-ms",
    "server",
    "traceparent",
    "transfer-encoding",
    "user-agent",
    "x-ms-client-request-id",
    "x-ms-request-id",
    "x-ms-retry-after-ms",
];
const SHOWN_PARAMETERS: [&str; 1] = ["api-version"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_may_be_secret() {
        let options = LogOptions::default();
        for (uri, shown) in [
            (
                "https://h.example/a?api-version=1&token=s",
                "https://h.example/a?api-version=1&token=REDACTED",
            ),
            ("https://u:p@h.example:8443/a", "https://h.example:8443/a"),
            ("https://h.example/?s3cret", "https://h.example/?REDACTED"),
            (
                "https://h.example/?a=b=c&=x&API-VERSION=1",
                "https://h.example/?a=REDACTED&=REDACTED&API-VERSION=REDACTED",
            ),
            ("/origin?x=y", "/origin?x=REDACTED"),
        ] {
            let uri: Uri = uri.parse().unwrap();
            let url = Url {
                uri: &uri,
                shown: &options.query,
            };
            assert_eq!(url.to_string(), shown);
        }
    }

    #[test]
    fn headers_are_shown_by_list_and_never_against_a_mark() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "text/plain".parse().unwrap());
        headers.insert("authorization", "Bearer s3cret".parse().unwrap());
        headers.append("date", "today".parse().unwrap());
        let mut marked: http::HeaderValue = "s3cret".parse().unwrap();
        marked.set_sensitive(true);
        headers.append("date", marked);
        let options = LogOptions::default();
        let shown = Headers {
            headers: &headers,
            shown: &options.headers,
        }
        .to_string();
        assert_eq!(
            shown,
            "content-type: text/plain, authorization: REDACTED, date: REDACTED, date: REDACTED"
        );
    }

    #[test]
    fn a_long_body_is_cut() {
        assert_eq!(Excerpt::new(b"a\nb", 10).to_string(), "a\\nb");
        assert_eq!(
            Excerpt::new(b"abcdef", 2).to_string(),
            "ab and 4 more bytes"
        );
        assert_eq!(Excerpt::new(b"abcdef", 0).to_string(), " and 6 more bytes");
    }
}
