//! Our sender against any listener: every kind and size of message, every
//! method and size of body. Prints a line for each that came back unchanged;
//! the exit code is 1 if one did not.
//!
//! `relay_probe --connection-string S [--ca FILE] --only websocket|http|http-summary|http-listener`
//!
//! The listener echoes; for `http-summary` it answers as `relay_listener_echo`
//! does. With `http-listener` this is the listener: it answers requests with
//! their bodies and prints a line when it is online, until it is killed.

#![expect(clippy::print_stdout, reason = "the line is what the program is for")]

use std::error::Error;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use relay::{
    ConnectionString, ConnectionStringCredential, Credential, ErrorKind, Listener, Sender,
    handler_fn,
};
use serde_json::Value;
use transport::net::Connector;
use transport::tls::{RootCertificates, TlsConnector};
use transport::{Body, Message};

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
    let (hybrid_connection, credential) = (parsed.hybrid_connection()?, Credential::key(key));
    let mode = flag("--only").ok_or("give --only")?;
    if mode == "http-listener" {
        let listener = Listener::builder(hybrid_connection, credential)
            .connector(network.build())
            .request_handler(handler_fn(echo))
            .open()
            .await?;
        return listen(listener).await;
    }
    let sender = Sender::builder(hybrid_connection, credential)
        .connector(network.build())
        .build()?;
    match mode.as_str() {
        "websocket" => messages(&sender).await,
        "http" => requests(&sender, false).await,
        "http-summary" => requests(&sender, true).await,
        _ => Err("there is no such mode".into()),
    }
}

async fn messages(sender: &Sender) -> AnyResult<()> {
    let mut stream = sender.connect().await?;
    for (size, name) in [
        (1, "1 byte"),
        (64 * 1024, "64 KiB"),
        (5 * 1024 * 1024, "5 MiB"),
    ] {
        for (kind, message) in [
            ("text", Message::text("t".repeat(size))),
            ("binary", Message::binary(vec![7; size])),
        ] {
            stream.send(message.clone()).await?;
            if stream.receive().await?.as_ref() != Some(&message) {
                return Err(format!("{kind} of {name} did not come back").into());
            }
            println!("ok WebSocket: {kind}, {name}");
        }
    }
    futures::AsyncWriteExt::close(&mut stream).await?;
    println!("ok WebSocket: an orderly end");
    Ok(())
}

async fn requests(sender: &Sender, is_summary: bool) -> AnyResult<()> {
    for (method, is_chunked) in [
        ("GET", false),
        ("POST", false),
        ("POST", true),
        ("PUT", false),
        ("PUT", true),
        ("DELETE", false),
        ("DELETE", true),
    ] {
        for size in [0, 1, 64 * 1024, 64 * 1024 + 1, 1024 * 1024] {
            // A GET with a body is legal, but no client sends one.
            if method == "GET" && size > 0 {
                continue;
            }
            let sent = Bytes::from(vec![7; size]);
            let (path, body) = if is_chunked {
                ("/chunks?x=1", chunked(sent.clone()))
            } else {
                ("/whole?x=1", Body::from(sent.clone()))
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
        }
        match (method, is_chunked) {
            ("GET", _) => println!("ok HTTP: GET"),
            (_, true) => println!("ok HTTP: {method}, chunked, up to 1 MiB"),
            (_, false) => println!("ok HTTP: {method}, up to 1 MiB"),
        }
    }
    let long = "h".repeat(100 * 1024);
    let request = Request::get("/whole")
        .header("x-long", long)
        .body(Body::empty())?;
    match sender.send(request).await {
        Ok(response) if response.status().is_client_error() => {}
        Ok(response) => {
            let status = response.status();
            return Err(format!("100 KiB of headers were answered with {status}").into());
        }
        // Refused by the sender before anything is sent, or by the relay.
        Err(error) if error.kind() == ErrorKind::InvalidInput => {}
        Err(error) => return Err(error.into()),
    }
    println!("ok HTTP: 100 KiB of headers are refused");
    Ok(())
}

async fn echo(request: Request<Body>) -> Response<Body> {
    let method = request.method().as_str().to_owned();
    let is_chunked = request.uri().path().contains("chunks");
    let mut response = match request.into_body().collect(16 * 1024 * 1024).await {
        Ok(body) if is_chunked => Response::new(chunked(body)),
        Ok(body) => Response::new(Body::from(body)),
        Err(_) => Response::new(Body::empty()),
    };
    if let Ok(method) = HeaderValue::from_str(&method) {
        response.headers_mut().insert("x-method", method);
    }
    response
}

async fn listen(mut listener: Listener) -> AnyResult<()> {
    println!("online");
    // No WebSockets here; dropping one rejects it.
    while listener.accept().await.is_some() {}
    Ok(())
}

fn chunked(all: Bytes) -> Body {
    let pieces: Vec<Bytes> = all.chunks(10_000).map(Bytes::copy_from_slice).collect();
    let pieces = futures::stream::iter(pieces.into_iter().map(Ok::<_, transport::Error>));
    Body::from_stream(pieces, None)
}
