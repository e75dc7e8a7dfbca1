//! Memory that connections no longer need: given back when they have been quiet for a while.

use super::{EventLoop, Key};
use crate::{reactor::Token, server::policy::LARGE_BYTES, sys, timers::TimerId};

/// How long memory may be kept by those who no longer need it: half of it at least, all of it at most.
const TIDY_NS: u64 = 50_000_000;

/// Memory that is to be given back.
#[derive(Default)]
pub(super) struct Tidy {
    timer: Option<TimerId>,
    /// Drained connections that are still large.
    pub(super) large: Vec<Token>,
    /// Bytes freed since the heap was trimmed.
    freed: usize,
}

impl EventLoop {
    /// The heap has got something back.
    pub(super) fn freed(&mut self, bytes: usize) {
        self.tidy.freed += bytes;
        if self.tidy.freed > LARGE_BYTES {
            self.tidy_later();
        }
    }

    pub(super) fn tidy_later(&mut self) {
        let timers = &mut self.timers;
        self.tidy.timer.get_or_insert_with(|| timers.arm(sys::monotonic_ns() + TIDY_NS, Key::Tidy));
    }

    /// Shrinks the large connections that have been quiet since the last look, and gives freed memory back: `free`
    /// alone returns only what lies at the end of the heap.
    pub(super) fn tidy(&mut self) {
        self.tidy.timer = None;
        let large = std::mem::take(&mut self.tidy.large);
        for token in large {
            let Some(connection) = self.connections.entry(token) else {
                // Another thread has it: it is not quiet.
                if self.connections.is_alive(token) {
                    self.tidy.large.push(token);
                }
                continue;
            };
            if !connection.is_drained() {
                connection.tidy = None;
            } else if connection.tidy == Some(true) {
                connection.tidy = Some(false);
                self.tidy.large.push(token);
            } else {
                let before = connection.footprint();
                connection.tidy = None;
                connection.shrink(&self.shared);
                self.tidy.freed += before.saturating_sub(connection.footprint());
            }
        }
        if self.tidy.freed > LARGE_BYTES {
            self.tidy.freed = 0;
            sys::trim_heap();
        }
        if !self.tidy.large.is_empty() {
            self.tidy_later();
        }
    }
}
