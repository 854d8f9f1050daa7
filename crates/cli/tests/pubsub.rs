//! The commands of `azwire pubsub` against an embedded emulator.

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Stdio};

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

/// A client that runs, ended with its test.
struct Listening {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Listening {
    /// Waits until it is connected, and returns it with its connection id.
    fn start(emulator: &Emulator, arguments: &[&str]) -> (Self, String) {
        let mut command = pubsub(emulator, &["listen"]).args(arguments).into_command();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut own = Self { child, lines };
        let connected = own.next();
        assert_eq!(connected["type"], "connected");
        let id = connected["connectionId"].as_str().expect("it has an id");
        (own, id.to_owned())
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("it can be read");
        serde_json::from_str(&line).expect("a line is JSON")
    }

    fn code(mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn in_group(emulator: &Emulator, group: &str, id: &str) {
    let (group, id) = (group.to_owned(), id.to_owned());
    let joined = emulator.pubsub().wait_for(move |state| {
        let connections = &state.hub("chat").connections;
        let mut members = connections.iter().filter(|one| one.groups.contains(&group));
        members.any(|member| member.id == id)
    });
    joined.await.expect("it joins");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_prints_what_is_sent_to_it() {
    let emulator = start().await;
    let arguments = ["--user", "ann", "--group", "news", "--count", "4"];
    let (mut listening, id) = Listening::start(&emulator, &arguments);
    in_group(&emulator, "news", &id).await;
    json(&emulator, &["send", "user", "ann", "hello"]).await;
    json(
        &emulator,
        &["send", "group", "news", "--json", "{\"b\":1.10}"],
    )
    .await;
    json(&emulator, &["send", "connection", &id, "--bytes", "abc"]).await;
    json(
        &emulator,
        &["send", "all", "--filter", "userId ne 'ann'", "not you"],
    )
    .await;
    json(&emulator, &["send", "all", "--except", &id, "not you"]).await;
    json(
        &emulator,
        &["send", "all", "--filter", "userId eq 'ann'", "you"],
    )
    .await;
    let message = listening.next();
    assert_eq!(message["type"], "serverMessage");
    assert_eq!(
        (&message["dataType"], &message["data"]),
        (&json!("text"), &json!("hello"))
    );
    let message = listening.next();
    assert_eq!(
        (&message["group"], &message["data"]),
        (&json!("news"), &json!({"b": 1.1}))
    );
    let message = listening.next();
    assert_eq!(
        (&message["dataType"], &message["data"]),
        (&json!("binary"), &json!("YWJj"))
    );
    assert_eq!(listening.next()["data"], "you");
    assert_eq!(listening.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_published_to_a_group() {
    let emulator = start().await;
    let (mut listening, id) = Listening::start(&emulator, &["--group", "news"]);
    in_group(&emulator, "news", &id).await;
    let arguments = [
        "listen",
        "--publish",
        "news",
        "--user",
        "bob",
        "--until-end",
    ];
    let published = pubsub(&emulator, &arguments)
        .input("one\ntwo\n")
        .ended()
        .await;
    assert_eq!(published.code, 0, "{published:?}");
    for data in ["one", "two"] {
        let message = listening.next();
        assert_eq!(
            (&message["fromUserId"], &message["data"]),
            (&json!("bob"), &json!(data))
        );
    }
    // Nobody handles events here; the service says so.
    let arguments = ["listen", "--event", "shout", "--until-end", "-o", "text"];
    let sent = pubsub(&emulator, &arguments).input("hey\n").ended().await;
    assert_eq!(sent.code, 8, "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_users_connections_and_permissions_are_managed() {
    let emulator = start().await;
    let (mut listening, id) = Listening::start(&emulator, &["--user", "ann"]);
    let no = pubsub(&emulator, &["group", "exists", "news"])
        .ended()
        .await;
    assert_eq!(
        (no.code, no.stdout.as_str(), no.stderr.as_str()),
        (5, "{\"exists\":false}\n", "")
    );
    let added = json(&emulator, &["group", "add", "news", "--user", "ann"]).await;
    assert_eq!(added, json!({"group": "news", "added": {"user": "ann"}}));
    assert_eq!(
        json(&emulator, &["group", "exists", "news"]).await,
        json!({"exists": true})
    );
    let member = json(&emulator, &["group", "list", "news", "--top", "5"]).await;
    assert_eq!(member, json!({"connectionId": id, "userId": "ann"}));
    json(&emulator, &["group", "remove", "news", "--connection", &id]).await;
    assert_eq!(
        pubsub(&emulator, &["group", "exists", "news"])
            .ended()
            .await
            .code,
        5
    );
    json(
        &emulator,
        &["group", "add", "news", "--filter", "userId eq 'ann'"],
    )
    .await;
    json(&emulator, &["user", "leave-groups", "ann"]).await;
    json(&emulator, &["group", "add", "news", "--connection", &id]).await;
    json(&emulator, &["connection", "leave-groups", &id]).await;
    assert_eq!(
        pubsub(&emulator, &["group", "exists", "news"])
            .ended()
            .await
            .code,
        5
    );
    assert_eq!(
        json(&emulator, &["user", "exists", "ann"]).await["exists"],
        true
    );
    assert_eq!(
        json(&emulator, &["connection", "exists", &id]).await["exists"],
        true
    );
    assert_eq!(
        pubsub(&emulator, &["user", "exists", "bob"])
            .ended()
            .await
            .code,
        5
    );

    let check = ["permission", "check", "sendToGroup.news", &id];
    assert_eq!(pubsub(&emulator, &check).ended().await.code, 5);
    let granted = json(&emulator, &["permission", "grant", "sendToGroup.news", &id]).await;
    assert_eq!(
        granted,
        json!({"granted": "sendToGroup", "group": "news", "connection": id})
    );
    assert_eq!(json(&emulator, &check).await, json!({"granted": true}));
    json(
        &emulator,
        &["permission", "revoke", "sendToGroup.news", &id],
    )
    .await;
    assert_eq!(pubsub(&emulator, &check).ended().await.code, 5);

    for arguments in [
        &["close", "all", "--except", &id][..],
        &["close", "user", "bob"],
        &["close", "group", "news"],
    ] {
        json(&emulator, arguments).await;
    }
    let closed = json(
        &emulator,
        &["close", "connection", &id, "--reason", "enough"],
    )
    .await;
    assert_eq!(closed, json!({"closed": {"connection": id}}));
    // It tries to recover first, and learns that the connection is gone.
    assert_eq!(listening.next()["type"], "recovering");
    let gap = listening.next();
    assert_eq!(
        (&gap["type"], &gap["connectionId"]),
        (&json!("gap"), &json!(id))
    );
    let gone = listening.next();
    assert_eq!(
        (&gone["type"], &gone["connectionId"]),
        (&json!("disconnected"), &json!(id))
    );
    assert_eq!(gone["reason"], "enough");
    let missing = pubsub(&emulator, &["group", "add", "news", "--connection", "none"])
        .ended()
        .await;
    let line = missing.error(5);
    assert!(line.contains("trackingId"), "{line}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_it_with_code_0() {
    let emulator = start().await;
    let (mut listening, id) = Listening::start(&emulator, &[]);
    let pid = listening.child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(sent.expect("kill runs").success());
    assert_eq!(listening.next()["type"], "disconnected");
    assert_eq!(listening.next()["type"], "stopped");
    assert_eq!(listening.code(), Some(0));
    let gone = emulator
        .pubsub()
        .wait_for(move |state| state.hub("chat").connection(&id).is_none());
    gone.await.expect("it said goodbye");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_is_asked_for_its_health() {
    let emulator = start().await;
    let endpoint = emulator.pubsub().endpoint();
    assert_eq!(
        json(&emulator, &["health"]).await,
        json!({"endpoint": endpoint, "healthy": true})
    );
    let unreachable = azwire(&["pubsub", "health", "--connection-string-file", "-"])
        .input("Endpoint=http://127.0.0.1:1;AccessKey=abc=;")
        .ended()
        .await;
    assert!(
        unreachable.error(6).starts_with("azwire: "),
        "{unreachable:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_someone_else_made_is_enough() {
    let emulator = start().await;
    let url = pubsub(&emulator, &["url", "-o", "text", "--user", "bob"])
        .ended()
        .await
        .stdout;
    let listen = |arguments: &[&str]| {
        let listen = azwire(&["pubsub", "-o", "json", "listen", "--count", "0"]).args(arguments);
        listen.input(url.as_str())
    };
    let piped = listen(&["--url-file", "-"]).ended().await;
    let connected = piped.json();
    assert_eq!(
        (&connected["type"], &connected["userId"]),
        (&json!("connected"), &json!("bob"))
    );
    assert_eq!(piped.stderr, "");
    let argument = listen(&["--url", url.trim()]).ended().await;
    assert_eq!(argument.json()["userId"], "bob");
    assert!(
        argument.stderr.contains("list of processes"),
        "{argument:?}"
    );
    let refused = listen(&["--url", "ws://127.0.0.1:1/client/hubs/chat"])
        .ended()
        .await;
    refused.error(6);
}
