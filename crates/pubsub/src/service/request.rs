//! Building a [`Call`] from an operation, and the `http::Request` of each attempt from it. Pure.

use std::fmt;
use std::sync::Arc;

use auth::Audience;
use bytes::Bytes;
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use transport::_internal::CLIENT_REQUEST_ID;
use transport::Body;
use transport::pipeline::Idempotency;

use super::Content;
use crate::generated::operations::{Operation, TokenAudience};
use crate::{Endpoint, Error, Result};

/// The address of requests, and the audience of their tokens.
#[derive(Clone, Debug)]
pub(super) struct Target {
    endpoint: Endpoint,
    /// The reverse proxy in front of the service, if any.
    proxy: Option<Endpoint>,
    /// The parts of the address that requests are sent to.
    scheme: Scheme,
    authority: Authority,
    prefix: String,
    /// The start of every query.
    version: String,
}

/// One call, from which the request of each attempt is built.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) operation: &'static Operation,
    uri: Uri,
    /// The audience of its token, if that is not the URL itself.
    audience: Option<Arc<str>>,
    content: Option<Content>,
}

impl Target {
    pub(super) fn new(endpoint: Endpoint, proxy: Option<Endpoint>, api_version: &str) -> Self {
        let (scheme, authority, prefix) = proxy.as_ref().unwrap_or(&endpoint).parts();
        Self {
            scheme,
            authority,
            prefix,
            version: format!("?api-version={api_version}"),
            endpoint,
            proxy,
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Starts a request of `operation`; `names` are the placeholders of its
    /// path with their values.
    pub(super) fn request(
        &self,
        operation: &'static Operation,
        names: &[(&'static str, &str)],
    ) -> Result<RequestBuilder<'_>> {
        let mut path_and_query = String::with_capacity(192);
        path_and_query.push_str(&self.prefix);
        let mut rest = operation.path;
        while let Some((before, after)) = rest.split_once('{') {
            path_and_query.push_str(before);
            let (placeholder, after) = after
                .split_once('}')
                .expect("the generated path closes its braces");
            let (argument, name) = names
                .iter()
                .find(|(name, _)| *name == placeholder)
                .expect("the method names every placeholder of its path");
            // RFC 3986 §5.2.4: intermediaries resolve these as path segments, escaped or not.
            if matches!(*name, "." | "..") {
                return Err(Error::invalid(
                    argument_name(argument),
                    "must not be . or .., which a path cannot contain",
                ));
            }
            path_and_query.extend(escape(name));
            rest = after;
        }
        path_and_query.push_str(rest);
        path_and_query.push_str(&self.version);
        Ok(RequestBuilder {
            target: self,
            operation,
            path_and_query,
            content: None,
        })
    }

    /// Returns the call for the page at `link`, a URL from the service.
    pub(super) fn page(&self, operation: &'static Operation, link: &str) -> Result<Call> {
        let foreign = || {
            Error::message(
                crate::ErrorKind::Protocol,
                "the service linked to a next page outside its own address",
            )
        };
        let uri: Uri = link.parse().map_err(|_| foreign())?;
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
        let (uri, audience) = match &self.proxy {
            // The link may use the address that the request was sent to, or the service's own.
            Some(proxy) if proxy.is_origin_of(&uri) => {
                let behind = link.get(proxy.as_str().len()..);
                let behind = behind.filter(|behind| behind.starts_with('/'));
                let audience = format!("{}{}", self.endpoint, behind.ok_or_else(foreign)?);
                (uri, audience)
            }
            Some(proxy) if self.endpoint.is_origin_of(&uri) => {
                let url = format!("{proxy}{path_and_query}");
                (url.try_into().map_err(|_| foreign())?, link.to_owned())
            }
            None if self.endpoint.is_origin_of(&uri) => (uri, link.to_owned()),
            _ => return Err(foreign()),
        };
        Ok(Call {
            operation,
            uri,
            audience: Some(audience.into()),
            content: None,
        })
    }
}

impl Call {
    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(super) fn class(&self) -> Idempotency {
        if self.operation.is_idempotent {
            Idempotency::Idempotent
        } else {
            Idempotency::NonIdempotent
        }
    }

    /// Returns the audience of its token: the URL at the service itself.
    pub(super) fn audience(&self) -> Audience {
        match &self.audience {
            Some(text) => Audience::verbatim(&**text),
            None => Audience::verbatim(self.uri.to_string()),
        }
    }

    /// Whether the two have the same token audience; both must have the same target.
    #[cfg(feature = "_hmac")]
    pub(super) fn has_audience_of(&self, other: &Self) -> bool {
        match (&self.audience, &other.audience) {
            // Both are sent to the address of the target.
            (None, None) => self.uri.path_and_query() == other.uri.path_and_query(),
            (audience, other) => audience == other,
        }
    }

    /// Returns the same call with this content.
    pub(super) fn with_content(&self, content: Content) -> Result<Self> {
        content.check()?;
        Ok(Self {
            content: Some(content),
            ..self.clone()
        })
    }

    /// Returns the same call without its content.
    pub(super) fn without_content(&self) -> Self {
        Self {
            content: None,
            ..self.clone()
        }
    }

    /// Returns a request with the id of its call, not yet authorized.
    pub(super) fn request(&self, id: HeaderValue) -> Request<Body> {
        let body = match &self.content {
            Some(content) => Body::from(content.bytes().clone()),
            None => Body::empty(),
        };
        let mut request = Request::new(body);
        *request.method_mut() = self.operation.method.clone();
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.reserve(USUAL_HEADERS);
        headers.insert(CLIENT_REQUEST_ID, id);
        if let Some(content) = &self.content {
            let media_type = HeaderValue::from_static(content.media_type());
            headers.insert(header::CONTENT_TYPE, media_type);
        }
        request
    }
}

// The URL and the content are the caller's, so they are not shown.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("operation", &self.operation.name)
            .finish_non_exhaustive()
    }
}

/// A builder for the request of one operation.
#[derive(Debug)]
#[must_use]
pub(super) struct RequestBuilder<'a> {
    target: &'a Target,
    operation: &'static Operation,
    /// The path and query of the address that it is sent to.
    path_and_query: String,
    content: Option<Content>,
}

impl RequestBuilder<'_> {
    pub(super) fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// Adds a query parameter; a repeated name is sent repeatedly.
    pub(super) fn query(mut self, name: &'static str, value: &str) -> Self {
        debug_assert!(
            self.operation.query.contains(&name),
            "{} takes no {name}",
            self.operation.name
        );
        self.path_and_query.push('&');
        self.path_and_query.push_str(name);
        self.path_and_query.push('=');
        self.path_and_query.extend(escape(value));
        self
    }

    /// Adds each of `values` under the same name.
    pub(super) fn query_each<'v>(
        self,
        name: &'static str,
        values: impl IntoIterator<Item = &'v str>,
    ) -> Self {
        values
            .into_iter()
            .fold(self, |request, value| request.query(name, value))
    }

    pub(super) fn content(mut self, content: Content) -> Result<Self> {
        content.check()?;
        self.content = Some(content);
        Ok(self)
    }

    pub(super) fn build(self) -> Result<Call> {
        let too_long = || Error::invalid("request", "must not have a URL over 64 KiB");
        let Self {
            target, operation, ..
        } = self;
        let audience = match (operation.audience, &target.proxy) {
            // With the query, as every official client signs it, although the service accepts both.
            (TokenAudience::RequestUrl, None) => None,
            (TokenAudience::RequestUrl, Some(_)) => {
                let path_and_query = &self.path_and_query[target.prefix.len()..];
                Some([target.endpoint.as_str(), path_and_query].concat().into())
            }
        };
        if target.authority.as_str().len() + self.path_and_query.len() > MAX_URL_LEN {
            return Err(too_long());
        }
        let path_and_query = Bytes::from(self.path_and_query);
        let path_and_query =
            PathAndQuery::from_maybe_shared(path_and_query).map_err(|_| too_long())?;
        let mut parts = Parts::default();
        parts.scheme = Some(target.scheme.clone());
        parts.authority = Some(target.authority.clone());
        parts.path_and_query = Some(path_and_query);
        Ok(Call {
            operation,
            uri: Uri::from_parts(parts).map_err(|_| too_long())?,
            audience,
            content: self.content,
        })
    }
}

/// Returns the name of a placeholder in the signatures of this crate.
fn argument_name(placeholder: &str) -> &'static str {
    match placeholder {
        "connectionId" => "connection_id",
        "userId" => "user_id",
        "group" => "group",
        _ => "name",
    }
}

fn escape(text: &str) -> percent_encoding::PercentEncode<'_> {
    utf8_percent_encode(text, ESCAPED)
}

/// Everything except the unreserved characters of RFC 3986 §2.3, as in the official clients.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Request id, content type, authorization, user agent, accept, host, content length; and one
/// more, since the library makes room before it looks whether it needs it.
const USUAL_HEADERS: usize = 8;
/// The limit of `http::Uri`, less the scheme.
const MAX_URL_LEN: usize = u16::MAX as usize - 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::operations as op;

    fn target(proxy: Option<&str>) -> Target {
        Target::new(
            "https://contoso.webpubsub.azure.com".parse().unwrap(),
            proxy.map(|proxy| proxy.parse().unwrap()),
            "2024-12-01",
        )
    }

    fn audience(call: &Call) -> String {
        call.audience().as_str().to_owned()
    }

    #[test]
    fn names_are_escaped_whole() {
        let target = target(None);
        let call = target
            .request(&op::SEND_TO_GROUP, &[("hub", "chat"), ("group", "g/1 ü%")])
            .unwrap()
            .query_each("excluded", ["a b", "c&d=e"])
            .content(Content::text("hi"))
            .unwrap()
            .build()
            .unwrap();
        let request = call.request(HeaderValue::from_static("7"));
        assert_eq!(
            request.uri().to_string(),
            "https://contoso.webpubsub.azure.com/api/hubs/chat/groups/g%2F1%20%C3%BC%25/:send\
             ?api-version=2024-12-01&excluded=a%20b&excluded=c%26d%3De"
        );
        assert_eq!(audience(&call), request.uri().to_string());
        assert_eq!(request.headers()[CLIENT_REQUEST_ID], "7");
        assert_eq!(request.headers()[header::CONTENT_TYPE], "text/plain");
        assert_eq!(request.body().as_bytes(), Some(&b"hi"[..]));
        assert_eq!(call.class(), Idempotency::NonIdempotent);
        assert!(!format!("{call:?}").contains("g%2F1"));
    }

    #[test]
    fn a_name_that_climbs_in_the_path_is_refused() {
        for name in [".", ".."] {
            let target = target(None);
            let error = target
                .request(&op::SEND_TO_USER, &[("hub", "chat"), ("userId", name)])
                .unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput);
            assert!(error.to_string().starts_with("user_id: "), "{error}");
        }
    }

    #[test]
    fn behind_a_proxy_the_audience_stays_the_services() {
        let call = target(Some("https://gateway.example/pubsub"))
            .request(&op::SERVICE_STATUS, &[])
            .unwrap()
            .build()
            .unwrap();
        assert_eq!(
            call.uri(),
            "https://gateway.example/pubsub/api/health?api-version=2024-12-01"
        );
        assert_eq!(
            audience(&call),
            "https://contoso.webpubsub.azure.com/api/health?api-version=2024-12-01"
        );
    }

    #[test]
    fn a_next_page_is_fetched_from_the_service_alone() {
        let own = "https://contoso.webpubsub.azure.com/api/x?continuationToken=a%2Fb";
        let page = |proxy, link| target(proxy).page(&op::LIST_CONNECTIONS_IN_GROUP, link);
        let call = page(None, own).unwrap();
        assert_eq!(call.uri(), own);
        assert_eq!(audience(&call), own);

        let proxy = Some("https://gateway.example/pubsub");
        for link in [
            own,
            "https://gateway.example/pubsub/api/x?continuationToken=a%2Fb",
        ] {
            let call = page(proxy, link).unwrap();
            assert_eq!(
                call.uri(),
                "https://gateway.example/pubsub/api/x?continuationToken=a%2Fb"
            );
            assert_eq!(audience(&call), own);
        }

        for (proxy, link) in [
            (None, "https://evil.example/api/x"),
            (None, "http://contoso.webpubsub.azure.com/api/x"),
            (None, "https://contoso.webpubsub.azure.com:444/api/x"),
            (None, "/api/x"),
            (None, ""),
            (None, "https://gateway.example/pubsub/api/x"),
            (proxy, "https://evil.example/pubsub/api/x"),
        ] {
            let error = page(proxy, link).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Protocol, "{link}");
        }
    }
}
