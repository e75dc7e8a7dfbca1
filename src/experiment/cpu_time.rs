//! The CPU time that a piece of work takes.

use crate::sys;

/// CPU time of some work, in nanoseconds.
pub(super) fn cpu_ns(work: impl FnOnce()) -> f64 {
    let before = sys::thread_cpu_ns();
    work();
    (sys::thread_cpu_ns() - before) as f64
}
