//! Whether a call may be done twice. Pure.

use http::{Method, Request};

/// Whether doing a call twice is the same as doing it once; an extension of [`http::Request`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Idempotency {
    /// It is: the call may be retried when nobody knows whether it was done.
    Idempotent,
    /// It is not: a retry may do it twice.
    NonIdempotent,
}

impl Idempotency {
    pub(super) fn of<T>(request: &Request<T>) -> Self {
        match request.extensions().get() {
            Some(class) => *class,
            None => Self::of_method(request.method()),
        }
    }

    /// RFC 9110 §9.2.2.
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
