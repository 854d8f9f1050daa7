//! The documents of the authority: OpenID configuration, keys, instance discovery. Pure.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;
use transport::_internal::lock;
use transport::Body;

use super::authority::{ADFS, Authority};
use super::now::Now;
use crate::answer;

impl Authority {
    /// Answers `…/.well-known/openid-configuration`. `origin` is the scheme, host and port as
    /// the client wrote them: some compare the issuer with it.
    pub(super) fn configuration(&self, origin: &str, tenant: &str) -> Response<Body> {
        let base = format!("{origin}/{tenant}");
        // An authority of that kind has no versions in its addresses.
        let is_adfs = tenant.eq_ignore_ascii_case(ADFS);
        let (endpoints, keys, issuer) = if is_adfs {
            (
                format!("{base}/oauth2"),
                format!("{base}/discovery/keys"),
                base.clone(),
            )
        } else {
            (
                format!("{base}/oauth2/v2.0"),
                format!("{base}/discovery/v2.0/keys"),
                format!("{base}/v2.0"),
            )
        };
        answer::json(
            StatusCode::OK,
            &json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{endpoints}/authorize"),
                "token_endpoint": format!("{endpoints}/token"),
                "device_authorization_endpoint": format!("{endpoints}/devicecode"),
                "jwks_uri": keys,
                "grant_types_supported": ["client_credentials"],
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported":
                    ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            }),
        )
    }

    /// Answers `…/discovery/keys`.
    pub(super) fn published_keys(&self, now: Now) -> Response<Body> {
        let keys = lock(&self.keys).to_jwks(&self.issuer, now.emulated);
        answer::json(StatusCode::OK, &keys)
    }

    /// Answers `/common/discovery/instance`, for those who ask here and not in the cloud.
    pub(super) fn instance(&self, origin: &str) -> Response<Body> {
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        let tenant = &self.tenant_id;
        answer::json(
            StatusCode::OK,
            &json!({
                "tenant_discovery_endpoint":
                    format!("{origin}/{tenant}/v2.0/.well-known/openid-configuration"),
                "api-version": "1.1",
                "metadata": [{
                    "preferred_network": host,
                    "preferred_cache": host,
                    "aliases": [host],
                }],
            }),
        )
    }
}

/// Marks a response as one that holds a token, or says why there is none.
pub(super) fn forbid_caching(response: &mut Response<Body>) {
    let headers = response.headers_mut();
    let no_store = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, no_store);
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
}
