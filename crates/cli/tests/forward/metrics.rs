//! `--metrics`.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;

use crate::running::{Running, connect, echo, exchange, relay, start};

fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = connect(address);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .expect("it takes bytes");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    let (head, body) = text.split_once("\r\n\r\n").expect("there is a head");
    let status = head.lines().next().unwrap_or_default();
    (status.to_owned(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forwarded_is_counted() {
    let emulator = start().await;
    let target = echo("");
    let remote = format!("a1:x/{target}");
    let mut both = Running::start(relay(
        &emulator,
        &[
            "forward",
            "-T",
            &remote,
            "-L",
            "127.0.0.1:0/x;127.0.0.1:0/y:a1",
            "--output",
            "json",
            "--metrics",
            "127.0.0.1:0",
        ],
    ));
    let (bound, unknown) = (both.bound(), both.bound());
    let address = both.json("metrics");
    let address: SocketAddr = address["address"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .expect("it has an address");
    assert_eq!(exchange(bound, "12345"), "12345");
    // No port has this name.
    let read = connect(unknown).read(&mut [0; 8]);
    assert!(!matches!(read, Ok(1..)), "{read:?}");

    // Both sides count it when they have told their peers.
    let counted = [
        "azwire_errors_total{role=\"listener\",reason=\"unknown_port_name\"} 1",
        "azwire_connections_total{role=\"sender\",target=\"y\",status=\"failed\"} 1",
    ];
    let (status, text) = (0..1_000)
        .map(|_| get(address, "/metrics"))
        .find(|(_, text)| {
            let has = |wanted: &str| text.lines().any(|line| line == wanted);
            counted.into_iter().all(has)
        })
        .expect("it is counted");
    assert!(status.contains("200"), "{status}");
    let dialled = target.to_string();
    for line in [
        format!(
            "aztunnel_bytes_total{{role=\"listener\",target=\"{dialled}\",direction=\"from_relay\"}} 5"
        ),
        format!(
            "aztunnel_bytes_total{{role=\"listener\",target=\"{dialled}\",direction=\"to_relay\"}} 5"
        ),
        "aztunnel_bytes_total{role=\"sender\",target=\"x\",direction=\"to_relay\"} 5".to_owned(),
        "azwire_connections_total{role=\"sender\",target=\"x\",status=\"opened\"} 1".to_owned(),
        "azwire_connections_total{role=\"sender\",target=\"y\",status=\"failed\"} 1".to_owned(),
        "azwire_errors_total{role=\"listener\",reason=\"unknown_port_name\"} 1".to_owned(),
        "aztunnel_connection_errors_total{role=\"listener\",reason=\"allowlist_rejected\"} 1"
            .to_owned(),
        "aztunnel_dial_duration_seconds_count{role=\"listener\"} 1".to_owned(),
    ] {
        assert!(text.lines().any(|other| other == line), "{line}\n{text}");
    }
    let connected = text
        .lines()
        .find(|line| line.starts_with("aztunnel_control_channel_connected{"));
    assert!(connected.is_some_and(|line| line.ends_with(" 1")), "{text}");

    assert_eq!(get(address, "/healthz").1, "ok\n");
    assert_eq!(get(address, "/readyz").1, "ok\n");
    assert!(get(address, "/x").0.contains("404"));
}
