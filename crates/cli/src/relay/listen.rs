//! `azwire relay listen`: shows what senders send, and answers by hand.

use std::pin::pin;

use ::relay::{IncomingConnection, Listener, ListenerState, handler_fn};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::Args;
use futures::channel::mpsc;
use futures::future::{BoxFuture, Either, select, try_join};
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use transport::{Body, Message};

use super::message;
use super::namespace::Namespace;
use super::send::{copy_out, ended};
use crate::exit::Exit;
use crate::failure::{Failure, Result, chain};
use crate::input;
use crate::interrupt;
use crate::output::{Output, say};

/// Listens on a hybrid connection and prints what senders send: messages, bytes, requests.
///
/// It goes on until it is stopped. The control channel is opened again after a loss.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire relay listen --hybrid-connection hc1
  azwire relay listen --echo                                 # messages and bodies come back
  azwire relay listen --reply '{\"ok\":true}' --status 201     # answers to HTTP requests
  azwire relay listen --bytes > picture.jpg                  # one sender, as nc -l does")]
pub(super) struct Listen {
    /// Sends each message, and the body of each request, back.
    #[arg(long, conflicts_with_all = ["reply", "bytes"])]
    echo: bool,
    /// Answers each message, and each request, with this text.
    #[arg(long, value_name = "TEXT", conflicts_with = "bytes")]
    reply: Option<String>,
    /// The status of the answer to requests.
    #[arg(long, value_name = "CODE", default_value = "200", value_parser = status)]
    status: StatusCode,
    /// Takes one sender, and connects it with standard input and output as streams of
    /// bytes.
    #[arg(long)]
    bytes: bool,
    /// Ends after the first connection or request.
    #[arg(long)]
    once: bool,
    /// How many connections may be open at once; further senders get 503.
    #[arg(long, value_name = "N", default_value_t = 100)]
    max_connections: usize,
}

impl Listen {
    pub(super) async fn run(self, namespace: &Namespace, output: Output) -> Result<()> {
        let place = namespace.hybrid_connection(None)?;
        let address = place.to_string();
        let (requests, mut seen) = mpsc::channel(WAITING);
        let answers = Answers {
            echo: self.echo,
            reply: self.reply.clone(),
            status: self.status,
            requests,
        };
        let handler = handler_fn(move |request| answers.clone().answer(request));
        let builder = namespace.listener(place)?;
        let builder = match self.bytes {
            // A request would have no place in the stream.
            true => builder,
            false => builder.request_handler(handler),
        };
        let mut listener = builder.open().await?;
        // Registered before anyone learns that it listens.
        let mut stopped = interrupt::signals().fuse();
        if self.bytes {
            say(&format!("azwire: listening on {address}"));
            return match select(stopped, pin!(take_one(listener))).await {
                Either::Left(_) => Ok(()),
                Either::Right((ended, _)) => ended,
            };
        }
        let json = json!({ "type": "listening", "address": address, "listenerId": listener.id() });
        output.print(format_args!("listening on {address}"), &json)?;

        // The first state is the one that was just printed.
        let mut changes = listener.changes().skip(1).fuse();
        let mut connections: FuturesUnordered<BoxFuture<'_, Result<bool>>> =
            FuturesUnordered::new();
        let mut number = 0;
        loop {
            let is_last = futures::select! {
                _ = stopped => break,
                incoming = listener.accept().fuse() => {
                    let incoming = incoming.ok_or_else(|| gone(&listener))?;
                    connections.push(match connections.len() < self.max_connections {
                        true => {
                            number += 1;
                            self.serve(number, incoming, output).map(|ended| ended.map(|()| true)).boxed()
                        }
                        false => refuse(incoming).map(|()| Ok(false)).boxed(),
                    });
                    false
                }
                ended = connections.select_next_some() => ended?,
                state = changes.select_next_some() => {
                    print_state(state, &listener, output)?;
                    false
                }
                request = seen.select_next_some() => {
                    let Seen { text, json } = request;
                    output.print(text, &json)?;
                    true
                }
            };
            if is_last && self.once {
                break;
            }
        }
        drop(connections);
        listener.shutdown().await;
        Ok(())
    }

    /// Prints and answers what one sender sends, until it ends. Its failures are events; only
    /// those of the output end the command.
    async fn serve(&self, number: u64, incoming: IncomingConnection, output: Output) -> Result<()> {
        let path = incoming.relative_path().to_owned();
        let json = json!({
            "type": "connected",
            "connection": number,
            "path": path,
            "query": incoming.query(),
            "trackingId": incoming.tracking_id(),
        });
        let tracking_id = incoming.tracking_id().to_owned();
        let mut stream = match incoming.accept().await {
            Ok(stream) => stream,
            Err(error) => return print_error(number, &error, output),
        };
        let text = format!("[{number}] connected, path {path:?}, tracking id {tracking_id}");
        output.print(text, &json)?;
        loop {
            let received = match stream.receive().await {
                Ok(Some(received)) => received,
                Ok(None) => break,
                Err(error) => return print_error(number, &error, output),
            };
            let mut json = message::value(&received);
            json["connection"] = number.into();
            if let Message::Close(frame) = &received {
                let code = frame.as_ref().map(|frame| frame.code.as_u16());
                output.print(format_args!("[{number}] closed with {code:?}"), &json)?;
                return Ok(());
            }
            output.print(
                format_args!("[{number}] {}", message::line(&received)),
                &json,
            )?;
            let answer = match &self.reply {
                Some(reply) => Message::text(reply.clone()),
                None if self.echo => received,
                None => continue,
            };
            if let Err(error) = stream.send(answer).await {
                return print_error(number, &error, output);
            }
        }
        if let Err(error) = futures::AsyncWriteExt::close(&mut stream).await {
            tracing::debug!("the end was not sent: {error}");
        }
        let json = json!({ "type": "close", "connection": number, "code": 1000 });
        output.print(format_args!("[{number}] closed"), &json)
    }
}

/// Connects the first sender with standard input and output.
async fn take_one(mut listener: Listener) -> Result<()> {
    let incoming = listener.accept().await.ok_or_else(|| gone(&listener))?;
    let stream = incoming.accept().await?;
    // Nobody else is let in.
    listener.shutdown().await;
    let mut from = input::take("--bytes")?.stream();
    let (mut reader, mut writer) = stream.into_split();
    let sending = async {
        tokio::io::copy(&mut from, &mut writer)
            .await
            .map_err(|error| ended(&error))?;
        writer.shutdown().await.map_err(|error| ended(&error))
    };
    try_join(sending, copy_out(&mut reader)).await?;
    Ok(writer.finish(reader).await?)
}

async fn refuse(incoming: IncomingConnection) {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    if let Err(error) = incoming.reject(status, "too many connections").await {
        tracing::warn!("a sender was not rejected: {}", chain(&error));
    }
}

/// How requests are answered.
#[derive(Clone, Debug)]
struct Answers {
    echo: bool,
    reply: Option<String>,
    status: StatusCode,
    requests: mpsc::Sender<Seen>,
}

/// A request, as it is printed.
#[derive(Debug)]
struct Seen {
    text: String,
    json: Value,
}

impl Answers {
    async fn answer(mut self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let mut response = Response::new(Body::empty());
        let body = match body.collect(MAX_BODY).await {
            Ok(body) => body,
            Err(error) => {
                tracing::warn!("the body of a request cannot be read: {}", chain(&error));
                *response.status_mut() = StatusCode::BAD_REQUEST;
                return response;
            }
        };
        // It waits for the output; without one the command is about to end.
        let _ = self.requests.send(Seen::new(&head, &body)).await;
        *response.status_mut() = self.status;
        match self.reply {
            Some(reply) => *response.body_mut() = reply.into(),
            None if self.echo => *response.body_mut() = body.into(),
            None => {}
        }
        response
    }
}

impl Seen {
    fn new(head: &http::request::Parts, body: &Bytes) -> Self {
        let (method, target) = (&head.method, head.uri.path_and_query());
        let target = target.map_or("/", |target| target.as_str());
        let mut json = json!({ "type": "request", "method": method.as_str(), "target": target });
        let shown = match std::str::from_utf8(body) {
            Ok(text) => {
                json["body"] = text.into();
                text.to_owned()
            }
            Err(_) => {
                let text = STANDARD.encode(body);
                json["bodyBase64"] = text.as_str().into();
                text
            }
        };
        let mut text = format!("{method} {target}");
        if !shown.is_empty() {
            text = format!("{text} {shown}");
        }
        Self { text, json }
    }
}

/// Prints that the control channel was lost, or is back.
fn print_state(state: ListenerState, listener: &Listener, output: Output) -> Result<()> {
    let reason = listener.last_error().map(|error| chain(&*error));
    let (kind, text) = match state {
        ListenerState::Online => ("online", "online again".to_owned()),
        ListenerState::Offline => ("offline", "offline".to_owned()),
        _ => {
            let reason = reason.as_deref().unwrap_or("closed");
            (
                "connecting",
                format!("the control channel was lost ({reason}), connecting"),
            )
        }
    };
    let json = match kind {
        "online" => json!({ "type": kind }),
        _ => json!({ "type": kind, "message": reason }),
    };
    output.print(text, &json)
}

fn print_error(number: u64, error: &::relay::Error, output: Output) -> Result<()> {
    let reason = chain(error);
    let json = json!({ "type": "error", "connection": number, "message": reason });
    output.print(format_args!("[{number}] {reason}"), &json)
}

/// The failure of a listener that ended by itself.
fn gone(listener: &Listener) -> Failure {
    let text = match listener.last_error() {
        Some(error) => format!("the listener ended: {}", chain(&*error)),
        None => "the listener ended".to_owned(),
    };
    Failure::new(Exit::Ended, text)
}

fn status(text: &str) -> Result<StatusCode, String> {
    let status: StatusCode = text.parse().map_err(|_| "must be a status, such as 200")?;
    match status.as_u16() {
        200..=599 => Ok(status),
        _ => Err("must be 200 to 599".to_owned()),
    }
}

/// How many requests may wait for the output.
const WAITING: usize = 64;
/// How much of a body is shown and sent back.
const MAX_BODY: usize = 16 << 20;
