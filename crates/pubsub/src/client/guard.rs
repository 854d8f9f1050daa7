//! Guards, which cancel work that no caller waits for.

use super::control::{Control, InvocationKey};
use super::queue::Sender;

/// A guard that cancels an invocation when its caller stops waiting.
pub(super) struct InvocationGuard {
    controls: Sender<Control>,
    key: InvocationKey,
    is_ended: bool,
}

impl InvocationGuard {
    pub(super) fn new(controls: Sender<Control>, key: InvocationKey) -> Self {
        Self {
            controls,
            key,
            is_ended: false,
        }
    }

    pub(super) fn end(mut self) {
        self.is_ended = true;
    }
}

impl Drop for InvocationGuard {
    fn drop(&mut self) {
        if !self.is_ended {
            // Without a driver there is no invocation.
            let _ = self.controls.push(Control::CancelInvocation(self.key));
        }
    }
}

/// A guard that ends an open stream when its owner is dropped, including a
/// caller that stopped waiting just before the stream was opened.
pub(super) struct StreamGuard {
    controls: Sender<Control>,
    stream_id: String,
    is_ended: bool,
}

impl StreamGuard {
    pub(super) fn new(controls: Sender<Control>, stream_id: String) -> Self {
        Self {
            controls,
            stream_id,
            is_ended: false,
        }
    }

    pub(super) fn stream_id(&self) -> &str {
        &self.stream_id
    }

    pub(super) fn end(&mut self) {
        self.is_ended = true;
    }

    /// The stream has not been ended after all.
    pub(super) fn resume(&mut self) {
        self.is_ended = false;
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        if !self.is_ended {
            let stream_id = std::mem::take(&mut self.stream_id);
            // Without a driver there is no stream.
            let _ = self.controls.push(Control::AbandonStream(stream_id));
        }
    }
}
