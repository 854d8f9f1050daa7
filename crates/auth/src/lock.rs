//! Locking a mutex whatever became of its last owner.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, also after a panic while it was locked.
///
/// The transport has the same for the crates above it; this one stands below.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
