//! `-H` and `azwire relay serve`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use crate::running::{Running, relay, start};

/// Starts a site that answers each request with its first line.
fn site() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut reader = BufReader::new(&client);
                let mut first = String::new();
                reader.read_line(&mut first)?;
                let mut line = String::new();
                while line != "\r\n" {
                    line.clear();
                    if reader.read_line(&mut line)? == 0 {
                        break;
                    }
                }
                let text = first.trim_end();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    text.len()
                );
                (&client).write_all(format!("{head}{text}").as_bytes())
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_reach_a_site() {
    let emulator = start().await;
    let site = site();
    let http = format!("a1:http/127.0.0.1/app:{}", site.port());
    let url = format!("http://{site}/app");
    for arguments in [
        &["forward", "-H", &http][..],
        &[
            "serve",
            "--to",
            &url,
            "--hybrid-connection",
            "a1",
            "--metrics",
            "0",
        ],
    ] {
        // `-o` is azbridge's at `forward`.
        let mut serving = Running::start(relay(&emulator, arguments).args(&["--output", "json"]));
        serving.json("serving");
        if arguments[0] == "serve" {
            let line = serving.json("metrics").to_string();
            assert!(line.contains("127.0.0.1:"), "{line}");
        }
        let answer = relay(
            &emulator,
            &["request", "--hybrid-connection", "a1", "x/y?z"],
        )
        .ended()
        .await;
        assert_eq!(answer.code, 0, "{answer:?}");
        assert!(
            answer.stdout.contains("GET /app/x/y?z HTTP/1.1"),
            "{answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_nobody_knows_is_believed_only_if_asked() {
    let emulator = start().await;
    // A site with such a certificate: the emulator itself.
    let site = emulator.pubsub().secure_endpoint();
    let serve = ["serve", "--to", &site, "--hybrid-connection", "a1"];
    let request = ["request", "--hybrid-connection", "a1", "api/health"];
    for (insecure, status) in [(&[][..], 502), (&["--insecure"][..], 200)] {
        let arguments = ["--output", "json"];
        let program = relay(&emulator, &serve).args(insecure).args(&arguments);
        let mut serving = Running::start(program);
        serving.json("serving");
        let answer = relay(&emulator, &request).args(&arguments).ended().await;
        let found: serde_json::Value =
            serde_json::from_str(answer.stdout.lines().next().unwrap_or_default())
                .unwrap_or_else(|_| panic!("{answer:?}"));
        assert_eq!(found["status"], status, "{answer:?}");
    }
}
