//! The commands of `azwire relay` against an embedded emulator.

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Stdio};

use emulator::Emulator;
use serde_json::{Value, json};
use support::{Program, azwire};

async fn start() -> Emulator {
    let builder = Emulator::builder().hybrid_connection("hc1");
    builder
        .expect("the name is right")
        .start()
        .await
        .expect("it starts")
}

/// Returns the program with the emulator in its environment.
fn relay(emulator: &Emulator, arguments: &[&str]) -> Program {
    azwire(&["relay"]).args(arguments).env(
        "RELAY_CONNECTION_STRING",
        emulator.relay().plain_connection_string("hc1").expose(),
    )
}

/// A listener that runs, ended with its test.
struct Listening {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Listening {
    fn start(emulator: &Emulator, arguments: &[&str]) -> Self {
        let mut command = relay(emulator, &["listen", "-o", "json"])
            .args(arguments)
            .into_command();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut own = Self { child, lines };
        assert_eq!(own.next()["type"], "listening");
        own
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("it can be read");
        serde_json::from_str(&line).expect("a line is JSON")
    }

    /// Waits for its own end.
    fn code(mut self) -> Option<i32> {
        let status = self.child.wait().expect("it ends");
        status.code()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_for_the_hybrid_connection() {
    let emulator = start().await;
    let token = relay(&emulator, &["token", "-o", "json"])
        .ended()
        .await
        .json();
    let text = token["token"].as_str().unwrap_or_default();
    assert!(text.starts_with("SharedAccessSignature sr="), "{token}");
    let audience = token["audience"].as_str().unwrap_or_default();
    assert!(audience.ends_with("/hc1/"), "{token}");
    // The token alone is enough to ask.
    let endpoint = emulator.relay().plain_connection_string("hc1");
    let port = endpoint
        .expose()
        .split([':', ';', '/'])
        .find(|part| part.parse::<u16>().is_ok());
    let address = format!("http://127.0.0.1:{}", port.expect("there is a port"));
    let arguments = [
        "relay",
        "info",
        "-o",
        "json",
        "-e",
        &address,
        "--hybrid-connection",
        "hc1",
    ];
    let shown = azwire(&arguments)
        .args(&["--signature-file", "-"])
        .input(text)
        .ended()
        .await
        .json();
    assert_eq!(shown["path"], "hc1");
    assert_eq!(shown["listenerCount"], 0);

    let url = relay(
        &emulator,
        &["url", "--path", "/a", "--query", "b=c", "--without-token"],
    );
    let url = url.ended().await.stdout;
    assert!(url.contains("/$hc/hc1/a?"), "{url}");
    assert!(url.contains("b=c"), "{url}");
    assert!(!url.contains("sb-hc-token"), "{url}");
    let url = relay(&emulator, &["url", "--listen", "-o", "json"])
        .ended()
        .await
        .json();
    assert!(
        url["url"]
            .as_str()
            .is_some_and(|url| url.contains("sb-hc-token=")),
        "{url}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_to_a_listener_and_come_back() {
    let emulator = start().await;
    let mut listening = Listening::start(&emulator, &["--echo", "--once"]);
    let sent = relay(
        &emulator,
        &["send", "one", "two", "--path", "/a", "--query", "b=c"],
    );
    let sent = sent.ended().await;
    assert_eq!(
        (sent.code, sent.stdout.as_str()),
        (0, "one\ntwo\n"),
        "{sent:?}"
    );
    let connected = listening.next();
    assert_eq!(connected["type"], "connected");
    assert_eq!(connected["path"], "/a");
    assert_eq!(connected["query"], "b=c");
    assert_eq!(
        listening.next(),
        json!({"type": "text", "data": "one", "connection": 1})
    );
    assert_eq!(listening.next()["data"], "two");
    assert_eq!(
        listening.next(),
        json!({"type": "close", "code": 1000, "connection": 1})
    );
    assert_eq!(listening.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_standard_input_are_messages() {
    let emulator = start().await;
    let mut listening = Listening::start(&emulator, &["--reply", "ok"]);
    let sent = relay(&emulator, &["send", "-o", "json"])
        .input("a\r\n\nlast")
        .ended()
        .await;
    assert_eq!(sent.code, 0, "{sent:?}");
    let answers: Vec<&str> = sent.stdout.lines().collect();
    assert_eq!(answers.len(), 4, "{sent:?}");
    assert_eq!(
        answers[0],
        json!({"type": "text", "data": "ok"}).to_string()
    );
    listening.next();
    for data in ["a", "", "last"] {
        assert_eq!(listening.next()["data"], data);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_both_ways_and_each_end_by_itself() {
    let emulator = start().await;
    let mut command = relay(&emulator, &["listen", "--bytes"]).into_command();
    let mut listening = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = String::new();
    let stderr = listening.stderr.take().expect("it is piped");
    BufReader::new(stderr)
        .read_line(&mut said)
        .expect("it can be read");
    assert!(said.starts_with("azwire: listening on sb://"), "{said}");
    let data: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let sending = relay(&emulator, &["send", "--bytes"]).input(data.clone());
    let sending = tokio::task::spawn_blocking(|| sending.run());
    // The listener answers when it has everything: after the sender's end.
    let mut got = vec![0; data.len()];
    let mut out = listening.stdout.take().expect("it is piped");
    let got = tokio::task::spawn_blocking(move || {
        out.read_exact(&mut got).expect("everything comes");
        got
    });
    assert_eq!(got.await.expect("it is read"), data);
    let mut answer = listening.stdin.take().expect("it is piped");
    answer.write_all(b"thank you\0").expect("it can be written");
    drop(answer);
    let sent = sending.await.expect("it ends");
    assert_eq!(
        (sent.code, sent.bytes.as_slice()),
        (0, &b"thank you\0"[..]),
        "{sent:?}"
    );
    assert_eq!(listening.wait().expect("it ends").code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_shown_and_answered() {
    let emulator = start().await;
    let mut listening =
        Listening::start(&emulator, &["--reply", "made", "--status", "201", "--once"]);
    let arguments = [
        "request",
        "/orders?id=7",
        "-d",
        "{}",
        "-H",
        "X-A: b",
        "-o",
        "json",
    ];
    let answered = relay(&emulator, &arguments).ended().await.json();
    assert_eq!(answered["status"], 201);
    assert_eq!(answered["body"], "made");
    let seen = listening.next();
    assert_eq!(seen["type"], "request");
    assert_eq!(seen["method"], "POST");
    assert_eq!(seen["body"], "{}");
    assert!(
        seen["target"]
            .as_str()
            .is_some_and(|target| target.ends_with("/orders?id=7")),
        "{seen}"
    );
    assert_eq!(listening.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_of_a_listener_can_be_a_failure() {
    let emulator = start().await;
    let _listening = Listening::start(&emulator, &["--status", "418"]);
    let ended = relay(&emulator, &["request", "--fail", "-i"]).ended().await;
    assert_eq!(ended.code, 8, "{ended:?}");
    assert!(ended.stdout.starts_with("HTTP/1.1 418"), "{ended:?}");
    assert!(ended.stderr.contains("418"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_their_code_and_a_tracking_id() {
    let emulator = start().await;
    for (arguments, code, named) in [
        (&["send", "x"][..], 5, "TrackingId:"),
        (
            &["send", "x", "--hybrid-connection", "none"],
            5,
            "TrackingId:",
        ),
        (
            &[
                "listen",
                "-K",
                "RootManageSharedAccessKey",
                "-k",
                "d3Jvbmc=",
            ],
            4,
            "TrackingId:",
        ),
        (
            &["info", "--hybrid-connection", "none"],
            5,
            "no such hybrid",
        ),
        (&["listen", "--anonymous"], 2, "--anonymous"),
        (
            &["send", "x", "--hybrid-connection", "a/../b"],
            2,
            "hybrid connection",
        ),
        (&["token", "-e", "sb://"], 2, "--endpoint"),
        (
            &[
                "info",
                "-e",
                "sb://127.0.0.1:1",
                "--anonymous",
                "--hybrid-connection",
                "x",
            ],
            6,
            "127.0.0.1:1",
        ),
    ] {
        let ended = relay(&emulator, arguments).ended().await;
        let lines: Vec<&str> = ended
            .stderr
            .lines()
            .filter(|line| line.starts_with("azwire: "))
            .collect();
        assert_eq!(lines.len(), 1, "{arguments:?}: {ended:?}");
        assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
        assert!(lines[0].contains(named), "{arguments:?}: {ended:?}");
        assert!(!ended.stderr.contains("d3Jvbmc"), "{ended:?}");
        assert!(!lines[0].contains("handshake"), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn info_watches_until_its_reader_goes_away() {
    let emulator = start().await;
    let mut command = relay(
        &emulator,
        &["info", "--watch", "--interval", "10ms", "-o", "json"],
    )
    .into_command();
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut count = || {
        let mut line = String::new();
        lines.read_line(&mut line).expect("it can be read");
        let value: Value = serde_json::from_str(&line).expect("a line is JSON");
        value["listenerCount"].as_u64()
    };
    assert_eq!(count(), Some(0));
    let listening = Listening::start(&emulator, &[]);
    assert_eq!(count(), Some(1));
    drop(lines);
    // The next change has nobody to read it.
    drop(listening);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_arguments_and_silent_relays_are_said_in_one_line() {
    let emulator = start().await;
    let ended = relay(&emulator, &["info", "--output", "json", "--nonsense"])
        .ended()
        .await;
    assert_eq!(ended.code, 2, "{ended:?}");
    let error: Value = serde_json::from_str(&ended.stderr).expect("it is one object");
    assert_eq!(error["error"]["kind"], "usage");
    let said = error["error"]["message"].as_str().unwrap();
    assert_eq!(said, "unexpected argument '--nonsense' found");

    let ended = relay(&emulator, &["connect", "localhost:1"]).ended().await;
    assert_eq!(ended.code, 5, "{ended:?}");
    assert_eq!(ended.stderr.matches(" 404: ").count(), 1, "{ended:?}");
    assert!(!ended.stderr.contains("handshake"), "{ended:?}");
}
