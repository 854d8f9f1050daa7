//! Runtimes on separate threads, for the peers of a measurement.

use std::future::Future;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// Builds a runtime on the caller's thread.
pub fn current_thread() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime starts")
}

fn multi_thread(threads: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .expect("a runtime starts")
}

/// Runs `serve` on a separate thread until the process ends, and waits for the first value that
/// it sends.
///
/// # Panics
///
/// If it ends without sending anything.
pub fn on_thread<T, F>(serve: impl FnOnce(mpsc::Sender<T>) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = ()>,
{
    let (sender, first) = mpsc::channel();
    std::thread::spawn(move || {
        current_thread().block_on(async {
            serve(sender).await;
            std::future::pending::<()>().await;
        });
    });
    first.recv().expect("the server starts")
}

/// A runtime on separate threads; its tasks end with it.
#[derive(Debug)]
pub struct Background {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub fn start(threads: usize) -> Self {
        Self::run(if threads == 1 {
            current_thread()
        } else {
            multi_thread(threads)
        })
    }

    /// Starts a multi-threaded runtime, even with one thread.
    pub fn workers(threads: usize) -> Self {
        Self::run(multi_thread(threads))
    }

    fn run(runtime: Runtime) -> Self {
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let _ = runtime.block_on(stopped);
        });
        Self {
            handle,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Returns how long each thread has been busy, as of the last time that it looked for work.
    pub fn busy(&self) -> Vec<Duration> {
        let metrics = self.handle.metrics();
        let threads = 0..metrics.num_workers();
        threads
            .map(|thread| metrics.worker_total_busy_duration(thread))
            .collect()
    }

    /// Runs a future on the runtime's threads, whose driver it needs.
    pub fn block_on<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let (sender, receiver) = mpsc::channel();
        self.handle.spawn(async move {
            let _ = sender.send(future.await);
        });
        receiver.recv().expect("the task ends")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
