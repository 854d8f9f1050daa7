//! The REST edge: checks tokens, reads names, and calls the hub.

use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use percent_encoding::percent_decode_str;
use pubsub::protocol::Sender;
use pubsub::{Data, HubName};
use transport::Body;

use super::hub::Target;
use super::outbox::Broadcast;
use super::{Service, audiences};

/// Answers a request to `/api/…`.
pub(super) async fn handle(service: &Service, request: Request<Body>) -> Response<Body> {
    match answer(service, request).await {
        Ok(response) | Err(response) => response,
    }
}

/// An answer with the service's error shape.
pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let body = serde_json::json!({
        "code": code,
        "message": message,
        "target": null,
        "details": null,
        "innererror": null,
    });
    let mut response = crate::control::json(&body);
    *response.status_mut() = status;
    if let Ok(code) = HeaderValue::try_from(code) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-ms-error-code"), code);
    }
    response
}

async fn answer(
    service: &Service,
    request: Request<Body>,
) -> Result<Response<Body>, Response<Body>> {
    if request.uri().path() == "/api/health" {
        return Ok(Response::new(Body::empty()));
    }
    authorize(service, &request)?;
    let uri = request.uri().clone();
    let segments: Vec<&str> = uri.path().split('/').skip(1).collect();
    let &["api", "hubs", hub, ref rest @ ..] = segments.as_slice() else {
        return Err(not_found());
    };
    let hub = HubName::new(decode(hub)).map_err(|error| bad_request(&error.to_string()))?;
    if request.method() != Method::POST {
        return Err(not_found());
    }
    let name;
    let target = match *rest {
        [":send"] => Target::All,
        ["groups", group, ":send"] => {
            name = decode(group);
            Target::Group(&name)
        }
        ["users", user, ":send"] => {
            name = decode(user);
            Target::User(&name)
        }
        ["connections", connection, ":send"] => {
            name = decode(connection);
            Target::Connection(&name)
        }
        _ => return Err(not_found()),
    };
    let excluded = query_values(uri.query().unwrap_or_default(), "excluded");
    let excluded: Vec<&str> = excluded.iter().map(String::as_str).collect();
    let data = read(request).await?;
    let from = match target {
        Target::Group(group) => Sender::Group {
            group: group.to_owned(),
            from_user_id: None,
        },
        _ => Sender::Server,
    };
    service.with_hub(hub.as_str(), |hub| {
        hub.send(target, &excluded, Broadcast::new(from, data));
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

fn authorize(service: &Service, request: &Request<Body>) -> Result<(), Response<Body>> {
    let unauthorized = || {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        response
    };
    let token = bearer(request).ok_or_else(unauthorized)?;
    let audiences = audiences(request);
    let audiences: Vec<&str> = audiences.iter().map(String::as_str).collect();
    service
        .verifier
        .verify_request(token, &audiences, service.now())
        .map_err(|error| {
            tracing::info!(%error, "token refused");
            unauthorized()
        })?;
    Ok(())
}

/// The token of `Authorization: Bearer …`.
pub(super) fn bearer(request: &Request<Body>) -> Option<&str> {
    let value = request
        .headers()
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim_start())
}

/// The values of a repeatable query parameter, with `+` and `%20` as blanks.
pub(super) fn query_values(query: &str, name: &str) -> Vec<String> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| decode(&value.replace('+', " ")))
        .collect()
}

async fn read(request: Request<Body>) -> Result<Data, Response<Body>> {
    let media_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let bytes = request
        .into_body()
        .collect(MAX_BODY)
        .await
        .map_err(|_| bad_request("Invalid Content-Length header."))?;
    let text = |bytes: bytes::Bytes| {
        transport::Text::try_from(bytes)
            .map_err(|_| bad_request("The request body is not valid UTF-8."))
    };
    match media_type.as_str() {
        "text/plain" => Ok(Data::Text(text(bytes)?)),
        "application/json" => {
            let text = text(bytes)?;
            serde_json::from_str::<&serde_json::value::RawValue>(&text)
                .map_err(|_| bad_request("The request body is not a valid JSON."))?;
            Ok(Data::Json(text))
        }
        "" | "application/octet-stream" => Ok(Data::Binary(bytes)),
        _ => Err(error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Error.UnsupportedMediaType",
            "The content type must be text/plain, application/json or application/octet-stream.",
        )),
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn bad_request(message: &str) -> Response<Body> {
    error(StatusCode::BAD_REQUEST, "Error.BadRequest", message)
}

fn not_found() -> Response<Body> {
    error(
        StatusCode::NOT_FOUND,
        "Error.NotFound",
        "There is no such operation.",
    )
}

/// 1 MiB, the service's limit.
const MAX_BODY: usize = 1024 * 1024;
