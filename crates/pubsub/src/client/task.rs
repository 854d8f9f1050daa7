//! What stands between the driver and the runtime that carries it: however the task
//! ends, nobody waits for it any more. Shell.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::driver::Driver;

/// The task of a client.
pub(super) struct Task {
    /// `None` once it has ended.
    driver: Option<Driver>,
}

impl Task {
    pub(super) fn new(driver: Driver) -> Self {
        Self {
            driver: Some(driver),
        }
    }

    fn fail(&mut self, failure: &'static str) {
        if let Some(mut driver) = self.driver.take() {
            driver.fail(failure);
        }
    }
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(driver) = &mut self.driver else {
            return Poll::Ready(());
        };
        // The session has no code of the application's in it, so that it is whole
        // wherever a credential, a connector, a socket or a clock has panicked.
        match catch_unwind(AssertUnwindSafe(|| Pin::new(driver).poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => {
                self.driver = None;
                Poll::Ready(())
            }
            Err(_) => {
                // What the panic said was printed by its hook, and may hold secrets.
                let failure = "a part of the client that the application gave has panicked";
                tracing::error!(failure, "the client has stopped");
                self.fail(failure);
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.fail("the runtime has dropped the client's task");
    }
}
