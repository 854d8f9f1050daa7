//! `--journal`: what happens as lines of JSON in a file.

#![cfg(all(feature = "cli", feature = "pubsub", feature = "relay", unix))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

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
    let mut child = emulator(flags)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let control = ready["control"].as_str().unwrap();
    (child, control.strip_prefix("http://").unwrap().to_owned())
}

/// Advances the clock by so many seconds.
fn advance(control: &str, seconds: u64) {
    let (address, path) = control.split_once('/').unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let body = format!("{{\"advance\":{seconds}}}");
    let length = body.len();
    let head = format!(
        "POST /{path}/clock HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    stream
        .write_all(format!("{head}{body}").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

/// Ends an emulator as a person does.
fn stop(mut child: Child) -> ExitStatus {
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(sent.success());
    child.wait().unwrap()
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
