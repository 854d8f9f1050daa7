//! The program's settings, as a user gives them: flags, variables, files; and how it ends.

#![cfg(all(feature = "cli", feature = "pubsub", feature = "relay"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

/// A folder of one test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("azwire-settings-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn entries(&self) -> usize {
        std::fs::read_dir(&self.0).unwrap().count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running emulator, killed with its test.
struct Running {
    child: Child,
    ready: Value,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready = serde_json::from_str(&line).expect("the ready line is JSON");
        Self { child, ready }
    }

    fn text(&self, pointer: &str) -> &str {
        self.ready.pointer(pointer).unwrap().as_str().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn emulator(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azwire-emulator"));
    command.args(flags).stdin(Stdio::null());
    command
}

/// The exit code and standard error of a program that must end by itself.
fn failure(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    assert!(output.stdout.is_empty());
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// Runs work that waits for another process, for half a minute at most.
fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(Duration::from_secs(30)).unwrap()
}

#[test]
fn variables_are_settings_and_flags_override_them() {
    let mut command = emulator(&["--pubsub-port=0"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    command
        .env("AZWIRE_EMULATOR_PUBSUB_PORT", &port)
        .env("AZWIRE_EMULATOR_RELAY_PORT", "0")
        .env("AZWIRE_EMULATOR_RELAY_PLAIN_PORT", "0")
        .env("AZWIRE_EMULATOR_HYBRID_CONNECTION", "one\n two:anonymous");
    let running = Running::start(&mut command);
    let paths = &running.ready["relay"]["hybridConnections"];
    assert_eq!(*paths, serde_json::json!(["one", "two"]));
}

#[test]
fn wrong_settings_end_it_with_code_2_and_one_line() {
    let folder = Folder::new("wrong");
    let json = folder.write("appsettings.json", "{\n  \"WebPubSub\": {,}\n}");
    let file = folder.write("file", "");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (flags, variable, named) in [
        (
            vec!["--appsettings", &json],
            None,
            vec![json.as_str(), "line 2, column 17"],
        ),
        (
            vec!["--free-ports"],
            Some(("AZWIRE_EMULATOR_PUBSUB_PORTS", "1")),
            vec![
                "AZWIRE_EMULATOR_PUBSUB_PORTS",
                "AZWIRE_EMULATOR_PUBSUB_PORT?",
            ],
        ),
        (
            vec!["--free-ports"],
            Some(("AZWIRE_EMULATOR_PUBSUB_PORT", "70000")),
            vec!["AZWIRE_EMULATOR_PUBSUB_PORT: ", "70000"],
        ),
        (
            vec!["--free-ports", "--certificates", &file],
            None,
            vec!["certificate folder", &file],
        ),
        (
            vec!["--free-ports", "--pubsub-port", &port],
            None,
            vec![&port, "Web PubSub"],
        ),
    ] {
        let mut command = emulator(&flags);
        command.envs(variable);
        let (code, said) = failure(&mut command);
        assert_eq!(code, Some(2), "{flags:?}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        for named in named {
            assert!(said.contains(named), "{named}: {said}");
        }
    }
}

#[test]
fn what_microsofts_file_says_in_vain_is_named_once_each() {
    let folder = Folder::new("vain");
    let json = folder.write(
        "appsettings.json",
        r#"{ "Logging": { "LogLevel": { "Default": "Information", "Microsoft": "Warning" } },
             "WebPubSub": { "AccessKey": "custom-emulator-access-key-1234567890", "Hubs": { "chat": {
                 "EventListeners": [{ "EventHubEndpoint": { "EventHubName": "a" } }, {}] } } } }"#,
    );
    let output = emulator(&["config", "--appsettings", &json])
        .output()
        .unwrap();
    assert!(output.status.success());
    let log = String::from_utf8(output.stderr).unwrap();
    for named in [
        "Logging has no effect",
        "WebPubSub:Hubs:chat:EventListeners has no effect",
    ] {
        assert_eq!(log.matches(named).count(), 1, "{named}: {log}");
    }
    assert_eq!(
        log.lines().filter(|line| line.contains("WARN")).count(),
        2,
        "{log}"
    );

    let running = Running::start(&mut emulator(&["--free-ports", "--appsettings", &json]));
    let text = running.text("/pubsub/connectionString");
    assert!(
        text.contains("AccessKey=custom-emulator-access-key-1234567890;"),
        "{text}"
    );
}

#[test]
fn what_config_prints_starts_the_same_emulator() {
    let folder = Folder::new("print");
    let print = |flags: &[&str]| {
        let output = emulator(&["config"]).args(flags).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let printed = print(&["--free-ports", "--hybrid-connection", "a/b:anonymous"]);
    assert!(printed.contains("port = 0  # --free-ports\n"), "{printed}");
    let file = folder.write("azwire.toml", &printed);
    let running = Running::start(&mut emulator(&["--config", &file]));
    let paths = &running.ready["relay"]["hybridConnections"];
    assert_eq!(*paths, serde_json::json!(["a/b"]));
}

#[test]
fn it_ends_with_standard_input_if_asked_to() {
    let mut command = emulator(&["--free-ports", "--exit-with-parent"]);
    let mut running = Running::start(command.stdin(Stdio::piped()));
    assert!(running.child.try_wait().unwrap().is_none());
    drop(running.child.stdin.take());
    // Standard output ends with the process.
    let mut out = running.child.stdout.take().unwrap();
    within(move || out.read_to_string(&mut String::new()).unwrap());
    assert!(running.child.wait().unwrap().success());
}

// Elsewhere only the end of standard input says that the parent is gone.
#[cfg(unix)]
#[test]
fn it_ends_with_a_parent_that_is_killed_if_asked_to() {
    // A shell between us and the emulator, whose standard input says nothing.
    let program = env!("CARGO_BIN_EXE_azwire-emulator");
    let script = format!("{program} --free-ports --exit-with-parent </dev/null & wait");
    let mut shell = Running::start(Command::new("sh").args(["-c", &script]));
    shell.child.kill().unwrap();
    // It ends when the emulator closes its end of the pipe.
    let mut out = shell.child.stdout.take().unwrap();
    let rest = within(move || {
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        rest
    });
    assert_eq!(rest, "");
}

#[test]
fn a_killed_emulator_leaves_nothing_once_another_has_started() {
    let folder = Folder::new("killed");
    let start = || {
        let mut command = emulator(&["--free-ports", "--exit-with-parent"]);
        for name in ["TMPDIR", "TMP", "TEMP"] {
            command.env(name, &folder.0);
        }
        Running::start(command.stdin(Stdio::piped()))
    };
    let (mut first, second) = (start(), start());
    let certificate = |running: &Running| running.text("/relay/caCertificate").to_owned();
    let (killed, alive) = (certificate(&first), certificate(&second));
    assert!(Path::new(&killed).starts_with(&folder.0));
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    assert!(
        Path::new(&killed).exists(),
        "nobody can clean up after a kill"
    );

    let mut third = start();
    assert!(!Path::new(&killed).parent().unwrap().exists());
    assert!(Path::new(&alive).exists());
    assert_eq!(folder.entries(), 2);
    drop(second);
    drop(third.child.stdin.take());
    assert!(third.child.wait().unwrap().success());
    // Of the second, which was killed, a later one takes care.
    assert_eq!(folder.entries(), 1);
}

#[test]
fn either_service_can_be_left_out_and_the_admin_api_is_at_the_other() {
    for (flag, absent, present) in [
        ("--no-relay", "relay", "/pubsub/endpoint"),
        ("--no-pubsub", "pubsub", "/relay/endpoint"),
    ] {
        let running = Running::start(&mut emulator(&["--free-ports", flag]));
        assert!(running.ready.get(absent).is_none(), "{}", running.ready);
        assert!(!running.text(present).is_empty());
        let control = running.text("/control");
        let (status, body) = http("GET", &format!("{control}/health"), "");
        assert_eq!(status, 200, "{body}");
        let (status, body) = http("POST", &format!("{control}/clock"), r#"{"advance": 31}"#);
        assert!(status == 200 && body.contains("31"), "{body}");
        let (status, body) = http("POST", &format!("{control}/reset"), "");
        assert_eq!(status, 200, "{body}");
    }
    let mut command = emulator(&["--free-ports", "--no-relay"]);
    let (code, said) = failure(command.env("AZWIRE_EMULATOR_NO_PUBSUB", "true"));
    assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
}

#[test]
fn it_works_when_nobody_reads_standard_error() {
    let closed = || Stdio::from(std::io::pipe().unwrap().1);
    let running = Running::start(emulator(&["--free-ports"]).stderr(closed()));
    // A reset is logged.
    let url = format!("{}/reset", running.text("/control"));
    assert_eq!(http("POST", &url, "").0, 200);
    let mut refused = emulator(&["--host", "192.0.2.1", "--free-ports"]);
    let ended = refused.stderr(closed()).status().unwrap();
    assert_eq!(ended.code(), Some(2));
}

// With mkfifo.
#[cfg(unix)]
#[test]
fn settings_that_come_through_a_pipe_are_read_once() {
    let folder = Folder::new("pipe");
    let path = folder.0.join("azwire.toml");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let fifo = path.clone();
    // It blocks until the emulator reads.
    let writer = std::thread::spawn(move || std::fs::write(fifo, "[pubsub]\n").unwrap());
    let mut command = emulator(&["--free-ports", "--config", path.to_str().unwrap()]);
    let mut running = Running::start(command.stderr(Stdio::piped()));
    writer.join().unwrap();
    // Read once more, it would say that there are no settings, or wait for them without an end.
    let log = lines(running.child.stderr.take().unwrap());
    wait_for(&log, &["azwire.toml", "not read again"]);
}

#[test]
fn event_handlers_of_files_are_read_again() {
    let folder = Folder::new("reload");
    let handler = handler();
    let config = |status: u16| {
        format!(
            "[pubsub]\nanonymous-hubs = [\"config\", \"ms\", \"flag\", \"added\"]\n\
             event-handlers = [{{ hub = \"config\", url = \"{handler}/{status}\" }}]\n"
        )
    };
    let appsettings = |status: u16| {
        format!(
            r#"{{"WebPubSub": {{"Hubs": {{"ms": {{"EventHandlers": [
                {{"UrlTemplate": "{handler}/{status}", "SystemEvents": ["connect"]}}]}}}}}}}}"#
        )
    };
    let toml = folder.write("azwire.toml", &config(401));
    let json = folder.write("appsettings.json", &appsettings(402));
    let flag = format!("flag={handler}/403");
    let flags = ["--free-ports", "--config", &toml, "--appsettings", &json];
    let mut command = emulator(&flags);
    command
        .args(["--event-handler", &flag])
        .stderr(Stdio::piped());
    let mut running = Running::start(&mut command);
    let log = lines(running.child.stderr.take().unwrap());
    let control = running.text("/control");
    let added = format!(r#"{{"hub": "added", "url": "{handler}/404"}}"#);
    let (status, body) = http("POST", &format!("{control}/event-handlers"), &added);
    assert_eq!(status, 200, "{body}");

    // Each handler refuses with the status in its path, so a client learns which it was.
    let endpoint = running.text("/pubsub/endpoint");
    let asked = || ["config", "ms", "flag", "added"].map(|hub| open(endpoint, hub));
    assert_eq!(asked(), [401, 402, 403, 404]);

    // As an editor does it: another file in the place of the old.
    let replace = |text: &str| {
        let new = folder.write("azwire.toml.new", text);
        std::fs::rename(new, &toml).unwrap();
    };
    replace("[pubsub");
    wait_for(&log, &["WARN", "azwire.toml: line 1", "stay as they were"]);
    assert_eq!(asked(), [401, 402, 403, 404]);

    replace(&config(405));
    wait_for(&log, &["azwire.toml has changed"]);
    assert_eq!(asked(), [405, 402, 403, 404]);

    folder.write("appsettings.json", &appsettings(406));
    wait_for(&log, &["appsettings.json has changed"]);
    assert_eq!(asked(), [405, 406, 403, 404]);

    // What the files say stays; what was added is gone.
    let (status, body) = http("POST", &format!("{control}/reset"), "");
    assert_eq!(status, 200, "{body}");
    assert_eq!(asked(), [405, 406, 403, 101]);
}

/// The lines of a stream.
fn lines(stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Waits for a line with all of these texts.
fn wait_for(log: &mpsc::Receiver<String>, texts: &[&str]) {
    loop {
        let line = log.recv_timeout(Duration::from_secs(30)).unwrap();
        if texts.iter().all(|text| line.contains(text)) {
            return;
        }
    }
}

/// An event handler that answers each event with the status in its path; returns its URL.
fn handler() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let (first, length) = head(&mut reader);
            reader.read_exact(&mut vec![0; length]).unwrap();
            let mut words = first.split(' ');
            let status = match words.next() {
                Some("OPTIONS") => "200",
                _ => &words.next().unwrap()[1..],
            };
            let response = format!(
                "HTTP/1.1 {status} x\r\nWebHook-Allowed-Origin: *\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            reader.get_mut().write_all(response.as_bytes()).unwrap();
        }
    });
    url
}

/// Opens a client; returns the status of the response.
fn open(endpoint: &str, hub: &str) -> u16 {
    let authority = endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    let request = format!(
        "GET /client/hubs/{hub} HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    status(&head(&mut BufReader::new(stream)).0)
}

fn http(method: &str, url: &str, body: &str) -> (u16, String) {
    let (authority, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    let length = body.len();
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let first = head(&mut reader).0;
    let mut body = String::new();
    reader.read_to_string(&mut body).unwrap();
    (status(&first), body)
}

/// Reads a head; returns its first line and the length of the body.
fn head(reader: &mut impl BufRead) -> (String, usize) {
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    for line in reader.lines().map(Result::unwrap) {
        if line.is_empty() {
            break;
        }
        let line = line.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    (first, length)
}

fn status(line: &str) -> u16 {
    line.split(' ').nth(1).unwrap().parse().unwrap()
}
