//! The sending side of a hybrid connection until data flows: connect, ask, wait for the answer. Shell.

use std::time::Duration;

use bytes::Bytes;
use futures::AsyncReadExt;
use relay::{ConnectOptions, RelayStream, Sender};
use transport::_internal::{Backoff, within};
use transport::{BackoffOptions, Limits, Message, SharedRuntime};

use crate::destination::Destination;
use crate::envelope::{ConnectRequest, ConnectResponse};
use crate::error::{Error, ErrorKind, Result};
use crate::mode::Mode;
use crate::options::{ForwardOptions, limit};
use crate::preamble::{Answer, AnswerDecoder, AnswerError, Preamble};

/// Opens hybrid connections to destinations.
#[derive(Clone, Debug)]
pub(crate) struct Opener {
    sender: Sender,
    runtime: SharedRuntime,
    attempts: u32,
    /// How long the listener may take to answer, which on aztunnel's wire includes the dial.
    answer_timeout: Duration,
    close_timeout: Duration,
}

impl Opener {
    pub(crate) fn new(sender: Sender, runtime: SharedRuntime, options: &ForwardOptions) -> Self {
        let answer_timeout = limit(options.greeting_timeout);
        Self {
            sender,
            runtime,
            attempts: options.connection_attempts,
            answer_timeout: answer_timeout.saturating_add(limit(options.dial_timeout)),
            close_timeout: options.close_timeout,
        }
    }

    /// Opens a hybrid connection and asks for `destination`. When it returns, data may flow.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the connection.
    pub(crate) async fn open(&self, destination: &Destination, mode: Mode) -> Result<RelayStream> {
        let relay = self.connect().await?;
        let mut relay = relay.with_close_timeout(self.close_timeout);
        let id = relay.tracking_id().map(str::to_owned);
        let asking = greet(&mut relay, destination, mode);
        let asked = within(&self.runtime, self.answer_timeout, asking).await;
        let asked = asked.unwrap_or_else(|| {
            let text = "the listener did not answer in time";
            Err(Error::message(ErrorKind::Timeout, text))
        });
        match asked {
            Ok(()) => Ok(relay),
            Err(error) => {
                relay.abort();
                Err(error.with_tracking_id(id.as_deref()))
            }
        }
    }

    /// Connects to the relay, as often as the options say.
    async fn connect(&self) -> Result<RelayStream> {
        // The seed spreads what failed together; any that differs will do.
        let seed = std::ptr::from_ref(self) as usize as u64;
        let mut backoff = Backoff::new(BackoffOptions::default(), seed);
        let mut attempts = 1;
        loop {
            let options = ConnectOptions::default().with_limits(stream_limits());
            match self.sender.connect_with(options).await {
                Ok(relay) => return Ok(relay),
                Err(error) if attempts < self.attempts && error.is_retryable() => {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        attempts,
                        "failed to connect, trying again"
                    );
                    let delay = backoff.next_delay();
                    attempts += 1;
                    let at = self.runtime.after(delay);
                    self.runtime.sleep_until(at).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Asks for `destination` and waits for the answer.
async fn greet(relay: &mut RelayStream, destination: &Destination, mode: Mode) -> Result<()> {
    match destination {
        Destination::PortName(name) => {
            let preamble = Preamble::new(mode, name).encode();
            relay.send(Message::Binary(preamble)).await?;
            let mut bytes = [0; Answer::LEN];
            let read = relay.read_exact(&mut bytes).await;
            read.map_err(|error| no_answer(error, name))?;
            let mut input = Bytes::copy_from_slice(&bytes);
            match AnswerDecoder::new().push(&mut input) {
                Ok(Some(answer)) => answer.check(mode).map_err(of_answer),
                // Its bytes are all there.
                Ok(None) => Err(Error::message(ErrorKind::Protocol, NO_ANSWER)),
                Err(error) => Err(of_answer(error)),
            }
        }
        Destination::Socks5(_) => {
            let rule = "SOCKS5 is of a local port, whose clients name their targets";
            Err(Error::invalid("destination", rule))
        }
        Destination::Target(target) => {
            if mode != Mode::Stream {
                let rule = "aztunnel's wire carries streams, not datagrams";
                return Err(Error::invalid("destination", rule));
            }
            let request = ConnectRequest::new(target.clone());
            relay.send(Message::text(request.encode())).await?;
            let text = match relay.receive().await? {
                Some(Message::Text(text)) => text.into_bytes(),
                Some(Message::Binary(bytes)) => bytes,
                _ => return Err(Error::message(ErrorKind::Protocol, NO_ANSWER)),
            };
            let response = ConnectResponse::decode(&text).map_err(|error| {
                let text = format!("the listener does not speak aztunnel's protocol: {error}");
                Error::new(ErrorKind::Protocol, text, error)
            })?;
            response.outcome().map_err(|failure| {
                let text = format!("the listener could not connect to {target}: {failure}");
                let kind = match failure.code() {
                    Some(_) => ErrorKind::Dial,
                    None => ErrorKind::NotAllowed,
                };
                Error::message(kind, text).with_code(failure.code())
            })
        }
    }
}

fn of_answer(error: AnswerError) -> Error {
    let kind = match error {
        AnswerError::Refused(_) => ErrorKind::NotAllowed,
        AnswerError::Unknown(_) => ErrorKind::Protocol,
    };
    Error::message(kind, error.to_string())
}

fn no_answer(error: std::io::Error, name: &crate::expression::PortName) -> Error {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        // The only word that azbridge has for it.
        let text = format!("the listener has no port named {name}");
        return Error::new(ErrorKind::NotAllowed, text, error);
    }
    Error::new(
        ErrorKind::Relay,
        "the connection was lost before the answer",
        error,
    )
}

/// The limits of a pair's socket, on both sides: a message of another program is read as a whole.
pub(crate) fn stream_limits() -> Limits {
    RelayStream::default_limits().with_max_message(MAX_MESSAGE)
}

const NO_ANSWER: &str = "the connection ended before the listener's answer";

/// The largest message in bytes, 16 times what azbridge writes: it bounds the memory of a pair.
const MAX_MESSAGE: usize = 1024 * 1024;
