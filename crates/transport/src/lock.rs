//! Locking a mutex whatever became of its last owner.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, also after a panic while it was locked.
///
/// For states that are whole between any two statements that could panic, as all
/// of ours are: a panic of the application's code must not take others with it.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
