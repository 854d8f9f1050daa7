//! The REST edge: routing, authorization, and the response.

mod action;
mod content;
mod error;
mod groups;
mod operations;
mod page;
mod parameter;
mod recording;
mod route;

pub(super) use self::error::{error, fault};
pub(crate) use self::route::{Operation, route};

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version, header};
use transport::Body;

use self::error::RestError;
use self::recording::{Draft, Effects};
use self::route::{Match, RouteError, VERSIONS, since};
use super::Service;
use super::origin::Origin;
use super::query::Query;
use crate::answer;
use crate::fault::{Fault, Occasion, Subject};

/// Answers a request to `/api/…`.
pub(super) async fn handle(service: &Arc<Service>, request: Request<Body>) -> Response<Body> {
    let is_kept = keeps_connection(&request);
    let is_strict = {
        let origin = Origin::of(&request);
        // As .NET servers do: otherwise browsers would force TLS on every other
        // program on the machine for a year.
        let is_own = origin.is_loopback() || service.names.is_advertised(origin.host);
        origin.is_secure() && !is_own
    };
    let found = route(request.method(), request.uri().path());
    let operation = match &found {
        Ok(found) => Some(found.operation),
        Err(RouteError::Name { operation, .. }) => Some(*operation),
        Err(RouteError::NoPath | RouteError::NoMethod) => None,
    };
    let journal = &service.journal;
    let draft = journal.is_on().then(|| {
        let found = found.as_ref().ok();
        Draft::of(&request, operation, found, service.runtime().now())
    });
    let mut effects = Effects::new(draft.is_some());
    let answered = match found {
        Ok(found) => perform(service, found, request, &mut effects).await,
        Err(RouteError::NoPath) => Err(RestError::no_path()),
        Err(RouteError::NoMethod) => Err(RestError::no_method()),
        Err(RouteError::Name {
            target, message, ..
        }) => Err(RestError::Validation {
            target,
            message: message.to_owned(),
        }),
    };
    let names_versions = match &answered {
        Ok(_) => operation != Some(Operation::ServiceStatus),
        Err(error) => error.names_versions(),
    };
    let mut response = answered.unwrap_or_else(|error| error.into_response(operation));
    let headers = response.headers_mut();
    if names_versions {
        let versions = HeaderValue::from_static(SUPPORTED_VERSIONS);
        headers.insert(HeaderName::from_static("api-supported-versions"), versions);
    }
    if is_kept {
        headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
    }
    if is_strict {
        let strict = HeaderValue::from_static(STRICT_TRANSPORT);
        headers.insert(header::STRICT_TRANSPORT_SECURITY, strict);
    }
    if let Some(draft) = draft {
        journal.record(|| draft.into_record(&response, effects, service.runtime().now()));
    }
    response
}

async fn perform(
    service: &Arc<Service>,
    found: Match,
    request: Request<Body>,
    effects: &mut Effects,
) -> Result<Response<Body>, RestError> {
    if found.operation == Operation::ServiceStatus {
        // In any API version, and without a token.
        return Ok(answer::empty(StatusCode::OK));
    }
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let subject = Subject {
        scope: &found.hub,
        ..Subject::default()
    };
    if let Some(Fault::Status {
        status,
        retry_after,
    }) = service.strike(Occasion::Request, &subject)
    {
        let response = fault(status, retry_after);
        return Err(RestError::Response(Box::new(response)));
    }
    let sender = service
        .tokens
        .check_request(&request, service.wall())
        .map_err(|refusal| {
            tracing::info!(reason = refusal.reason, "REST request refused");
            let journal = &service.journal;
            journal
                .record(|| recording::refused(&found, "token", &refusal, StatusCode::UNAUTHORIZED));
            RestError::unauthorized(refusal.description.as_deref())
        })?;
    if let Some(action) = action::of(found.operation)
        && !service.tokens.may(&sender, action, &found.hub)
    {
        tracing::info!(action, ?sender, "REST request refused: a role is missing");
        let rule = format_args!("no role of the principal allows {action}");
        let journal = &service.journal;
        journal.record(|| recording::refused(&found, "role", &rule, StatusCode::FORBIDDEN));
        return Err(RestError::forbidden());
    }
    check_version(&query, &found)?;
    operations::perform(service, found, &query, request, &sender, effects).await
}

/// Checks the API version. The default is the newest; an unknown version, one
/// given twice, and one without the operation are errors.
fn check_version(query: &Query, found: &Match) -> Result<(), RestError> {
    let mut given = query.all("api-version");
    let Some(version) = given.next() else {
        return Ok(());
    };
    let refuse = |message| Err(RestError::bad_request(message));
    if given.next().is_some() {
        return refuse("The api-version is given more than once.");
    }
    match VERSIONS.iter().position(|known| *known == version) {
        Some(index) if index >= since(found.operation) => Ok(()),
        Some(_) => refuse("The operation is not in this api-version."),
        None => refuse("The api-version is not supported."),
    }
}

/// Whether the client allows to keep the connection for the next request.
fn keeps_connection(request: &Request<Body>) -> bool {
    let says_close = |headers: &HeaderMap| {
        headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|option| option.trim().eq_ignore_ascii_case("close"))
    };
    request.version() == Version::HTTP_11 && !says_close(request.headers())
}

/// A year.
const STRICT_TRANSPORT: &str = "max-age=31536000; includeSubDomains";
/// [`VERSIONS`] on one line.
const SUPPORTED_VERSIONS: &str = "2021-10-01, 2022-11-01, 2023-07-01, 2024-01-01, 2024-12-01";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_versions_are_told() {
        assert_eq!(SUPPORTED_VERSIONS, VERSIONS.join(", "));
    }

    #[test]
    fn a_connection_is_kept_unless_the_client_says_otherwise() {
        let request = |connection| {
            let request = Request::get("/").header("connection", connection);
            request.body(Body::empty()).unwrap()
        };
        for (connection, is_kept) in [
            ("keep-alive", true),
            ("", true),
            ("close", false),
            ("TE, Close", false),
            ("closed", true),
        ] {
            assert_eq!(
                keeps_connection(&request(connection)),
                is_kept,
                "{connection}"
            );
        }
        let mut old = request("");
        *old.version_mut() = Version::HTTP_10;
        assert!(!keeps_connection(&old));
    }
}
