//! Signing in as with Entra ID: tokens from the authority and of a test's own, at both services.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use auth::{
    AccessToken, CachedTokenProvider, Clock as _, EntraTokenProvider, FixedClock, SharedClock,
    TokenCredential,
};
use azwire_tests::log::Log;
use azwire_tests::pubsub::peer::{JSON, connect, refused};
use azwire_tests::pubsub::rest::{Reply, control, exchange};
use azwire_tests::pubsub::token::now;
use azwire_tests::{free_ports, within};
use emulator::{Emulator, Identity, IdentityConfig, PrincipalConfig, Role, SignIn};
use futures::channel::mpsc;
use futures::{FutureExt, StreamExt};
use http::{Method, Request, Response};
use relay::control::{ControlOptions, KeepAlive};
use relay::{
    ConnectionString, Credential, ErrorKind, HybridConnection, Listener, ListenerState, Sender,
    handler_fn,
};
use serde_json::Value;
use tracing::level_filters::LevelFilter;
use transport::testing::ManualRuntime;
use transport::{Body, SharedRuntime};

const READER: &str = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
const MINTER: &str = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";
const LISTENER: &str = "cccccccc-cccc-4ccc-8ccc-cccccccccccc";
const SENDER: &str = "dddddddd-dddd-4ddd-8ddd-dddddddddddd";

async fn start(identity: IdentityConfig) -> Emulator {
    let builder = Emulator::builder().config(free_ports()).seed(7);
    let builder = builder.identity(identity.with_port(0));
    let builder = builder.hybrid_connection("open:anonymous").unwrap();
    builder.start().await.unwrap()
}

fn identity(emulator: &Emulator) -> &Identity {
    emulator.identity().unwrap()
}

/// Calls a REST operation of the hub `chat` with a token.
async fn call(emulator: &Emulator, method: Method, target: &str, token: &str) -> Reply {
    let url = format!("{}/api/hubs/chat/{target}", emulator.pubsub().endpoint());
    let request = Request::builder()
        .method(method)
        .uri(url)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "text/plain");
    exchange(request.body("hello".into()).unwrap()).await
}

async fn send(emulator: &Emulator, token: &str) -> Reply {
    call(emulator, Method::POST, ":send", token).await
}

fn challenge(reply: &Reply) -> &str {
    reply.headers["www-authenticate"].to_str().unwrap()
}

/// Asks for a managed identity's token, as an SDK with these variables does.
async fn managed_identity(emulator: &Emulator, resource: &str, rest: &str) -> Reply {
    let variables = identity(emulator).environment(SignIn::ManagedIdentity);
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        &found.unwrap().1
    };
    let url = format!(
        "{}?api-version=2019-08-01&resource={resource}{rest}",
        variable("IDENTITY_ENDPOINT")
    );
    let request = Request::get(url).header("x-identity-header", variable("IDENTITY_HEADER"));
    exchange(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_managed_identity_uses_web_pubsub_and_its_tokens_expire_by_the_clock() {
    within(async {
        let emulator = start(IdentityConfig::default()).await;
        let reply = managed_identity(&emulator, "https://webpubsub.azure.com", "").await;
        assert_eq!(reply.status, 200);
        let document = reply.json();
        let token = document["access_token"].as_str().unwrap();
        let expires_on: u64 = document["expires_on"].as_str().unwrap().parse().unwrap();
        assert_eq!(send(&emulator, token).await.status, 202);

        // Five minutes of grace; a few seconds of them are for the test itself.
        emulator.clock().advance(Duration::from_secs(3600 + 290));
        assert_eq!(send(&emulator, token).await.status, 202);
        emulator.clock().advance(Duration::from_secs(11));
        let refused = send(&emulator, token).await;
        assert_eq!(refused.status, 401);
        assert!(refused.body.is_empty());
        let text = challenge(&refused);
        assert!(
            text.starts_with(
                r#"Bearer error="invalid_token", error_description="The token expired at '"#
            ),
            "{text}"
        );
        // A new one is valid here, and clients keep it by their own clock.
        let reply = managed_identity(&emulator, "https://webpubsub.azure.com", "").await;
        let document = reply.json();
        let token = document["access_token"].as_str().unwrap();
        assert_eq!(send(&emulator, token).await.status, 202);
        let again: u64 = document["expires_on"].as_str().unwrap().parse().unwrap();
        assert!(again - expires_on < 1000);
    })
    .await;
}

#[tokio::test]
async fn every_wrong_token_is_401_and_says_why() {
    within(async {
        let emulator = start(IdentityConfig::default()).await;
        let identity = identity(&emulator);
        let right = || identity.token(Identity::WEB_PUBSUB);
        let huge = "x".repeat(100 * 1024);
        let invalid = |text: &str| match text {
            "" => r#"Bearer error="invalid_token""#.to_owned(),
            text => format!(r#"Bearer error="invalid_token", error_description="{text}""#),
        };
        assert_eq!(send(&emulator, right().sign().expose()).await.status, 202);
        for (what, token, text) in [
            (
                "other key",
                right().with_key_of_a_stranger(),
                "The signature is invalid",
            ),
            (
                "unknown key",
                right().with_header("kid", "x"),
                "The signature key was not found",
            ),
            (
                "none",
                right().with_no_signature(),
                "The signature key was not found",
            ),
            (
                "HS256",
                right().with_hmac("key"),
                "The signature key was not found",
            ),
            (
                "issuer",
                right().with_claim("iss", "x"),
                "The issuer is invalid",
            ),
            (
                "tenant",
                right().with_claim("tid", READER),
                "The issuer is invalid",
            ),
            (
                "audience",
                identity.token(Identity::RELAY),
                "The audience is invalid",
            ),
            ("not JSON", right().with_payload("{"), ""),
            (
                "twice",
                right().with_payload(right().payload().replacen('{', "{\"exp\":1,", 1)),
                "",
            ),
            ("100 KiB", right().with_claim("x", huge.as_str()), ""),
        ] {
            let reply = send(&emulator, token.sign().expose()).await;
            if what == "100 KiB" && reply.status == 431 {
                // The head as a whole was too large already.
                continue;
            }
            assert_eq!(reply.status, 401, "{what}");
            assert_eq!(challenge(&reply), invalid(text), "{what}");
            assert!(reply.body.is_empty(), "{what}");
        }
        let early = right().with_claim("nbf", 4_000_000_000_u64).sign();
        let reply = send(&emulator, early.expose()).await;
        assert_eq!(
            challenge(&reply),
            invalid("The token is not valid before '10/02/2096 07:06:40'")
        );
        // A client's token is the service's own, never the authority's.
        let token = right().sign();
        assert_eq!(opened(&emulator, token.expose()).await, 401);
    })
    .await;
}

/// Opens a client of the hub `chat` with a token; returns the status.
async fn opened(emulator: &Emulator, token: &str) -> u16 {
    let query = format!("access_token={token}");
    let opened = connect(emulator, "chat", &query, Some(JSON)).await;
    match opened {
        Ok(_) => 101,
        opened => refused(opened).as_u16(),
    }
}

#[tokio::test]
async fn a_rotated_key_is_taken_for_a_day() {
    within(async {
        let emulator = start(IdentityConfig::default()).await;
        let identity = identity(&emulator);
        let before = identity
            .token(Identity::WEB_PUBSUB)
            .with_lifetime(Duration::from_secs(7 * 86_400))
            .sign();
        assert!(identity.rotate_keys());
        let after = identity.token(Identity::WEB_PUBSUB).sign();
        for token in [&before, &after] {
            assert_eq!(send(&emulator, token.expose()).await.status, 202);
        }
        let keys = format!("{}/adfs/discovery/keys", plain(identity));
        let keys = exchange(Request::get(keys).body(Body::empty()).unwrap()).await;
        assert_eq!(keys.json()["keys"].as_array().unwrap().len(), 2);
        emulator.clock().advance(Duration::from_secs(86_400));
        assert_eq!(send(&emulator, before.expose()).await.status, 401);

        // From any language, and undone by a reset.
        let reply = control(&emulator, Method::POST, "rotate-keys", "").await;
        assert_eq!(reply.status, 200);
        assert_eq!(send(&emulator, before.expose()).await.status, 202);
        let reply = control(&emulator, Method::POST, "rotate-keys", "").await;
        assert_eq!(reply.status, 200);
        emulator.reset().await;
        assert_eq!(send(&emulator, before.expose()).await.status, 202);
        assert_eq!(send(&emulator, after.expose()).await.status, 401);
    })
    .await;
}

/// Returns the origin of the authority in plain text.
fn plain(identity: &Identity) -> String {
    let endpoint = identity.managed_identity_endpoint();
    endpoint.strip_suffix("/msi/token").unwrap().to_owned()
}

fn roles() -> IdentityConfig {
    IdentityConfig::default()
        .with_principal(
            PrincipalConfig::new(READER)
                .with_managed_identity("reader")
                .with_role(Role::WebPubSubServiceReader),
        )
        .with_principal(PrincipalConfig::new(MINTER).with_action(
            "Microsoft.SignalRService/WebPubSub/clientConnection/generateToken/action",
        ))
        .with_principal(
            PrincipalConfig::new(LISTENER)
                .with_role_at(Role::RelayListener, "HC1")
                .with_role_at(Role::WebPubSubServiceOwner, "Chat"),
        )
        .with_principal(PrincipalConfig::new(SENDER).with_role(Role::RelaySender))
}

fn token_of(emulator: &Emulator, client_id: &str, audience: &str) -> String {
    let token = identity(emulator).token_of(client_id, audience).unwrap();
    token.sign().expose().to_owned()
}

#[tokio::test]
async fn a_missing_role_is_403_at_web_pubsub() {
    within(async {
        let emulator = start(roles()).await;
        let token = |client_id| token_of(&emulator, client_id, Identity::WEB_PUBSUB);
        let (reader, minter, owner) = (token(READER), token(MINTER), token(LISTENER));
        for (token, method, target, expected) in [
            (&reader, Method::HEAD, "groups/g", 404),
            (&reader, Method::HEAD, "users/u", 404),
            (&reader, Method::HEAD, "connections/c", 404),
            (&reader, Method::GET, "groups/g/connections", 200),
            (&reader, Method::POST, ":send", 403),
            (&reader, Method::POST, "groups/g/:send", 403),
            (&reader, Method::PUT, "users/u/groups/g", 403),
            (&reader, Method::DELETE, "connections/c", 403),
            (&reader, Method::POST, ":generateToken", 403),
            (&minter, Method::POST, ":generateToken", 200),
            (&minter, Method::POST, ":send", 403),
            (&minter, Method::DELETE, "connections/c", 403),
            (&owner, Method::POST, ":send", 202),
            (&owner, Method::POST, ":generateToken", 200),
            (&owner, Method::DELETE, "connections/c", 204),
        ] {
            let reply = call(&emulator, method.clone(), target, token).await;
            assert_eq!(reply.status, expected, "{method} {target}");
            if expected == 403 {
                assert!(reply.body.is_empty() && !reply.headers.contains_key("www-authenticate"));
            }
        }
        // Its role is for one hub.
        let url = format!("{}/api/hubs/other/:send", emulator.pubsub().endpoint());
        let request = Request::post(url)
            .header("authorization", format!("Bearer {owner}"))
            .header("content-type", "text/plain");
        let reply = exchange(request.body("hello".into()).unwrap()).await;
        assert_eq!(reply.status, 403);
        // Nobody knows this one, so it has no role.
        let stranger = identity(&emulator)
            .token(Identity::WEB_PUBSUB)
            .with_claim("oid", "eeeeeeee-eeee-4eee-8eee-eeeeeeeeeeee")
            .sign();
        assert_eq!(send(&emulator, stranger.expose()).await.status, 403);
    })
    .await;
}

#[tokio::test]
async fn whoever_may_generate_tokens_only_generates_some_that_do_not_connect() {
    within(async {
        let emulator = start(roles()).await;
        for (client_id, expected) in [(MINTER, 401), (LISTENER, 101)] {
            let token = token_of(&emulator, client_id, Identity::WEB_PUBSUB);
            let reply = call(&emulator, Method::POST, ":generateToken", &token).await;
            let client = reply.json()["token"].as_str().unwrap().to_owned();
            assert_eq!(opened(&emulator, &client).await, expected, "{client_id}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_token_endpoint_answers_over_the_wire() {
    within(async {
        let emulator = start(IdentityConfig::default()).await;
        let identity = identity(&emulator);
        let base = plain(identity);
        let url = format!("{base}/{}/oauth2/v2.0/token", identity.tenant_id());
        let post = |body: String| {
            let request = Request::post(&url)
                .header("content-type", "application/x-www-form-urlencoded");
            exchange(request.body(body.into()).unwrap())
        };
        let credentials = "grant_type=client_credentials&client_id=22222222-2222-2222-2222-222222222222&scope=https%3A%2F%2Fwebpubsub.azure.com%2F.default";
        let reply = post(format!("{credentials}&client_secret=azwire")).await;
        assert_eq!(reply.status, 200);
        let document = reply.json();
        let token = document["access_token"].as_str().unwrap();
        assert_eq!(send(&emulator, token).await.status, 202);

        let reply = post(format!("{credentials}&client_secret=wrong")).await;
        assert_eq!((reply.status, &reply.json()["error"]), (401, &"invalid_client".into()));
        for body in [String::new(), "%FF".to_owned(), "a=".repeat(64 * 1024)] {
            let reply = post(body).await;
            assert_eq!((reply.status, &reply.json()["error"]), (400, &"invalid_request".into()));
        }

        let federated = identity.federated_token(IdentityConfig::CLIENT_ID).unwrap();
        let from_file = std::fs::read_to_string(identity.federated_token_file()).unwrap();
        for assertion in [federated.expose(), &from_file] {
            let reply = post(format!("{credentials}&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={assertion}")).await;
            assert_eq!(reply.status, 200);
        }

        let get = |path: &str| {
            exchange(Request::get(format!("{base}{path}")).body(Body::empty()).unwrap())
        };
        let document = get("/adfs/.well-known/openid-configuration").await.json();
        assert_eq!(document["issuer"], format!("{base}/adfs"));
        assert_eq!(get("/other/.well-known/openid-configuration").await.status, 400);
        assert_eq!(get("/other").await.status, 404);
        assert_eq!(get("/adfs/oauth2/token").await.status, 405);
        assert_eq!(get("/common/discovery/instance?api-version=1.1").await.status, 200);
        // A page with a name of its own that leads here gets nothing.
        let request = Request::get(format!("{base}/adfs/discovery/keys"))
            .header("host", "evil.example");
        assert_eq!(exchange(request.body(Body::empty()).unwrap()).await.status, 421);
    })
    .await;
}

#[tokio::test]
async fn a_managed_identity_that_nobody_knows_is_400() {
    within(async {
        let emulator = start(roles()).await;
        let resource = "https%3A%2F%2Frelay.azure.net%2F";
        for (rest, expected) in [
            (String::new(), 400),
            (format!("&client_id={READER}"), 200),
            (format!("&client_id={SENDER}"), 400),
        ] {
            let reply = managed_identity(&emulator, resource, &rest).await;
            assert_eq!(reply.status, expected, "{rest}");
        }
        // Nobody is system-assigned, so the variables name the first.
        let variables = identity(&emulator).environment(SignIn::ManagedIdentity);
        assert!(variables.contains(&("AZURE_CLIENT_ID", READER.to_owned())));
        assert!(
            identity(&emulator)
                .environment(SignIn::ClientSecret)
                .is_empty()
        );
        assert!(
            identity(&emulator)
                .environment(SignIn::WorkloadIdentity)
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn the_ready_line_has_what_credentials_need() {
    within(async {
        let emulator = start(IdentityConfig::default()).await;
        let line: Value = serde_json::from_str(&emulator.ready_line()).unwrap();
        let identity = identity(&emulator);
        assert_eq!(line["identity"]["authority"], identity.authority());
        let environment = &line["identity"]["environment"];
        assert_eq!(
            environment["IDENTITY_ENDPOINT"],
            identity.managed_identity_endpoint()
        );
        assert_eq!(
            environment["AZURE_TOKEN_CREDENTIALS"],
            "ManagedIdentityCredential"
        );
        let ca = emulator.ca_certificate().to_str().unwrap();
        assert_eq!(environment["SSL_CERT_FILE"], ca);

        let without = Emulator::builder().start().await.unwrap();
        assert!(without.identity().is_none());
        assert!(!without.ready_line().contains("identity"));
    })
    .await;
}

/// A credential whose tokens the test makes.
#[derive(Clone, Debug)]
struct Minted {
    token: String,
    expires_on: SystemTime,
}

impl Minted {
    fn new(emulator: &Emulator, token: impl Into<String>) -> Self {
        Self {
            token: token.into(),
            expires_on: now(emulator) + Duration::from_secs(3600),
        }
    }
}

#[async_trait]
impl TokenCredential for Minted {
    async fn token(&self, _: &[&str]) -> auth::Result<AccessToken> {
        Ok(AccessToken::new(self.token.clone(), self.expires_on))
    }
}

fn hybrid_connection(emulator: &Emulator, path: &str) -> HybridConnection {
    let plain = emulator.relay().plain_connection_string(path);
    let parsed: ConnectionString = plain.expose().parse().unwrap();
    parsed.hybrid_connection().unwrap()
}

fn address(emulator: &Emulator) -> String {
    format!(
        "http://{}/hc1",
        hybrid_connection(emulator, "hc1").authority()
    )
}

#[tokio::test]
async fn relay_takes_tokens_by_role() {
    within(async {
        let emulator = start(roles()).await;
        let place = || hybrid_connection(&emulator, "hc1");
        let credential = |client_id: &str, audience: &str| {
            let token = token_of(&emulator, client_id, audience);
            Credential::entra(Minted::new(&emulator, token))
        };
        let listen = |credential| Listener::builder(place(), credential).open();
        let error = listen(credential(SENDER, Identity::RELAY))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error:?}");
        let error = listen(credential(LISTENER, Identity::WEB_PUBSUB))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error:?}");
        let mut listener = listen(credential(LISTENER, Identity::RELAY)).await.unwrap();

        let sender = |credential| Sender::new(place(), credential).unwrap();
        let refused = sender(credential(LISTENER, Identity::RELAY));
        let error = refused.connect().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error:?}");
        let sender = sender(credential(SENDER, Identity::RELAY));
        let accepting = async { listener.accept().await.unwrap().accept().await.unwrap() };
        let (sent, _accepted) = futures::join!(sender.connect(), accepting);
        sent.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_token_of_a_workload_is_its_owners_and_needs_no_writable_certificates() {
    within(async {
        let folder = std::env::temp_dir().join(format!("azwire-token-{}", std::process::id()));
        let token_file = folder.join("federated-token");
        let start = || {
            let builder = Emulator::builder()
                .config(free_ports())
                .certificates(&folder);
            builder
                .identity(IdentityConfig::default().with_port(0))
                .start()
        };
        let emulator = start().await.unwrap();
        assert_eq!(identity(&emulator).federated_token_file(), token_file);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;

            let about = std::fs::metadata(&token_file).unwrap();
            assert_eq!(about.permissions().mode() & 0o777, 0o600);
        }
        // Where nothing can be written, whoever we are.
        std::fs::remove_file(&token_file).unwrap();
        std::fs::create_dir(&token_file).unwrap();
        let emulator = start().await.unwrap();
        let written = identity(&emulator).federated_token_file().to_owned();
        assert_ne!(written, token_file);
        assert!(
            std::fs::read_to_string(&written)
                .unwrap()
                .starts_with("eyJ")
        );
        drop(emulator);
        assert!(!written.exists());
        std::fs::remove_dir_all(folder).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_role_is_for_one_hybrid_connection_whatever_the_path_below_it() {
    within(async {
        let mut principal = PrincipalConfig::new(SENDER);
        for scope in ["team", "hc1/deep"] {
            principal = principal.with_role_at(Role::RelaySender, scope);
        }
        let emulator = Emulator::builder().identity(
            IdentityConfig::default()
                .with_port(0)
                .with_principal(principal),
        );
        let emulator = ["team", "team/a"].iter().fold(emulator, |builder, name| {
            builder.hybrid_connection(name).unwrap()
        });
        let emulator = emulator.start().await.unwrap();
        let token = token_of(&emulator, SENDER, Identity::RELAY);
        let base = address(&emulator);
        let base = base.strip_suffix("/hc1").unwrap();
        // Nobody listens, so a good token comes as far as 404.
        for (path, expected) in [
            ("team", 404),
            ("Team/b/c", 404),
            ("team//b", 404),
            ("team/a", 401),
            ("team/a/b", 401),
            ("hc1", 401),
            ("hc1/deep", 401),
        ] {
            let request =
                Request::get(format!("{base}/{path}")).header("servicebusauthorization", &token);
            let reply = exchange(request.body(Body::empty()).unwrap()).await;
            assert_eq!(reply.status, expected, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn relay_takes_a_token_in_each_of_its_places() {
    within(async {
        let emulator = start(roles()).await;
        let url = address(&emulator);
        let sender = token_of(&emulator, SENDER, "https://relay.azure.net");
        let reader = token_of(&emulator, READER, Identity::RELAY);
        for (token, expected) in [(&sender, 404), (&reader, 401)] {
            // Nobody listens, so a good token comes as far as that.
            for (target, name, value) in [
                (
                    format!("{url}?sb-hc-token={token}"),
                    "x-none",
                    String::new(),
                ),
                (url.clone(), "servicebusauthorization", token.clone()),
                (
                    url.clone(),
                    "servicebusauthorization",
                    format!("Bearer {token}"),
                ),
                (url.clone(), "authorization", format!("Bearer {token}")),
            ] {
                let request = Request::get(&target).header(name, value);
                let reply = exchange(request.body(Body::empty()).unwrap()).await;
                assert_eq!(reply.status, expected, "{name}");
            }
        }
        // The description of the namespace is for owners.
        let management = |token: &str| {
            let target = format!("{url}?api-version=2017-04");
            let request = Request::get(target)
                .header("x-process-at", "ServiceBus")
                .header("servicebusauthorization", token);
            exchange(request.body(Body::empty()).unwrap())
        };
        assert_eq!(management(&sender).await.status, 401);
        let stranger = identity(&emulator)
            .token(Identity::RELAY)
            .with_key_of_a_stranger()
            .sign();
        let request = Request::get(&url).header("servicebusauthorization", stranger.expose());
        let reply = exchange(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, 401);
    })
    .await;
}

/// A credential that asks the authority for tokens, and says so each time.
#[derive(Debug)]
struct Hourly {
    endpoint: String,
    clock: FixedClock,
    asked: mpsc::UnboundedSender<()>,
}

#[async_trait]
impl TokenCredential for Hourly {
    async fn token(&self, _: &[&str]) -> auth::Result<AccessToken> {
        let url = format!(
            "{}?api-version=2019-08-01&resource=https://relay.azure.net",
            self.endpoint
        );
        let request = Request::get(url).header("x-identity-header", "azwire");
        let document = exchange(request.body(Body::empty()).unwrap()).await.json();
        self.asked.unbounded_send(()).unwrap();
        let token = document["access_token"].as_str().unwrap();
        Ok(AccessToken::new(
            token,
            self.clock.now() + Duration::from_secs(3600),
        ))
    }
}

#[tokio::test]
async fn a_listener_renews_its_token_while_it_is_online() {
    within(async {
        let emulator = start(IdentityConfig::default()).await;
        let clock = FixedClock::new(now(&emulator));
        let (asked, mut asks) = mpsc::unbounded();
        let credential = Hourly {
            endpoint: identity(&emulator).managed_identity_endpoint(),
            clock: clock.clone(),
            asked,
        };
        let tokens = EntraTokenProvider::new(credential, "https://relay.azure.net/.default");
        let tokens = CachedTokenProvider::new(tokens).with_clock(SharedClock::new(clock.clone()));
        let timers = ManualRuntime::with_spawner(|future| SharedRuntime::default().spawn(future));
        let place = hybrid_connection(&emulator, "open");
        let handler = handler_fn(async |_: Request<Body>| Response::new(Body::from("here")));
        let listener = Listener::builder(place.clone(), Credential::provider(tokens.clone()))
            .control(ControlOptions::default().with_keep_alive(KeepAlive::Off))
            .clock(SharedClock::new(clock.clone()))
            .runtime(timers.shared())
            .request_handler(handler)
            .open()
            .await
            .unwrap();
        let mut changes = listener.changes();
        assert_eq!(changes.next().await, Some(ListenerState::Online));
        asks.next().await.unwrap();
        let sender = Sender::new(place, Credential::anonymous()).unwrap();
        // All three clocks.
        let advance = |minutes: u64| {
            let step = Duration::from_secs(minutes * 60);
            clock.advance(step);
            emulator.clock().advance(step);
            timers.advance(step);
        };
        for hour in 0..5 {
            // Up to where the renewal is due and the token still valid.
            advance(if hour == 0 { 50 } else { 34 });
            asks.next().await.unwrap();
            // Its answer comes by the control channel, after the renewal.
            let request = Request::get("/").body(Body::empty()).unwrap();
            let response = sender.send(request).await.unwrap();
            assert_eq!(response.status(), 200, "{hour}");
            // The token before is past its grace.
            advance(16);
            let request = Request::get("/").body(Body::empty()).unwrap();
            let response = sender.send(request).await.unwrap();
            assert_eq!(response.status(), 200, "{hour}");
            assert_eq!(listener.state(), ListenerState::Online);
            assert!(changes.next().now_or_never().is_none(), "{hour}");
        }
    })
    .await;
}

#[tokio::test]
async fn no_token_secret_or_assertion_is_in_the_log() {
    let log = Log::of(LevelFilter::TRACE);
    let mut secrets = ["hunter2", "hunter3", "header-of-ours", "header-of-theirs"]
        .map(str::to_owned)
        .to_vec();
    let mut printed = String::new();
    within(async {
        let reader = PrincipalConfig::new(READER)
            .with_secret("hunter2")
            .with_managed_identity("reader");
        let mut config = IdentityConfig::default().with_principal(reader);
        config.identity_header = "header-of-ours".into();
        printed += &format!("{config:?}");
        let emulator = start(config).await;
        let identity = identity(&emulator);
        printed += &format!("{emulator:?} {identity:?}");
        for (header, expected) in [("header-of-ours", 200), ("header-of-theirs", 401)] {
            let url = format!(
                "{}?api-version=2019-08-01&resource=https://relay.azure.net&client_id={READER}",
                identity.managed_identity_endpoint()
            );
            let request = Request::get(url).header("x-identity-header", header);
            let reply = exchange(request.body(Body::empty()).unwrap()).await;
            assert_eq!(reply.status, expected);
            if let Some(token) = reply.json()["access_token"].as_str() {
                // Nobody with this role may listen.
                let url = format!("{}?sb-hc-action=listen&sb-hc-token={token}", address(&emulator));
                let request = Request::get(url).body(Body::empty()).unwrap();
                assert!(exchange(request).await.status >= 400);
                secrets.push(token.to_owned());
            }
        }
        let url = format!("{}/adfs/oauth2/token", plain(identity));
        for secret in ["hunter2", "hunter3"] {
            let body = format!("grant_type=client_credentials&client_id={READER}&client_secret={secret}&resource=https://webpubsub.azure.com");
            let request = Request::post(&url).body(body.into()).unwrap();
            let reply = exchange(request).await;
            if let Some(token) = reply.json()["access_token"].as_str() {
                secrets.push(token.to_owned());
            }
        }
        let assertion = identity.federated_token(READER).unwrap();
        let body = format!("grant_type=client_credentials&client_id={READER}&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion={}&resource=https://relay.azure.net", assertion.expose());
        exchange(Request::post(&url).body(body.into()).unwrap()).await;
        secrets.push(assertion.expose().to_owned());
        let right = identity.token(Identity::WEB_PUBSUB);
        for token in [right.clone(), right.with_key_of_a_stranger()] {
            printed += &format!("{token:?}");
            let token = token.sign();
            printed += &format!("{token:?}");
            // The first one's principal lacks the role, the second one is wrong.
            assert!(send(&emulator, token.expose()).await.status > 400);
            secrets.push(token.expose().to_owned());
        }
    })
    .await;
    let text = log.text();
    assert!(text.contains("a role is missing"), "the log was captured");
    for secret in secrets {
        // Of a token, its signature is what must not be known.
        let part = secret.rsplit('.').next().unwrap();
        assert!(!text.contains(part), "{part}");
        assert!(!printed.contains(part), "{part}");
    }
}
