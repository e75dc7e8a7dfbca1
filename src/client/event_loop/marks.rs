//! What a thread had counted when the window began and when it ended.

use super::run_delay::RunDelay;
use crate::{metric::Row, sys};

/// What was counted until an instant.
#[derive(Debug)]
pub(in crate::client) struct Mark {
    pub(in crate::client) at_ns: u64,
    /// System calls of this thread.
    pub(in crate::client) calls: u64,
    /// CPU time of this thread.
    pub(in crate::client) cpu_ns: u64,
    /// Time that this thread was ready to run and waited for its core, if the kernel reports it.
    pub(in crate::client) run_delay_ns: Option<u64>,
    /// The counters of each group.
    pub(in crate::client) groups: Vec<Row>,
}

/// The marks at both ends of the window, as far as it has come.
pub(super) struct Marks {
    window: (u64, u64),
    run_delay: Option<RunDelay>,
    marks: Vec<Mark>,
}

impl Marks {
    /// Those of the thread that calls this.
    pub(super) fn of_this_thread(window: (u64, u64)) -> Self {
        Self { window, run_delay: RunDelay::of_this_thread(), marks: Vec::new() }
    }

    /// Whether an end of the window has come, and was not marked yet.
    pub(super) fn are_due(&self, now_ns: u64) -> bool {
        let (start, end) = self.window;
        [start, end].get(self.marks.len()).is_some_and(|border_ns| now_ns >= *border_ns)
    }

    /// Whether the window has begun and has not ended.
    pub(super) const fn are_half(&self) -> bool {
        self.marks.len() == 1
    }

    /// Marks what was counted until now.
    pub(super) fn mark(&mut self, at_ns: u64, calls: u64, groups: Vec<Row>) {
        let run_delay_ns = self.run_delay.as_ref().and_then(RunDelay::read_ns);
        self.marks.push(Mark { at_ns, calls, cpu_ns: sys::thread_cpu_ns(), run_delay_ns, groups });
    }

    pub(super) fn into_vec(self) -> Vec<Mark> {
        self.marks
    }
}
