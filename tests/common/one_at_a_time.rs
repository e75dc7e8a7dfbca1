//! Tests of which one runs at a time: each is about time, and they would be each other's noise.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::places::outside;

/// The right to run, of which there is one.
pub(crate) struct OneAtATime(Mutex<()>);

impl OneAtATime {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(()))
    }

    /// Waits for the others. A test that failed has had its turn as well.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        outside(|| self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
