//! The binary, as a script uses it: ready line, signals, invalid settings.

#![cfg(all(feature = "cli", feature = "pubsub", feature = "relay"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn emulator(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azwire-emulator"));
    command.args(flags).stdin(Stdio::null());
    command
}

const FREE_PORTS: [&str; 8] = [
    "--pubsub-port",
    "0",
    "--relay-port",
    "0",
    "--relay-plain-port",
    "0",
    "--identity-port",
    "0",
];

/// An emulator that `stop` ends.
fn running(flags: &[&str]) -> Command {
    let mut command = emulator(&FREE_PORTS);
    command.args(flags).stdout(Stdio::piped());
    // On Windows no process sends another a signal.
    #[cfg(windows)]
    command.arg("--exit-with-parent").stdin(Stdio::piped());
    command
}

fn start(flags: &[&str]) -> (Child, Value) {
    let mut child = running(flags).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready = serde_json::from_str(&line).expect("the ready line is JSON");
    (child, ready)
}

/// Asks it to end.
fn stop(child: &mut Child) {
    #[cfg(unix)]
    signal(child, "TERM");
    // On Windows it is the end of a pipe.
    drop(child.stdin.take());
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

#[test]
fn the_ready_line_says_where_everything_is() {
    let (mut child, ready) = start(&[
        "--hybrid-connection",
        "a/b",
        "--hybrid-connection",
        "open:anonymous",
    ]);
    let text = |pointer: &str| {
        ready
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap()
            .to_owned()
    };

    let endpoint = text("/pubsub/endpoint");
    let port = endpoint.strip_prefix("http://127.0.0.1:").unwrap();
    assert_eq!(
        text("/pubsub/connectionString"),
        format!(
            "Endpoint=http://127.0.0.1;Port={port};AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;"
        )
    );
    let secure = text("/pubsub/secureEndpoint");
    assert_eq!(secure, format!("https://localhost:{port}"));
    assert_eq!(
        text("/pubsub/secureConnectionString"),
        format!(
            "Endpoint=https://localhost;Port={port};AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;"
        )
    );
    assert_eq!(text("/caCertificate"), text("/relay/caCertificate"));
    let relay = text("/relay/endpoint");
    assert!(relay.starts_with("sb://localhost:"), "{relay}");
    assert!(text("/relay/connectionString").starts_with(&format!(
        "Endpoint={relay};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey="
    )));
    let plain = text("/relay/plainConnectionString");
    assert!(plain.starts_with("Endpoint=sb://127.0.0.1:"), "{plain}");
    assert!(plain.ends_with(";UseDevelopmentEmulator=true"), "{plain}");
    assert_eq!(
        ready["relay"]["hybridConnections"],
        serde_json::json!(["a/b", "open"])
    );
    assert_eq!(text("/control"), format!("{endpoint}/_emulator"));
    let ca = std::fs::read_to_string(text("/relay/caCertificate")).unwrap();
    assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"));

    stop(&mut child);
    assert!(child.wait().unwrap().success());
    let mut rest = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut rest)
        .unwrap();
    assert_eq!(rest, "", "only the ready line goes to standard output");
    assert!(
        !std::path::Path::new(&text("/relay/caCertificate")).exists(),
        "the temporary folder is gone"
    );
}

#[test]
fn unchecked_tokens_are_announced_loudly() {
    for (flags, is_loud) in [
        (&["--allow-unvalidated-entra-tokens"][..], true),
        (&[], false),
    ] {
        let mut child = running(flags).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        stop(&mut child);
        let output = child.wait_with_output().unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        for warning in [
            "ENTRA TOKENS ARE ACCEPTED WITHOUT CHECKING THEIR SIGNATURE",
            "RELAY ACCEPTS ENTRA TOKENS WITHOUT CHECKING THEIR SIGNATURE",
        ] {
            assert_eq!(log.contains(warning), is_loud, "{log}");
        }
    }
}

#[test]
fn event_handlers_are_checked_at_the_start() {
    for (handler, named) in [
        ("chat=http://localhost:3000/{event}", None),
        ("a-b=http://localhost:3000/", Some("hub")),
        ("chat=http://{hub}:3000/", Some("host")),
    ] {
        let flags = ["--event-handler", handler];
        match named {
            None => {
                let (mut child, _) = start(&flags);
                stop(&mut child);
                assert!(child.wait().unwrap().success());
            }
            Some(named) => {
                let output = emulator(&FREE_PORTS).args(flags).output().unwrap();
                let stderr = String::from_utf8(output.stderr).unwrap();
                assert_eq!(output.status.code(), Some(2), "{stderr}");
                assert!(stderr.contains(named), "{stderr}");
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_gracefully() {
    let (mut child, _) = start(&[]);
    signal(&child, "INT");
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_certificate_authority_is_reused() {
    let folder = std::env::temp_dir().join(format!("azwire-cli-test-{}", std::process::id()));
    let flags = ["--certificates", folder.to_str().unwrap()];
    let authority = || {
        let (mut child, ready) = start(&flags);
        let file = ready["relay"]["caCertificate"].as_str().unwrap().to_owned();
        stop(&mut child);
        assert!(child.wait().unwrap().success());
        std::fs::read_to_string(file).unwrap()
    };
    let first = authority();
    assert_eq!(first, authority());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn bad_settings_end_it_with_code_2_and_one_line() {
    let folder = std::env::temp_dir();
    let config = folder.join(format!("azwire-cli-test-{}.toml", std::process::id()));
    std::fs::write(&config, "[pubsub]\nprot = 8080\n").unwrap();
    let config = config.to_str().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (flags, named) in [
        (vec!["--config", config], "prot"),
        (
            vec!["--config", "/nonexistent/azwire.toml"],
            "/nonexistent/azwire.toml",
        ),
        (
            vec![
                "--pubsub-port",
                &port,
                "--relay-port",
                "0",
                "--relay-plain-port",
                "0",
            ],
            port.as_str(),
        ),
        (
            vec![
                "--pubsub-port",
                "0",
                "--relay-port",
                &port,
                "--relay-plain-port",
                "0",
            ],
            port.as_str(),
        ),
    ] {
        let Output {
            status,
            stdout,
            stderr,
        } = emulator(&flags).output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(2), "{flags:?}: {stderr}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
        assert!(stderr.contains(named), "{stderr}");
        assert!(stdout.is_empty());
    }
    std::fs::remove_file(config).unwrap();
}

#[test]
fn addresses_and_names_that_cannot_be_used_are_named_with_their_flag() {
    let taken = TcpListener::bind("127.0.0.2:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let below_a_file = concat!(env!("CARGO_BIN_EXE_azwire-emulator"), "/folder");
    for (flags, named) in [
        // An address for documentation (RFC 5737).
        (&["--host", "192.0.2.1"][..], ["192.0.2.1", "--host"]),
        (&["--host", "localhost"], ["localhost", "--host"]),
        (&["--advertise", "a b"], ["\"a b\"", "--advertise"]),
        (&["--advertise", "0.0.0.0"], ["0.0.0.0", "--advertise"]),
        (&["--certificate-name", "a b"], ["\"a b\"", "name"]),
        (
            &["--certificates", below_a_file],
            [below_a_file, "certificate"],
        ),
        (
            &["--host", "127.0.0.2", "--pubsub-port", &port],
            ["127.0.0.2", "--pubsub-port"],
        ),
        (
            &["--host", "127.0.0.2", "--relay-plain-port", &port],
            ["127.0.0.2", "--relay-plain-port"],
        ),
    ] {
        let ports = ["--pubsub-port", "--relay-port", "--relay-plain-port"];
        let free = ports.into_iter().filter(|port| !flags.contains(port));
        let free: Vec<&str> = free.flat_map(|port| [port, "0"]).collect();
        let output = emulator(flags).args(free).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {stderr}");
        assert!(named.iter().all(|named| stderr.contains(named)), "{stderr}");
        let is_of_clap = flags.contains(&"localhost");
        assert!(
            is_of_clap || stderr.trim_end().lines().count() == 1,
            "{stderr}"
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_advertised_name_stands_in_everything_that_is_printed() {
    let (mut child, ready) = start(&["--advertise", "Emulator.Example", "--host", "127.0.0.3"]);
    for (pointer, starts) in [
        ("/pubsub/endpoint", "http://emulator.example:"),
        ("/pubsub/secureEndpoint", "https://emulator.example:"),
        (
            "/pubsub/connectionString",
            "Endpoint=http://emulator.example;",
        ),
        (
            "/pubsub/secureConnectionString",
            "Endpoint=https://emulator.example;",
        ),
        ("/relay/endpoint", "sb://emulator.example:"),
        ("/relay/connectionString", "Endpoint=sb://emulator.example:"),
        (
            "/relay/plainConnectionString",
            "Endpoint=sb://emulator.example:",
        ),
        ("/control", "http://emulator.example:"),
    ] {
        let found = ready.pointer(pointer).and_then(Value::as_str).unwrap();
        assert!(found.starts_with(starts), "{pointer}: {found}");
    }
    stop(&mut child);
    assert!(child.wait().unwrap().success());
}

#[test]
fn wrong_flags_are_named() {
    for (flags, named) in [
        (["--pubsub-port", "x"], "--pubsub-port"),
        (["--hybrid-connection", "a b"], "a b"),
        (["--nonsense", "1"], "--nonsense"),
    ] {
        let output = emulator(&flags).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(named), "{stderr}");
    }
}

#[test]
fn help_names_every_flag() {
    let output = emulator(&["--help"]).output().unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for flag in [
        "--host",
        "--advertise",
        "--pubsub-port",
        "--relay-port",
        "--relay-plain-port",
        "--hybrid-connection",
        "--certificates",
        "--config",
    ] {
        assert!(help.contains(flag), "{flag} is missing in:\n{help}");
    }
}
