//! Open HTTP/1.1 connections by origin: each is used by one request at a time,
//! and idle ones are limited in number and in time. Shell.
//!
//! hyper-util's cache stores them, and lets a request that opens one use another
//! that is returned sooner. The limits, the ages and the check that a connection is
//! still alive are ours.

mod cached;
mod opener;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_core::future::BoxFuture;
use http::header::Entry;
use http::{HeaderValue, Request, Response, header};
use tokio::runtime::{Handle, Id};

use super::body::Outgoing;
use super::connect::Connector;
use super::origin::Origin;
use crate::lock::lock;
use crate::{Body, Result};

/// The connections of a client. Clones share them.
#[derive(Clone)]
pub(super) struct Pool {
    setup: Arc<PoolParts>,
    hosts: Arc<Mutex<HashMap<Key, Arc<dyn Host>>>>,
}

/// Connections are driven by tasks of the runtime that opened them, and end or stand
/// still with it: each runtime has its own.
#[derive(Eq, Hash, PartialEq)]
struct Key {
    runtime: Option<Id>,
    origin: Origin,
}

/// The runtime that polls; none outside.
fn current_runtime() -> Option<Id> {
    Handle::try_current().ok().map(|handle| handle.id())
}

/// The parts of a pool.
pub(super) struct PoolParts {
    pub(super) connector: Connector,
    pub(super) max_idle_per_host: usize,
    pub(super) idle_timeout: Duration,
}

/// The connections to one origin. A trait, because the library's types cannot be named.
pub(super) trait Host: Send + Sync {
    /// Sends `request` over an idle connection or a new one.
    ///
    /// If a kept connection had just been closed, it returns the request
    /// unsent, which then uses another one. Nothing else is retried.
    fn send(
        self: Arc<Self>,
        request: Request<Outgoing>,
    ) -> BoxFuture<'static, Result<Response<Body>>>;

    /// Returns the value of `Host`.
    fn header(&self) -> &HeaderValue;

    /// Limits the idle connections after another one was returned, and makes sure that they are closed in time.
    fn came_back(self: Arc<Self>);

    /// Drops connections that have been idle for too long or are closed, and returns when
    /// to look again, or `None` if no other is idle.
    fn end_old(&self) -> Option<Instant>;
}

impl Pool {
    pub(super) fn new(setup: PoolParts) -> Self {
        Self {
            setup: Arc::new(setup),
            hosts: Arc::default(),
        }
    }

    /// Returns the host whose connections `request` uses. The request keeps only the path and query of its
    /// URI, and gets a `Host` header unless it has one.
    pub(super) fn host<B>(&self, request: &mut Request<B>) -> Result<Arc<dyn Host>> {
        let (origin, uri) = Origin::split(std::mem::take(request.uri_mut()))?;
        *request.uri_mut() = uri;
        let host = self.host_of(origin);
        if let Entry::Vacant(entry) = request.headers_mut().entry(header::HOST) {
            entry.insert(host.header().clone());
        }
        Ok(host)
    }

    fn host_of(&self, origin: Origin) -> Arc<dyn Host> {
        let runtime = current_runtime();
        let key = Key { runtime, origin };
        let mut hosts = lock(&self.hosts);
        if let Some(host) = hosts.get(&key) {
            return Arc::clone(host);
        }
        // Each new host removes those that have not been used lately. The connections of a
        // runtime that has ended are closed, and it no longer sweeps them itself.
        hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.end_old().is_some());
        let host = cached::host(&key.origin, Arc::clone(&self.setup));
        hosts.insert(key, Arc::clone(&host));
        host
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::pin;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn origin() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/", listener.local_addr().unwrap());
        (listener, uri)
    }

    fn pool(max_idle_per_host: usize) -> Pool {
        Pool::new(PoolParts {
            connector: Connector::builder().build(),
            max_idle_per_host,
            idle_timeout: Duration::from_secs(60),
        })
    }

    fn send(pool: &Pool, uri: &str) -> BoxFuture<'static, Result<Response<Body>>> {
        let mut request = Request::get(uri).body(()).unwrap();
        let host = pool.host(&mut request).unwrap();
        host.send(request.map(|()| Outgoing::new(Body::empty(), None)))
    }

    /// Reads a request without a body; returns `false` if there is none left.
    async fn read(stream: &mut TcpStream) -> bool {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return false,
            }
        }
        true
    }

    async fn answer(stream: &mut TcpStream) {
        let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    }

    #[tokio::test]
    async fn a_request_that_is_given_up_takes_its_connection_with_it() {
        let (listener, uri) = origin().await;
        let pool = pool(32);
        let given_up = async {
            let mut sent = pin!(send(&pool, &uri));
            let mut accepted = pin!(async {
                let (mut stream, _) = listener.accept().await.unwrap();
                assert!(read(&mut stream).await);
                stream
            });
            poll_fn(|cx| {
                assert!(sent.as_mut().poll(cx).is_pending());
                accepted.as_mut().poll(cx)
            })
            .await
        };
        let mut first = given_up.await;
        assert!(!read(&mut first).await, "it was kept");

        let (response, _second) = tokio::join!(send(&pool, &uri), async {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(read(&mut stream).await);
            answer(&mut stream).await;
            stream
        });
        assert_eq!(response.unwrap().status(), 204);
    }

    #[tokio::test]
    async fn a_bound_of_zero_keeps_nothing() {
        let (listener, uri) = origin().await;
        let pool = pool(0);
        for _ in 0..3 {
            let (response, ()) = tokio::join!(send(&pool, &uri), async {
                let (mut stream, _) = listener.accept().await.unwrap();
                assert!(read(&mut stream).await);
                answer(&mut stream).await;
                assert!(!read(&mut stream).await, "it was kept");
            });
            assert_eq!(response.unwrap().status(), 204);
        }
    }

    #[test]
    fn runtimes_that_have_ended_are_forgotten() {
        let runtime = || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_all().build().unwrap()
        };
        let pool = pool(32);
        for _ in 0..3 {
            runtime().block_on(async {
                let (listener, uri) = origin().await;
                let (response, ()) = tokio::join!(send(&pool, &uri), async {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    assert!(read(&mut stream).await);
                    answer(&mut stream).await;
                });
                assert_eq!(response.unwrap().status(), 204);
            });
            assert_eq!(lock(&pool.hosts).len(), 1);
        }
    }

    #[tokio::test]
    async fn origins_that_nobody_uses_are_forgotten() {
        let pool = pool(32);
        let request = |uri: &str| pool.host(&mut Request::get(uri).body(()).unwrap()).unwrap();
        let used = request("http://localhost:1/");
        drop(request("http://localhost:2/"));
        drop(request("http://localhost:3/"));
        assert_eq!(lock(&pool.hosts).len(), 2, "the one in use and the last");
        drop(used);
        drop(request("http://localhost:4/"));
        assert_eq!(lock(&pool.hosts).len(), 1);
    }
}
