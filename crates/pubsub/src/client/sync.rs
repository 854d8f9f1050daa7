//! The lock of the queue. `tests/models` has another in its place, to try every order.

pub(super) use std::sync::{Arc, Mutex, MutexGuard};

pub(super) use transport::_internal::lock;
