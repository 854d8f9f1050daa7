//! The example in processes of their own, because credentials read the environment, and what
//! the emulator refuses.

use std::process::{Command, Output};
use std::time::Duration;

use azure_core::cloud::CustomConfiguration;
use azwire_auth::{
    AccessToken, CachedTokenProvider, Clock, EntraTokenProvider, FixedClock, SharedClock,
    TokenCredential as _,
};
use azwire_emulator::{Emulator, IdentityConfig, PrincipalConfig, Role, SignIn};
use azwire_pubsub::ErrorKind;
use azwire_relay::ListenerState;
use azwire_relay::control::{ControlOptions, KeepAlive};
use azwire_transport::net::Connector;
use azwire_transport::testing::ManualRuntime;
use azwire_transport::tls::{RootCertificates, TlsConnector};
use azwire_transport::{SharedRuntime, async_trait};
use futures::channel::mpsc;

use super::*;

const READER: &str = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
const SECRET: &str = "hunter2";

async fn start(identity: IdentityConfig) -> Emulator {
    let emulator = Emulator::builder().identity(identity.with_port(0));
    emulator.start().await.unwrap()
}

fn reader() -> IdentityConfig {
    let reader = PrincipalConfig::new(READER)
        .with_secret(SECRET)
        .with_managed_identity("reader")
        .with_role(Role::WebPubSubServiceReader);
    IdentityConfig::default().with_principal(reader)
}

/// Runs `main` in a process with the variables of the emulator.
fn run(emulator: &Emulator, way: SignIn) -> Output {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "tests::runs_in_a_child", "--nocapture"]);
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("AZURE_") || name.starts_with("IDENTITY_") {
            child.env_remove(&*name);
        }
    }
    child
        .envs(emulator.identity().unwrap().environment(way))
        .env("WEBPUBSUB_ENDPOINT", emulator.pubsub().secure_endpoint())
        .env(
            "RELAY_CONNECTION_STRING",
            emulator.relay().connection_string("hc1").expose(),
        )
        .env(IS_CHILD, "1");
    child.output().unwrap()
}

/// What `run` starts; by itself it does nothing.
#[test]
fn runs_in_a_child() {
    if env::var_os(IS_CHILD).is_some() {
        main().unwrap();
    }
}

const IS_CHILD: &str = "ENTRA_SIGN_IN_CHILD";

#[tokio::test(flavor = "multi_thread")]
async fn signs_in_with_the_environment_alone() {
    let emulator = start(IdentityConfig::default()).await;
    for way in [SignIn::ManagedIdentity, SignIn::ClientSecret] {
        let output = run(&emulator, way);
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{way:?}: {output:?}");
        assert!(
            printed.contains(r#"the client received "good morning""#),
            "{printed}"
        );
        assert!(
            printed.contains(r#"the sender received "good evening""#),
            "{printed}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_gets_no_token_for_clients() {
    let emulator = start(reader()).await;
    for way in [SignIn::ManagedIdentity, SignIn::ClientSecret] {
        let output = run(&emulator, way);
        assert!(!output.status.success(), "{way:?}");
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(printed.contains("403"), "{way:?}: {printed}");
    }
}

/// Returns the credential of an application, without the environment.
fn application(emulator: &Emulator, client_id: &str, secret: &'static str) -> AzureCoreCredential {
    let roots = RootCertificates::from_pem(emulator.ca_pem().as_bytes()).unwrap();
    let tls = TlsConnector::ring(roots).unwrap();
    let client = HyperClient::new(Connector::builder().tls(tls).build());
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = emulator.identity().unwrap().authority();
    let client_options = ClientOptions {
        cloud: Some(Arc::new(cloud.into())),
        transport: Some(Transport::new(Arc::new(AzureTransport::new(client)))),
        ..ClientOptions::default()
    };
    let options = Some(ClientSecretCredentialOptions { client_options });
    let credential = ClientSecretCredential::new("adfs", client_id.into(), secret.into(), options);
    AzureCoreCredential::new(credential.unwrap())
}

fn service(emulator: &Emulator, credential: AzureCoreCredential) -> ServiceClient {
    let endpoint = emulator.pubsub().endpoint().parse().unwrap();
    let credential = ServiceCredential::entra(credential);
    let service = ServiceClient::builder(endpoint, "chat".parse().unwrap(), credential);
    service.build().unwrap()
}

#[tokio::test]
async fn a_reader_reads_and_is_refused_when_it_sends() {
    let emulator = start(reader()).await;
    let service = service(&emulator, application(&emulator, READER, SECRET));
    assert!(!service.user_exists("ann").await.unwrap());
    let error = service.send_to_all("hello", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert_eq!(error.status().unwrap(), 403);
}

#[tokio::test]
async fn a_wrong_secret_is_an_error_of_the_credential() {
    let emulator = start(reader()).await;
    let credential = application(&emulator, READER, "wrong");
    let error = credential
        .token(&["https://webpubsub.azure.com/.default"])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), azwire_auth::ErrorKind::Credential);
    let cause = error.source().unwrap().to_string();
    assert!(!cause.contains("wrong"), "{cause}");
    let service = service(&emulator, credential);
    assert!(service.send_to_all("hello", None).await.is_err());
}

/// Says each time that a credential is asked.
#[derive(Debug)]
struct Asked(AzureCoreCredential, mpsc::UnboundedSender<()>);

#[async_trait]
impl azwire_auth::TokenCredential for Asked {
    async fn token(&self, scopes: &[&str]) -> azwire_auth::Result<AccessToken> {
        let token = self.0.token(scopes).await;
        self.1.unbounded_send(()).unwrap();
        token
    }
}

#[tokio::test]
async fn a_listener_stays_online_while_its_token_is_renewed() {
    // The credential's own cache goes by the real time, and keeps no token of five minutes.
    let lifetime = Duration::from_secs(300);
    let emulator = start(IdentityConfig::default().with_token_lifetime(lifetime)).await;
    let (asked, mut asks) = mpsc::unbounded();
    let credential = application(
        &emulator,
        IdentityConfig::CLIENT_ID,
        IdentityConfig::CLIENT_SECRET,
    );
    let tokens = EntraTokenProvider::new(Asked(credential, asked), RELAY_SCOPE);
    let clock = FixedClock::new(SharedClock::default().now());
    let tokens = CachedTokenProvider::new(tokens).with_clock(clock.clone());
    let timers = ManualRuntime::with_spawner(|future| SharedRuntime::default().spawn(future));
    let plain = emulator.relay().plain_connection_string("hc1");
    let relay: ConnectionString = plain.expose().parse().unwrap();
    let place = relay.hybrid_connection().unwrap();
    let answer = handler_fn(async |_: Request<Body>| Response::new(Body::from("here")));
    let listener = Listener::builder(place.clone(), Credential::provider(tokens))
        .control(ControlOptions::default().with_keep_alive(KeepAlive::Off))
        .clock(SharedClock::new(clock.clone()))
        .runtime(timers.shared())
        .request_handler(answer)
        .open()
        .await
        .unwrap();
    asks.next().await.unwrap();

    let step = Duration::from_secs(200);
    clock.advance(step);
    emulator.clock().advance(step);
    timers.advance(step);
    asks.next().await.unwrap();
    // Its request comes by the control channel, after the renewal. Ten seconds before the
    // second token ends with its grace, and 190 after the first one did.
    let sender = Sender::from_connection_string(plain.expose()).unwrap();
    let request = || Request::get("/").body(Body::empty()).unwrap();
    assert_eq!(sender.send(request()).await.unwrap().status(), 200);
    emulator.clock().advance(Duration::from_secs(590));
    assert_eq!(sender.send(request()).await.unwrap().status(), 200);
    assert_eq!(listener.state(), ListenerState::Online);
}

const RELAY_SCOPE: &str = "https://relay.azure.net/.default";
