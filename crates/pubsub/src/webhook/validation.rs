//! Webhook validation, with which the service asks for permission to send
//! events: the abuse protection of CloudEvents webhooks. Pure.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::header;
use super::rejection::plain;

/// The services whose events are accepted.
///
/// The service asks with `OPTIONS` (and with `GET` if that failed),
/// and identifies itself in `WebHook-Request-Origin`: the host of the resource, or
/// several, separated by commas, if it has custom domains or replicas. It sends events
/// only if the response allows that host.
///
/// This exchange is not authenticated: it protects third parties
/// from unwanted requests. The handler is protected by the signature.
///
/// Source: the CloudEvents webhook specification §4; the response to a list is that of
/// `@azure/web-pubsub-express`; the service compares it.
#[derive(Clone, Default)]
pub struct AllowedOrigins(Rule);

#[derive(Clone, Default)]
enum Rule {
    #[default]
    Any,
    List(Arc<[HeaderValue]>),
    Predicate(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl AllowedOrigins {
    /// Allows any service, with the response `*`. This is the default.
    pub fn any() -> Self {
        Self::default()
    }

    /// Allows the services at these hosts; a URL stands for its host. The response always has
    /// one header for each of them.
    ///
    /// Empty entries and those that are not valid header values are skipped.
    pub fn list<I>(hosts: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let hosts = hosts.into_iter();
        let hosts = hosts.filter_map(|entry| {
            let host = host(entry.as_ref());
            (!host.is_empty()).then(|| HeaderValue::try_from(host).ok())?
        });
        Self(Rule::List(hosts.collect()))
    }

    /// Allows the services for which `is_allowed` returns `true`. It is called with one origin in
    /// lower case at a time. The response lists those that are allowed; it is 403 if
    /// there are none.
    pub fn matching(is_allowed: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Rule::Predicate(Arc::new(is_allowed)))
    }

    /// Responds to a validation request.
    pub(super) fn answer(&self, headers: &HeaderMap) -> Response<Bytes> {
        let mut asked = header::REQUEST_ORIGIN
            .list(headers)
            .map(str::to_ascii_lowercase)
            .peekable();
        if asked.peek().is_none() {
            let error = header::REQUEST_ORIGIN.wrong("is missing or empty");
            return plain(error.status(), error.to_string());
        }
        let allowed: Vec<HeaderValue> = match &self.0 {
            Rule::Any => vec![HeaderValue::from_static("*")],
            Rule::List(hosts) => hosts.to_vec(),
            Rule::Predicate(is_allowed) => asked
                .filter(|origin| is_allowed(origin))
                .filter_map(|origin| HeaderValue::try_from(origin).ok())
                .collect(),
        };
        if allowed.is_empty() {
            return plain(StatusCode::FORBIDDEN, "the origin is not allowed");
        }
        let mut response = Response::new(Bytes::new());
        for origin in allowed {
            let name = header::ALLOWED_ORIGIN.to_name();
            response.headers_mut().append(name, origin);
        }
        response
    }
}

impl fmt::Debug for AllowedOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Rule::Any => f.write_str("Any"),
            Rule::List(hosts) => f.debug_tuple("List").field(hosts).finish(),
            Rule::Predicate(_) => f.write_str("Matching(..)"),
        }
    }
}

/// Returns the host of a URL or of a bare host in lower case, with its port if it has one.
fn host(entry: &str) -> String {
    let entry = entry.trim();
    let rest = entry.split_once("://").map_or(entry, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    host.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(origins: &AllowedOrigins, asked: &[&'static str]) -> (u16, Vec<String>) {
        let mut headers = HeaderMap::new();
        for origin in asked {
            headers.append("webhook-request-origin", HeaderValue::from_static(origin));
        }
        let response = origins.answer(&headers);
        let allowed = response.headers().get_all("webhook-allowed-origin").iter();
        let allowed = allowed.map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), allowed.collect())
    }

    #[test]
    fn any_origin_is_a_star() {
        let any = AllowedOrigins::any();
        assert_eq!(ask(&any, &["a.b"]), (200, vec!["*".into()]));
        assert_eq!(ask(&any, &["a.b, c.d"]), (200, vec!["*".into()]));
        assert_eq!(ask(&any, &[]), (400, vec![]));
        assert_eq!(ask(&any, &[" ,"]), (400, vec![]));
    }

    #[test]
    fn a_list_is_told_whole() {
        let list = AllowedOrigins::list([
            "https://Contoso.webpubsub.azure.com/",
            "localhost:8080",
            "",
            "http://u:p@h:1/x?y",
        ]);
        let hosts = ["contoso.webpubsub.azure.com", "localhost:8080", "h:1"];
        let hosts: Vec<String> = hosts.map(str::to_owned).into();
        assert_eq!(ask(&list, &["x"]), (200, hosts));
        assert_eq!(ask(&AllowedOrigins::list([""]), &["x"]), (403, vec![]));
    }

    #[test]
    fn a_predicate_sees_each_origin_in_lower_case() {
        let own = AllowedOrigins::matching(|origin| origin.ends_with(".azure.com"));
        let two = vec!["a.azure.com".to_owned(), "b.azure.com".to_owned()];
        assert_eq!(ask(&own, &["A.Azure.com, x", "b.azure.com"]), (200, two));
        assert_eq!(ask(&own, &["azure.com.evil"]), (403, vec![]));
    }
}
