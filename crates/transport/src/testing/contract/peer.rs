//! The peer of an implementation under test: every byte of it is the check's.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::try_join;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::rt::deadline::within;
use crate::{Error, ErrorKind, Result, SharedRuntime};

/// Why a rule is broken.
pub(super) type Verdict<T = ()> = std::result::Result<T, String>;

/// Checks one rule. What does not end in time breaks it.
pub(super) async fn rule(name: &str, check: impl Future<Output = Verdict>) -> Result<()> {
    let verdict = within(&SharedRuntime::default(), PATIENCE, check).await;
    let why = match verdict {
        Some(Ok(())) => return Ok(()),
        Some(Err(why)) => why,
        None => format!("it did not end within {PATIENCE:?}"),
    };
    Err(Error::message(ErrorKind::Other, format!("{name}: {why}")))
}

/// Runs both parties of a connection. The first that finds a fault ends both.
pub(super) async fn meet<C, P>(
    client: impl FnOnce(String) -> C,
    peer: impl FnOnce(TcpListener) -> P,
) -> Verdict
where
    C: Future<Output = Verdict>,
    P: Future<Output = Verdict>,
{
    let listener = ok(TcpListener::bind("127.0.0.1:0").await)?;
    let authority = ok(listener.local_addr())?.to_string();
    try_join(client(authority), peer(listener)).await?;
    Ok(())
}

/// An authority at which nobody listens, with the socket that keeps it so.
pub(super) fn nobody() -> Verdict<(TcpSocket, String)> {
    let socket = ok(TcpSocket::new_v4())?;
    ok(socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))))?;
    let authority = ok(socket.local_addr())?.to_string();
    Ok((socket, authority))
}

pub(super) async fn accept(listener: &TcpListener) -> Verdict<TcpStream> {
    Ok(ok(listener.accept().await)?.0)
}

/// Reads up to the empty line.
pub(super) async fn read_head(stream: &mut TcpStream) -> Verdict<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > MAX_HEAD {
            return Err("the head of the request has no end".to_owned());
        }
        head.push(ok(stream.read_u8().await)?);
    }
    ok(String::from_utf8(head))
}

/// The values of a header, in the order of the head.
pub(super) fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    headers(head)
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}

pub(super) fn headers(head: &str) -> impl Iterator<Item = (&str, &str)> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.map(|(name, value)| (name, value.trim()))
}

/// Writes the last bytes, and reads until the other side has gone too.
pub(super) async fn finish(stream: &mut TcpStream, bytes: &[u8]) -> Verdict {
    ok(stream.write_all(bytes).await)?;
    ok(stream.shutdown().await)?;
    drain(stream).await;
    Ok(())
}

/// Reads until the other side has gone, in whatever way.
pub(super) async fn drain(stream: &mut TcpStream) {
    let mut rest = [0; 1024];
    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
}

pub(super) fn ok<T, E: std::fmt::Display>(result: std::result::Result<T, E>) -> Verdict<T> {
    result.map_err(|error| error.to_string())
}

pub(super) fn check(is_kept: bool, rule: impl Into<String>) -> Verdict {
    if is_kept { Ok(()) } else { Err(rule.into()) }
}

/// Far more than anything here takes on loopback.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_HEAD: usize = 16 * 1024;
