//! `azwire relay send`: a connection to a listener, by messages or by bytes.

use std::pin::pin;

use ::relay::{ConnectOptions, ReadHalf, RelayStream, WriteHalf};
use clap::Args;
use futures::future::{Either, select, try_join};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use transport::{CloseCode, Limits, Message};

use super::header::{self, Header};
use super::message;
use super::namespace::Namespace;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::input::{self, Lines};
use crate::interrupt;
use crate::output::Output;

/// Connects to a listener, sends messages, and prints what comes back.
///
/// Without a message, each line of standard input is one. When all are sent, this side
/// ends, and what the listener still sends is printed until it ends as well.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire relay send 'hello' --hybrid-connection hc1
  tail -f log | azwire relay send --no-answer
  azwire relay send --bytes < picture.jpg > answer           # as nc does
  azwire relay send 'hi' --path /room/7 --query lang=en -H 'X-Who: me'")]
pub(super) struct Send {
    /// Text messages, each of which is sent as one.
    #[arg(value_name = "MESSAGE")]
    messages: Vec<String>,
    /// Sends standard input and prints what comes as one stream of bytes each, without
    /// messages.
    #[arg(long, conflicts_with_all = ["messages", "binary"])]
    bytes: bool,
    /// Sends binary messages instead of text.
    #[arg(long)]
    binary: bool,
    /// Ends when everything is sent, and prints nothing that comes.
    #[arg(long)]
    no_answer: bool,
    /// Continues the path of the hybrid connection.
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// The query that the listener sees.
    #[arg(long, value_name = "QUERY")]
    query: Option<String>,
    /// A header for the listener, as Name: value. May be repeated.
    #[arg(short = 'H', long = "header", value_name = "HEADER", value_parser = header::parse)]
    headers: Vec<Header>,
    /// A WebSocket subprotocol to offer. May be repeated.
    #[arg(long = "subprotocol", value_name = "NAME")]
    subprotocols: Vec<String>,
}

impl Send {
    pub(super) async fn run(self, namespace: &Namespace, output: Output) -> Result<()> {
        let place = namespace.hybrid_connection(None)?;
        let sender = namespace.sender(place)?.build()?;
        let stream = sender.connect_with(self.options()).await?;
        let work = async {
            match self.bytes {
                true => self.copy(stream).await,
                false => self.talk(stream, output).await,
            }
        };
        match select(interrupt::signals(), pin!(work)).await {
            Either::Left(_) => Ok(()),
            Either::Right((ended, _)) => ended,
        }
    }

    fn options(&self) -> ConnectOptions {
        let mut options = ConnectOptions::default();
        if let Some(path) = &self.path {
            options = options.with_path_suffix(path);
        }
        if let Some(query) = &self.query {
            options = options.with_query(query);
        }
        for Header { name, value } in &self.headers {
            options = options.with_header(name.clone(), value.clone());
        }
        for name in &self.subprotocols {
            options = options.with_subprotocol(name);
        }
        options
    }

    /// Sends and receives messages at the same time.
    async fn talk(&self, stream: RelayStream, output: Output) -> Result<()> {
        let lines = match self.messages.is_empty() {
            true => Some(input::take("MESSAGE")?.lines()),
            false => None,
        };
        let is_typed = lines.is_some() && input::is_terminal();
        let (mut reader, mut writer) = stream.into_split();
        let sending = self.send_all(&mut writer, lines);
        if self.no_answer {
            sending.await?;
            return Ok(writer.finish(reader).await?);
        }
        let receiving = print_all(&mut reader, output);
        both(is_typed, sending, receiving).await?;
        Ok(writer.finish(reader).await?)
    }

    async fn send_all(
        &self,
        writer: &mut WriteHalf,
        lines: Option<Lines<tokio::io::BufReader<tokio::io::Stdin>>>,
    ) -> Result<()> {
        let message = |text: String| match self.binary {
            true => Message::binary(text.into_bytes()),
            false => Message::text(text),
        };
        for text in &self.messages {
            writer.send(message(text.clone())).await?;
        }
        if let Some(mut lines) = lines {
            while let Some(line) = lines.next(MAX_LINE).await? {
                writer.send(message(line)).await?;
            }
        }
        futures::AsyncWriteExt::close(writer)
            .await
            .map_err(|error| ended(&error))
    }

    /// Copies standard input to the listener and what it sends to standard output; each
    /// direction ends by itself.
    async fn copy(&self, stream: RelayStream) -> Result<()> {
        let mut from = input::take("--bytes")?.stream();
        let is_typed = input::is_terminal();
        let (mut reader, mut writer) = stream.into_split();
        let sending = async {
            tokio::io::copy(&mut from, &mut writer)
                .await
                .map_err(|error| ended(&error))?;
            writer.shutdown().await.map_err(|error| ended(&error))
        };
        if self.no_answer {
            sending.await?;
            return Ok(writer.finish(reader).await?);
        }
        let receiving = copy_out(&mut reader);
        both(is_typed, sending, receiving).await?;
        Ok(writer.finish(reader).await?)
    }
}

/// Waits for both directions, or only for the listener where a person would have to end the
/// input first.
async fn both(
    is_typed: bool,
    sending: impl Future<Output = Result<()>>,
    receiving: impl Future<Output = Result<()>>,
) -> Result<()> {
    let (sending, receiving) = (pin!(sending), pin!(receiving));
    if !is_typed {
        return try_join(sending, receiving).await.map(|_| ());
    }
    match select(sending, receiving).await {
        Either::Left((sent, receiving)) => {
            sent?;
            receiving.await
        }
        Either::Right((received, _)) => received,
    }
}

/// Copies what a stream brings to standard output.
pub(super) async fn copy_out(reader: &mut ReadHalf) -> Result<()> {
    let mut out = tokio::io::stdout();
    let copied = tokio::io::copy_buf(reader, &mut out).await;
    let flushed = out.flush().await;
    copied.map_err(|error| ended(&error))?;
    flushed.map_err(|error| Failure::io("standard output", &error))
}

async fn print_all(reader: &mut ReadHalf, output: Output) -> Result<()> {
    while let Some(received) = reader.receive().await? {
        if let Message::Close(frame) = &received {
            let frame = frame.as_ref();
            let reason = frame.map_or(String::new(), |frame| frame.reason.clone());
            let code = frame.map_or(CloseCode::NORMAL, |frame| frame.code).as_u16();
            let text = format!("the listener ended with code {code}: {reason}");
            return Err(Failure::new(Exit::Ended, text));
        }
        output.print(message::text(&received), &message::value(&received))?;
    }
    output.done(&json!({ "type": "close", "code": 1000 }))
}

/// The failure of copying, which may be the stream's, or that of standard output.
pub(super) fn ended(error: &std::io::Error) -> Failure {
    let own = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<::relay::Error>());
    match own {
        Some(own) => Failure::new(Exit::Ended, crate::failure::chain(own)),
        None => Failure::io("copying", error),
    }
}

/// No longer than what a listener takes by default.
const MAX_LINE: usize = Limits::DEFAULT_MAX_MESSAGE;
