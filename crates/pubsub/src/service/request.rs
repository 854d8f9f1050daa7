//! From an operation to an `http::Request`. Pure.

use auth::Audience;
use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use transport::Body;
use transport::pipeline::Idempotency;

use super::Content;
use crate::generated::operations::{Operation, TokenAudience};
use crate::{Endpoint, Error, Result};

/// Where requests go, and for whom they are signed.
#[derive(Clone, Debug)]
pub(super) struct Target {
    endpoint: Endpoint,
    /// What stands before the service, if anything does.
    proxy: Option<Endpoint>,
    api_version: String,
}

/// What a request is, as an extension of it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) operation: &'static Operation,
    /// What its token is for.
    pub(super) audience: Audience,
}

impl Target {
    pub(super) fn new(endpoint: Endpoint, proxy: Option<Endpoint>, api_version: String) -> Self {
        Self {
            endpoint,
            proxy,
            api_version,
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Begins a request of `operation`; `names` are the placeholders of its
    /// path with what stands for them.
    pub(super) fn request(
        &self,
        operation: &'static Operation,
        names: &[(&'static str, &str)],
    ) -> Result<RequestBuilder<'_>> {
        let mut path_and_query = String::with_capacity(128);
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
            // RFC 3986 §5.2.4: on the way these would climb in the path, escaped or not.
            if matches!(*name, "." | "..") {
                return Err(Error::invalid(
                    argument_name(argument),
                    "must not be . or .., which cannot stand in a path",
                ));
            }
            path_and_query.extend(escape(name));
            rest = after;
        }
        path_and_query.push_str(rest);
        path_and_query.push_str("?api-version=");
        path_and_query.push_str(&self.api_version);
        Ok(RequestBuilder {
            target: self,
            operation,
            path_and_query,
            body: None,
        })
    }

    /// The request for the page behind `link`, an address that the service gave.
    pub(super) fn page(&self, operation: &'static Operation, link: &str) -> Result<Request<Body>> {
        let foreign = || {
            Error::message(
                crate::ErrorKind::Protocol,
                "the service named a next page that is not its own",
            )
        };
        let uri: Uri = link.parse().map_err(|_| foreign())?;
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
        let (uri, audience) = match &self.proxy {
            // The link may be written with the address that the service was asked at, or with its own.
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
        Ok(finish(operation, uri, Audience::verbatim(audience), None))
    }
}

/// A request of one operation that is being put together.
#[derive(Debug)]
#[must_use]
pub(super) struct RequestBuilder<'a> {
    target: &'a Target,
    operation: &'static Operation,
    path_and_query: String,
    body: Option<(&'static str, Bytes)>,
}

impl RequestBuilder<'_> {
    pub(super) fn operation(&self) -> &'static Operation {
        self.operation
    }

    /// Adds a query parameter; a repeated one is sent repeatedly.
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

    pub(super) fn content(mut self, content: &Content) -> Result<Self> {
        content.check()?;
        self.body = Some((content.media_type(), content.bytes().clone()));
        Ok(self)
    }

    pub(super) fn build(self) -> Result<Request<Body>> {
        let path_and_query = &self.path_and_query;
        let sent_to = self.target.proxy.as_ref().unwrap_or(&self.target.endpoint);
        let url = |endpoint: &Endpoint| [endpoint.as_str(), path_and_query].concat();
        let sent_to = url(sent_to);
        let audience = match (self.operation.audience, &self.target.proxy) {
            // With its query: what every official client signs, though the service takes both.
            (TokenAudience::RequestUrl, None) => Audience::verbatim(&sent_to),
            (TokenAudience::RequestUrl, Some(_)) => Audience::verbatim(url(&self.target.endpoint)),
        };
        let too_long = |_| Error::invalid("request", "must not have a URL over 64 KiB");
        let uri: Uri = sent_to.try_into().map_err(too_long)?;
        Ok(finish(self.operation, uri, audience, self.body))
    }
}

fn finish(
    operation: &'static Operation,
    uri: Uri,
    audience: Audience,
    body: Option<(&'static str, Bytes)>,
) -> Request<Body> {
    let (media_type, body) = body.map_or_else(
        || (None, Body::empty()),
        |(media_type, bytes)| (Some(media_type), Body::from(bytes)),
    );
    let mut request = Request::new(body);
    *request.method_mut() = operation.method.clone();
    *request.uri_mut() = uri;
    if let Some(media_type) = media_type {
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    let extensions = request.extensions_mut();
    extensions.insert(Call {
        operation,
        audience,
    });
    extensions.insert(if operation.is_idempotent {
        Idempotency::Idempotent
    } else {
        Idempotency::NonIdempotent
    });
    request
}

/// A placeholder's name in the signatures of this crate.
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

/// Everything but the unreserved characters of RFC 3986 §2.3, as the official clients escape.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::operations as op;

    fn target(proxy: Option<&str>) -> Target {
        Target::new(
            "https://contoso.webpubsub.azure.com".parse().unwrap(),
            proxy.map(|proxy| proxy.parse().unwrap()),
            "2024-12-01".to_owned(),
        )
    }

    fn audience(request: &Request<Body>) -> &str {
        request
            .extensions()
            .get::<Call>()
            .unwrap()
            .audience
            .as_str()
    }

    #[test]
    fn names_are_escaped_whole() {
        let target = target(None);
        let request = target
            .request(&op::SEND_TO_GROUP, &[("hub", "chat"), ("group", "g/1 ü%")])
            .unwrap()
            .query_each("excluded", ["a b", "c&d=e"])
            .content(&Content::text("hi"))
            .unwrap()
            .build()
            .unwrap();
        assert_eq!(
            request.uri().to_string(),
            "https://contoso.webpubsub.azure.com/api/hubs/chat/groups/g%2F1%20%C3%BC%25/:send\
             ?api-version=2024-12-01&excluded=a%20b&excluded=c%26d%3De"
        );
        assert_eq!(audience(&request), request.uri().to_string());
        assert_eq!(request.headers()[header::CONTENT_TYPE], "text/plain");
        assert_eq!(request.body().as_bytes(), Some(&b"hi"[..]));
        assert_eq!(
            request.extensions().get(),
            Some(&Idempotency::NonIdempotent)
        );
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
        let request = target(Some("https://gateway.example/pubsub"))
            .request(&op::SERVICE_STATUS, &[])
            .unwrap()
            .build()
            .unwrap();
        assert_eq!(
            request.uri(),
            "https://gateway.example/pubsub/api/health?api-version=2024-12-01"
        );
        assert_eq!(
            audience(&request),
            "https://contoso.webpubsub.azure.com/api/health?api-version=2024-12-01"
        );
    }

    #[test]
    fn a_next_page_is_fetched_from_the_service_alone() {
        let own = "https://contoso.webpubsub.azure.com/api/x?continuationToken=a%2Fb";
        let page = |proxy, link| target(proxy).page(&op::LIST_CONNECTIONS_IN_GROUP, link);
        let request = page(None, own).unwrap();
        assert_eq!(request.uri(), own);
        assert_eq!(audience(&request), own);

        let proxy = Some("https://gateway.example/pubsub");
        for link in [
            own,
            "https://gateway.example/pubsub/api/x?continuationToken=a%2Fb",
        ] {
            let request = page(proxy, link).unwrap();
            assert_eq!(
                request.uri(),
                "https://gateway.example/pubsub/api/x?continuationToken=a%2Fb"
            );
            assert_eq!(audience(&request), own);
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
