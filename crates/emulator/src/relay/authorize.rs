//! Where a token may be, and what it must give.

use http::{Request, Response, StatusCode, header};
use relay::address::query_value;
use relay::header::{SERVICE_BUS_AUTHORIZATION, TOKEN};
use transport::Body;

use super::{Call, Namespace};

/// Checks the token of a WebSocket opening at `path` of the namespace.
pub(super) fn check(
    namespace: &Namespace,
    request: &Request<Body>,
    call: &Call,
    path: &str,
) -> Result<(), Response<Body>> {
    let unauthorized = |text: &str| call.refuse(StatusCode::UNAUTHORIZED, text);
    let header = |name: &header::HeaderName| {
        let value = request.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    // The order of the service for WebSockets: the relay's own header, the query, the ordinary header.
    let token = header(&SERVICE_BUS_AUTHORIZATION)
        .or_else(|| query_value(request.uri().query()?, TOKEN))
        .or_else(|| header(&header::AUTHORIZATION))
        .ok_or_else(|| unauthorized("RelaySecurityTokenRequired"))?;
    let token = namespace
        .verifier
        .verify(&token, namespace.now())
        .map_err(|error| {
            tracing::info!(%error, "token refused");
            unauthorized(match error {
                auth::SasError::Signature | auth::SasError::UnknownRule { .. } => {
                    "The token has an invalid signature."
                }
                auth::SasError::Expired { .. } => "The token is expired.",
                _ => "Malformed Token",
            })
        })?;
    let host = header(&header::HOST).unwrap_or_default();
    if !token.covers(&host, path) {
        return Err(unauthorized(
            "InvalidAudience: The authorization header contains a token with a wrong audience.",
        ));
    }
    Ok(())
}
