//! The connections to one origin, in hyper-util's cache. Shell.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Waker};
use std::time::Instant;

use futures_core::future::BoxFuture;
use futures_util::future::{Either, select};
use http::{HeaderValue, Request, Response};
use hyper_util::client::pool::cache;
use tokio::sync::oneshot;
use tower_service::Service;

use super::opener::{Background, BackgroundParts, Kept, NotKept, Opener};
use super::{Host, PoolParts, current_runtime};
use crate::lock::lock;
use crate::net::body::{Outgoing, answer};
use crate::net::failure;
use crate::net::origin::Origin;
use crate::{Body, Error, Result, after};

/// Creates a host without connections.
pub(super) fn host(origin: &Origin, setup: Arc<PoolParts>) -> Arc<dyn Host> {
    let background = Arc::new(BackgroundParts {
        setup: Arc::clone(&setup),
        host: OnceLock::new(),
    });
    let opener = Opener {
        uri: origin.uri(),
        setup: Arc::clone(&setup),
    };
    let cache = cache::builder()
        .executor(Background(Arc::clone(&background)))
        .build::<_, u64>(opener);
    let host = CachedHost::start(
        origin.header(),
        setup,
        cache,
        |cache, predicate| cache.retain(predicate),
        |lease| lease.inner_mut(),
    );
    // Set only here.
    _ = background.host.set(Arc::downgrade(&host));
    host
}

/// `C` is the library's cache and `L` a connection taken out of it. Neither type can be
/// named, so their own operations are reached through functions.
struct CachedHost<C, L> {
    header: HeaderValue,
    setup: Arc<PoolParts>,
    cache: Mutex<C>,
    retain: Retain<C>,
    kept: fn(&mut L) -> &mut Kept,
    tickets: AtomicU64,
    /// An upper bound of the number of idle connections; exact after each `retain`.
    idle: AtomicUsize,
    /// The task that closes idle connections, if any. It ends when this is dropped.
    sweeper: Mutex<Option<oneshot::Sender<Infallible>>>,
}

/// Drops the cached connections that the predicate rejects.
type Retain<C> = fn(&mut C, &mut dyn FnMut(&mut Kept) -> bool);

/// A connection for one request. Dropping it closes the connection.
struct Lease<L: Service<(), Error = NotKept>> {
    lease: L,
    kept: fn(&mut L) -> &mut Kept,
}

impl<L: Service<(), Error = NotKept>> Lease<L> {
    fn kept(&mut self) -> &mut Kept {
        (self.kept)(&mut self.lease)
    }
}

impl<L: Service<(), Error = NotKept>> Drop for Lease<L> {
    fn drop(&mut self) {
        // Unless it is free, this tells the library not to take it back.
        _ = self
            .lease
            .poll_ready(&mut Context::from_waker(Waker::noop()));
    }
}

impl<C, L> CachedHost<C, L>
where
    C: Service<u64, Response = L, Error = Error, Future: Send> + Send + 'static,
    L: Service<(), Error = NotKept> + Send + 'static,
{
    fn start(
        header: HeaderValue,
        setup: Arc<PoolParts>,
        cache: C,
        retain: Retain<C>,
        kept: fn(&mut L) -> &mut Kept,
    ) -> Arc<dyn Host> {
        Arc::new(Self {
            header,
            setup,
            cache: Mutex::new(cache),
            retain,
            kept,
            tickets: AtomicU64::new(0),
            idle: AtomicUsize::new(0),
            sweeper: Mutex::default(),
        })
    }

    /// Takes the connection that was returned last; if there is none, opens another,
    /// unless one is returned sooner. The flag says whether it had been kept.
    async fn take(&self) -> Result<(Lease<L>, bool)> {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        loop {
            // The opener is always ready.
            let taking = poll_fn(|cx| {
                let mut cache = lock(&self.cache);
                cache.poll_ready(cx).map_ok(|()| cache.call(ticket))
            });
            let mut lease = Lease {
                lease: taking.await?.await?,
                kept: self.kept,
            };
            let kept = lease.kept();
            kept.is_free = false;
            if kept.opened_for == Some(ticket) {
                return Ok((lease, false));
            }
            let less = |idle: usize| idle.checked_sub(1);
            _ = self
                .idle
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
            // Another runtime's, if the request was made elsewhere than it is sent.
            let is_ours = kept.runtime == current_runtime();
            if is_ours && self.is_good(kept, self.setup.connector.runtime().now()) {
                return Ok((lease, true));
            }
        }
    }

    fn is_good(&self, kept: &Kept, now: Instant) -> bool {
        let age = now.saturating_duration_since(kept.since);
        age < self.setup.idle_timeout && kept.sender.is_ready()
    }

    /// Returns a connection whose response has begun.
    fn give_back(self: &Arc<Self>, mut lease: Lease<L>) {
        let sender = &lease.kept().sender;
        if sender.is_ready() {
            self.keep(lease);
        } else if !sender.is_closed() {
            // The rest of the response is still to be read, or the rest of the request to be sent.
            let host = Arc::downgrade(self);
            self.setup.connector.runtime().spawn(Box::pin(async move {
                if lease.kept().sender.ready().await.is_ok()
                    && let Some(host) = host.upgrade()
                {
                    host.keep(lease);
                }
            }));
        }
    }

    /// Gives an idle connection to the first waiter, or stores it.
    fn keep(self: &Arc<Self>, mut lease: Lease<L>) {
        let kept = lease.kept();
        kept.since = self.setup.connector.runtime().now();
        kept.opened_for = None;
        kept.ending = None;
        kept.is_free = true;
        drop(lease);
        Arc::clone(self).came_back();
    }
}

impl<C, L> Host for CachedHost<C, L>
where
    C: Service<u64, Response = L, Error = Error, Future: Send> + Send + 'static,
    L: Service<(), Error = NotKept> + Send + 'static,
{
    fn send(
        self: Arc<Self>,
        mut request: Request<Outgoing>,
    ) -> BoxFuture<'static, Result<Response<Body>>> {
        Box::pin(async move {
            loop {
                let (mut lease, is_reused) = self.take().await?;
                let mut error = match lease.kept().sender.try_send_request(request).await {
                    Ok(response) => {
                        self.give_back(lease);
                        return Ok(answer(response));
                    }
                    Err(error) => error,
                };
                match error.take_message() {
                    Some(unsent) if is_reused => request = unsent,
                    Some(_) => {
                        let ending = match lease.kept().ending.take() {
                            Some(ending) => ending.await.ok(),
                            None => None,
                        };
                        return Err(failure::unsent(error.into_error(), ending));
                    }
                    None => return Err(failure::request(error.into_error())),
                }
            }
        })
    }

    fn header(&self) -> &HeaderValue {
        &self.header
    }

    fn came_back(self: Arc<Self>) {
        let most = self.setup.max_idle_per_host;
        if self.idle.fetch_add(1, Ordering::Relaxed) >= most {
            let mut count = 0;
            (self.retain)(&mut lock(&self.cache), &mut |_| {
                count += 1;
                count <= most
            });
            self.idle.store(count.min(most), Ordering::Relaxed);
        }
        let mut sweeper = lock(&self.sweeper);
        if sweeper.is_none() {
            let (alive, gone) = oneshot::channel();
            *sweeper = Some(alive);
            let setup = Arc::clone(&self.setup);
            let host: Arc<dyn Host> = Arc::<Self>::clone(&self);
            let sweep = sweep(Arc::downgrade(&host), setup, gone);
            self.setup.connector.runtime().spawn(Box::pin(sweep));
        }
    }

    fn end_old(&self) -> Option<Instant> {
        let now = self.setup.connector.runtime().now();
        // Held to the end: connections returned in the meantime find that there is no sweeper.
        let mut sweeper = lock(&self.sweeper);
        let mut oldest: Option<Instant> = None;
        let mut count = 0;
        (self.retain)(&mut lock(&self.cache), &mut |kept| {
            let is_good = self.is_good(kept, now);
            if is_good {
                count += 1;
                oldest = Some(oldest.map_or(kept.since, |oldest| oldest.min(kept.since)));
            }
            is_good
        });
        self.idle.store(count, Ordering::Relaxed);
        let next = oldest.map(|oldest| after(oldest, self.setup.idle_timeout));
        if next.is_none() {
            *sweeper = None;
        }
        next
    }
}

/// Closes idle connections when their time has elapsed, until none are left or the host is gone.
async fn sweep(
    host: Weak<dyn Host>,
    setup: Arc<PoolParts>,
    mut gone: oneshot::Receiver<Infallible>,
) {
    let runtime = setup.connector.runtime();
    let mut timer = runtime.sleep_until(runtime.after(setup.idle_timeout));
    loop {
        if let Either::Right(_) = select(timer.as_mut(), &mut gone).await {
            return;
        }
        let next = host.upgrade().and_then(|host| host.end_old());
        let Some(next) = next else { return };
        timer.as_mut().reset(next);
    }
}
