//! How long a thread of the load generator was ready to run and waited for a core.

use std::{fs::File, os::unix::fs::FileExt};

/// `schedstat` of one thread, kept open.
#[derive(Debug)]
pub(super) struct RunDelay(File);

impl RunDelay {
    /// `None` on a kernel that does not report it (built without `CONFIG_SCHED_INFO`).
    pub(super) fn of_this_thread() -> Option<Self> {
        File::open("/proc/thread-self/schedstat").ok().map(Self)
    }

    /// Nanoseconds since the thread was started.
    pub(super) fn read_ns(&self) -> Option<u64> {
        let mut bytes = [0; 80];
        let length = self.0.read_at(&mut bytes, 0).ok()?;
        waited_ns(std::str::from_utf8(&bytes[..length]).ok()?)
    }
}

/// The second of three numbers: `Documentation/scheduler/sched-stats.rst`.
fn waited_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_field_of_schedstat_is_the_delay() {
        assert_eq!(waited_ns("1200345 67 8\n"), Some(67));
        assert_eq!(waited_ns("1200345"), None);
        let delay = RunDelay::of_this_thread().expect("this kernel tells");
        let before = delay.read_ns().expect("a number");
        std::thread::yield_now();
        assert!(delay.read_ns() >= Some(before));
    }
}
