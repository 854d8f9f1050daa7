//! Bad input: one line with the reason, and its exit code.

use std::net::TcpListener;

use crate::running::{HOME, TestFile, relay, start};
use crate::support::azwire;

#[test]
fn an_expression_that_is_none_is_said_with_its_place() {
    for (flag, expression, expected) in [
        (
            "-L",
            "22",
            "column 3: expected `:` and the name of a hybrid connection",
        ),
        ("-L", "22222222:a1", "column 1: expected a port up to 65535"),
        (
            "-T",
            "a1:",
            "column 4: expected a port, a host and a port, or a socket",
        ),
        ("-R", "a1:h:x", "column 6: expected a port"),
        ("-H", "a1:ftp/x", "column 4: expected `http` or `https`"),
    ] {
        let ended = azwire(&["relay", "forward", flag, expression]).run();
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.stdout.is_empty(), "{ended:?}");
        let first = ended.stderr.lines().next().unwrap_or_default();
        assert!(first.contains(expected), "{expression}: {first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_forwarded_is_said_in_one_line() {
    let emulator = start().await;
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    let in_use = format!("{address}/x:a1");
    let file = TestFile::new("wrong.yml", "LogLevel: info\nRelayName: x\n");
    let both = TestFile::new(
        "twice.yml",
        "RemoteForward:\n- RelayName: a1\n  HostPort: 80\n- RelayName: a1\n  HostPort: 80\n",
    );
    for (arguments, code, expected) in [
        (&[][..], 2, "nothing to forward"),
        (
            &["-f", "/nonexistent.yml"],
            2,
            "-f /nonexistent.yml: there is no such file",
        ),
        (&["-f", file.path()], 2, "line 2: unknown key `RelayName`"),
        (
            &["-f", both.path()],
            2,
            "RemoteForward 2: the hybrid connection has a target with the port name 80",
        ),
        (
            &["-o", "Nonsense:1"],
            2,
            "-o Nonsense: unknown key `Nonsense`",
        ),
        (&["-o", "LogLevel:loud"], 2, "is not a LogLevel"),
        (&["-L", "0:a1", "-I"], 2, "Windows service"),
        (&["-L", &in_use], 11, "127.0.0.1"),
        (&["-T", "missing:80"], 5, "missing"),
        (&["-T", "a1:80", "--metrics", &address], 11, "--metrics"),
        (
            &["-L", "no-such-host.invalid:0/x:a1"],
            11,
            "no-such-host.invalid",
        ),
    ] {
        let ended = relay(&emulator, &["forward"]).args(arguments).ended().await;
        let lines: Vec<_> = ended
            .stderr
            .lines()
            .filter(|line| line.starts_with("azwire: "))
            .collect();
        assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
        assert_eq!(lines.len(), 1, "{arguments:?}: {ended:?}");
        assert!(lines[0].contains(expected), "{arguments:?}: {}", lines[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_right_is_refused() {
    let emulator = start().await;
    let wrong = emulator.relay().plain_connection_string("a1");
    let wrong: Vec<_> = wrong
        .expose()
        .split(';')
        .map(|part| match part.split_once('=') {
            Some(("SharedAccessKey", _)) => "SharedAccessKey=d3Jvbmc=".to_owned(),
            _ => part.to_owned(),
        })
        .collect();
    let wrong = wrong.join(";");
    let ended = azwire(&["relay", "forward", "-q", "-T", "a1:80"])
        .env("AZURE_BRIDGE_CONNECTIONSTRING", &wrong)
        .env(HOME, "/nonexistent")
        .ended()
        .await;
    let line = ended.error(4);
    assert!(line.contains("racking"), "it has the tracking id: {line}");
    let ended = azwire(&["relay", "forward", "-q", "-H", "a1:http/h"])
        .env("AZURE_BRIDGE_CONNECTIONSTRING", &wrong)
        .env(HOME, "/nonexistent")
        .ended()
        .await;
    ended.error(4);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_allowed_without_a_rule() {
    let emulator = start().await;
    let serve = |arguments: &[&str]| {
        relay(&emulator, &["serve-targets", "--hybrid-connection", "a1"]).args(arguments)
    };
    let ended = serve(&[]).ended().await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("--allow"), "{ended:?}");
    let ended = serve(&["--allow", "10.1.2.3/8:22"]).ended().await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(
        ended.stderr.contains("10.0.0.0/8 is the block"),
        "{ended:?}"
    );
}
