//! Open HTTP/1.1 connections by origin: each taken by one request at a time,
//! and kept idle in a bounded number for a bounded time. Shell.
//!
//! hyper-util's legacy client does the same for HTTP/1 and HTTP/2 and any
//! connector, and each request pays for that with boxes, races and copies of its
//! address. The bench `send` of the crate for Web PubSub measures both.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use http::header::Entry;
use http::{HeaderValue, Request, Response, Uri, header};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use tokio::sync::oneshot;
use tracing::debug;

use super::answerable::Answerable;
use super::body::Outgoing;
use super::connect::Connector;
use super::failure;
use super::origin::Origin;
use crate::{Result, after};

/// The connections of a client. Clones share them.
#[derive(Clone)]
pub(super) struct Pool {
    setup: Arc<PoolParts>,
    hosts: Arc<Mutex<HashMap<Origin, Arc<Host>>>>,
}

/// What a pool was built with.
pub(super) struct PoolParts {
    pub(super) connector: Connector,
    pub(super) max_idle_per_host: usize,
    pub(super) idle_timeout: Duration,
}

impl Pool {
    pub(super) fn new(setup: PoolParts) -> Self {
        Self {
            setup: Arc::new(setup),
            hosts: Arc::default(),
        }
    }

    /// The connections that `request` goes over. It keeps the path of its address,
    /// and gets a `Host` unless it has one.
    pub(super) fn host<B>(&self, request: &mut Request<B>) -> Result<Arc<Host>> {
        let (origin, uri) = Origin::split(std::mem::take(request.uri_mut()))?;
        *request.uri_mut() = uri;
        let host = self.host_of(origin);
        if let Entry::Vacant(entry) = request.headers_mut().entry(header::HOST) {
            entry.insert(host.header.clone());
        }
        Ok(host)
    }

    fn host_of(&self, origin: Origin) -> Arc<Host> {
        let mut hosts = lock(&self.hosts);
        if let Some(host) = hosts.get(&origin) {
            return Arc::clone(host);
        }
        // Each new one pays for those that nobody asked for lately.
        hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.is_kept());
        let host = Arc::new(Host::new(&origin, Arc::clone(&self.setup)));
        hosts.insert(origin, Arc::clone(&host));
        host
    }
}

/// The connections to one origin.
pub(super) struct Host {
    uri: Uri,
    header: HeaderValue,
    setup: Arc<PoolParts>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// In the order in which they came back; the last is taken first.
    idle: Vec<Idle>,
    /// Requests that would take a connection that comes back, while they open their own.
    waiting: VecDeque<oneshot::Sender<Sender>>,
    /// The task that ends idle connections, unless there is none. It ends with this.
    sweeper: Option<oneshot::Sender<Infallible>>,
}

type Sender = SendRequest<Outgoing>;

struct Idle {
    sender: Sender,
    since: Instant,
}

/// A connection for one request.
struct Lease {
    sender: Sender,
    /// Of one that was opened for the request; `None` for one that was kept.
    ending: Option<Ending>,
}

/// The error that a connection ended with. hyper does not give it to a request that was not begun.
type Ending = oneshot::Receiver<hyper::Error>;

impl Host {
    fn new(origin: &Origin, setup: Arc<PoolParts>) -> Self {
        Self {
            uri: origin.uri(),
            header: origin.header(),
            setup,
            state: Mutex::default(),
        }
    }

    /// Sends `request` over an idle connection or a new one.
    ///
    /// A kept connection that had just been closed gives the request back
    /// unsent; it then goes over another. Nothing else is tried twice.
    pub(super) async fn send(
        self: &Arc<Self>,
        mut request: Request<Outgoing>,
    ) -> Result<Response<Incoming>> {
        loop {
            let mut lease = self.take().await?;
            let mut error = match lease.sender.try_send_request(request).await {
                Ok(response) => {
                    self.give_back(lease.sender);
                    return Ok(response);
                }
                Err(error) => error,
            };
            match (error.take_message(), lease.ending) {
                (Some(unsent), None) => request = unsent,
                (Some(_), Some(ending)) => {
                    return Err(failure::unsent(error.into_error(), ending.await.ok()));
                }
                (None, _) => return Err(failure::request(error.into_error())),
            }
        }
    }

    /// Takes the connection that came back last. Without one, opens another,
    /// unless one comes back sooner.
    async fn take(self: &Arc<Self>) -> Result<Lease> {
        match self.idle() {
            Ok(sender) => Ok(Lease {
                sender,
                ending: None,
            }),
            // Boxed, so that it takes no room in the futures of all other requests.
            Err(waiter) => Box::pin(self.wait_or_open(waiter)).await,
        }
    }

    async fn wait_or_open(self: &Arc<Self>, waiter: Waiter) -> Result<Lease> {
        let opening = Box::pin(Self::open(self.uri.clone(), Arc::clone(&self.setup)));
        match select(waiter, opening).await {
            Either::Left((Some(sender), opening)) => {
                let host = Arc::clone(self);
                // It is begun, and the next request will want it.
                self.setup.connector.runtime().spawn(Box::pin(async move {
                    if let Ok(opened) = opening.await {
                        host.keep(opened.sender);
                    }
                }));
                Ok(Lease {
                    sender,
                    ending: None,
                })
            }
            Either::Left((None, opening)) => opening.await,
            Either::Right((opened, _)) => opened,
        }
    }

    /// An idle connection, or a place in the queue for one.
    fn idle(self: &Arc<Self>) -> std::result::Result<Sender, Waiter> {
        let mut state = lock(&self.state);
        if !state.idle.is_empty() {
            let now = self.setup.connector.runtime().now();
            while let Some(Idle { sender, since }) = state.idle.pop() {
                let age = now.saturating_duration_since(since);
                if sender.is_ready() && age < self.setup.idle_timeout {
                    return Ok(sender);
                }
            }
        }
        if state.waiting.len() == state.waiting.capacity() {
            state.waiting.retain(|waiting| !waiting.is_closed());
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.push_back(sender);
        Err(Waiter {
            receiver,
            host: Arc::clone(self),
        })
    }

    async fn open(uri: Uri, setup: Arc<PoolParts>) -> Result<Lease> {
        let stream = setup.connector.connect(&uri).await?.into_inner();
        let (mut sender, connection) = handshake(Answerable::new(stream))
            .await
            .map_err(|error| failure::unsent(error, None))?;
        let (ended, ending) = oneshot::channel();
        setup.connector.runtime().spawn(Box::pin(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection failed");
                _ = ended.send(error);
            }
        }));
        match sender.ready().await {
            Ok(()) => Ok(Lease {
                sender,
                ending: Some(ending),
            }),
            Err(error) => Err(failure::unsent(error, ending.await.ok())),
        }
    }

    /// Takes a connection back whose response has begun.
    fn give_back(self: &Arc<Self>, mut sender: Sender) {
        if sender.is_ready() {
            self.keep(sender);
        } else if !sender.is_closed() {
            // The rest of the response is still to be read, or of the request to be sent.
            let host = Arc::downgrade(self);
            self.setup.connector.runtime().spawn(Box::pin(async move {
                if sender.ready().await.is_ok()
                    && let Some(host) = host.upgrade()
                {
                    host.keep(sender);
                }
            }));
        }
    }

    /// Gives an idle connection to the first waiter, or stores it.
    fn keep(self: &Arc<Self>, sender: Sender) {
        let mut state = lock(&self.state);
        let Some(sender) = state.hand_over(sender) else {
            return;
        };
        if state.idle.len() >= self.setup.max_idle_per_host {
            return;
        }
        let runtime = self.setup.connector.runtime();
        let since = runtime.now();
        state.idle.push(Idle { sender, since });
        if state.sweeper.is_none() {
            let (alive, gone) = oneshot::channel();
            state.sweeper = Some(alive);
            let sweep = sweep(Arc::downgrade(self), Arc::clone(&self.setup), gone);
            runtime.spawn(Box::pin(sweep));
        }
    }

    /// Ends what has been idle for too long, and says when to look again.
    fn end_old(&self) -> Option<Instant> {
        let now = self.setup.connector.runtime().now();
        let mut state = lock(&self.state);
        let is_old = |idle: &Idle| {
            let age = now.saturating_duration_since(idle.since);
            age >= self.setup.idle_timeout || !idle.sender.is_ready()
        };
        state.idle.retain(|idle| !is_old(idle));
        match state.idle.first() {
            Some(oldest) => Some(after(oldest.since, self.setup.idle_timeout)),
            None => {
                state.sweeper = None;
                None
            }
        }
    }

    fn is_kept(&self) -> bool {
        let state = lock(&self.state);
        !state.idle.is_empty()
    }
}

impl State {
    /// Gives a connection to the first waiter; back if there is none.
    fn hand_over(&mut self, mut sender: Sender) -> Option<Sender> {
        while let Some(waiting) = self.waiting.pop_front() {
            match waiting.send(sender) {
                Ok(()) => return None,
                Err(back) => sender = back,
            }
        }
        Some(sender)
    }
}

/// Ends idle connections when their time has elapsed, until there are none, or no host.
async fn sweep(host: Weak<Host>, setup: Arc<PoolParts>, mut gone: oneshot::Receiver<Infallible>) {
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

/// Waits for a connection to come back. One that came too late goes to the next who waits.
struct Waiter {
    receiver: oneshot::Receiver<Sender>,
    host: Arc<Host>,
}

impl Future for Waiter {
    type Output = Option<Sender>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.receiver).poll(cx).map(Result::ok)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.receiver.close();
        if let Ok(sender) = self.receiver.try_recv() {
            // Kept only by a request: the sweeper cannot be started here, where there may be no runtime.
            _ = lock(&self.host.state).hand_over(sender);
        }
    }
}

/// No code that may panic runs under the lock, so a poisoned state is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
