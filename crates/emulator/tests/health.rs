//! `azwire-emulator health`: what a container is told of its emulator.

#![cfg(all(feature = "cli", feature = "pubsub", feature = "relay"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use tokio::net::TcpSocket;

/// A running emulator, killed with its test.
struct Running {
    child: Child,
    ready: serde_json::Value,
}

impl Running {
    fn start(flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_azwire-emulator"));
        command.arg("--free-ports").args(flags);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let out = child.stdout.as_mut().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap();
        Self { child, ready }
    }

    /// Returns the port of the admin API.
    fn port(&self) -> &str {
        let control = self.ready["control"].as_str().unwrap();
        let authority = control.strip_suffix("/_emulator").unwrap();
        authority.rsplit(':').next().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks with the variables of a container, where the emulator has every address.
fn ask(variable: &str, port: &str, flags: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azwire-emulator"));
    command.arg("health").args(flags).env(variable, port);
    command
        .env("AZWIRE_EMULATOR_HOST", "0.0.0.0")
        .output()
        .unwrap()
}

/// Expects the exit code 1, nothing on standard output, and one line that says why.
fn unhealthy(output: Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn a_running_emulator_is_healthy_by_either_service() {
    for (flags, variable) in [
        (&[][..], "AZWIRE_EMULATOR_PUBSUB_PORT"),
        (&["--no-pubsub"], "AZWIRE_EMULATOR_RELAY_PLAIN_PORT"),
    ] {
        let running = Running::start(flags);
        let output = ask(variable, running.port(), flags);
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["status"], "healthy");
    }
}

#[test]
fn without_an_emulator_the_exit_code_is_that_of_an_unhealthy_container() {
    // The port is taken, so that no other emulator gets it, but nothing listens on it.
    let silent = TcpSocket::new_v4().unwrap();
    silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let said = unhealthy(ask("AZWIRE_EMULATOR_PUBSUB_PORT", &port, &[]));
    assert!(said.contains("no emulator answers at 127.0.0.1:"), "{said}");
    // A mistake of whoever wrote the check is not the emulator's.
    let output = ask("AZWIRE_EMULATOR_PUBSUB_PORT", "0", &[]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn another_server_is_no_emulator() {
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
            let reply = format!("HTTP/1.1 {reply}");
            socket.write_all(reply.as_bytes()).unwrap();
        }
    });
    for _ in 0..2 {
        let said = unhealthy(ask("AZWIRE_EMULATOR_PUBSUB_PORT", &port, &[]));
        assert!(said.contains("is no emulator"), "{said}");
    }
    answering.join().unwrap();
}
