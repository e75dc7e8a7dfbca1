//! Memory that connections no longer need: given back when they have been quiet for a while.

use std::mem;

use crate::{
    reactor::{Slots, Token},
    server::{
        connection::Connection,
        context::Context,
        policy::LARGE_BYTES,
        timers::{TimerEvent, Timers},
    },
    sys,
    timers::TimerId,
};

/// How long a connection that has drained may keep memory, in nanoseconds: half of it at least, all of it at most.
const RECLAIM_NS: u64 = 50_000_000;

/// Gives back memory that drained connections still hold.
#[derive(Default)]
pub(super) struct MemoryReclaimer {
    timer: Option<TimerId>,
    /// Drained connections that are still large.
    large: Vec<Token>,
    /// Bytes freed since the heap was trimmed.
    freed: usize,
}

impl MemoryReclaimer {
    /// A connection has drained and is still large.
    pub(super) fn add(&mut self, token: Token, timers: &mut Timers) {
        self.large.push(token);
        self.plan(timers);
    }

    /// The heap has got something back.
    pub(super) fn freed(&mut self, bytes: usize, timers: &mut Timers) {
        self.freed += bytes;
        if self.freed > LARGE_BYTES {
            self.plan(timers);
        }
    }

    /// Shrinks the large connections that have been quiet since the last look, and gives freed memory back: `free`
    /// alone returns only what lies at the end of the heap.
    pub(super) fn timer_fired(
        &mut self,
        connections: &mut Slots<Box<Connection>>,
        context: &Context,
        timers: &mut Timers,
    ) {
        self.timer = None;
        for token in mem::take(&mut self.large) {
            match connections.entry(token).map(|connection| connection.reclaim(context)) {
                Some(Some(freed)) => self.freed += freed,
                Some(None) => self.large.push(token),
                // Another thread has it: it is not quiet.
                None if connections.is_alive(token) => self.large.push(token),
                None => {}
            }
        }
        if self.freed > LARGE_BYTES {
            self.freed = 0;
            sys::trim_heap();
        }
        if !self.large.is_empty() {
            self.plan(timers);
        }
    }

    fn plan(&mut self, timers: &mut Timers) {
        let arm = || timers.arm(sys::monotonic_ns() + RECLAIM_NS, TimerEvent::ReclaimMemory);
        self.timer.get_or_insert_with(arm);
    }
}
