//! The REST edge: which operation, whether the caller may, and what it answers.
#![expect(
    clippy::result_large_err,
    reason = "the error is the answer, made once for a request and moved once"
)]

mod content;
mod error;
mod operations;
mod route;

pub(super) use self::error::error;
pub(crate) use self::route::{Operation, route};

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use transport::Body;

use self::error::{bad_request, empty, unauthorized};
use self::route::{Match, RouteError, VERSIONS, since};
use super::Service;
use super::client::{Query, faulty};
use crate::fault::{Fault, Occasion, Subject};

/// Answers a request to `/api/…`.
pub(super) async fn handle(service: &Arc<Service>, request: Request<Body>) -> Response<Body> {
    let mut response = match answer(service, request).await {
        Ok(response) | Err(response) => response,
    };
    let versions = HeaderValue::try_from(VERSIONS.join(", ")).expect("versions are ASCII");
    let name = HeaderName::from_static("api-supported-versions");
    response.headers_mut().insert(name, versions);
    response
}

async fn answer(
    service: &Arc<Service>,
    request: Request<Body>,
) -> Result<Response<Body>, Response<Body>> {
    let found = route(request.method(), request.uri().path()).map_err(|wrong| match wrong {
        RouteError::NoPath => error::not_found(),
        RouteError::NoMethod => error(
            StatusCode::METHOD_NOT_ALLOWED,
            "Error.MethodNotAllowed",
            "The method is not for this path.",
        ),
        RouteError::Name { target, message } => bad_request(target, message),
    })?;
    let query = Query::parse(request.uri().query().unwrap_or_default());
    if found.operation == Operation::ServiceStatus {
        check_version(&query, &found)?;
        return Ok(empty(StatusCode::OK));
    }
    let subject = Subject {
        hub: &found.hub,
        ..Subject::default()
    };
    if let Some(Fault::Status {
        status,
        retry_after,
    }) = service.strike(Occasion::Request, &subject)
    {
        return Err(faulty(status, retry_after));
    }
    service
        .tokens
        .check_request(&request, service.wall())
        .map_err(|reason| {
            tracing::info!(reason, "REST request refused");
            unauthorized()
        })?;
    check_version(&query, &found)?;
    operations::perform(service, found, &query, request).await
}

/// Without a version the newest is meant; one that is not known, or is given
/// twice, or does not have the operation, is an error.
fn check_version(query: &Query, found: &Match) -> Result<(), Response<Body>> {
    let mut given = query.all("api-version");
    let Some(version) = given.next() else {
        return Ok(());
    };
    if given.next().is_some() {
        return Err(bad_request(
            "Request",
            "The api-version is given more than once.",
        ));
    }
    match VERSIONS.iter().position(|known| *known == version) {
        Some(index) if index >= since(found.operation) => Ok(()),
        Some(_) => Err(bad_request(
            "Request",
            "The operation is not in this api-version.",
        )),
        None => Err(bad_request("Request", "The api-version is not supported.")),
    }
}
