//! The token endpoint: client credentials with a secret or an assertion. Pure.

use auth::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Response, StatusCode};
use serde_json::json;
use transport::Body;

use super::authority::{Authority, Proof};
use super::documents::forbid_caching;
use super::form::{Form, decode};
use super::now::Now;
use super::oauth::OAuthError;
use super::principal::Principal;
use super::resource::{Resource, of_scope};
use super::verifier::TokenError;
use crate::answer;

/// Which form of the protocol an address has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Version {
    /// `…/oauth2/token`, with a `resource`; with a `scope` at the address of `adfs`.
    V1,
    /// `…/oauth2/v2.0/token`, with a `scope`.
    V2,
}

/// A request for a token.
#[derive(Clone, Copy)]
pub(super) struct TokenRequest<'a> {
    pub(super) tenant: &'a str,
    pub(super) version: Version,
    pub(super) authorization: Option<&'a str>,
    pub(super) body: &'a [u8],
}

impl Authority {
    /// Answers a request for a token.
    pub(super) fn token(&self, request: TokenRequest<'_>, now: Now) -> Response<Body> {
        match self.grant(request, now) {
            Ok(response) => response,
            Err(error) => error.into_response(self, now),
        }
    }

    fn grant(&self, request: TokenRequest<'_>, now: Now) -> Result<Response<Body>, OAuthError> {
        if !self.is_tenant(request.tenant) {
            return Err(OAuthError::request(
                "invalid_request",
                90002,
                format!("Tenant '{}' not found.", short(request.tenant)),
            ));
        }
        let form = Form::parse(request.body).ok_or_else(|| {
            OAuthError::request(
                "invalid_request",
                900_144,
                "The request body is not a form.",
            )
        })?;
        let field = |name: &str| {
            form.get(name).map_err(|_| {
                OAuthError::request(
                    "invalid_request",
                    9_002_313,
                    format!("Invalid request. The parameter '{name}' is duplicated."),
                )
            })
        };
        match field("grant_type")? {
            Some("client_credentials") => {}
            Some(_) => {
                return Err(OAuthError::request(
                    "unsupported_grant_type",
                    70003,
                    "The app requested an unsupported grant type.",
                ));
            }
            None => return Err(missing("grant_type")),
        }
        let basic = match request.authorization {
            Some(value) => Some(basic(value)?),
            None => None,
        };
        let client_id = match (field("client_id")?, &basic) {
            (Some(id), Some((other, _))) if !id.eq_ignore_ascii_case(other) => {
                return Err(OAuthError::request(
                    "invalid_request",
                    900_144,
                    "The header and the body name two clients.",
                ));
            }
            (Some(id), _) => id,
            (None, Some((id, _))) => id,
            (None, None) => return Err(missing("client_id")),
        };
        let audience = match (field("scope")?, field("resource")?) {
            (Some(scope), _) => of_scope(scope).ok_or_else(|| {
                OAuthError::request(
                    "invalid_scope",
                    1_002_012,
                    "The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).",
                )
            })?,
            (None, Some(resource)) if request.version == Version::V1 => resource,
            (None, _) if request.version == Version::V1 => return Err(missing("resource")),
            (None, _) => return Err(missing("scope")),
        };
        let secret = match (field("client_secret")?, basic.as_ref()) {
            (Some(secret), _) => Some(Secret::new(secret)),
            (None, Some((_, secret))) => Some(secret.clone()),
            (None, None) => None,
        };
        let assertion = field("client_assertion")?;
        let kind = field("client_assertion_type")?;
        let principal = self.principals.by_client_id(client_id).ok_or_else(|| {
            OAuthError::request(
                "unauthorized_client",
                700_016,
                format!(
                    "Application with identifier '{}' was not found in the directory '{}'.",
                    short(client_id),
                    self.tenant_id
                ),
            )
        })?;
        let proof = match (secret, assertion) {
            (Some(secret), None) => prove_by_secret(principal, &secret)?,
            (None, Some(assertion)) => {
                if kind != Some(JWT_BEARER) {
                    return Err(OAuthError::request(
                        "invalid_request",
                        900_144,
                        format!("The parameter 'client_assertion_type' must be '{JWT_BEARER}'."),
                    ));
                }
                self.prove_by_assertion(principal, assertion, now)?
            }
            (Some(_), Some(_)) => {
                return Err(OAuthError::request(
                    "invalid_request",
                    900_144,
                    "The request has both a 'client_secret' and a 'client_assertion'.",
                ));
            }
            (None, None) => {
                return Err(OAuthError::client(
                    7_000_218,
                    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
                ));
            }
        };
        if Resource::of(audience).is_none() {
            return Err(OAuthError::request(
                "invalid_resource",
                500_011,
                format!(
                    "The resource principal named {} was not found in the tenant named {}. This emulator issues tokens for {} and {}.",
                    short(audience),
                    self.tenant_id,
                    Resource::WebPubSub.uri(),
                    Resource::Relay.uri()
                ),
            ));
        }
        let token = self.issue(principal, audience, proof, now).ok_or_else(|| {
            OAuthError::request("temporarily_unavailable", 90033, "No random numbers.")
        })?;
        let lifetime = self.lifetime.as_secs();
        let mut response = answer::json(
            StatusCode::OK,
            &json!({
                "token_type": "Bearer",
                "expires_in": lifetime,
                "ext_expires_in": lifetime,
                "access_token": token.expose(),
            }),
        );
        forbid_caching(&mut response);
        tracing::debug!(
            client = principal.client_id,
            ?proof,
            audience,
            "token issued"
        );
        Ok(response)
    }

    fn prove_by_assertion(
        &self,
        principal: &Principal,
        assertion: &str,
        now: Now,
    ) -> Result<Proof, OAuthError> {
        match self.verify_assertion(assertion, now.emulated) {
            Ok(Some(subject))
                if principal.is_federated && subject.eq_ignore_ascii_case(&principal.client_id) =>
            {
                Ok(Proof::Assertion)
            }
            Err(TokenError::Expired(_)) => Err(OAuthError::client(
                700_024,
                "Client assertion is not within its valid time range.",
            )),
            Ok(_) => Err(OAuthError::client(
                700_213,
                "No matching federated identity record found for presented assertion subject.",
            )),
            Err(error) => {
                tracing::debug!(reason = error.advice(), "assertion refused");
                Err(OAuthError::client(
                    700_213,
                    "No matching federated identity record found for presented assertion.",
                ))
            }
        }
    }
}

fn prove_by_secret(principal: &Principal, secret: &Secret) -> Result<Proof, OAuthError> {
    if principal.has_secret(secret) {
        return Ok(Proof::Secret);
    }
    Err(OAuthError::client(
        7_000_215,
        format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{}'.",
            principal.client_id
        ),
    ))
}

/// Reads the id and the secret of `Authorization: Basic …` (RFC 6749 §2.3.1).
fn basic(value: &str) -> Result<(String, Secret), OAuthError> {
    let read = || {
        let (scheme, encoded) = value.split_once(' ')?;
        let encoded = encoded.trim();
        let is_basic = scheme.eq_ignore_ascii_case("basic") && encoded.len() <= MAX_BASIC;
        let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (id, secret) = text.split_once(':').filter(|_| is_basic)?;
        Some((decode(id)?, Secret::new(decode(secret)?)))
    };
    read().ok_or_else(|| OAuthError::client(7_000_218, "The header 'Authorization' is not valid."))
}

fn missing(name: &str) -> OAuthError {
    OAuthError::request(
        "invalid_request",
        900_144,
        format!("The request body must contain the following parameter: '{name}'."),
    )
}

/// Returns what of a value from outside stands in a text.
fn short(value: &str) -> String {
    let visible = value.chars().filter(|c| !c.is_control());
    visible.take(100).collect()
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const MAX_BASIC: usize = 4 * 1024;
