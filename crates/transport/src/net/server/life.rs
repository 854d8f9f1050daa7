//! The lifetime of one connection, as its requests see it.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// Held while a connection is served; dropping it marks the end.
#[derive(Debug)]
pub(super) struct Alive(
    #[expect(dead_code, reason = "its drop is what matters")] watch::Sender<()>,
);

/// A request's view of its connection's lifetime. Clones refer to the same connection.
#[derive(Clone, Debug)]
pub(super) struct Life {
    number: u64,
    alive: watch::Receiver<()>,
}

impl Life {
    pub(super) fn begin() -> (Alive, Self) {
        // Unique in the process, so that the connections of two servers can be distinguished too.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (sender, alive) = watch::channel(());
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        (Alive(sender), Self { number, alive })
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut alive = self.alive.clone();
        async move {
            // Nothing is ever sent.
            while alive.changed().await.is_ok() {}
        }
    }
}
