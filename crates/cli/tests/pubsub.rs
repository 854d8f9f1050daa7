//! The commands of `azwire pubsub` against an embedded emulator.

mod support;

use auth::Clock as _;
use emulator::Emulator;
use serde_json::{Value, json};
use support::{Program, azwire};

async fn start() -> Emulator {
    Emulator::builder().start().await.expect("it starts")
}

/// Returns the program with the emulator in its environment and JSON as its output.
fn pubsub(emulator: &Emulator, arguments: &[&str]) -> Program {
    azwire(&["pubsub", "-o", "json"])
        .args(arguments)
        .env(
            "WEBPUBSUB_CONNECTION_STRING",
            emulator.pubsub().connection_string().expose(),
        )
        .env("WEBPUBSUB_HUB", "chat")
}

async fn json(emulator: &Emulator, arguments: &[&str]) -> Value {
    pubsub(emulator, arguments).ended().await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_what_the_options_say() {
    let emulator = start().await;
    let arguments = [
        "token",
        "--user",
        "ann",
        "--role",
        "sendToGroup.news",
        "--group",
        "news",
        "--expires-in",
        "8h",
    ];
    let token = json(&emulator, &arguments).await;
    let claims = auth::Claims::decode_unverified(token["token"].as_str().unwrap_or_default());
    let claims = claims.expect("it is a token");
    assert_eq!(claims.subject.as_deref(), Some("ann"));
    assert_eq!(claims.roles, ["webpubsub.sendToGroup.news"]);
    assert_eq!(claims.groups, ["news"]);
    let end = token["expiresOn"].as_u64().expect("it has an end");
    let now = auth::SharedClock::default().now();
    let now = now
        .duration_since(std::time::UNIX_EPOCH)
        .expect("it is later")
        .as_secs();
    assert!(
        (now + 7 * 3600..=now + 8 * 3600 + 60).contains(&end),
        "{end} at {now}"
    );
    let url = pubsub(&emulator, &["url", "-o", "text"]).ended().await;
    assert!(url.stdout.starts_with("ws://127.0.0.1:"), "{url:?}");
    assert!(
        url.stdout.contains("/client/hubs/chat?access_token="),
        "{url:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_sent_from_arguments_files_and_standard_input() {
    let emulator = start().await;
    let sent = json(&emulator, &["send", "all", "hello"]).await;
    let expected = json!({"sentTo": {"hub": "chat"}, "bytes": 5, "contentType": "text/plain"});
    assert_eq!(sent, expected);
    let sent = json(&emulator, &["send", "group", "news", "{\"a\":1}", "--json"]).await;
    assert_eq!(sent["contentType"], "application/json");
    assert_eq!(sent["sentTo"], json!({"group": "news"}));
    let sent = pubsub(
        &emulator,
        &["send", "user", "ann", "--bytes", "--ttl", "1m"],
    );
    let sent = sent.input([0, 159, 146, 150]).ended().await.json();
    assert_eq!(sent["bytes"], 4);
    assert_eq!(sent["contentType"], "application/octet-stream");
    // In text, nothing says that it was sent.
    let quiet = pubsub(&emulator, &["send", "all", "-", "-o", "text"]).input("hello\n");
    let quiet = quiet.ended().await;
    assert_eq!(
        (quiet.code, quiet.stdout.as_str(), quiet.stderr.as_str()),
        (0, "", "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_input_is_one_line_and_code_2() {
    let emulator = start().await;
    for (arguments, input, named) in [
        (&["send", "all", "--json", "{"][..], "", "--json"),
        (&["send", "all"], "\u{9f}", "UTF-8"),
        (&["send", "all", "--filter", "userId eq", "x"], "", "filter"),
        (&["send", "all", "--except", "", "x"], "", "--except"),
        (&["send", "all", "--ttl", "1d", "x"], "", "ttl"),
        (&["send", "group", "", "x"], "", "group"),
        (&["send", "all", "--hub", "a-b", "x"], "", "--hub"),
        (
            &["send", "all", "--file", "/nonexistent/file"],
            "",
            "/nonexistent/file",
        ),
    ] {
        let input = match input {
            "" => Vec::new(),
            // Not UTF-8.
            _ => vec![0x9f],
        };
        let ended = pubsub(&emulator, arguments).input(input).ended().await;
        let is_from_service = arguments.contains(&"--filter");
        let line = ended.error(if is_from_service { 8 } else { 2 });
        assert!(line.starts_with("{\"error\":{"), "{line}");
        assert!(
            line.to_lowercase().contains(&named.to_lowercase()),
            "{line}"
        );
    }
}
