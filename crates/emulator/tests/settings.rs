//! The program's settings, as a user gives them: flags, variables, files; and how it ends.

#![cfg(all(feature = "cli", feature = "pubsub", feature = "relay", unix))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
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
        let mut command = emulator(&["--free-ports"]);
        Running::start(command.env("TMPDIR", &folder.0))
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
    let id = third.child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.unwrap().success());
    assert!(third.child.wait().unwrap().success());
    // Of the second, which was killed, a later one takes care.
    assert_eq!(folder.entries(), 1);
}
