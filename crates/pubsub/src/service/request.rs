//! From an operation to an `http::Request`. Pure.

use auth::Audience;
use http::{Method, Request, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use transport::Body;

use super::Content;
use crate::{Endpoint, Error, HubName, Result, SendOptions};

/// Builds the requests of one hub.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    endpoint: Endpoint,
    hub: HubName,
    api_version: String,
}

impl Requests {
    pub(super) fn new(endpoint: Endpoint, hub: HubName, api_version: String) -> Self {
        Self {
            endpoint,
            hub,
            api_version,
        }
    }

    pub(super) fn with_hub(&self, hub: HubName) -> Self {
        Self {
            hub,
            ..self.clone()
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn hub(&self) -> &HubName {
        &self.hub
    }

    /// A send to `target`, the path segments between the hub and `:send`.
    pub(super) fn send(
        &self,
        target: &[&str],
        content: &Content,
        options: &SendOptions,
    ) -> Result<Request<Body>> {
        content.check()?;
        let mut url = self.url(target, ":send");
        for connection in &options.excluded {
            push_query(&mut url, "excluded", connection.as_str());
        }
        self.build(Method::POST, url, Some(content))
    }

    fn url(&self, target: &[&str], action: &str) -> String {
        let mut url = format!("{}/api/hubs/{}", self.endpoint, segment(self.hub.as_str()));
        for part in target {
            url.push('/');
            url.extend(segment(part));
        }
        url.push('/');
        url.push_str(action);
        url.push_str("?api-version=");
        url.push_str(&self.api_version);
        url
    }

    fn build(
        &self,
        method: Method,
        url: String,
        content: Option<&Content>,
    ) -> Result<Request<Body>> {
        // The audience is the URL as it is sent, with its query: what every official client signs.
        let audience = Audience::verbatim(url.as_str());
        let uri: Uri = url
            .try_into()
            .map_err(|_| Error::invalid("request", "must not be longer than 64 KiB"))?;
        let mut request = Request::new(match content {
            Some(content) => Body::from(content.bytes().clone()),
            None => Body::empty(),
        });
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        request.extensions_mut().insert(audience);
        if let Some(content) = content {
            request.headers_mut().insert(
                header::CONTENT_TYPE,
                header::HeaderValue::from_static(content.media_type()),
            );
        }
        request.headers_mut().insert(
            header::ACCEPT,
            header::HeaderValue::from_static("application/json"),
        );
        Ok(request)
    }
}

fn segment(text: &str) -> percent_encoding::PercentEncode<'_> {
    utf8_percent_encode(text, SEGMENT)
}

fn push_query(url: &mut String, name: &str, value: &str) {
    url.push('&');
    url.push_str(name);
    url.push('=');
    url.extend(utf8_percent_encode(value, SEGMENT));
}

/// Everything but the unreserved characters of RFC 3986 §2.3, as the official clients escape.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    fn requests() -> Requests {
        Requests::new(
            "https://contoso.webpubsub.azure.com".parse().unwrap(),
            HubName::new("chat").unwrap(),
            "2024-12-01".to_owned(),
        )
    }

    #[test]
    fn names_are_escaped_whole() {
        let request = requests()
            .send(
                &["groups", "g/1 ü%"],
                &Content::text("hi"),
                &SendOptions::default(),
            )
            .unwrap();
        assert_eq!(
            request.uri().to_string(),
            "https://contoso.webpubsub.azure.com/api/hubs/chat/groups/g%2F1%20%C3%BC%25/:send?api-version=2024-12-01"
        );
        assert_eq!(request.headers()[header::CONTENT_TYPE], "text/plain");
        assert_eq!(request.body().as_bytes(), Some(&b"hi"[..]));
    }

    #[test]
    fn excluded_connections_are_repeated() {
        let options = SendOptions::default().with_excluded(["a b", "c"]).unwrap();
        let request = requests()
            .send(&[], &Content::text("hi"), &options)
            .unwrap();
        assert_eq!(
            request.uri().query(),
            Some("api-version=2024-12-01&excluded=a%20b&excluded=c")
        );
    }

    #[test]
    fn a_payload_over_the_limit_is_refused_before_anything_is_sent() {
        let error = requests()
            .send(
                &[],
                &Content::binary(vec![0; Content::MAX_LEN + 1]),
                &SendOptions::default(),
            )
            .unwrap_err();
        assert_eq!(error.to_string(), "content: must not be over 1 MiB");
    }
}
