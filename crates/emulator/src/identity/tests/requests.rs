//! Token requests, managed identities and documents.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::Value;
use transport::Body;

use super::{NOW, WEB_PUBSUB, WORKER, at, authority, now, right, verify};
use crate::config::{IdentityConfig, PrincipalConfig};
use crate::identity::authority::Authority;
use crate::identity::managed_identity::Host;
use crate::identity::now::Now;
use crate::identity::resource::Resource;
use crate::identity::token::Parts;
use crate::identity::token_endpoint::{TokenRequest, Version};
use crate::identity::verifier::{SKEW, TokenError};

fn json(response: &Response<Body>) -> Value {
    serde_json::from_slice(response.body().as_bytes().unwrap()).unwrap()
}

fn ask(authority: &Authority, version: Version, body: &str) -> Response<Body> {
    let request = TokenRequest {
        tenant: "adfs",
        version,
        authorization: None,
        body: body.as_bytes(),
    };
    authority.token(request, now())
}

const CREDENTIALS: &str = "grant_type=client_credentials&client_id=22222222-2222-2222-2222-222222222222&client_secret=azwire";

#[test]
fn client_secrets_get_tokens() {
    let authority = authority();
    for (version, rest, audience) in [
        (
            Version::V2,
            "scope=https%3A%2F%2Fwebpubsub.azure.com%2F.default",
            WEB_PUBSUB,
        ),
        (
            Version::V2,
            "client_info=1&x-client-SKU=msal.js.node&claims=%7B%7D&scope=https://webpubsub.azure.com//.default",
            "https://webpubsub.azure.com/",
        ),
        (
            Version::V1,
            "resource=https://webpubsub.azure.com",
            WEB_PUBSUB,
        ),
        (
            Version::V1,
            "scope=https://webpubsub.azure.com/.default",
            WEB_PUBSUB,
        ),
    ] {
        let response = ask(&authority, version, &format!("{CREDENTIALS}&{rest}"));
        assert_eq!(response.status(), StatusCode::OK, "{rest}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let document = json(&response);
        assert_eq!(document["token_type"], "Bearer");
        assert_eq!(document["expires_in"], 3600);
        let token = document["access_token"].as_str().unwrap();
        assert_eq!(verify(&authority, token), Ok(()), "{rest}");
        let claims = Parts::read(token).unwrap().payload;
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["aud"], audience);
        assert_eq!(claims["appidacr"], "1");
        assert_eq!(claims["idtyp"], "app");
        assert_eq!(claims["oid"], claims["sub"]);
        assert_eq!(claims["ver"], "1.0");
    }
    // RFC 6749 §2.3.1: in the header, each part encoded as in a form.
    let encoded = STANDARD.encode("22222222-2222-2222-2222-222222222222:az%77ire");
    let response = authority.token(
        TokenRequest {
            tenant: IdentityConfig::TENANT_ID,
            version: Version::V2,
            authorization: Some(&format!("basic {encoded}")),
            body: b"grant_type=client_credentials&scope=https://webpubsub.azure.com/.default",
        },
        now(),
    );
    assert_eq!(response.status(), StatusCode::OK);
}

#[test]
fn a_bad_token_request_gets_an_error_document() {
    let authority = authority();
    let scope = "scope=https://webpubsub.azure.com/.default";
    let id = "client_id=22222222-2222-2222-2222-222222222222";
    let grant = "grant_type=client_credentials";
    let assertion_type =
        "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let long = "a".repeat(60 * 1024);
    for (body, status, error, code) in [
        (String::new(), 400, "invalid_request", 900_144),
        ("&&&=".to_owned(), 400, "invalid_request", 900_144),
        ("%FF=%FF".to_owned(), 400, "invalid_request", 900_144),
        (
            format!("grant_type=password&{id}"),
            400,
            "unsupported_grant_type",
            70003,
        ),
        (format!("{grant}&{scope}"), 400, "invalid_request", 900_144),
        (
            format!("{grant}&{id}&client_secret=azwire"),
            400,
            "invalid_request",
            900_144,
        ),
        (
            format!("{grant}&{grant}&{id}"),
            400,
            "invalid_request",
            9_002_313,
        ),
        (
            format!("{CREDENTIALS}&client_secret=azwire&{scope}"),
            400,
            "invalid_request",
            9_002_313,
        ),
        (
            format!("{grant}&{id}&{scope}"),
            401,
            "invalid_client",
            7_000_218,
        ),
        (
            format!("{grant}&{id}&client_secret=&{scope}"),
            401,
            "invalid_client",
            7_000_218,
        ),
        (
            format!("{grant}&{id}&client_secret=Azwire&{scope}"),
            401,
            "invalid_client",
            7_000_215,
        ),
        (
            format!("{grant}&{id}&client_secret={long}&{scope}"),
            401,
            "invalid_client",
            7_000_215,
        ),
        (
            format!("{grant}&client_id={WORKER}&client_secret=azwire&{scope}"),
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            format!("{grant}&client_id={long}%00%22&client_secret=azwire&{scope}"),
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            format!("{CREDENTIALS}&scope=https://webpubsub.azure.com"),
            400,
            "invalid_scope",
            1_002_012,
        ),
        (
            format!("{CREDENTIALS}&scope=a/.default+b/.default"),
            400,
            "invalid_scope",
            1_002_012,
        ),
        (
            format!("{CREDENTIALS}&scope=https://management.azure.com/.default"),
            400,
            "invalid_resource",
            500_011,
        ),
        (
            format!("{grant}&{id}&client_assertion=x&{scope}"),
            400,
            "invalid_request",
            900_144,
        ),
        (
            format!("{grant}&{id}&client_assertion=x&{assertion_type}&{scope}"),
            401,
            "invalid_client",
            700_213,
        ),
        (
            format!("{CREDENTIALS}&client_assertion=x&{assertion_type}&{scope}"),
            400,
            "invalid_request",
            900_144,
        ),
    ] {
        let response = ask(&authority, Version::V2, &body);
        let shown: String = body.chars().take(200).collect();
        assert_eq!(response.status().as_u16(), status, "{shown}");
        let document = json(&response);
        assert_eq!(document["error"], error, "{shown}");
        assert_eq!(document["error_codes"][0], code, "{shown}");
        let text = document["error_description"].as_str().unwrap();
        assert!(text.starts_with(&format!("AADSTS{code}: ")), "{text}");
        assert!(text.len() < 1000 && !text.contains("Azwire"), "{text}");
        assert!(document["trace_id"].is_string() && document["correlation_id"].is_string());
    }
    let mut request = TokenRequest {
        tenant: "other",
        version: Version::V2,
        authorization: None,
        body: b"",
    };
    assert_eq!(
        json(&authority.token(request, now()))["error_codes"][0],
        90002
    );
    request.tenant = "adfs";
    request.body = b"grant_type=client_credentials";
    for value in ["", "Basic", "Basic !", "Bearer x", "Basic YQ=="] {
        request.authorization = Some(value);
        let response = authority.token(request, now());
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{value}");
    }
}

#[test]
fn assertions_are_checked() {
    let config = IdentityConfig::default().with_principal({
        let mut workload = PrincipalConfig::new(WORKER);
        workload.federated = true;
        workload
    });
    let config = config.with_principal(PrincipalConfig::new(IdentityConfig::CLIENT_ID));
    let authority = Authority::new(&config, Some(7)).unwrap();
    let principal = |id| authority.principals.by_client_id(id).unwrap();
    let assertion = authority.issue_assertion(principal(WORKER), now()).unwrap();
    let of_another = principal(IdentityConfig::CLIENT_ID);
    let of_another = authority.issue_assertion(of_another, now()).unwrap();
    let access = right(&authority).sign();
    let ask = |client: &str, assertion: &str, now| {
        let body = format!(
            "grant_type=client_credentials&client_id={client}&scope=https://relay.azure.net//.default&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion={assertion}"
        );
        let request = TokenRequest {
            tenant: "adfs",
            version: Version::V2,
            authorization: None,
            body: body.as_bytes(),
        };
        let response = authority.token(request, now);
        let document = json(&response);
        (document["error_codes"][0].as_u64(), document)
    };
    let (error, document) = ask(WORKER, assertion.expose(), now());
    assert_eq!(error, None);
    let token = document["access_token"].as_str().unwrap();
    let caller = authority.verify(token, Resource::Relay, SKEW, at(NOW));
    assert_eq!(caller.unwrap().client_id.as_deref(), Some(WORKER));
    let broken = &assertion.expose()[..assertion.expose().len() - 8];
    let later = Now {
        emulated: at(NOW + 11 * 365 * 86_400),
        machine: at(NOW),
    };
    for (client, assertion, time, code) in [
        (WORKER, of_another.expose(), now(), 700_213),
        (
            IdentityConfig::CLIENT_ID,
            of_another.expose(),
            now(),
            700_213,
        ),
        (WORKER, access.expose(), now(), 700_213),
        (WORKER, broken, now(), 700_213),
        (WORKER, "any text", now(), 700_213),
        (WORKER, assertion.expose(), later, 700_024),
    ] {
        assert_eq!(ask(client, assertion, time).0, Some(code), "{client}");
    }
    // An assertion is no access token.
    assert_eq!(
        verify(&authority, assertion.expose()),
        Err(TokenError::Audience)
    );
}

fn identity(
    authority: &Authority,
    host: Host,
    headers: &[(&'static str, &'static str)],
    fields: &str,
) -> Response<Body> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_static(value));
    }
    authority.managed_identity_token(host, &map, fields.as_bytes(), now())
}

#[test]
fn managed_identities_get_tokens_on_every_host() {
    let authority = authority();
    let resource = "resource=https%3A%2F%2Fwebpubsub.azure.com";
    for (host, headers, fields) in [
        (
            Host::AppService,
            ("x-identity-header", "azwire"),
            format!("api-version=2019-08-01&{resource}"),
        ),
        (
            Host::AppService,
            ("x-identity-header", "azwire"),
            format!(
                "api-version=2019-08-01&{resource}&client_id={}",
                IdentityConfig::CLIENT_ID
            ),
        ),
        (
            Host::VirtualMachine,
            ("metadata", "true"),
            format!("api-version=2018-02-01&{resource}"),
        ),
        (Host::CloudShell, ("metadata", "True"), resource.to_owned()),
    ] {
        let response = identity(&authority, host, &[headers], &fields);
        assert_eq!(response.status(), StatusCode::OK, "{host:?}");
        let document = json(&response);
        assert_eq!(
            verify(&authority, document["access_token"].as_str().unwrap()),
            Ok(())
        );
        // On the machine's clock, not the emulator's, and as text: Rust's client takes nothing else.
        assert_eq!(document["expires_on"], (NOW - 1000 + 3600).to_string());
        assert_eq!(document["expires_in"], "3600");
        assert_eq!(document["resource"], WEB_PUBSUB);
        assert_eq!(document["token_type"], "Bearer");
        assert_eq!(document["client_id"], IdentityConfig::CLIENT_ID);
    }
}

#[test]
fn a_bad_request_of_a_managed_identity_is_400_or_401() {
    let authority = authority();
    let good = "api-version=2019-08-01&resource=https://webpubsub.azure.com";
    let secret = ("x-identity-header", "azwire");
    let metadata = ("metadata", "true");
    for (host, headers, fields, status) in [
        (Host::AppService, vec![], good.to_owned(), 401),
        (
            Host::AppService,
            vec![("x-identity-header", "Azwire")],
            good.to_owned(),
            401,
        ),
        (Host::AppService, vec![metadata], good.to_owned(), 401),
        (Host::AppService, vec![secret], String::new(), 400),
        (
            Host::AppService,
            vec![secret],
            good.replace("2019-08-01", "2018-02-01"),
            400,
        ),
        (
            Host::AppService,
            vec![secret],
            "api-version=2019-08-01".to_owned(),
            400,
        ),
        (
            Host::AppService,
            vec![secret],
            format!("{good}&{good}"),
            400,
        ),
        (
            Host::AppService,
            vec![secret],
            format!("{good}&client_id={WORKER}"),
            400,
        ),
        (
            Host::AppService,
            vec![secret],
            format!("{good}&client_id=a&object_id=b"),
            400,
        ),
        (
            Host::AppService,
            vec![secret],
            good.replace("webpubsub", "vault"),
            400,
        ),
        (Host::AppService, vec![secret], format!("{good}&x=%FF"), 400),
        (Host::VirtualMachine, vec![], good.to_owned(), 400),
        (Host::VirtualMachine, vec![secret], good.to_owned(), 400),
        (
            Host::VirtualMachine,
            vec![metadata, ("x-forwarded-for", "::1")],
            good.to_owned(),
            400,
        ),
        (Host::CloudShell, vec![metadata], String::new(), 400),
        (Host::CloudShell, vec![], good.to_owned(), 400),
    ] {
        let response = identity(&authority, host, &headers, &fields);
        assert_eq!(
            response.status().as_u16(),
            status,
            "{host:?} {headers:?} {fields}"
        );
        let document = json(&response);
        assert_eq!(document["statusCode"], status);
        assert!(!document["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn documents_have_the_host_that_the_client_used() {
    let authority = authority();
    let origin = "https://localhost:9444";
    let document = json(&authority.configuration(origin, "adfs"));
    assert_eq!(document["issuer"], "https://localhost:9444/adfs");
    assert_eq!(
        document["token_endpoint"],
        "https://localhost:9444/adfs/oauth2/token"
    );
    assert_eq!(
        document["jwks_uri"],
        "https://localhost:9444/adfs/discovery/keys"
    );
    let document = json(&authority.configuration(origin, "t"));
    assert_eq!(document["issuer"], "https://localhost:9444/t/v2.0");
    assert_eq!(
        document["token_endpoint"],
        "https://localhost:9444/t/oauth2/v2.0/token"
    );
    let document = json(&authority.instance(origin));
    assert_eq!(document["metadata"][0]["aliases"][0], "localhost:9444");

    // Whoever has the published keys can check the tokens.
    let keys = json(&authority.published_keys(now()));
    let key = &keys["keys"][0];
    let part = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let public = auth::_internal::RsaPublicKey::new(part("n"), part("e"));
    let token = right(&authority).sign();
    let parts = Parts::read(token.expose()).unwrap();
    assert_eq!(key["kid"], parts.header.kid.unwrap().as_str());
    assert!(public.verify(parts.message, &parts.signature));
}
