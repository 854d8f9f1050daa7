//! A bounded queue between tasks that is drained at once: one lock for a batch, and no
//! allocation per item.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::sync::{Arc, Mutex, MutexGuard, lock};

/// Creates a queue for `capacity` items, but at least one.
pub(super) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Shared(Arc::new(Mutex::new(Contents {
        items: VecDeque::new(),
        capacity: capacity.max(1),
        senders: 1,
        is_abandoned: false,
        is_refusing: false,
        receiver: None,
        waiting: Vec::new(),
    })));
    (Sender(shared.clone()), Receiver(shared))
}

/// The sending end; the queue ends when the last clone is dropped.
pub(super) struct Sender<T>(Shared<T>);

/// The receiving end; the queue is closed when it is dropped.
pub(super) struct Receiver<T>(Shared<T>);

/// The error that the other end is gone.
#[derive(Debug)]
pub(super) struct Gone;

/// The reason why an item was not added.
#[derive(Debug)]
pub(super) enum Unsent<T> {
    /// The other end is gone.
    Gone,
    /// There is no room, and the other end does not want anything to wait for it.
    Refused(T),
}

impl<T> Sender<T> {
    /// Adds an item once there is room. Fails without room if nothing may wait.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it completes adds nothing.
    pub(super) fn send(&self, item: T) -> Send<'_, T> {
        Send {
            sender: self,
            item: Some(item),
        }
    }

    /// Returns the number of items that nobody has taken.
    pub(super) fn len(&self) -> usize {
        self.0.lock().items.len()
    }

    /// Adds an item even if there is no room.
    pub(super) fn push(&self, item: T) -> Result<(), Gone> {
        let mut contents = self.0.lock();
        if contents.is_abandoned {
            return Err(Gone);
        }
        contents.items.push_back(item);
        let receiver = contents.receiver.take();
        drop(contents);
        wake(receiver);
        Ok(())
    }

    /// Returns the number of items that there is room for, at least one.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<Result<usize, Gone>> {
        let mut contents = self.0.lock();
        if contents.is_abandoned {
            return Poll::Ready(Err(Gone));
        }
        let room = contents.capacity.saturating_sub(contents.items.len());
        if room > 0 {
            return Poll::Ready(Ok(room));
        }
        contents.wait(cx);
        Poll::Pending
    }

    /// Adds all of `items`, even if there is no room.
    pub(super) fn append(&self, items: &mut VecDeque<T>) -> Result<(), Gone> {
        let mut contents = self.0.lock();
        if contents.is_abandoned {
            return Err(Gone);
        }
        if contents.items.is_empty() {
            std::mem::swap(&mut contents.items, items);
        } else {
            contents.items.append(items);
        }
        let receiver = contents.receiver.take();
        drop(contents);
        wake(receiver);
        Ok(())
    }
}

impl<T> Receiver<T> {
    /// Takes all items; `items` must be empty. `None` once every sender is gone.
    pub(super) fn poll_take(&self, cx: &Context<'_>, items: &mut VecDeque<T>) -> Poll<Option<()>> {
        let mut contents = self.0.lock();
        if contents.items.is_empty() {
            if contents.senders == 0 {
                return Poll::Ready(None);
            }
            contents.receiver = Some(cx.waker().clone());
            return Poll::Pending;
        }
        std::mem::swap(&mut contents.items, items);
        let waiting = std::mem::take(&mut contents.waiting);
        drop(contents);
        wake(waiting);
        Poll::Ready(Some(()))
    }

    /// Says whether senders fail without room, or wait.
    pub(super) fn refuse(&self, is_refusing: bool) {
        let mut contents = self.0.lock();
        contents.is_refusing = is_refusing;
        let waiting = match is_refusing {
            true => std::mem::take(&mut contents.waiting),
            false => Vec::new(),
        };
        drop(contents);
        wake(waiting);
    }

    /// Takes the items of a kind out of turn, and appends them to `items`; further ones wake the task.
    pub(super) fn extract(
        &self,
        cx: &Context<'_>,
        items: &mut VecDeque<T>,
        is_wanted: impl Fn(&T) -> bool,
    ) {
        let mut contents = self.0.lock();
        contents.receiver = Some(cx.waker().clone());
        if !contents.items.iter().any(&is_wanted) {
            return;
        }
        let (wanted, others) = std::mem::take(&mut contents.items)
            .into_iter()
            .partition::<VecDeque<T>, _>(is_wanted);
        contents.items = others;
        let waiting = std::mem::take(&mut contents.waiting);
        drop(contents);
        items.extend(wanted);
        wake(waiting);
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut contents = self.0.lock();
        contents.senders -= 1;
        let receiver = (contents.senders == 0).then(|| contents.receiver.take());
        drop(contents);
        wake(receiver.flatten());
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut contents = self.0.lock();
        contents.is_abandoned = true;
        let items = std::mem::take(&mut contents.items);
        let waiting = std::mem::take(&mut contents.waiting);
        drop(contents);
        // An item may own the other end of a queue, so it is dropped without a lock.
        drop(items);
        wake(waiting);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender(..)")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver(..)")
    }
}

/// The future of [`Sender::send`].
#[must_use]
pub(super) struct Send<'a, T> {
    sender: &'a Sender<T>,
    item: Option<T>,
}

// No field is structurally pinned.
impl<T> Unpin for Send<'_, T> {}

impl<T> Future for Send<'_, T> {
    type Output = Result<(), Unsent<T>>;

    // On the path of every message sent.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut contents = self.sender.0.lock();
        if contents.is_abandoned {
            return Poll::Ready(Err(Unsent::Gone));
        }
        if contents.items.len() >= contents.capacity {
            if contents.is_refusing
                && let Some(item) = self.item.take()
            {
                return Poll::Ready(Err(Unsent::Refused(item)));
            }
            contents.wait(cx);
            return Poll::Pending;
        }
        if let Some(item) = self.item.take() {
            contents.items.push_back(item);
        }
        let receiver = contents.receiver.take();
        drop(contents);
        wake(receiver);
        Poll::Ready(Ok(()))
    }
}

struct Shared<T>(Arc<Mutex<Contents<T>>>);

struct Contents<T> {
    items: VecDeque<T>,
    capacity: usize,
    senders: usize,
    is_abandoned: bool,
    /// Whether senders without room fail rather than wait.
    is_refusing: bool,
    receiver: Option<Waker>,
    /// The wakers of senders without room.
    waiting: Vec<Waker>,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Contents<T>> {
        // No panic can leave the contents inconsistent.
        lock(&self.0)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Contents<T> {
    fn wait(&mut self, cx: &Context<'_>) {
        if !self.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.waiting.push(cx.waker().clone());
        }
    }
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::task::noop_waker_ref;

    use super::*;

    #[test]
    fn a_full_queue_makes_senders_wait_and_loses_nothing() {
        let (sender, receiver) = bounded(2);
        let mut cx = Context::from_waker(noop_waker_ref());
        for n in 0..2 {
            assert!(sender.send(n).now_or_never().unwrap().is_ok());
        }
        let mut third = sender.send(2);
        assert!(third.poll_unpin(&mut cx).is_pending());
        let mut items = VecDeque::new();
        assert!(receiver.poll_take(&cx, &mut items).is_ready());
        assert_eq!(items, [0, 1]);
        assert!(third.poll_unpin(&mut cx).is_ready());
        // A future that is dropped while it waits adds nothing.
        assert!(sender.send(3).now_or_never().unwrap().is_ok());
        assert!(sender.send(4).now_or_never().is_none());
        items.clear();
        assert!(receiver.poll_take(&cx, &mut items).is_ready());
        assert_eq!(items, [2, 3]);
    }

    #[test]
    fn a_queue_whose_receiver_is_stuck_lets_nobody_wait() {
        let (sender, receiver) = bounded(2);
        let mut cx = Context::from_waker(noop_waker_ref());
        assert!(sender.send(1).now_or_never().unwrap().is_ok());
        assert!(sender.send(2).now_or_never().unwrap().is_ok());
        let mut third = sender.send(3);
        assert!(third.poll_unpin(&mut cx).is_pending());
        receiver.refuse(true);
        let refused = third.poll_unpin(&mut cx);
        assert!(matches!(refused, Poll::Ready(Err(Unsent::Refused(3)))));
        // What is wanted out of turn makes room, and the rest keeps its order.
        let mut items = VecDeque::new();
        receiver.extract(&cx, &mut items, |item| item % 2 == 0);
        assert_eq!(items, [2]);
        assert!(sender.send(5).now_or_never().unwrap().is_ok());
        receiver.refuse(false);
        assert!(sender.send(7).now_or_never().is_none());
        items.clear();
        assert!(receiver.poll_take(&cx, &mut items).is_ready());
        assert_eq!(items, [1, 5]);
    }

    #[test]
    fn each_end_learns_of_the_end_of_the_other() {
        let (sender, receiver) = bounded::<u8>(1);
        let clone = sender.clone();
        drop(sender);
        let cx = Context::from_waker(noop_waker_ref());
        assert!(receiver.poll_take(&cx, &mut VecDeque::new()).is_pending());
        drop(clone);
        let end = receiver.poll_take(&cx, &mut VecDeque::new());
        assert!(matches!(end, Poll::Ready(None)));
        let (sender, receiver) = bounded::<u8>(1);
        drop(receiver);
        assert!(sender.send(1).now_or_never().unwrap().is_err());
    }
}
