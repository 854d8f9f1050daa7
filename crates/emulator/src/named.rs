//! A service by its name, on every port: `/_emulator/pubsub/REST` and `/_emulator/relay/REST` are
//! answered as `/REST` is at that service's own port. Pure.
//!
//! So the page has everything at its own origin: it works over both schemes and through a
//! single forwarded port, and no other origin needs to be let in.

use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use transport::Body;

use crate::answer::admin_error;
#[cfg(any(feature = "pubsub", feature = "relay"))]
use crate::prefix::Prefix;
use crate::services::{Services, Side};

/// Whom a request is for.
pub(crate) enum Named {
    /// It names no service.
    Nobody(Request<Body>),
    /// It names this one; its target is as it would be at the service's own port.
    Service(Side, Request<Body>),
    /// It names one that the emulator was started without.
    Missing(Response<Body>),
}

/// Finds the service that a request below `/_emulator/` names.
pub(crate) fn named(services: &Services, mut request: Request<Body>) -> Named {
    let uri = request.uri();
    let path = uri.path();
    let found = NAMES.into_iter().find_map(|name| {
        let rest = path.strip_prefix(name)?;
        rest.starts_with('/').then_some((name, rest))
    });
    let Some((name, rest)) = found else {
        return Named::Nobody(request);
    };
    let target = match uri.query() {
        Some(query) => format!("{rest}?{query}"),
        None => rest.to_owned(),
    };
    // A part of a valid target that begins with a slash is one itself.
    match (side_of(services, name), target.parse::<Uri>()) {
        (Some(side), Ok(target)) => {
            *request.uri_mut() = target;
            #[cfg(any(feature = "pubsub", feature = "relay"))]
            request.extensions_mut().insert(Prefix(name));
            Named::Service(side, request)
        }
        _ => Named::Missing(admin_error(
            StatusCode::NOT_FOUND,
            "the emulator was started without this service",
        )),
    }
}

#[cfg_attr(
    not(any(feature = "pubsub", feature = "relay")),
    expect(unused_variables, reason = "there is no service to name")
)]
fn side_of(services: &Services, name: &str) -> Option<Side> {
    #[cfg(feature = "pubsub")]
    if name == PUBSUB {
        return services.pubsub.clone().map(Side::PubSub);
    }
    #[cfg(feature = "relay")]
    if name == RELAY {
        return services.relay.clone().map(Side::Relay);
    }
    None
}

/// Keeps a browser from showing a service's response as a page of the emulator's own origin:
/// what a listener serves is not the emulator's.
pub(crate) fn seal(response: &mut Response<Body>) {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let policy = HeaderValue::from_static("sandbox; default-src 'none'");
        let nosniff = HeaderValue::from_static("nosniff");
        let headers = response.headers_mut();
        headers.append(header::CONTENT_SECURITY_POLICY, policy);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    }
}

const PUBSUB: &str = "/_emulator/pubsub";
const RELAY: &str = "/_emulator/relay";
const NAMES: [&str; 2] = [PUBSUB, RELAY];
