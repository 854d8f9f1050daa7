//! Asking the application for a client access URL. Shell.

use auth::Secret;
use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use serde::Deserialize;
use transport::net::HyperClient;
use transport::{Body, HttpClient};

use super::error::answer;
use crate::error::ServiceResponse;
use crate::{Error, ErrorKind, Result};

/// Checks the address of a negotiate endpoint.
pub(super) fn address(uri: impl TryInto<Uri>) -> Result<Uri> {
    let uri = uri.try_into().ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
        .ok_or_else(|| Error::invalid("uri", "must begin with http:// or https:// and name a host"))
}

pub(super) async fn ask(uri: Uri) -> Result<Secret> {
    let failed = |error| Error::from(error).with_context("negotiate: failed to get a response");
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri.clone();
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(ACCEPT, json);
    let response = HyperClient::default().send(request).await.map_err(failed)?;
    let (parts, body) = response.into_parts();
    let body = body.collect(MAX_BODY).await.map_err(failed)?;
    read(Response::from_parts(parts, body), &uri)
}

/// Reads a response; pure.
fn read(response: Response<Bytes>, uri: &Uri) -> Result<Secret> {
    let status = response.status();
    if !status.is_success() {
        return Err(refused(response, uri));
    }
    // The error of the parser may quote the URL.
    let answer: Answer = serde_json::from_slice(response.body()).map_err(|_| {
        let text = "negotiate: the response is not a JSON object with the text `url`";
        Error::message(ErrorKind::Protocol, text).maybe_delivered()
    })?;
    Ok(Secret::new(answer.url))
}

fn refused(response: Response<Bytes>, uri: &Uri) -> Error {
    let status = response.status();
    let kind = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Auth,
        _ => ErrorKind::Service,
    };
    let message = answer(&response.into(), uri);
    let mut text = format!("negotiate: the response has status {}", status.as_u16());
    if let Some(message) = &message {
        text.push_str(": ");
        text.push_str(message);
    }
    Error::message(kind, text).with_response(ServiceResponse {
        status: Some(status),
        code: None,
        inner_code: None,
        message,
        target: None,
        request_id: None,
    })
}

#[derive(Deserialize)]
struct Answer {
    url: String,
}

/// The longest response that is read, in bytes: 64 KiB.
const MAX_BODY: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &'static str) -> Result<Secret> {
        let response = Response::builder().status(status).body(body.into());
        let uri = Uri::from_static("https://h/negotiate?own_token=s3cret");
        read(response.unwrap(), &uri)
    }

    #[test]
    fn the_url_of_a_response_is_taken() {
        let body = r#"{"baseUrl":"wss://h","token":"t","url":"wss://h?access_token=t"}"#;
        let url = response(200, body).unwrap();
        assert_eq!(url.expose(), "wss://h?access_token=t");
    }

    #[test]
    fn a_response_without_a_url_is_not_quoted() {
        for body in ["", "{}", r#""s3cret""#, r#"{"url":5}"#, "s3cret", "[]"] {
            let error = response(200, body).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol);
            assert!(error.may_be_delivered());
            assert!(!format!("{error} {error:?}").contains("s3cret"));
        }
    }

    #[test]
    fn a_refusal_is_an_error_by_its_status() {
        for (status, kind, is_retryable) in [
            (302, ErrorKind::Service, false),
            (401, ErrorKind::Auth, false),
            (403, ErrorKind::Auth, false),
            (404, ErrorKind::Service, false),
            (503, ErrorKind::Service, true),
        ] {
            let error = response(status, "who are you?").unwrap_err();
            assert_eq!(error.kind(), kind, "{status}");
            assert_eq!(error.is_retryable(), is_retryable, "{status}");
            assert_eq!(error.status().unwrap(), status);
            assert_eq!(error.service_message(), Some("who are you?"));
            let text = format!("negotiate: the response has status {status}: who are you?");
            assert_eq!(error.to_string(), text);
            assert!(!format!("{:?}", response(status, "s3cret")).contains("s3cret"));
        }
    }

    #[test]
    fn an_address_is_that_of_a_server() {
        assert!(address("https://h/negotiate").is_ok());
        for bad in ["", "/negotiate", "wss://h/", "h:80"] {
            let error = address(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad}");
        }
    }
}
