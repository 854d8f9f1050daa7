//! The body of a call that may be sent several times. Pure.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use crate::lock::lock;
use crate::{Body, Error, ErrorKind, Result};

/// The body of a call, which every attempt can send.
pub(super) enum Source {
    Bytes(Bytes),
    Stream {
        slot: Arc<Mutex<Option<Body>>>,
        length: Option<u64>,
    },
}

impl Source {
    pub(super) fn new(body: Body) -> Self {
        match body.into_bytes() {
            Ok(bytes) => Self::Bytes(bytes),
            Err(body) => {
                let length = body.content_length();
                Self::Stream {
                    slot: Arc::new(Mutex::new(Some(body))),
                    length,
                }
            }
        }
    }

    /// Returns the body for one attempt.
    pub(super) fn body(&self) -> Body {
        match self {
            Self::Bytes(bytes) => Body::from(bytes.clone()),
            Self::Stream { slot, length } => {
                let loan = BodyLease {
                    slot: Arc::clone(slot),
                    taken: None,
                };
                Body::from_stream(loan, *length)
            }
        }
    }

    /// Whether another attempt would get the complete body.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::Stream { slot, .. } => lock(slot).is_some(),
        }
    }
}

/// A streamed body that an attempt takes out of its slot when it first reads from it.
struct BodyLease {
    slot: Arc<Mutex<Option<Body>>>,
    taken: Option<Body>,
}

impl Stream for BodyLease {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.taken.is_none() {
            let taken = lock(&self.slot).take();
            self.taken = taken;
        }
        match &mut self.taken {
            Some(body) => Pin::new(body).poll_next(cx),
            // An abandoned attempt still holds its lease, and comes too late.
            None => Poll::Ready(Some(Err(Error::message(
                ErrorKind::Canceled,
                "the request body was sent by another attempt",
            )))),
        }
    }
}
