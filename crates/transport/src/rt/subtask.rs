//! A part of a task that is polled only when it can make progress.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use crate::lock::lock;

/// A part of a task with a waker of its own, so that the task can tell what woke it.
///
/// A task that waits for several things at once polls all of them whenever it is woken, though most are
/// still pending. One that is polled through this is left alone until its own waker has been called.
#[derive(Debug)]
pub struct Subtask {
    shared: Arc<Shared>,
    /// Calls `shared`.
    waker: Waker,
    /// The same as in `shared`, to be compared without the lock.
    task: Waker,
}

#[derive(Debug)]
struct Shared {
    /// Whether polling may find anything new.
    is_due: AtomicBool,
    /// The waker of the whole task.
    task: Mutex<Waker>,
}

impl Subtask {
    /// Calls `poll`, which must keep the contract of [`Future::poll`]; unless it was pending when it was
    /// last called, and its waker has not been called since: then it still is.
    ///
    /// Once ready, it is due again at once.
    pub fn poll<T>(
        &mut self,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        // Before the look at `is_due`: whoever sets it later finds this waker.
        if !self.task.will_wake(cx.waker()) {
            self.task.clone_from(cx.waker());
            let _former = mem::replace(&mut *lock(&self.shared.task), cx.waker().clone());
        }
        if !self.shared.is_due.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        // Swaps, here and below: what was done before any of the calls must be seen by `poll`.
        self.shared.is_due.swap(false, Ordering::AcqRel);
        let polled = poll(&mut Context::from_waker(&self.waker));
        if polled.is_ready() {
            self.shared.is_due.swap(true, Ordering::AcqRel);
        }
        polled
    }
}

impl Default for Subtask {
    /// Creates one that is due.
    fn default() -> Self {
        let task = Waker::noop();
        let shared = Arc::new(Shared {
            is_due: AtomicBool::new(true),
            task: Mutex::new(task.clone()),
        });
        Self {
            waker: Waker::from(Arc::clone(&shared)),
            shared,
            task: task.clone(),
        }
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_due.swap(true, Ordering::AcqRel);
        // Not under the lock: the task may be polled at once.
        let task = lock(&self.task).clone();
        task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::woken::Woken;

    /// Yields what it is given, and keeps the waker of whoever waits.
    #[derive(Default)]
    struct Source {
        items: VecDeque<u32>,
        waiting: Option<Waker>,
        polls: usize,
    }

    impl Source {
        fn poll(&mut self, cx: &Context<'_>) -> Poll<u32> {
            self.polls += 1;
            match self.items.pop_front() {
                Some(item) => Poll::Ready(item),
                None => {
                    self.waiting = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        }

        fn push(&mut self, item: u32) {
            self.items.push_back(item);
            if let Some(waker) = self.waiting.take() {
                waker.wake();
            }
        }
    }

    fn poll(subtask: &mut Subtask, task: &Waker, source: &mut Source) -> Poll<u32> {
        subtask.poll(&Context::from_waker(task), |cx| source.poll(cx))
    }

    #[test]
    fn what_is_pending_is_polled_again_only_after_its_waker_was_called() {
        let (task, woken) = Woken::task();
        let (mut subtask, mut source) = (Subtask::default(), Source::default());
        for _ in 0..3 {
            assert_eq!(poll(&mut subtask, &task, &mut source), Poll::Pending);
        }
        assert_eq!((source.polls, woken.count()), (1, 0));
        source.push(1);
        assert_eq!(woken.count(), 1);
        assert_eq!(poll(&mut subtask, &task, &mut source), Poll::Ready(1));
        assert_eq!(source.polls, 2);
    }

    #[test]
    fn what_was_ready_is_polled_until_it_is_pending() {
        let (task, _) = Woken::task();
        let (mut subtask, mut source) = (Subtask::default(), Source::default());
        source.items.extend([1, 2]);
        for item in [1, 2] {
            assert_eq!(poll(&mut subtask, &task, &mut source), Poll::Ready(item));
        }
        assert_eq!(poll(&mut subtask, &task, &mut source), Poll::Pending);
        assert_eq!(poll(&mut subtask, &task, &mut source), Poll::Pending);
        assert_eq!(source.polls, 3);
    }

    #[test]
    fn the_task_that_polled_last_is_woken_though_nothing_was_due_then() {
        let (first_task, first) = Woken::task();
        let (second_task, second) = Woken::task();
        let (mut subtask, mut source) = (Subtask::default(), Source::default());
        assert!(poll(&mut subtask, &first_task, &mut source).is_pending());
        assert!(poll(&mut subtask, &second_task, &mut source).is_pending());
        source.push(1);
        assert_eq!((first.count(), second.count()), (0, 1));
        assert_eq!(
            poll(&mut subtask, &second_task, &mut source),
            Poll::Ready(1)
        );
        // And it goes on being woken, each time.
        assert!(poll(&mut subtask, &second_task, &mut source).is_pending());
        source.push(2);
        assert_eq!((first.count(), second.count()), (0, 2));
    }

    #[test]
    fn a_call_during_the_poll_makes_it_due_again() {
        let (task, woken) = Woken::task();
        let mut subtask = Subtask::default();
        // As tokio does with one that has used up its budget.
        let busy = |cx: &mut Context<'_>| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        };
        assert!(subtask.poll(&Context::from_waker(&task), busy).is_pending());
        assert_eq!(woken.count(), 1);
        let polled = subtask.poll(&Context::from_waker(&task), |_| Poll::Ready("again"));
        assert_eq!(polled, Poll::Ready("again"));
    }

    /// Wakes a thread that waits.
    struct Told(mpsc::Sender<()>);

    impl Wake for Told {
        fn wake(self: Arc<Self>) {
            // The thread may be done.
            let _ = self.0.send(());
        }
    }

    #[test]
    fn nothing_is_lost_to_a_waker_on_another_thread() {
        const ITEMS: u32 = 20_000;
        let source = Mutex::new(Source::default());
        let (sender, woken) = mpsc::channel();
        let task = Waker::from(Arc::new(Told(sender)));
        let mut subtask = Subtask::default();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for item in 0..ITEMS {
                    let waker = {
                        let mut source = lock(&source);
                        source.items.push_back(item);
                        source.waiting.take()
                    };
                    // Meanwhile the other may have read it, and wait again.
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
            });
            let mut next = 0;
            while next < ITEMS {
                let cx = Context::from_waker(&task);
                match subtask.poll(&cx, |cx| lock(&source).poll(cx)) {
                    Poll::Ready(item) => {
                        assert_eq!(item, next);
                        next += 1;
                    }
                    Poll::Pending => woken
                        .recv_timeout(Duration::from_secs(30))
                        .expect("it is woken for the next item"),
                }
            }
        });
    }
}
