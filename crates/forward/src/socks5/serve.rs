//! The shell of a negotiation: reading, writing, and the time limit.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use transport::_internal::within;
use transport::SharedRuntime;

use super::negotiation::{Negotiation, Step, reply};
use super::{Refusal, Reply, Socks5Options};
use crate::HostPort;

/// Why a negotiation has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NegotiationError {
    /// The client has been told.
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the client did not complete its SOCKS5 request in time")]
    Timeout,
    #[error("the client closed the connection before its SOCKS5 request was complete")]
    Closed,
    #[error("the connection to the SOCKS5 client failed")]
    Io(#[from] io::Error),
}

/// Negotiates with a client until its request is complete, which then waits for
/// [`succeed`] or [`refuse`]. What it sends after its request is not read.
pub(crate) async fn negotiate<S>(
    client: &mut S,
    options: &Socks5Options,
    runtime: &SharedRuntime,
) -> Result<HostPort, NegotiationError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limit = match options.negotiation_timeout {
        Duration::ZERO => Duration::MAX,
        limit => limit,
    };
    let negotiating = exchange(client, Negotiation::new(options.login.clone()));
    let negotiated = within(runtime, limit, negotiating).await;
    let negotiated = negotiated.unwrap_or(Err(NegotiationError::Timeout));
    if let Err(NegotiationError::Refused(_)) = negotiated {
        end(client, runtime).await;
    }
    negotiated
}

async fn exchange<S>(
    client: &mut S,
    mut negotiation: Negotiation,
) -> Result<HostPort, NegotiationError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut piece = [0; 256];
    loop {
        match negotiation.step() {
            Step::Read(missing) => {
                let room = missing.min(piece.len());
                let read = client.read(&mut piece[..room]).await?;
                if read == 0 {
                    return Err(NegotiationError::Closed);
                }
                negotiation.receive(&piece[..read]);
            }
            Step::Send(bytes) => send(client, &bytes).await?,
            Step::Connect(target) => return Ok(target),
            Step::Refuse(answer, refusal) => {
                send(client, &answer).await?;
                return Err(refusal.into());
            }
        }
    }
}

/// Tells the client that it is connected: its data may come.
pub(crate) async fn succeed(client: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    send(client, &reply(Reply::Succeeded)).await
}

/// Tells the client why it is not connected, and closes. An error means that it is gone already.
pub(crate) async fn refuse<S>(client: &mut S, why: Reply, runtime: &SharedRuntime) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    send(client, &reply(why)).await?;
    end(client, runtime).await;
    Ok(())
}

async fn send(client: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    client.write_all(bytes).await?;
    client.flush().await
}

/// Closes this direction, and reads what the client has sent until it closes too: a connection that
/// is dropped with unread bytes is reset, which takes the last words away from the client.
async fn end<S: AsyncRead + AsyncWrite + Unpin>(client: &mut S, runtime: &SharedRuntime) {
    let ending = async {
        client.shutdown().await?;
        let mut unread = [0; 1024];
        let mut count = 0;
        while count < MAX_UNREAD {
            match client.read(&mut unread).await? {
                0 => break,
                read => count += read,
            }
        }
        io::Result::Ok(())
    };
    // The connection is dropped in any case.
    let _ = within(runtime, END_TIMEOUT, ending).await;
}

/// How long a client that was refused may take to close: the limit of RFC 1928 §6.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of what a refused client still sends is read.
const MAX_UNREAD: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures::FutureExt;
    use tokio::io::duplex;
    use transport::testing::ManualRuntime;

    use super::*;

    #[tokio::test]
    async fn data_that_a_client_sends_early_is_left_to_the_pump() {
        let (mut client, mut server) = duplex(1024);
        let sent = b"\x05\x01\0\x05\x01\0\x03\x09localhost\0\x16early";
        client.write_all(sent).await.unwrap();
        let runtime = SharedRuntime::default();
        let target = negotiate(&mut server, &Socks5Options::default(), &runtime).await;
        assert_eq!(target.unwrap().to_string(), "localhost:22");
        succeed(&mut server).await.unwrap();
        let mut told = [0; 12];
        client.read_exact(&mut told).await.unwrap();
        assert_eq!(told, *b"\x05\0\x05\0\0\x01\0\0\0\0\0\0");
        let mut early = [0; 5];
        server.read_exact(&mut early).await.unwrap();
        assert_eq!(early, *b"early");
    }

    #[tokio::test]
    async fn a_client_that_is_refused_hears_why_and_is_waited_for() {
        let (mut client, mut server) = duplex(1024);
        let runtime = SharedRuntime::default();
        let options = Socks5Options::default();
        let serving = async {
            let error = negotiate(&mut server, &options, &runtime).await;
            drop(server);
            error.unwrap_err()
        };
        let asking = async {
            let sent = b"\x05\x01\0\x05\x02\0\x01\x01\x02\x03\x04\0\x50more";
            client.write_all(sent).await.unwrap();
            let mut told = Vec::new();
            client.read_to_end(&mut told).await.unwrap();
            drop(client);
            told
        };
        let (error, told) = futures::join!(serving, asking);
        let is_refused = matches!(error, NegotiationError::Refused(Refusal::Command(2)));
        assert!(is_refused, "{error:?}");
        assert_eq!(told, b"\x05\0\x05\x07\0\x01\0\0\0\0\0\0");
    }

    #[test]
    fn half_a_negotiation_and_silence_ends() {
        let clock = ManualRuntime::new();
        let runtime = clock.shared();
        let (mut client, mut server) = duplex(1024);
        let options = Socks5Options::default();
        let mut serving = negotiate(&mut server, &options, &runtime).boxed();
        assert!(clock.poll(&mut serving).is_pending());
        client
            .write_all(b"\x05\x01")
            .now_or_never()
            .unwrap()
            .unwrap();
        clock.advance(options.negotiation_timeout - Duration::from_millis(1));
        assert!(clock.poll(&mut serving).is_pending());
        clock.advance(Duration::from_millis(1));
        let Poll::Ready(Err(error)) = clock.poll(&mut serving) else {
            panic!("it still waits");
        };
        assert!(matches!(error, NegotiationError::Timeout), "{error:?}");
        // A client that goes away is not waited for.
        let (client, mut server) = duplex(1024);
        drop(client);
        let gone = negotiate(&mut server, &options, &runtime).now_or_never();
        assert!(
            matches!(gone, Some(Err(NegotiationError::Closed))),
            "{gone:?}"
        );
    }
}
