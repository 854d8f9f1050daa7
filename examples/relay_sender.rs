//! Sends to the listener of a hybrid connection: each line of standard input as
//! a message, printing the replies; or, with `--http METHOD --path P`,
//! standard input as the body of a request, printing status and body.
//!
//! `relay_sender [--config config.json] [--ca FILE] [--http METHOD --path P]`

#![expect(
    clippy::print_stdout,
    reason = "the printed lines are the example's output"
)]

#[path = "relay_settings.rs"]
mod relay_settings;

use std::error::Error;
use std::io::Read;

use azwire_relay::{RelayStream, Sender};
use azwire_transport::Message;
use futures::AsyncWriteExt;
use http::Request;
use relay_settings::Settings;
use tokio::sync::mpsc;

type AnyResult<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> AnyResult {
    let (settings, flags) = Settings::from_args(&["http", "path"])?;
    let sender = Sender::builder(settings.hybrid_connection, settings.credential)
        .connector(settings.network)
        .build()?;
    match flags.get("http") {
        Some(method) => {
            let path = flags.get("path").map_or("/", String::as_str);
            let mut body = Vec::new();
            std::io::stdin().read_to_end(&mut body)?;
            let (status, body) = send_request(&sender, method, path, body).await?;
            println!("{status}");
            println!("{body}");
            Ok(())
        }
        None => {
            let print = |line: &str| println!("{line}");
            send_lines(sender.connect().await?, standard_input(), print).await
        }
    }
}

/// Returns the lines of standard input, which are read on a separate thread: reading blocks, and the
/// process ends with `main`.
fn standard_input() -> mpsc::Receiver<String> {
    let (lines, queue) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if lines.blocking_send(line).is_err() {
                break;
            }
        }
    });
    queue
}

async fn send_lines(
    stream: RelayStream,
    mut lines: mpsc::Receiver<String>,
    print: impl Fn(&str),
) -> AnyResult {
    let (mut incoming, mut outgoing) = stream.into_split();
    let sending = async {
        while let Some(line) = lines.recv().await {
            outgoing.send(Message::text(line)).await?;
        }
        // Ends this direction; the listener's remaining data still arrives.
        outgoing.close().await?;
        AnyResult::Ok(())
    };
    let printing = async {
        while let Some(message) = incoming.receive().await? {
            match message {
                Message::Text(text) => print(text.as_str()),
                message => print(&format!("{} bytes", message.payload_len())),
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

async fn send_request(
    sender: &Sender,
    method: &str,
    path: &str,
    body: Vec<u8>,
) -> AnyResult<(u16, String)> {
    let path = format!("/{}", path.trim_start_matches('/'));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(body.into())?;
    let response = sender.send(request).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect(64 * 1024 * 1024).await?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

#[cfg(all(test, feature = "emulator"))]
mod tests {
    use std::sync::Mutex;

    use azwire_emulator::Emulator;
    use azwire_relay::{Listener, handler_fn};
    use azwire_transport::Body;

    use super::*;

    #[tokio::test]
    async fn each_line_leaves_at_once_and_the_end_is_waited_for() {
        let emulator = Emulator::builder().start().await.unwrap();
        let text = emulator.relay().plain_connection_string("hc1");
        let handler = handler_fn(async |request: Request<Body>| {
            let body = request.into_body().collect(1024).await.unwrap();
            http::Response::new(body.into())
        });
        let listener = Listener::from_connection_string(text.expose()).unwrap();
        let mut listener = listener.request_handler(handler).open().await.unwrap();
        let sender = Sender::from_connection_string(text.expose()).unwrap();
        let (lines, queue) = mpsc::channel(1);
        let printed = Mutex::new(Vec::new());
        let print = |line: &str| printed.lock().unwrap().push(line.to_owned());
        let sending = async {
            let stream = sender.connect().await.unwrap();
            send_lines(stream, queue, print).await.unwrap();
        };
        // It waits for each line before there is another one.
        let listening = async {
            let incoming = listener.accept().await.unwrap();
            let mut stream = incoming.accept().await.unwrap();
            for line in ["one", "two"] {
                lines.send(line.to_owned()).await.unwrap();
                let heard = stream.receive().await.unwrap();
                assert_eq!(heard, Some(Message::text(line)));
                stream.send(Message::text(line)).await.unwrap();
            }
            drop(lines);
            assert_eq!(stream.receive().await.unwrap(), None);
            stream.send(Message::binary("bytes")).await.unwrap();
            stream.close().await.unwrap();
        };
        futures::join!(sending, listening);
        assert_eq!(*printed.lock().unwrap(), ["one", "two", "5 bytes"]);

        let answer = send_request(&sender, "POST", "orders", b"order".to_vec()).await;
        assert_eq!(answer.unwrap(), (200, "order".to_owned()));
    }
}
