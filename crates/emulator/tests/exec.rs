//! `azwire-emulator exec`: what the program is told, and how both end; by `sh` and `kill`. What differs on Windows is
//! in `windows.rs`.

#![cfg(all(feature = "cli", feature = "pubsub", feature = "relay", unix))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A program that is run with an emulator, and its environment.
fn exec(flags: &[&str], program: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azwire-emulator"));
    command.arg("exec").args(flags).arg("--").args(program);
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
        command.env_remove(name);
    }
    // The roots of the system are those of both.
    command.env_remove("SSL_CERT_DIR").stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn variables(output: &Output) -> BTreeMap<String, String> {
    let output = text(&output.stdout);
    let pairs = output.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A folder that is removed with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("azwire-exec-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
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

#[test]
fn the_program_is_told_where_everything_is_and_nothing_else_is_printed() {
    let output = exec(&["--hybrid-connection", "a"], &["env"])
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(text(&output.stderr), "");
    let variables = variables(&output);
    let ready: Value = serde_json::from_str(&variables["AZWIRE_EMULATOR_READY"]).unwrap();
    assert_eq!(
        variables["WEBPUBSUB_CONNECTION_STRING"],
        ready["pubsub"]["connectionString"]
    );
    assert_eq!(
        variables["WEBPUBSUB_ENDPOINT"],
        ready["pubsub"]["secureEndpoint"]
    );
    assert_eq!(
        variables["RELAY_CONNECTION_STRING"],
        ready["relay"]["connectionString"]
    );
    assert_eq!(
        ready["relay"]["hybridConnections"],
        serde_json::json!(["a"])
    );
    // Free ports: the usual ones may be in use by another emulator.
    for port in ["8080", "9443", "9080"] {
        assert!(
            !variables["AZWIRE_EMULATOR_READY"].contains(&format!(":{port}")),
            "{port}"
        );
    }
    assert_eq!(variables["NODE_EXTRA_CA_CERTS"], ready["caCertificate"]);
    // The files are gone with the emulator.
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
        assert!(!fs::exists(&variables[name]).unwrap(), "{name}");
    }
}

#[test]
fn the_program_does_not_sign_in_with_what_its_caller_has() {
    let mut command = exec(&[], &["env"]);
    command.env("AZURE_CLIENT_ID", "of-the-developer");
    command.env("AZURE_CLIENT_SECRET", "of-the-developer");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let variables = variables(&output);
    assert!(variables.contains_key("IDENTITY_ENDPOINT"));
    let found = variables
        .iter()
        .find(|(_, value)| *value == "of-the-developer");
    assert_eq!(found, None);
}

#[test]
fn what_replaces_roots_keeps_the_others_and_names_the_authority() {
    let folder = Folder::new("roots");
    let certificates = folder.path("ca");
    let run = |program: &str, own: Option<&str>| {
        let flags = ["--certificates", &certificates];
        let mut command = exec(&flags, &["sh", "-c", program]);
        for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
            own.map(|own| command.env(name, own));
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let authority = run("cat \"$NODE_EXTRA_CA_CERTS\"", None);
    let own = folder.path("own.pem");
    // Any other certificate: that of another emulator.
    let other = folder.path("other");
    let made = exec(&["--certificates", &other], &["true"])
        .status()
        .unwrap();
    assert!(made.success());
    fs::copy(folder.0.join("other/ca.pem"), &own).unwrap();
    let other = fs::read_to_string(&own).unwrap();
    assert_ne!(other, authority);
    let normal = |pem: &str| pem.split_whitespace().collect::<String>();
    let both = normal(&other) + &normal(&authority);
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
        let found = run(&format!("cat \"${name}\""), Some(&own));
        // Not shown if it fails: the roots of a system are long.
        assert!(normal(&found) == both, "{name}");
    }
    // With no such variable they are the system's, whatever these are.
    let found = run("cat \"$SSL_CERT_FILE\"", None);
    assert!(normal(&found).ends_with(&normal(&authority)));
    assert!(run("cat \"$REQUESTS_CA_BUNDLE\"", None) == found);
}

#[test]
fn its_exit_code_is_that_of_the_program() {
    for (program, code) in [
        (&["sh", "-c", "exit 0"][..], 0),
        (&["sh", "-c", "exit 7"], 7),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["sh", "-c", "kill -KILL $$"], 137),
    ] {
        let output = exec(&[], program).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{program:?}");
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn a_program_that_does_not_start_is_named() {
    for (program, code) in [("/", 126), ("azwire-no-such-program", 127)] {
        let output = exec(&[], &[program]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{program}");
        let said = text(&output.stderr);
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(program), "{said}");
    }
}

#[test]
fn wrong_flags_and_a_missing_program_are_refused() {
    let folder = Folder::new("wrong");
    let no_log = folder.path("missing/log");
    for flags in [
        &["--log-file", &no_log][..],
        &["--event-handler", "x"],
        &["--exit-with-parent"],
    ] {
        let output = exec(flags, &["true"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
    }
    let mut without = Command::new(env!("CARGO_BIN_EXE_azwire-emulator"));
    assert_eq!(without.arg("exec").output().unwrap().status.code(), Some(2));
}

#[test]
fn the_log_goes_to_a_file() {
    let folder = Folder::new("log");
    let log = folder.path("log");
    let hub = "chat=http://127.0.0.1:1/";
    let flags = [
        "--log-file",
        &log,
        "--allow-unvalidated-entra-tokens",
        "--event-handler",
        hub,
    ];
    for run in 1..=2 {
        let output = exec(&flags, &["true"]).output().unwrap();
        assert_eq!(
            (output.status.code(), text(&output.stderr)),
            (Some(0), String::new())
        );
        let log = fs::read_to_string(&log).unwrap();
        assert_eq!(
            log.matches("RELAY ACCEPTS ENTRA TOKENS").count(),
            run,
            "{log}"
        );
        assert!(!log.contains('\u{1b}'), "{log}");
    }
    // Without a file, warnings are seen.
    let output = exec(&flags[2..], &["true"]).output().unwrap();
    assert!(text(&output.stderr).contains("RELAY ACCEPTS ENTRA TOKENS"));
}

#[test]
fn signals_are_passed_on_and_the_emulator_is_there_until_the_program_ends() {
    for name in ["TERM", "INT", "HUP"] {
        let script = "trap 'kill $!; exit 9' TERM INT HUP
            sleep 600 & echo \"$AZWIRE_EMULATOR_READY\"; wait";
        let mut child = exec(&[], &["sh", "-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let endpoint = ready["pubsub"]["endpoint"].as_str().unwrap();
        let mut stream = TcpStream::connect(endpoint.replace("http://", "")).unwrap();
        stream
            .write_all(b"GET /api/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let id = child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(sent.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(9), "{name}");
    }
}
