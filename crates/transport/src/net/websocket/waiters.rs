//! A reader and a writer that wait for the same connection to take more, perhaps in two tasks. Pure.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};

/// The wakers of those who wait. The layers below remember only whoever polled last.
#[derive(Default)]
pub(super) struct Waiters {
    writer: Option<Waker>,
    reader: Option<Waker>,
}

impl Waiters {
    /// Returns what a flush of the reader must wake: the reader, and a waiting writer.
    pub(super) fn of_reader(&self, cx: &Context<'_>) -> Waker {
        match &self.writer {
            Some(writer) if !writer.will_wake(cx.waker()) => {
                Waker::from(Arc::new(Both(writer.clone(), cx.waker().clone())))
            }
            _ => cx.waker().clone(),
        }
    }

    /// The writer waits.
    pub(super) fn hold_writer(&mut self, cx: &Context<'_>) {
        match &mut self.writer {
            Some(writer) => writer.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// The writer need not wait any more. The reader is woken, if it waits: the writer has replaced it below.
    // On the path of every message sent.
    #[inline]
    pub(super) fn free_writer(&mut self) {
        if self.writer.take().is_some()
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
    }

    /// The reader waits until everything is written.
    pub(super) fn hold_reader(&mut self, cx: &Context<'_>) {
        self.reader = Some(cx.waker().clone());
    }
}

/// Wakes a reader and a writer that wait for the same thing.
struct Both(Waker, Waker);

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
        self.1.wake_by_ref();
    }
}
