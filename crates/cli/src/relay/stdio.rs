//! Standard input and output as the two directions of a stream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncWrite, Stdin};

/// Returns standard input, and standard output, which nothing else may use from now on.
///
/// On Unix, shutting the output down closes it, so that the program at its other end sees the end while the input is
/// still open, as ssh must of its ProxyCommand. Elsewhere it ends with the process.
pub(super) fn open() -> io::Result<(Stdin, Output)> {
    Ok((tokio::io::stdin(), Output::open()?))
}

/// Standard output.
#[derive(Debug)]
pub(super) struct Output(Option<Inner>);

#[cfg(unix)]
type Inner = tokio::fs::File;
#[cfg(not(unix))]
type Inner = tokio::io::Stdout;

impl Output {
    /// Takes what is behind the descriptor of standard output, and leaves a descriptor of nothing there.
    #[cfg(unix)]
    fn open() -> io::Result<Self> {
        use std::os::fd::AsFd as _;

        let own = io::stdout().as_fd().try_clone_to_owned()?;
        let nothing = std::fs::File::options().write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdout(&nothing)?;
        let file = tokio::fs::File::from_std(std::fs::File::from(own));
        Ok(Self(Some(file)))
    }

    #[cfg(not(unix))]
    fn open() -> io::Result<Self> {
        Ok(Self(Some(tokio::io::stdout())))
    }

    fn inner(&mut self) -> io::Result<Pin<&mut Inner>> {
        let inner = self.0.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Pin::new(inner))
    }
}

impl AsyncWrite for Output {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner()?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Some(inner) => Pin::new(inner).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What is being written holds the descriptor, too.
        ready!(self.as_mut().poll_flush(cx))?;
        self.0 = None;
        Poll::Ready(Ok(()))
    }
}
