//! The port of the authority. Shell, except for the table of addresses.

use http::{Method, Request, Response, StatusCode, header};
use transport::Body;
use transport::net::ConnectionInfo;

use super::authority::Authority;
use super::managed_identity::Host;
use super::now::Now;
use super::oauth::OAuthError;
use super::recording::Draft;
use super::token_endpoint::{TokenRequest, Version};
use crate::answer::admin_error;
use crate::clock::EmulatorClock;
use crate::front::Names;
use crate::journal::Journal;

/// Answers a request to the authority, and records it.
pub(crate) async fn respond(
    authority: &Authority,
    names: &Names,
    clock: &EmulatorClock,
    journal: &Journal,
    request: Request<Body>,
) -> Response<Body> {
    let draft = journal.is_on().then(|| {
        let segments: Vec<_> = request.uri().path().split('/').collect();
        let operation = Route::of(&segments).map(Route::operation);
        Draft::of(&request, operation, clock.machine_instant())
    });
    let response = answer(authority, names, clock, request).await;
    if let Some(draft) = draft {
        let (refused, record) = draft.into_records(&response, clock.machine_instant());
        // The authority is not replaced at a reset.
        let journal = journal.for_service();
        if let Some(refused) = refused {
            journal.record(|| refused);
        }
        journal.record(|| record);
    }
    response
}

async fn answer(
    authority: &Authority,
    names: &Names,
    clock: &EmulatorClock,
    request: Request<Body>,
) -> Response<Body> {
    let Some(origin) = origin(names, &request) else {
        return admin_error(
            StatusCode::MISDIRECTED_REQUEST,
            "the host is not a name of the emulator",
        );
    };
    let (parts, body) = request.into_parts();
    let segments: Vec<_> = parts.uri.path().split('/').collect();
    let (method, query) = (&parts.method, parts.uri.query().unwrap_or_default());
    let Some(route) = Route::of(&segments) else {
        return admin_error(StatusCode::NOT_FOUND, "there is nothing at this path");
    };
    if !route.takes(method) {
        return admin_error(
            StatusCode::METHOD_NOT_ALLOWED,
            "the method is not for this path",
        );
    }
    let now = Now::of(clock);
    match route {
        Route::Configuration(tenant) if authority.is_tenant(tenant) => {
            authority.configuration(&origin, tenant)
        }
        Route::Keys(tenant) if authority.is_tenant(tenant) || tenant == "common" => {
            authority.published_keys(now)
        }
        Route::Configuration(_) | Route::Keys(_) => {
            OAuthError::request("invalid_tenant", 90002, "The tenant was not found.")
                .into_response(authority, now)
        }
        Route::Instance => authority.instance(&origin),
        Route::Token(tenant, version) => {
            let Ok(body) = body.collect(MAX_BODY).await else {
                return too_large(authority, now);
            };
            let value = parts.headers.get(header::AUTHORIZATION);
            let request = TokenRequest {
                tenant,
                version,
                authorization: value.map(|value| value.to_str().unwrap_or_default()),
                body: &body,
            };
            authority.token(request, now)
        }
        Route::AppService if *method == Method::POST => {
            let Ok(body) = body.collect(MAX_BODY).await else {
                return too_large(authority, now);
            };
            authority.managed_identity_token(Host::CloudShell, &parts.headers, &body, now)
        }
        Route::AppService => authority.managed_identity_token(
            Host::AppService,
            &parts.headers,
            query.as_bytes(),
            now,
        ),
        Route::VirtualMachine => authority.managed_identity_token(
            Host::VirtualMachine,
            &parts.headers,
            query.as_bytes(),
            now,
        ),
    }
}

/// Returns the scheme, host and port that a request was sent to, if the host is ours: with
/// a name of its own, a web page could have this machine's browser ask for tokens.
fn origin(names: &Names, request: &Request<Body>) -> Option<String> {
    let host = request.headers().get(header::HOST)?.to_str().ok()?;
    let info = request.extensions().get::<ConnectionInfo>();
    let local = info.map(|info| info.local.ip().to_canonical());
    let scheme = match info {
        Some(info) if info.tls => "https",
        _ => "http",
    };
    names
        .is_ours(host, local)
        .then(|| format!("{scheme}://{host}"))
}

fn too_large(authority: &Authority, now: Now) -> Response<Body> {
    OAuthError::request(
        "invalid_request",
        900_144,
        "The request body did not arrive, or is larger than 64 KiB.",
    )
    .into_response(authority, now)
}

/// What is at an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Route<'a> {
    Configuration(&'a str),
    Keys(&'a str),
    Instance,
    Token(&'a str, Version),
    AppService,
    VirtualMachine,
}

impl<'a> Route<'a> {
    /// Returns the route of a path, of which empty segments do not count: some SDKs double
    /// their slashes.
    fn of(segments: &[&'a str]) -> Option<Self> {
        let segments: Vec<&str> = segments
            .iter()
            .copied()
            .filter(|segment| !segment.is_empty())
            .collect();
        Some(match *segments.as_slice() {
            ["msi", "token"] => Self::AppService,
            ["metadata", "identity", "oauth2", "token"] => Self::VirtualMachine,
            ["common", "discovery", "instance"] => Self::Instance,
            [tenant, "oauth2", "v2.0", "token"] => Self::Token(tenant, Version::V2),
            [tenant, "oauth2", "token"] => Self::Token(tenant, Version::V1),
            [tenant, ".well-known", "openid-configuration"]
            | [tenant, "v2.0", ".well-known", "openid-configuration"] => {
                Self::Configuration(tenant)
            }
            [tenant, "discovery", "keys"] | [tenant, "discovery", "v2.0", "keys"] => {
                Self::Keys(tenant)
            }
            _ => return None,
        })
    }

    /// The name in the journal.
    fn operation(self) -> &'static str {
        match self {
            Self::Configuration(_) => "configuration",
            Self::Keys(_) => "keys",
            Self::Instance => "instance",
            Self::Token(..) => "token",
            Self::AppService | Self::VirtualMachine => "managedIdentityToken",
        }
    }

    fn takes(self, method: &Method) -> bool {
        match self {
            Self::Token(..) => method == Method::POST,
            // The Cloud Shell's protocol is at the same address.
            Self::AppService => matches!(*method, Method::GET | Method::POST),
            _ => matches!(*method, Method::GET | Method::HEAD),
        }
    }
}

const MAX_BODY: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_that_sdks_ask_for() {
        let route = |path: &'static str| {
            let segments: Vec<_> = path.split('/').collect();
            Route::of(&segments)
        };
        for (path, expected) in [
            ("/msi/token", Some(Route::AppService)),
            (
                "//metadata/identity/oauth2/token/",
                Some(Route::VirtualMachine),
            ),
            ("/t/oauth2/v2.0/token", Some(Route::Token("t", Version::V2))),
            (
                "/adfs/oauth2/token",
                Some(Route::Token("adfs", Version::V1)),
            ),
            (
                "/adfs/.well-known/openid-configuration",
                Some(Route::Configuration("adfs")),
            ),
            (
                "/t/v2.0/.well-known/openid-configuration",
                Some(Route::Configuration("t")),
            ),
            ("/t/discovery/v2.0/keys", Some(Route::Keys("t"))),
            ("/t/discovery/keys", Some(Route::Keys("t"))),
            ("/common/discovery/instance", Some(Route::Instance)),
            ("/", None),
            ("/t/oauth2/v3.0/token", None),
            ("/msi/token/x", None),
        ] {
            assert_eq!(route(path), expected, "{path}");
        }
    }
}
