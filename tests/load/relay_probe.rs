//! Our sender against whatever listens: every kind and size of message, every
//! method and size of body. One line of JSON; the exit code is 1 if one fails.
//!
//! `relay_probe --connection-string S [--ca FILE] --only websocket|http|http-summary`;
//! the listener echoes, for `http-summary` it answers as `relay_listener_echo` does.

#![expect(clippy::print_stdout, reason = "the line is what the program is for")]

use std::error::Error;

use bytes::Bytes;
use http::Request;
use relay::{ConnectionString, ConnectionStringCredential, Credential, Sender};
use serde_json::{Value, json};
use transport::net::Connector;
use transport::{Body, Message, RootCertificates, TlsConnector};

type AnyResult<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> AnyResult<()> {
    let flag = |name: &str| {
        let mut args = std::env::args().skip_while(|arg| arg != name);
        args.nth(1)
    };
    let text = flag("--connection-string").ok_or("give --connection-string")?;
    let parsed: ConnectionString = text.parse()?;
    let Some(ConnectionStringCredential::Key(key)) = parsed.credential() else {
        return Err("a key is needed".into());
    };
    let mut network = Connector::builder();
    if let Some(file) = flag("--ca") {
        let roots = RootCertificates::none().with_pem(&std::fs::read(file)?)?;
        network = network.tls(TlsConnector::ring(roots)?);
    }
    let sender = Sender::builder(parsed.hybrid_connection()?, Credential::key(key))
        .network(network.build())
        .build()?;
    let outcome = match flag("--only").as_deref() {
        Some("http") => requests(&sender, false).await?,
        Some("http-summary") => requests(&sender, true).await?,
        _ => messages(&sender).await?,
    };
    println!("{outcome}");
    Ok(())
}

async fn messages(sender: &Sender) -> AnyResult<Value> {
    let mut stream = sender.connect().await?;
    let mut echoed = 0;
    for size in [1, 64 * 1024, 5 * 1024 * 1024] {
        for message in [
            Message::text("t".repeat(size)),
            Message::binary(vec![7; size]),
        ] {
            stream.send(message.clone()).await?;
            if stream.receive().await?.as_ref() != Some(&message) {
                return Err(format!("{message:?} did not come back").into());
            }
            echoed += 1;
        }
    }
    futures::AsyncWriteExt::close(&mut stream).await?;
    Ok(json!({ "echoed": echoed }))
}

async fn requests(sender: &Sender, is_summary: bool) -> AnyResult<Value> {
    let mut answered = 0;
    for method in ["GET", "POST", "PUT", "DELETE"] {
        for size in [0, 1, 64 * 1024, 64 * 1024 + 1, 1024 * 1024] {
            for is_chunked in [false, true] {
                // A body of GET is legal, but no client has it.
                if method == "GET" && size > 0 {
                    continue;
                }
                let sent = Bytes::from(vec![7; size]);
                let path = if is_chunked {
                    "/chunks?x=1"
                } else {
                    "/whole?x=1"
                };
                let body = if is_chunked && method != "GET" {
                    chunked(sent.clone())
                } else {
                    Body::from(sent.clone())
                };
                let request = Request::builder().method(method).uri(path).body(body)?;
                let response = sender.send(request).await?;
                let what = format!("{method} {path} with {size} bytes");
                if response.status() != 200 {
                    return Err(format!("{what}: {}", response.status()).into());
                }
                let seen = response.headers().get("x-method").cloned();
                let body = response.into_body().collect(16 * 1024 * 1024).await?;
                let is_right = if is_summary {
                    let summary: Value = serde_json::from_slice(&body)?;
                    summary["method"] == method && summary["length"] == size
                } else {
                    body == sent && seen.is_some_and(|seen| seen == method)
                };
                if !is_right {
                    return Err(format!("{what}: another answer of {} bytes", body.len()).into());
                }
                answered += 1;
            }
        }
    }
    Ok(json!({ "answered": answered }))
}

fn chunked(all: Bytes) -> Body {
    let pieces: Vec<Bytes> = all.chunks(10_000).map(Bytes::copy_from_slice).collect();
    let pieces = futures::stream::iter(pieces.into_iter().map(Ok::<_, transport::Error>));
    Body::from_stream(pieces, None)
}
