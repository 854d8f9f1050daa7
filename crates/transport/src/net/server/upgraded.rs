//! The byte stream of an upgraded connection, without the layers that only HTTP needs. Shell.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::upgrade::{Parts, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::heads::TimedBody;
use super::linger::Lingering;
use crate::net::early::Early;

/// An upgraded connection of a server.
///
/// hyper's type for it passes every call through a pointer, and converts each buffer twice.
pub struct UpgradedStream(Wire);

enum Wire {
    Plain(Early<Lingering<TcpStream>>),
    Tls(Box<Early<TlsStream<Lingering<TcpStream>>>>),
    /// A connection that another server than ours has accepted.
    Other(TokioIo<Upgraded>),
}

impl UpgradedStream {
    /// Takes the connection out of hyper's type.
    pub fn new(upgraded: Upgraded) -> Self {
        let wire = match upgraded.downcast() {
            Ok(parts) => Wire::Plain(unwrap(parts)),
            Err(upgraded) => match upgraded.downcast() {
                Ok(parts) => Wire::Tls(Box::new(unwrap(parts))),
                Err(upgraded) => Wire::Other(TokioIo::new(upgraded)),
            },
        };
        Self(wire)
    }
}

fn unwrap<T>(parts: Parts<TokioIo<TimedBody<T>>>) -> Early<T> {
    Early::new(parts.read_buf, parts.io.into_inner().into_inner())
}

/// Calls a method of whichever stream it is.
macro_rules! each {
    ($wire:expr, $io:ident => $call:expr) => {
        match $wire {
            Wire::Plain($io) => $call,
            Wire::Tls($io) => $call,
            Wire::Other($io) => $call,
        }
    };
}

impl AsyncRead for UpgradedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(&mut self.0, io => Pin::new(io).poll_read(cx, buffer))
    }
}

impl AsyncWrite for UpgradedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(&mut self.0, io => Pin::new(io).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(&mut self.0, io => Pin::new(io).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        each!(&self.0, io => io.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut self.0, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut self.0, io => Pin::new(io).poll_shutdown(cx))
    }
}

impl fmt::Debug for UpgradedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpgradedStream").finish_non_exhaustive()
    }
}
