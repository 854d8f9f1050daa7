//! Counts connections: those that the server serves, and all that are open.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

/// The counters of one server. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Tracker(Arc<watch::Sender<Counts>>);

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Sockets that are open, upgraded ones among them.
    open: usize,
    /// Connections that a task of the server serves.
    serving: usize,
}

impl Default for Tracker {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Counts::default())))
    }
}

impl Tracker {
    pub(super) fn count(&self) -> usize {
        self.0.borrow().open
    }

    pub(super) fn serving(&self) -> usize {
        self.0.borrow().serving
    }

    /// Completes when the server serves no connection.
    pub(super) async fn idle(&self) {
        let mut counts = self.0.subscribe();
        // The sender lives as long as `self`.
        let _ = counts.wait_for(|counts| counts.serving == 0).await;
    }

    /// Counts a connection as served until the guard is dropped.
    pub(super) fn serve(&self) -> Served {
        self.0.send_modify(|counts| counts.serving += 1);
        Served(self.clone())
    }

    /// Counts `io` as open until it is dropped.
    pub(super) fn track<T>(&self, io: T) -> Tracked<T> {
        self.0.send_modify(|counts| counts.open += 1);
        Tracked {
            io,
            _open: Open(self.clone()),
        }
    }
}

pub(super) struct Served(Tracker);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.0.send_modify(|counts| counts.serving -= 1);
    }
}

/// A counted connection; it stays counted when an upgrade moves it elsewhere.
pub(super) struct Tracked<T> {
    io: T,
    _open: Open,
}

struct Open(Tracker);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.send_modify(|counts| counts.open -= 1);
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Tracked<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Tracked<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
