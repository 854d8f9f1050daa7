//! `azwire-emulator env`: what a shell is told of an emulator that runs already; by `sh`.

#![cfg(all(feature = "cli", feature = "pubsub", feature = "relay", unix))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tokio::net::TcpSocket;

/// A running emulator, killed with its test.
struct Running {
    child: Child,
    line: String,
    ready: Value,
}

impl Running {
    fn start(flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_azwire-emulator"));
        command.arg("--free-ports").args(flags);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let out = child.stdout.as_mut().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let line = line.trim_end().to_owned();
        let ready = serde_json::from_str(&line).unwrap();
        Self { child, line, ready }
    }

    fn text(&self, pointer: &str) -> &str {
        self.ready.pointer(pointer).unwrap().as_str().unwrap()
    }

    /// Returns the port of the admin API.
    fn port(&self) -> &str {
        let authority = self.text("/control").strip_suffix("/_emulator").unwrap();
        authority.rsplit(':').next().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a script of a shell in which `$emulator` is the program.
fn shell(script: &str, port: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-euc", script]);
    command.env("emulator", env!("CARGO_BIN_EXE_azwire-emulator"));
    command.env("AZWIRE_EMULATOR_PUBSUB_PORT", port);
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
        command.env_remove(name);
    }
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn variable<'a>(output: &'a str, name: &str) -> &'a str {
    let mut lines = output.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name} in {output}"))
}

/// Expects a refusal, and returns what was said.
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr)
}

#[test]
fn a_shell_finds_the_emulator_by_what_is_printed() {
    let running = Running::start(&[]);
    let script = r#"eval "$("$emulator" env)"; eval "$("$emulator" env)"; env"#;
    let output = shell(script, running.port()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text(&output.stderr), "");
    let printed = text(&output.stdout);
    for (name, pointer) in [
        ("WEBPUBSUB_CONNECTION_STRING", "/pubsub/connectionString"),
        ("WEBPUBSUB_ENDPOINT", "/pubsub/secureEndpoint"),
        ("RELAY_CONNECTION_STRING", "/relay/connectionString"),
        (
            "IDENTITY_ENDPOINT",
            "/identity/environment/IDENTITY_ENDPOINT",
        ),
        ("IDENTITY_HEADER", "/identity/environment/IDENTITY_HEADER"),
    ] {
        assert_eq!(variable(&printed, name), running.text(pointer), "{name}");
    }
    assert_eq!(variable(&printed, "AZWIRE_EMULATOR_READY"), running.line);
    // They have the authority once, also when it was there before.
    let authority = fs::read_to_string(running.text("/caCertificate")).unwrap();
    let body = authority.lines().nth(1).unwrap();
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
        let roots = fs::read_to_string(variable(&printed, name)).unwrap();
        assert_eq!(roots.matches(body).count(), 1, "{name}");
    }
}

#[test]
fn a_value_with_quotes_is_one_word_for_the_shell() {
    let folder = std::env::temp_dir().join(format!("azwire-env's-$HOME-{}", std::process::id()));
    let running = Running::start(&["--certificates", folder.to_str().unwrap()]);
    let script = r#"eval "$("$emulator" env)"; env"#;
    let output = shell(script, running.port()).output();
    drop(running);
    let roots = folder.join("roots.pem");
    let is_written = roots.exists();
    let _ = fs::remove_dir_all(&folder);
    let printed = text(&output.unwrap().stdout);
    assert_eq!(variable(&printed, "SSL_CERT_FILE"), roots.to_str().unwrap());
    assert!(is_written);
}

#[test]
fn without_an_emulator_it_says_so_in_one_line() {
    let env = r#"exec "$emulator" env"#;
    // The port is taken, so that no other emulator gets it, but nothing listens on it.
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let said = refused(&shell(env, &port).output().unwrap());
    assert!(said.contains("no emulator answers at 127.0.0.1:"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");

    let said = refused(&shell(env, "0").output().unwrap());
    assert!(said.contains("give --pubsub-port"), "{said}");

    // Something else has the port.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let answering = std::thread::spawn(move || {
        for reply in [
            "404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "200 OK\r\nContent-Length: 2\r\n\r\nhi",
        ] {
            let (mut socket, _) = other.accept().unwrap();
            let mut head = [0; 4096];
            let _ = socket.read(&mut head).unwrap();
            socket
                .write_all(format!("HTTP/1.1 {reply}").as_bytes())
                .unwrap();
        }
    });
    for _ in 0..2 {
        let said = refused(&shell(env, &port).output().unwrap());
        assert!(said.contains("is no emulator"), "{said}");
    }
    answering.join().unwrap();
}

#[test]
fn an_emulator_that_is_still_starting_is_waited_for() {
    // It is waited for two seconds, in which a busy machine may not start one.
    let mut refused = Vec::new();
    for _ in 0..10 {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port().to_string();
        drop(free);
        let asking = shell(r#"exec "$emulator" env"#, &port)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let running = Running::start(&["--pubsub-port", &port]);
        let output = asking.wait_with_output().unwrap();
        if output.status.success() {
            let line = format!("export AZWIRE_EMULATOR_READY='{}'\n", running.line);
            assert!(text(&output.stdout).contains(&line), "{output:?}");
            return;
        }
        refused.push(output);
    }
    panic!("{refused:?}");
}

#[test]
fn a_file_with_roots_that_is_gone_is_named() {
    let running = Running::start(&[]);
    let mut command = shell(r#"exec "$emulator" env"#, running.port());
    command.env("SSL_CERT_FILE", "/nowhere/roots.pem");
    let said = refused(&command.output().unwrap());
    assert!(said.contains("/nowhere/roots.pem"), "{said}");
}
