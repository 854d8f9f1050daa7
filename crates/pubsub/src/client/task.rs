//! The task around the driver: however it
//! ends, no caller is left waiting. Shell.

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
        // The session runs no application code, so it is consistent
        // wherever a credential, a connector, a socket or a clock panicked.
        match catch_unwind(AssertUnwindSafe(|| Pin::new(driver).poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => {
                self.driver = None;
                Poll::Ready(())
            }
            Err(_) => {
                // The panic hook has printed the message, which may contain secrets.
                let failure = "a part of the client supplied by the application panicked";
                if let Some(driver) = &self.driver {
                    driver.observer.handle_failure(failure);
                }
                self.fail(failure);
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.fail("the runtime dropped the client's task");
    }
}
