//! Sends to the listener of a hybrid connection: each line of standard input as
//! a message, printing what comes back; or, with `--http METHOD --path P`,
//! standard input as the body of a request, printing status and body.
//!
//! `relay_sender --config config.json [--ca FILE] [--http METHOD --path P]`

#![expect(clippy::print_stdout, reason = "the lines are what the example is for")]

#[path = "relay_settings.rs"]
mod relay_settings;

use std::error::Error;
use std::io::Read;

use azwire_relay::{RelayStream, Sender};
use azwire_transport::Message;
use futures::AsyncWriteExt;
use http::Request;
use relay_settings::Settings;

type AnyResult<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> AnyResult {
    let (settings, flags) = Settings::from_args(&["http", "path"])?;
    let sender = Sender::builder(settings.hybrid_connection, settings.credential)
        .network(settings.network)
        .build()?;
    match flags.get("http") {
        Some(method) => {
            let path = flags.get("path").map_or("/", String::as_str);
            send_request(&sender, method, path).await
        }
        None => send_lines(sender.connect().await?).await,
    }
}

async fn send_lines(stream: RelayStream) -> AnyResult {
    // Read on a thread of its own: standard input blocks, and the process ends with `main`.
    let (lines, mut queue) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if lines.blocking_send(line).is_err() {
                break;
            }
        }
    });
    let (mut incoming, mut outgoing) = stream.into_split();
    let sending = async {
        while let Some(line) = queue.recv().await {
            outgoing.send(Message::text(line)).await?;
        }
        // Ends this direction; what the listener still has to say comes all the same.
        outgoing.close().await?;
        AnyResult::Ok(())
    };
    let printing = async {
        while let Some(message) = incoming.receive().await? {
            match message {
                Message::Text(text) => println!("{}", text.as_str()),
                message => println!("{} bytes", message.payload_len()),
            }
        }
        AnyResult::Ok(())
    };
    tokio::pin!(sending, printing);
    tokio::select! {
        biased;
        sent = &mut sending => {
            sent?;
            printing.await
        }
        printed = &mut printing => {
            printed?;
            Err("the listener has closed".into())
        }
    }
}

async fn send_request(sender: &Sender, method: &str, path: &str) -> AnyResult {
    let mut body = Vec::new();
    std::io::stdin().read_to_end(&mut body)?;
    let path = format!("/{}", path.trim_start_matches('/'));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(body.into())?;
    let response = sender.send(request).await?;
    println!("{}", response.status().as_u16());
    let body = response.into_body().collect(64 * 1024 * 1024).await?;
    println!("{}", String::from_utf8_lossy(&body));
    Ok(())
}
