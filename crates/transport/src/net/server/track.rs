//! Connection counters: the connections being served, and all open ones.

use std::sync::Arc;

use tokio::sync::watch;

/// The counters of one server. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Tracker(Arc<watch::Sender<Counts>>);

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// The number of open sockets, including upgraded ones.
    open: usize,
    /// The number of connections that a task of the server is serving.
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

    /// Completes when the server is serving no connection.
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

    /// Counts a connection as open until the guard is dropped. The guard moves with the
    /// socket, including when an upgrade moves it elsewhere.
    pub(super) fn open(&self) -> Open {
        self.0.send_modify(|counts| counts.open += 1);
        Open(self.clone())
    }
}

pub(super) struct Served(Tracker);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.0.send_modify(|counts| counts.serving -= 1);
    }
}

pub(super) struct Open(Tracker);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.send_modify(|counts| counts.open -= 1);
    }
}
