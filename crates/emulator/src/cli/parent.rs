//! The end of the process that started this one.
//!
//! A parent that ends, however it ends, closes its end of our standard input: that
//! works everywhere, if standard input is a pipe that nobody else holds. On Unix a process
//! also gets another parent then, which works with any standard input.

use std::future::Future;
use std::io::{ErrorKind, Read as _};

use futures::channel::oneshot;
use futures::future::{Either, select};
#[cfg(unix)]
use transport::SharedRuntime;

/// Completes when the parent has ended, or has closed our standard input; says which in
/// the log.
pub(super) fn ended() -> impl Future<Output = ()> {
    let input = closed_input();
    let replaced = Box::pin(replaced());
    async move {
        match select(Box::pin(input), replaced).await {
            Either::Left(_) => {
                tracing::info!("standard input has ended, as --exit-with-parent awaits")
            }
            Either::Right(_) => {
                tracing::info!("the parent process has ended, as --exit-with-parent awaits");
            }
        }
    }
}

/// Completes when standard input ends.
fn closed_input() -> impl Future<Output = ()> {
    let (sender, ended) = oneshot::channel();
    // A thread, because a read of standard input cannot be interrupted; it ends with the process.
    let thread = std::thread::Builder::new().name("standard input".into());
    let spawned = is_telling().then(|| {
        thread.spawn(move || {
            let mut input = std::io::stdin();
            let mut buffer = [0; 1024];
            loop {
                match input.read(&mut buffer) {
                    Ok(0) => break,
                    Err(error) if error.kind() != ErrorKind::Interrupted => break,
                    _ => {}
                }
            }
            // Nobody waits when the emulator has been stopped otherwise.
            let _ = sender.send(());
        })
    });
    async move {
        match spawned {
            Some(Ok(_)) => drop(ended.await),
            Some(Err(error)) => {
                tracing::warn!(%error, "cannot watch standard input");
                std::future::pending().await
            }
            None => std::future::pending().await,
        }
    }
}

/// Whether the end of standard input means anything: that of `/dev/null` or of a file does not.
/// A terminal is not read: it would stop a job of the background, and take the input of others.
#[cfg(unix)]
fn is_telling() -> bool {
    use std::fs::File;
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::FileTypeExt as _;

    let input = std::io::stdin();
    let about = input.as_fd().try_clone_to_owned().map(File::from);
    let kind = about
        .and_then(|file| file.metadata())
        .map(|it| it.file_type());
    kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket())
}

#[cfg(not(unix))]
fn is_telling() -> bool {
    use std::io::IsTerminal as _;

    !std::io::stdin().is_terminal()
}

/// Completes when this process has got another parent.
#[cfg(unix)]
fn replaced() -> impl Future<Output = ()> {
    use std::os::unix::process::parent_id;

    let first = parent_id();
    async move {
        let runtime = SharedRuntime::default();
        while parent_id() == first {
            runtime.sleep_until(runtime.after(LOOK)).await;
        }
    }
}

#[cfg(not(unix))]
async fn replaced() {
    std::future::pending().await
}

/// How often the parent is looked at; no system tells it without `unsafe`.
#[cfg(unix)]
const LOOK: std::time::Duration = std::time::Duration::from_millis(500);
