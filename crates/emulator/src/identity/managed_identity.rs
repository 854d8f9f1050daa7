//! Managed identity, as App Service, virtual machines and the Cloud Shell offer it. Pure.

use auth::Secret;
use http::{HeaderMap, Response, StatusCode};
use serde_json::json;
use transport::Body;

use super::authority::{Authority, Proof};
use super::documents::forbid_caching;
use super::form::Form;
use super::now::{Now, seconds};
use super::principal::{Principal, Wanted};
use super::recording::Rule;
use super::resource::Resource;
use crate::answer;

/// Whose protocol a request speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Host {
    /// A secret in `X-IDENTITY-HEADER`; the fields in the query.
    AppService,
    /// `Metadata: true`, and no proxy on the way; the fields in the query.
    VirtualMachine,
    /// `Metadata: true`; the fields in the body.
    CloudShell,
}

impl Authority {
    /// Answers a request for the token of a managed identity. `fields` is its query or its body.
    ///
    /// Never with 404 or 5xx, which some SDKs repeat for a minute.
    pub(super) fn managed_identity_token(
        &self,
        host: Host,
        headers: &HeaderMap,
        fields: &[u8],
        now: Now,
    ) -> Response<Body> {
        let mut response = match self.identify(host, headers, fields) {
            Ok((principal, audience)) => self.respond(principal, &audience, now),
            Err((status, text)) => self.refuse(status, text),
        };
        forbid_caching(&mut response);
        response
    }

    fn identify(
        &self,
        host: Host,
        headers: &HeaderMap,
        fields: &[u8],
    ) -> Result<(&Principal, String), (StatusCode, &'static str)> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let bad = |text: &'static str| (StatusCode::BAD_REQUEST, text);
        match host {
            Host::AppService => {
                let given = Secret::new(header("x-identity-header").unwrap_or_default());
                if given != self.identity_header {
                    let text = "The header X-IDENTITY-HEADER is missing or wrong.";
                    return Err((StatusCode::UNAUTHORIZED, text));
                }
            }
            Host::VirtualMachine | Host::CloudShell => {
                let is_meant = header("metadata")
                    .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
                if !is_meant {
                    return Err(bad("Required metadata header not specified"));
                }
                // A page or a proxy that was tricked into the request.
                if headers.contains_key("x-forwarded-for") {
                    return Err(bad("X-Forwarded-For must not be there."));
                }
            }
        }
        let form = Form::parse(fields).ok_or_else(|| bad("The parameters are not UTF-8."))?;
        let field = |name: &str| {
            form.get(name)
                .map_err(|_| bad("A parameter is there more than once."))
        };
        let version = field("api-version")?;
        let is_known = match host {
            Host::AppService => version == Some("2019-08-01"),
            Host::VirtualMachine => version.is_some(),
            Host::CloudShell => true,
        };
        if !is_known {
            return Err(bad("The api-version is missing or not supported."));
        }
        let mut wanted = Wanted::SystemAssigned;
        for (name, make) in BY_ID {
            if let Some(id) = field(name)? {
                if wanted != Wanted::SystemAssigned {
                    return Err(bad(
                        "Only one of client_id, object_id and mi_res_id may be given.",
                    ));
                }
                wanted = make(id);
            }
        }
        let audience =
            field("resource")?.ok_or_else(|| bad("The parameter resource is missing."))?;
        if Resource::of(audience).is_none() {
            return Err(bad(
                "The resource is neither https://webpubsub.azure.com nor https://relay.azure.net.",
            ));
        }
        let principal = self.principals.managed_identity(wanted);
        let principal = principal.ok_or_else(|| bad(NOT_FOUND))?;
        Ok((principal, audience.to_owned()))
    }

    fn respond(&self, principal: &Principal, audience: &str, now: Now) -> Response<Body> {
        let Some(token) = self.issue(principal, audience, Proof::ManagedIdentity, now) else {
            return self.refuse(StatusCode::BAD_REQUEST, "No random numbers.");
        };
        tracing::debug!(client = principal.client_id, audience, "token issued");
        let issued = seconds(now.machine);
        let lifetime = self.lifetime.as_secs();
        // All numbers as strings: some SDKs take nothing else, and all take that.
        answer::json(
            StatusCode::OK,
            &json!({
                "access_token": token.expose(),
                "client_id": principal.client_id,
                "expires_in": lifetime.to_string(),
                "expires_on": (issued + lifetime).to_string(),
                "ext_expires_in": lifetime.to_string(),
                "not_before": issued.to_string(),
                "resource": audience,
                "token_type": "Bearer",
            }),
        )
    }

    fn refuse(&self, status: StatusCode, text: &'static str) -> Response<Body> {
        tracing::info!(reason = text, "request for a managed identity refused");
        let mut response = answer::json(
            status,
            &json!({
                "statusCode": status.as_u16(),
                "error": "invalid_request",
                "error_description": text,
                "message": text,
                "correlationId": self.id(),
            }),
        );
        response.extensions_mut().insert(Rule {
            code: None,
            text: text.into(),
        });
        response
    }
}

type ById = (&'static str, fn(&str) -> Wanted<'_>);

/// The parameters that name a managed identity, in all spellings.
const BY_ID: [ById; 5] = [
    ("client_id", |id| Wanted::ClientId(id)),
    ("object_id", |id| Wanted::ObjectId(id)),
    ("principal_id", |id| Wanted::ObjectId(id)),
    ("mi_res_id", |id| Wanted::ResourceId(id)),
    ("msi_res_id", |id| Wanted::ResourceId(id)),
];
const NOT_FOUND: &str = "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.";
