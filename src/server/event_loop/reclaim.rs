//! Memory that connections no longer need: given back when they have been quiet for a while.

use super::{EventLoop, Key};
use crate::{reactor::Token, server::policy::LARGE_BYTES, sys, timers::TimerId};

/// How long a connection that has drained may keep memory, in nanoseconds: half of it at least, all of it at most.
const RECLAIM_NS: u64 = 50_000_000;

/// Gives back memory that drained connections still hold.
#[derive(Default)]
pub(super) struct MemoryReclaimer {
    timer: Option<TimerId>,
    /// Drained connections that are still large.
    pub(super) large: Vec<Token>,
    /// Bytes freed since the heap was trimmed.
    freed: usize,
}

impl EventLoop {
    /// The heap has got something back.
    pub(super) fn freed(&mut self, bytes: usize) {
        self.reclaimer.freed += bytes;
        if self.reclaimer.freed > LARGE_BYTES {
            self.reclaim_later();
        }
    }

    pub(super) fn reclaim_later(&mut self) {
        let timers = &mut self.timers;
        self.reclaimer
            .timer
            .get_or_insert_with(|| timers.arm(sys::monotonic_ns() + RECLAIM_NS, Key::Reclaim));
    }

    /// Shrinks the large connections that have been quiet since the last look, and gives freed memory back: `free`
    /// alone returns only what lies at the end of the heap.
    pub(super) fn reclaim_memory(&mut self) {
        self.reclaimer.timer = None;
        let large = std::mem::take(&mut self.reclaimer.large);
        for token in large {
            let Some(connection) = self.connections.entry(token) else {
                // Another thread has it: it is not quiet.
                if self.connections.is_alive(token) {
                    self.reclaimer.large.push(token);
                }
                continue;
            };
            if !connection.is_drained() {
                connection.reclaim = None;
            } else if connection.reclaim == Some(true) {
                connection.reclaim = Some(false);
                self.reclaimer.large.push(token);
            } else {
                let before = connection.footprint();
                connection.reclaim = None;
                connection.shrink(&self.shared);
                self.reclaimer.freed += before.saturating_sub(connection.footprint());
            }
        }
        if self.reclaimer.freed > LARGE_BYTES {
            self.reclaimer.freed = 0;
            sys::trim_heap();
        }
        if !self.reclaimer.large.is_empty() {
            self.reclaim_later();
        }
    }
}
