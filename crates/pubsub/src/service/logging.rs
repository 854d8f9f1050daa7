//! Requests and responses in the log, for the clients and calls that ask for it.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Request, Response};
use tracing::{Instrument, debug_span};
use transport::pipeline::{LogOptions, LogPolicy, TryNumber};
use transport::{Body, Next, Policy, Result, SharedRuntime};

/// What is shown of a call and of its tries, as an extension of the request.
#[derive(Clone, Debug)]
pub(super) struct Logging(Arc<Policies>);

#[derive(Debug)]
struct Policies {
    call: LogPolicy,
    each_try: LogPolicy,
}

impl Logging {
    pub(super) fn new(options: LogOptions, runtime: &SharedRuntime) -> Self {
        Self(Arc::new(Policies {
            call: LogPolicy::per_call(options.clone(), runtime.clone()),
            each_try: LogPolicy::per_try(options, runtime.clone()),
        }))
    }
}

/// Logs a whole call if its request asks for it.
#[derive(Debug)]
pub(super) struct LogCall;

/// Logs each try if the request asks for it, and opens a span around it either way.
#[derive(Debug)]
pub(super) struct LogTry;

#[async_trait]
impl Policy for LogCall {
    async fn send(&self, request: Request<Body>, next: Next<'_>) -> Result<Response<Body>> {
        match request.extensions().get::<Logging>().cloned() {
            Some(Logging(policies)) => policies.call.send(request, next).await,
            None => next.send(request).await,
        }
    }
}

#[async_trait]
impl Policy for LogTry {
    async fn send(&self, request: Request<Body>, next: Next<'_>) -> Result<Response<Body>> {
        if let Some(Logging(policies)) = request.extensions().get::<Logging>().cloned() {
            return policies.each_try.send(request, next).await;
        }
        let number = request.extensions().get::<TryNumber>().copied();
        let span = debug_span!("http_try", number = number.map(TryNumber::as_u32));
        next.send(request).instrument(span).await
    }
}
