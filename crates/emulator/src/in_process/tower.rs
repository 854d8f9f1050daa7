//! A tower service behind the interface of an HTTP client.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};
use tower_service::Service;
use transport::{Body, Error, ErrorKind, HttpClient, Result};

/// A service, cloned for each request.
pub(crate) struct TowerClient<S>(pub(crate) S);

#[async_trait]
impl<S, B> HttpClient for TowerClient<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    B: http_body::Body<Data: Into<Bytes>> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>> {
        let mut service = self.0.clone();
        let request = as_received(request);
        let serving = async {
            poll_fn(|cx| service.poll_ready(cx)).await?;
            service.call(request).await
        };
        match serving.await {
            Ok(response) => Ok(response.map(Body::from_http_body)),
            Err(error) => Err(Error::new(ErrorKind::Closed, error)),
        }
    }
}

impl<S> fmt::Debug for TowerClient<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TowerClient(..)")
    }
}

/// Returns a request as a server receives it: with path and query alone, the host in a field,
/// and the length of its body.
fn as_received(mut request: Request<Body>) -> Request<Body> {
    let uri = std::mem::take(request.uri_mut());
    let host = uri.authority().map(|authority| {
        let authority = authority.as_str();
        // Without a user and a password.
        authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host)
    });
    if let Some(host) = host.and_then(|host| HeaderValue::from_str(host).ok()) {
        request.headers_mut().insert(HOST, host);
    }
    if let Some(length) = request.body().content_length() {
        request.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    let path = uri.path_and_query().cloned();
    let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_sees_what_a_server_receives() {
        for (uri, host, path) in [
            ("http://handler.test", "handler.test", "/"),
            ("http://u:p@h:81/a%2Fb?c=d", "h:81", "/a%2Fb?c=d"),
        ] {
            let request = Request::post(uri).body(Body::from("xyz")).unwrap();
            let request = as_received(request);
            assert_eq!(request.headers()[HOST], host);
            assert_eq!(request.headers()[CONTENT_LENGTH], "3");
            assert_eq!(request.uri().to_string(), path);
            assert_eq!(request.method(), "POST");
        }
    }
}
