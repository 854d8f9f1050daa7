//! `--journal`: what happens as lines of JSON in a file; by `kill`, and files that only Unix has.

#![cfg(all(feature = "cli", feature = "pubsub", feature = "relay", unix))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, SystemTime};

use auth::{AccessKey, Audience, Claims, JwtSigner, SasSigner, SharedAccessKey};
use serde_json::{Value, json};

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("azwire-journal-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn emulator(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azwire-emulator"));
    command.arg("--free-ports").args(flags).stdin(Stdio::null());
    command
}

/// Starts an emulator, and returns it with the address of its admin API.
fn start(flags: &[&str]) -> (Child, String) {
    let (child, ready) = start_with(flags);
    let control = ready["control"].as_str().unwrap();
    (child, control.strip_prefix("http://").unwrap().to_owned())
}

/// Starts an emulator, and returns it with its ready line.
fn start_with(flags: &[&str]) -> (Child, Value) {
    let mut child = emulator(flags)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

/// Advances the clock by so many seconds.
fn advance(control: &str, seconds: u64) {
    let (address, path) = control.split_once('/').unwrap();
    let body = format!("{{\"advance\":{seconds}}}");
    assert_eq!(ask(address, &format!("POST /{path}/clock"), "", &body), 200);
}

/// Sends a request, of which `fields` are further lines of its head; returns the status.
fn ask(address: &str, line: &str, fields: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{fields}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap();
    status.parse().unwrap()
}

/// Opens a WebSocket and lets it go; returns the status.
fn open(address: &str, target: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Ends an emulator as a person does.
fn stop(mut child: Child) -> ExitStatus {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(sent.success());
    child.wait().unwrap()
}

/// A pipe that nobody reads must not keep the emulator from ending.
#[test]
fn a_file_that_takes_nothing_does_not_hold_up_the_end() {
    let folder = Folder::new("pipe");
    let path = folder.path("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    let opening = std::thread::spawn({
        let path = path.clone();
        move || fs::File::open(path).unwrap()
    });
    let (child, control) = start(&["--journal", &path]);
    let pipe = opening.join().unwrap();
    let (address, _) = control.split_once('/').unwrap();
    // Twice as much as a pipe holds.
    let line = format!("GET /api/hubs/chat/{}", "x".repeat(2000));
    for _ in 0..80 {
        assert_eq!(ask(address, &line, "", ""), 404);
    }
    assert!(stop(child).success());
    drop(pipe);
}

#[test]
fn all_that_happened_is_in_the_file_when_the_emulator_ends() {
    let folder = Folder::new("file");
    let path = folder.path("journal.jsonl");
    for run in 1..=2 {
        let (child, control) = start(&["--journal", &path]);
        for seconds in 1..=20 {
            advance(&control, seconds);
        }
        assert_eq!(stop(child).code(), Some(0));
        // The second run writes behind the first.
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), run * 20, "{text}");
        for (number, line) in (1..=20).zip(&lines[(run - 1) * 20..]) {
            let shown = json!([line["id"], line["kind"], line["service"], line["by"]]);
            assert_eq!(
                shown,
                json!([number, "clock", "emulator", f64::from(number)])
            );
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_warning_and_no_more() {
    let folder = Folder::new("full");
    let log = folder.path("log");
    let (child, control) = start(&["--journal", "/dev/full", "--log-file", &log]);
    for seconds in 1..=20 {
        advance(&control, seconds);
    }
    assert_eq!(stop(child).code(), Some(0));
    let log = fs::read_to_string(&log).unwrap();
    let warnings: Vec<_> = log
        .lines()
        .filter(|line| line.contains("cannot write the journal"))
        .collect();
    // Once, however many records there were.
    let [warning] = *warnings else {
        panic!("{log}");
    };
    assert!(
        warning.contains("WARN") && warning.contains("/dev/full"),
        "{warning}"
    );
}

#[test]
fn wrong_settings_are_named() {
    let folder = Folder::new("wrong");
    let missing = folder.path("missing/journal");
    for (flags, named) in [
        (&["--journal", &*missing][..], "cannot open the journal"),
        (
            &["--journal", "/dev/null", "--journal-bytes", "0"],
            "--journal-bytes 0",
        ),
        (
            &["--journal-bytes", "7"],
            "journal-bytes is 7: it is 0, or at least 65536",
        ),
        (&["--journal-bytes", "many"], "--journal-bytes"),
    ] {
        let output = emulator(flags).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {told}");
        assert!(told.contains(named), "{flags:?}: {told}");
    }
}

#[test]
fn no_secret_gets_into_the_file() {
    let folder = Folder::new("secrets");
    let (path, settings) = (folder.path("journal.jsonl"), folder.path("settings.toml"));
    let (access_key, relay_key) = ("key-that-nobody-may-see", "rule-that-nobody-may-see");
    let text = format!(
        "[identity]\n[[identity.principals]]\nclient-id = \"{CLIENT}\"\nsecrets = [\"secret-that-nobody-may-see\"]\n\
         [pubsub]\naccess-key = \"{access_key}\"\n[[pubsub.event-handlers]]\nhub = \"handled\"\n\
         url = \"http://u:that-nobody-may-see@127.0.0.1:1/{{event}}?code=that-nobody-may-see\"\nsystem-events = [\"connect\"]\n\
         [relay]\nkey = \"{relay_key}\"\n"
    );
    fs::write(&settings, text).unwrap();
    let flags = ["--journal", &*path, "--config", &*settings];
    let (child, ready) = start_with(&flags);
    let host = |pointer: &str| {
        let address = ready.pointer(pointer).unwrap().as_str().unwrap();
        let rest = address.split("://").nth(1).unwrap();
        rest.split('/').next().unwrap().to_owned()
    };
    let pubsub = host("/pubsub/endpoint");

    // A service and clients, with tokens that are right and wrong.
    #[expect(clippy::disallowed_methods, reason = "the program uses it, too")]
    let now = SystemTime::now();
    let until = now + Duration::from_secs(60);
    let sign = |audience: &str| {
        let signer = JwtSigner::new(&AccessKey::new(access_key));
        let claims = Claims::new(format!("http://{pubsub}{audience}"), until);
        signer.sign(&claims).expose().to_owned()
    };
    let send = "POST /api/hubs/plain/:send?code=that-nobody-may-see";
    for (token, status) in [
        (&*sign("/api/hubs/plain/:send"), 202),
        ("that-nobody-may-see", 401),
    ] {
        let fields = format!("Authorization: Bearer {token}\r\nContent-Type: text/plain\r\n");
        assert_eq!(
            ask(&pubsub, send, &fields, "a payload that is shown"),
            status
        );
    }
    for (hub, token, status) in [
        ("plain", &*sign("/client/hubs/plain"), 101),
        ("plain", "that-nobody-may-see", 401),
        // Its event handler cannot be reached.
        ("handled", &*sign("/client/hubs/handled"), 500),
    ] {
        let target = format!("/client/hubs/{hub}?access_token={token}&that-nobody-may-see");
        assert_eq!(open(&pubsub, &target), status, "{hub}");
    }

    // A listener of Relay, whose token is in its query.
    let relay = ready["relay"]["plainConnectionString"].as_str().unwrap();
    let relay = relay.split("sb://").nth(1).unwrap();
    let relay = relay.split('/').next().unwrap();
    for (key, status) in [(relay_key, 101), ("wrong-key-that-nobody-may-see", 401)] {
        let key = SharedAccessKey::new("RootManageSharedAccessKey", key);
        let audience = Audience::normalized(format!("http://{relay}/"));
        let token = SasSigner::new(&key).sign(&audience, until);
        let escaped = token
            .expose()
            .replace('%', "%25")
            .replace('&', "%26")
            .replace(' ', "+");
        let target = format!("/$hc/hc1?sb-hc-action=listen&sb-hc-token={escaped}");
        assert_eq!(open(relay, &target), status);
    }
    let identity = host("/identity/tokenEndpoint");
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT}&client_secret=secret-that-nobody-may-see&scope=https%3A%2F%2Frelay.azure.net%2F.default"
    );
    let fields = "Content-Type: application/x-www-form-urlencoded\r\n";
    assert_eq!(
        ask(&identity, "POST /adfs/oauth2/v2.0/token", fields, &form),
        200
    );
    assert_eq!(stop(child).code(), Some(0));

    let text = fs::read_to_string(&path).unwrap();
    for kind in ["request", "connected", "event", "refused"] {
        assert!(
            text.contains(&format!("\"kind\":\"{kind}\"")),
            "{kind}: {text}"
        );
    }
    assert!(text.contains("a payload that is shown"), "{text}");
    for line in text.lines() {
        for secret in ["that-nobody-may-see", JWT[0], JWT[1], "sr=http", "sig="] {
            assert!(!line.contains(secret), "{secret} in {line}");
        }
    }
}

const CLIENT: &str = "22222222-2222-2222-2222-222222222222";
/// What JWTs begin with, `{"alg"` or `{"typ"`; fewer letters are in some id by chance.
const JWT: [&str; 2] = ["eyJhbGci", "eyJ0eXAi"];
