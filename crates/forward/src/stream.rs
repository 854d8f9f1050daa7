//! A single stream of the caller's, such as standard input and output, to a destination. Shell.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use relay::Sender;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use transport::SharedRuntime;

use crate::destination::Destination;
use crate::error::{Error, ErrorKind, Result};
use crate::metrics::{Metrics, Role};
use crate::mode::Mode;
use crate::opening::Opener;
use crate::options::{ForwardOptions, limit};
use crate::pairs::StopSignal;
use crate::pump::{EndCause, LocalStream, LossIs, PumpTerms, pump};

/// Forwards one stream of the caller's to a destination: standard input and output as the `ProxyCommand` of ssh, for
/// example.
///
/// ```no_run
/// use azwire_forward::{HostPort, StreamForwarder};
/// # extern crate relay as azwire_relay;
/// use azwire_relay::Sender;
///
/// # async fn run(connection_string: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let sender = Sender::from_connection_string(connection_string)?;
/// let target: HostPort = "localhost:22".parse()?;
/// let (input, output) = tokio::net::TcpStream::connect("localhost:2222").await?.into_split();
/// let transferred = StreamForwarder::new(sender, target).run(input, output).await?;
/// println!("{} bytes there, {} back", transferred.sent, transferred.received);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use]
pub struct StreamForwarder {
    sender: Sender,
    destination: Destination,
    options: ForwardOptions,
    runtime: SharedRuntime,
    ends_with_peer: bool,
}

/// How much a stream has carried.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Transferred {
    /// The bytes of the input that the relay has taken.
    pub sent: u64,
    /// The bytes that were written to the output.
    pub received: u64,
}

impl StreamForwarder {
    /// Creates a forwarder to `destination` by the hybrid connection of `sender`.
    pub fn new(sender: Sender, destination: impl Into<Destination>) -> Self {
        Self {
            sender,
            destination: destination.into(),
            options: ForwardOptions::default(),
            runtime: SharedRuntime::default(),
            ends_with_peer: false,
        }
    }

    /// Sets the limits. Of [`ForwardOptions`], those of ports have no meaning here.
    pub fn with_options(mut self, options: ForwardOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the runtime, whose timers enforce the limits. Default: tokio.
    pub fn with_runtime(mut self, runtime: SharedRuntime) -> Self {
        self.runtime = runtime;
        self
    }

    /// Ends with the other side's direction, even if the input has not ended. Default: `false`, half-close: what
    /// is still to come from the input is sent. Set it if the input is a terminal, whose user would have to end it by
    /// hand after the other side has hung up.
    pub fn with_end_with_peer(mut self, ends: bool) -> Self {
        self.ends_with_peer = ends;
        self
    }

    /// Connects, and moves bytes until both directions have ended. The end of the input is passed on and leaves
    /// the other direction open; at the end of the other direction the output is shut down.
    ///
    /// # Errors
    ///
    /// Nothing has been read from the input before data can flow. Until then: [`Dial`](ErrorKind::Dial),
    /// [`NotAllowed`](ErrorKind::NotAllowed), [`Protocol`](ErrorKind::Protocol), [`Timeout`](ErrorKind::Timeout),
    /// [`Relay`](ErrorKind::Relay), and [`InvalidInput`](ErrorKind::InvalidInput) for a destination that is
    /// none of a single stream. Afterwards, when what has arrived may not be the whole:
    ///
    /// - [`Local`](ErrorKind::Local): the input or the output has failed; the cause is its error.
    /// - [`Relay`](ErrorKind::Relay): the hybrid connection was lost, or the other side has ended it before its time.
    /// - [`Timeout`](ErrorKind::Timeout): it has carried nothing for
    ///   [`idle_timeout`](ForwardOptions::idle_timeout).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts the connection.
    pub async fn run<R, W>(self, input: R, output: W) -> Result<Transferred>
    where
        R: AsyncRead + Send + Unpin,
        W: AsyncWrite + Send + Unpin,
    {
        let opener = Opener::new(self.sender, self.runtime.clone(), &self.options);
        let relay = opener.open(&self.destination, Mode::Stream).await?;
        let tracking_id = relay.tracking_id().map(str::to_owned);
        let (_running, stop) = StopSignal::new();
        let terms = PumpTerms {
            runtime: self.runtime,
            idle: limit(self.options.idle_timeout),
            counters: Metrics::default().target(Role::Sender, &self.destination.to_string()),
            loss: LossIs::of(&self.destination),
            stop,
        };
        let local = Joined {
            input,
            output,
            ends_together: self.ends_with_peer,
            has_ended: false,
            reader: None,
        };
        let ended = pump(local, relay, Bytes::new(), terms).await;
        let transferred = Transferred {
            sent: ended.sent,
            received: ended.received,
        };
        let failed = |error: Error| Err(error.with_tracking_id(tracking_id.as_deref()));
        match ended.cause {
            EndCause::Complete => Ok(transferred),
            EndCause::Idle => {
                let text = "the connection carried nothing for too long";
                failed(Error::message(ErrorKind::Timeout, text))
            }
            EndCause::Local(error) => {
                let text = "the input or the output has failed";
                failed(Error::new(ErrorKind::Local, text, error))
            }
            EndCause::Relay(error) => {
                let text = "the connection was lost before its end";
                failed(Error::new(ErrorKind::Relay, text, error))
            }
            EndCause::Unconfirmed(error) => {
                let text = "the relay did not confirm that the last bytes have arrived";
                failed(Error::new(ErrorKind::Relay, text, error))
            }
            // Nobody stops it but a drop.
            EndCause::Stopped => failed(Error::message(ErrorKind::Closed, "it was stopped")),
        }
    }
}

/// An input and an output as one stream.
struct Joined<R, W> {
    input: R,
    output: W,
    /// Whether the end of the output is that of the input.
    ends_together: bool,
    has_ended: bool,
    /// The reader that waits for the input.
    reader: Option<Waker>,
}

impl<R, W> LocalStream for Joined<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin,
{
}

impl<R: AsyncRead + Unpin, W: Unpin> AsyncRead for Joined<R, W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.has_ended && this.ends_together {
            return Poll::Ready(Ok(()));
        }
        let read = Pin::new(&mut this.input).poll_read(cx, buffer);
        if read.is_pending() && this.ends_together {
            this.reader = Some(cx.waker().clone());
        }
        read
    }
}

impl<R: Unpin, W: AsyncWrite + Unpin> AsyncWrite for Joined<R, W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.output).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = ready!(Pin::new(&mut self.output).poll_shutdown(cx));
        self.has_ended = true;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(shut)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn the_input_ends_with_the_output_if_told_so() {
        for ends_together in [false, true] {
            let (_open, input) = tokio::io::duplex(16);
            let (output, mut written) = tokio::io::duplex(16);
            let mut joined = Joined {
                input,
                output,
                ends_together,
                has_ended: false,
                reader: None,
            };
            joined.write_all(b"bye").await.unwrap();
            let mut byte = [0];
            assert!(joined.read(&mut byte).now_or_never().is_none());
            joined.shutdown().await.unwrap();
            let mut text = String::new();
            written.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "bye");
            let read = joined.read(&mut byte).now_or_never();
            assert_eq!(read.map(Result::unwrap), ends_together.then_some(0));
        }
    }
}
