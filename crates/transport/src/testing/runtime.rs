//! A runtime with a manual clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant, SystemTime};

use crate::lock::lock;
use crate::{Runtime, SharedRuntime, Sleep, after};

/// A [`Runtime`] with a clock that only [`advance`](Self::advance) moves, and
/// an executor that runs the spawned tasks on demand. Clones share the same runtime.
///
/// Everything happens on the caller's thread and in a fixed order, so a test
/// with it is a plain `#[test]`, is deterministic, and lets thirty minutes
/// pass in no time. For code that also uses tokio's sockets,
/// [`with_spawner`](Self::with_spawner) gives the tasks to tokio and keeps the clock.
///
/// ```
/// use std::time::Duration;
/// use azwire_transport::Runtime;
/// use azwire_transport::testing::ManualRuntime;
///
/// let runtime = ManualRuntime::new();
/// let mut nap = runtime.sleep_until(runtime.now() + Duration::from_secs(60));
/// assert!(runtime.poll(&mut nap).is_pending());
/// runtime.advance(Duration::from_secs(59));
/// assert!(runtime.poll(&mut nap).is_pending());
/// runtime.advance(Duration::from_secs(1));
/// assert!(runtime.poll(&mut nap).is_ready());
/// ```
#[derive(Clone)]
pub struct ManualRuntime(Arc<Shared>);

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
type Spawner = Box<dyn Fn(Task) + Send + Sync>;

struct Shared {
    state: Mutex<State>,
    spawner: Option<Spawner>,
}

struct State {
    now: Instant,
    system_time: SystemTime,
    next_id: u64,
    /// The wakers of the timers being waited for, in the order in which they expire.
    timers: BTreeMap<(Instant, u64), Waker>,
    /// The wakers of those that wait for a number of timers.
    watchers: Vec<Waker>,
    tasks: BTreeMap<u64, Task>,
    ready: VecDeque<u64>,
    /// The contents of `ready`, so that a task is in it only once.
    queued: BTreeSet<u64>,
}

impl ManualRuntime {
    /// Creates a runtime that runs its tasks itself. Its wall clock starts at
    /// the first second of 2026 (UTC).
    pub fn new() -> Self {
        Self::build(None)
    }

    /// Creates a runtime that only provides the clock and gives tasks to `spawner`.
    pub fn with_spawner(
        spawner: impl Fn(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + Sync + 'static,
    ) -> Self {
        Self::build(Some(Box::new(spawner)))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "an `Instant` comes from nowhere else; only differences to it matter"
    )]
    fn build(spawner: Option<Spawner>) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                now: Instant::now(),
                system_time: SystemTime::UNIX_EPOCH + YEAR_2026,
                next_id: 0,
                timers: BTreeMap::new(),
                watchers: Vec::new(),
                tasks: BTreeMap::new(),
                ready: VecDeque::new(),
                queued: BTreeSet::new(),
            }),
            spawner,
        }))
    }

    /// Returns this runtime as a shared handle.
    pub fn shared(&self) -> SharedRuntime {
        SharedRuntime::new(self.clone())
    }

    /// Sets the wall clock; the monotonic clock is unchanged.
    pub fn set_system_time(&self, time: SystemTime) {
        self.0.state().system_time = time;
    }

    /// Advances both clocks by `duration`, stops at each timer on the way, and
    /// runs the tasks at each stop until none can make progress.
    ///
    /// # Panics
    ///
    /// See [`run`](Self::run).
    pub fn advance(&self, duration: Duration) {
        let end = after(self.0.state().now, duration);
        loop {
            self.run();
            let mut state = self.0.state();
            let next = state.timers.keys().next().map(|(deadline, _)| *deadline);
            match next {
                Some(deadline) if deadline <= end => {
                    let due = state.move_to(deadline);
                    drop(state);
                    due.into_iter().for_each(Waker::wake);
                }
                _ => {
                    state.move_to(end);
                    break;
                }
            }
        }
        self.run();
    }

    /// Advances both clocks to the next timer being waited for and runs the
    /// tasks. Returns how far it was, or `None` if there is no such timer.
    ///
    /// # Panics
    ///
    /// See [`run`](Self::run).
    pub fn advance_to_next_timer(&self) -> Option<Duration> {
        self.run();
        let distance = self.next_timer()?;
        self.advance(distance);
        Some(distance)
    }

    /// Runs the tasks until none can make progress without time or an external event.
    ///
    /// # Panics
    ///
    /// If this takes more than 100,000 polls: a task then wakes itself forever.
    pub fn run(&self) {
        for _ in 0..MAX_POLLS {
            let Some((id, mut task)) = self.0.take_ready() else {
                return;
            };
            let waker = Waker::from(Arc::new(TaskWaker {
                id,
                shared: Arc::downgrade(&self.0),
            }));
            // Not under the lock: the task itself uses the runtime.
            if task
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
            {
                self.0.state().tasks.insert(id, task);
            }
        }
        panic!("the tasks did not come to rest within {MAX_POLLS} polls");
    }

    /// Polls `future` and the tasks until the future is ready or nothing can make progress.
    ///
    /// # Panics
    ///
    /// See [`run`](Self::run).
    pub fn poll<F: Future + Unpin + ?Sized>(&self, future: &mut F) -> Poll<F::Output> {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&flag));
        for _ in 0..MAX_POLLS {
            if !flag.0.swap(false, Ordering::AcqRel) {
                return Poll::Pending;
            }
            if let Poll::Ready(output) = pin!(&mut *future).poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(output);
            }
            self.run();
        }
        panic!("the future did not come to rest within {MAX_POLLS} polls");
    }

    /// Returns the number of tasks that have not ended.
    pub fn tasks(&self) -> usize {
        self.0.state().tasks.len()
    }

    /// Returns the number of timers being waited for.
    pub fn timers(&self) -> usize {
        self.0.state().timers.len()
    }

    /// Returns the time until the next timer being waited for.
    pub fn next_timer(&self) -> Option<Duration> {
        let state = self.0.state();
        let (deadline, _) = state.timers.keys().next()?;
        Some(deadline.saturating_duration_since(state.now))
    }

    /// Waits, under another executor, until at least `count`
    /// timers are being waited for: the moment to [`advance`](Self::advance).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn timers_armed(&self, count: usize) {
        poll_fn(|cx| {
            let mut state = self.0.state();
            if state.timers.len() >= count {
                return Poll::Ready(());
            }
            state.watchers.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Default for ManualRuntime {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime for ManualRuntime {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        if let Some(spawner) = &self.0.spawner {
            spawner(future);
            return;
        }
        let mut state = self.0.state();
        let id = state.id();
        state.tasks.insert(id, future);
        state.queue(id);
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(ManualSleep {
            shared: Arc::clone(&self.0),
            deadline,
            armed: None,
        })
    }

    fn now(&self) -> Instant {
        self.0.state().now
    }

    fn system_time(&self) -> SystemTime {
        self.0.state().system_time
    }
}

impl fmt::Debug for ManualRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state();
        f.debug_struct("ManualRuntime")
            .field("tasks", &state.tasks.len())
            .field("timers", &state.timers.len())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn take_ready(&self) -> Option<(u64, Task)> {
        let mut state = self.state();
        while let Some(id) = state.ready.pop_front() {
            state.queued.remove(&id);
            // A task that has ended may still be woken.
            if let Some(task) = state.tasks.remove(&id) {
                return Some((id, task));
            }
        }
        None
    }
}

impl State {
    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn queue(&mut self, id: u64) {
        if self.queued.insert(id) {
            self.ready.push_back(id);
        }
    }

    /// Advances the clocks and returns the wakers of the timers that are due.
    fn move_to(&mut self, instant: Instant) -> Vec<Waker> {
        let step = instant.saturating_duration_since(self.now);
        self.system_time = self
            .system_time
            .checked_add(step)
            .unwrap_or(self.system_time);
        self.now = self.now.max(instant);
        let later = self.timers.split_off(&(self.now, u64::MAX));
        std::mem::replace(&mut self.timers, later)
            .into_values()
            .collect()
    }
}

/// One timer of a [`ManualRuntime`].
struct ManualSleep {
    shared: Arc<Shared>,
    deadline: Instant,
    /// The key of its waker, once it has been polled.
    armed: Option<(Instant, u64)>,
}

impl ManualSleep {
    fn disarm(&mut self) {
        if let Some(key) = self.armed.take() {
            self.shared.state().timers.remove(&key);
        }
    }
}

impl Future for ManualSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        if state.now >= self.deadline {
            if let Some(key) = self.armed.take() {
                state.timers.remove(&key);
            }
            return Poll::Ready(());
        }
        let key = match self.armed {
            Some(key) => key,
            None => (self.deadline, state.id()),
        };
        self.armed = Some(key);
        state.timers.insert(key, cx.waker().clone());
        let watchers = std::mem::take(&mut state.watchers);
        drop(state);
        watchers.into_iter().for_each(Waker::wake);
        Poll::Pending
    }
}

impl Sleep for ManualSleep {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        self.disarm();
        self.deadline = deadline;
    }
}

impl Drop for ManualSleep {
    fn drop(&mut self) {
        self.disarm();
    }
}

struct TaskWaker {
    id: u64,
    shared: Weak<Shared>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if let Some(shared) = self.shared.upgrade() {
            shared.state().queue(self.id);
        }
    }
}

/// Whether the future that is polled by hand was woken.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Far more than a test needs, yet few enough to fail in a moment.
const MAX_POLLS: usize = 100_000;
/// 2026-01-01T00:00:00Z, in seconds of Unix time.
const YEAR_2026: Duration = Duration::from_secs(1_767_225_600);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Records when it wakes, twice.
    fn clockwork(runtime: &ManualRuntime, name: u32, naps: [Duration; 2], log: &Log) {
        let (own, log, begun) = (runtime.clone(), Arc::clone(log), runtime.now());
        runtime.spawn(Box::pin(async move {
            for nap in naps {
                own.sleep_until(own.now() + nap).await;
                log.lock().unwrap().push((name, own.now() - begun));
            }
        }));
    }

    type Log = Arc<Mutex<Vec<(u32, Duration)>>>;

    #[test]
    fn time_stops_at_each_timer_on_the_way() {
        let runtime = ManualRuntime::new();
        let log = Log::default();
        clockwork(&runtime, 1, [2 * SECOND, 2 * SECOND], &log);
        clockwork(&runtime, 2, [3 * SECOND, 9 * SECOND], &log);
        runtime.advance(5 * SECOND);
        let noted = [(1, 2 * SECOND), (2, 3 * SECOND), (1, 4 * SECOND)];
        assert_eq!(*log.lock().unwrap(), noted);
        assert_eq!((runtime.tasks(), runtime.timers()), (1, 1));
        assert_eq!(runtime.next_timer(), Some(7 * SECOND));
        assert_eq!(runtime.advance_to_next_timer(), Some(7 * SECOND));
        assert_eq!(log.lock().unwrap().last(), Some(&(2, 12 * SECOND)));
        assert_eq!(
            (runtime.tasks(), runtime.advance_to_next_timer()),
            (0, None)
        );
    }

    #[test]
    fn a_timer_can_be_moved_dropped_and_used_again() {
        let runtime = ManualRuntime::new();
        let mut timer = runtime.sleep_until(runtime.now() + SECOND);
        assert!(runtime.poll(&mut timer).is_pending());
        timer.as_mut().reset(runtime.now() + 3 * SECOND);
        assert_eq!(runtime.timers(), 0);
        assert!(runtime.poll(&mut timer).is_pending());
        runtime.advance(2 * SECOND);
        assert!(runtime.poll(&mut timer).is_pending());
        runtime.advance(SECOND);
        assert!(runtime.poll(&mut timer).is_ready());
        timer.as_mut().reset(runtime.now() + SECOND);
        assert!(runtime.poll(&mut timer).is_pending());
        drop(timer);
        assert_eq!(runtime.timers(), 0);
    }

    #[test]
    fn tasks_run_in_the_order_in_which_they_became_ready() {
        let runtime = ManualRuntime::new();
        let log = Log::default();
        for name in 0..5 {
            clockwork(&runtime, name, [SECOND, SECOND], &log);
        }
        runtime.advance(2 * SECOND);
        let names: Vec<u32> = log.lock().unwrap().iter().map(|(name, _)| *name).collect();
        assert_eq!(names, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
    }

    #[test]
    #[should_panic(expected = "did not come to rest")]
    fn a_task_that_never_rests_is_found() {
        let runtime = ManualRuntime::new();
        runtime.spawn(Box::pin(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Pending
        })));
        runtime.run();
    }

    #[test]
    fn a_spawner_gets_the_tasks() {
        let given = Arc::new(Mutex::new(Vec::new()));
        let tasks = Arc::clone(&given);
        let runtime = ManualRuntime::with_spawner(move |task| tasks.lock().unwrap().push(task));
        runtime.spawn(Box::pin(async {}));
        assert_eq!((runtime.tasks(), given.lock().unwrap().len()), (0, 1));
    }
}
