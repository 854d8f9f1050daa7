//! Idempotency of calls. Pure.

use http::{Method, Request};

/// Whether performing a call twice has the same effect as once; an extension of [`http::Request`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Idempotency {
    /// The call may be retried even if it is not known whether it took effect.
    Idempotent,
    /// A retry may perform the call twice.
    NonIdempotent,
}

impl Idempotency {
    pub(super) fn of<T>(request: &Request<T>) -> Self {
        match request.extensions().get() {
            Some(class) => *class,
            None => Self::of_method(request.method()),
        }
    }

    /// Returns the idempotency of a method (RFC 9110 §9.2.2).
    fn of_method(method: &Method) -> Self {
        match *method {
            Method::DELETE
            | Method::GET
            | Method::HEAD
            | Method::OPTIONS
            | Method::PUT
            | Method::TRACE => Self::Idempotent,
            _ => Self::NonIdempotent,
        }
    }

    pub(super) fn is_idempotent(self) -> bool {
        self == Self::Idempotent
    }
}
