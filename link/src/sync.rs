//! One way to lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex. No user code runs under any lock of kinfolk's, so a poisoned one only says that another thread is
/// being unwound for a reason of its own: the value is whole.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
