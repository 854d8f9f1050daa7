//! Every way to say who asks: connection strings, keys, signatures, Entra ID.

mod support;

use emulator::{Emulator, IdentityConfig, SignIn};
use support::{Ended, Program, azwire};

/// A file of one test, removed with it.
struct File(std::path::PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("azwire-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("it can be written");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("it is UTF-8")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn start() -> Emulator {
    let identity = IdentityConfig::default().with_port(0);
    let emulator = Emulator::builder()
        .identity(identity)
        .hybrid_connection("hc1");
    emulator
        .expect("the name is right")
        .start()
        .await
        .expect("it starts")
}

const SEND: [&str; 8] = [
    "pubsub", "send", "all", "hello", "--hub", "chat", "-o", "json",
];
const INFO: [&str; 6] = ["relay", "info", "--hybrid-connection", "hc1", "-o", "json"];

fn assert_sent(ended: &Ended) {
    assert_eq!(ended.json()["bytes"], 5);
    assert_eq!(ended.stderr, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_string_comes_from_everywhere() {
    let emulator = start().await;
    let pubsub = emulator.pubsub().connection_string();
    let relay = emulator.relay().plain_connection_string("hc1");
    let file = File::new("pubsub", &format!("{}\n", pubsub.expose()));
    assert_sent(
        &azwire(&SEND)
            .args(&["--connection-string-file", file.path()])
            .ended()
            .await,
    );
    let piped = azwire(&SEND).args(&["--connection-string-file", "-"]);
    assert_sent(&piped.input(pubsub.expose()).ended().await);
    assert_sent(
        &azwire(&SEND)
            .env("WEBPUBSUB_CONNECTION_STRING", pubsub.expose())
            .ended()
            .await,
    );
    let file = File::new("relay", relay.expose());
    let info = azwire(&INFO).args(&["--connection-string-file", file.path()]);
    assert_eq!(info.ended().await.json()["listenerCount"], 0);
    for name in ["AZURE_BRIDGE_CONNECTIONSTRING", "RELAY_CONNECTION_STRING"] {
        let info = azwire(&INFO).env(name, relay.expose());
        assert_eq!(info.ended().await.json()["listenerCount"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_an_argument_works_and_is_warned_of() {
    let emulator = start().await;
    let pubsub = emulator.pubsub().connection_string();
    let relay = emulator.relay().plain_connection_string("hc1");
    for (command, string) in [(&SEND[..], &pubsub), (&INFO[..], &relay)] {
        let given = azwire(command).args(&["--connection-string", string.expose()]);
        let ended = given.ended().await;
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.stderr.contains("list of processes"), "{ended:?}");
        assert!(!ended.stderr.contains("Key="), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
    let log = azwire(&SEND).args(&[
        "--connection-string",
        pubsub.expose(),
        "--log-format",
        "json",
    ]);
    let line: serde_json::Value =
        serde_json::from_str(&log.ended().await.stderr).expect("the log is JSON");
    assert_eq!(line["level"], "WARN");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_and_a_key_are_enough() {
    let emulator = start().await;
    let string = emulator.pubsub().connection_string();
    let key = string
        .expose()
        .split("AccessKey=")
        .nth(1)
        .and_then(|rest| rest.split(';').next());
    let key = File::new("key", key.expect("there is a key"));
    let endpoint = emulator.pubsub().endpoint();
    let given = azwire(&SEND).args(&["--endpoint", &endpoint, "--key-file", key.path()]);
    assert_sent(&given.ended().await);

    let string = emulator.relay().plain_connection_string("hc1");
    let parts: Vec<&str> = string.expose().split(';').collect();
    let part = |name: &str| {
        let found = parts.iter().find_map(|part| part.strip_prefix(name));
        found.expect("the part is there")
    };
    let address = part("Endpoint=").replace("sb://", "http://");
    let rule = part("SharedAccessKeyName=");
    let file = File::new("rule", part("SharedAccessKey="));
    let given = azwire(&INFO).args(&["-e", &address, "-K", rule, "--key-file", file.path()]);
    assert_eq!(given.ended().await.json()["listenerCount"], 0);
    let given = azwire(&INFO[..2])
        .args(&["-o", "json"])
        .env("AZTUNNEL_RELAY_NAME", &address)
        .env("AZTUNNEL_HYCO_NAME", "hc1")
        .env("AZTUNNEL_KEY_NAME", rule)
        .env("AZTUNNEL_KEY", part("SharedAccessKey="));
    assert_eq!(given.ended().await.json()["path"], "hc1");
}

/// Runs with the variables of one way to sign in, and of nothing else.
fn signed_in(emulator: &Emulator, way: SignIn, arguments: &[&str]) -> Program {
    let variables = emulator.identity().expect("it is on").environment(way);
    let program = azwire(arguments);
    variables
        .into_iter()
        .fold(program, |program, (name, value)| program.env(name, value))
}

#[tokio::test(flavor = "multi_thread")]
async fn entra_signs_in_by_every_way_of_the_environment() {
    let emulator = start().await;
    let endpoint = emulator.pubsub().secure_endpoint();
    let relay = emulator.relay().connection_string("hc1");
    for way in SignIn::ALL {
        let sent = signed_in(&emulator, way, &SEND).env("WEBPUBSUB_ENDPOINT", &endpoint);
        assert_sent(&sent.ended().await);
        // The key of the connection string is not used.
        let info = signed_in(&emulator, way, &INFO)
            .args(&["--credential", "auto"])
            .env("RELAY_CONNECTION_STRING", relay.expose());
        assert_eq!(info.ended().await.json()["path"], "hc1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_authority_is_trusted_by_an_option() {
    let emulator = start().await;
    let endpoint = emulator.pubsub().secure_endpoint();
    let ca = emulator.ca_certificate().to_string_lossy().into_owned();
    let way = SignIn::ClientSecret;
    let with = |arguments: &[&str]| {
        signed_in(&emulator, way, &SEND)
            .args(arguments)
            .env("SSL_CERT_FILE", "")
            .env("WEBPUBSUB_ENDPOINT", &endpoint)
    };
    assert_sent(
        &with(&["--ca", &ca, "--credential", "environment"])
            .ended()
            .await,
    );
    let refused = with(&[]).ended().await;
    let line = refused.error(3);
    assert!(line.contains("environment"), "{line}");
    assert!(!line.contains("hunter"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_fails_says_which_and_why() {
    let emulator = start().await;
    let endpoint = emulator.pubsub().secure_endpoint();
    let way = SignIn::ClientSecret;
    let wrong = signed_in(&emulator, way, &SEND)
        .env("WEBPUBSUB_ENDPOINT", &endpoint)
        .env("AZURE_CLIENT_SECRET", "a-wrong-one");
    let ended = wrong.ended().await;
    let line = ended.error(3);
    assert!(line.contains("environment: "), "{line}");
    assert!(!line.contains("a-wrong-one"), "{line}");
    let missing = azwire(&SEND)
        .args(&["--credential", "environment"])
        .env("WEBPUBSUB_ENDPOINT", &endpoint);
    let ended = missing.ended().await;
    assert!(ended.error(3).contains("AZURE_TENANT_ID"), "{ended:?}");
    let no_tool = azwire(&SEND)
        .args(&["--credential", "azure-cli"])
        .env("PATH", "")
        .env("WEBPUBSUB_ENDPOINT", &endpoint);
    let ended = no_tool.ended().await;
    let line = ended.error(3);
    assert_eq!(line.matches("failed to get a token").count(), 1, "{line}");
    let nothing = azwire(&SEND).ended().await;
    assert!(
        nothing.error(2).contains("WEBPUBSUB_CONNECTION_STRING"),
        "{nothing:?}"
    );
    let named = azwire(&SEND)
        .env("AZURE_TOKEN_CREDENTIALS", "Mine")
        .env("WEBPUBSUB_ENDPOINT", endpoint);
    assert!(
        named
            .ended()
            .await
            .error(2)
            .contains("AZURE_TOKEN_CREDENTIALS")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_is_code_4() {
    let emulator = start().await;
    let key = File::new("wrong", "c2VjcmV0LWtleQ==");
    let endpoint = emulator.pubsub().endpoint();
    let given = azwire(&SEND).args(&["--endpoint", &endpoint, "--key-file", key.path()]);
    let ended = given.ended().await;
    let error: serde_json::Value = serde_json::from_str(ended.error(4)).expect("it is JSON");
    assert_eq!(error["error"]["kind"], "refused");
    assert_eq!(error["error"]["status"], 401);
    assert!(error["error"]["trackingId"].is_string(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_is_read_once() {
    let arguments = [
        "pubsub",
        "send",
        "all",
        "--hub",
        "chat",
        "--connection-string-file",
        "-",
    ];
    let string = "Endpoint=http://127.0.0.1:1;AccessKey=abc=;";
    let ended = azwire(&arguments).input(string).ended().await;
    let line = ended.error(2);
    assert!(line.contains("--connection-string-file"), "{line}");
    assert!(line.contains("DATA"), "{line}");
}
