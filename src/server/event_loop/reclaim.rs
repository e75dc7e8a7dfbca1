//! Memory that connections no longer need: given back when they have been quiet for a while.

use std::collections::VecDeque;

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

/// Connections that are looked at in one turn; then the others, and the sockets, have theirs.
const BATCH: usize = 64;

/// Gives back memory that drained connections still hold.
#[derive(Default)]
pub(super) struct MemoryReclaimer {
    timer: Option<TimerId>,
    /// Drained connections that are still large, the one whose look was longest ago in front.
    large: VecDeque<Token>,
    /// How many of them are still to be looked at in this round.
    left: usize,
    /// Bytes freed since the heap was trimmed.
    freed: usize,
}

impl MemoryReclaimer {
    /// A connection has drained and is still large.
    pub(super) fn add(&mut self, token: Token, timers: &mut Timers) {
        self.large.push_back(token);
        self.plan(timers);
    }

    /// The heap has got something back.
    pub(super) fn freed(&mut self, bytes: usize, timers: &mut Timers) {
        self.freed += bytes;
        if self.freed > LARGE_BYTES {
            self.plan(timers);
        }
    }

    /// Shrinks the large connections that have been quiet since the last look, and at the end of a round gives freed memory
    /// back: `free` alone returns only what lies at the end of the heap.
    pub(super) fn timer_fired(
        &mut self,
        connections: &mut Slots<Box<Connection>>,
        context: &Context,
        timers: &mut Timers,
    ) {
        self.timer = None;
        for token in self.next_batch() {
            match connections.entry(token).map(|connection| connection.reclaim(context)) {
                Some(Some(freed)) => self.freed += freed,
                Some(None) => self.large.push_back(token),
                // Another thread has it: it is not quiet.
                None if connections.is_alive(token) => self.large.push_back(token),
                None => {}
            }
        }
        if self.left == 0 && self.freed > LARGE_BYTES {
            self.freed = 0;
            sys::trim_heap();
        }
        if !self.large.is_empty() {
            self.plan(timers);
        }
    }

    /// Those that are looked at now. A round is over when all that were large at its begin were looked at.
    fn next_batch(&mut self) -> Vec<Token> {
        if self.left == 0 {
            self.left = self.large.len();
        }
        let count = self.left.min(BATCH);
        self.left -= count;
        self.large.drain(..count).collect()
    }

    fn plan(&mut self, timers: &mut Timers) {
        let pause_ns = if self.left > 0 { 0 } else { RECLAIM_NS };
        let arm = || timers.arm(sys::monotonic_ns() + pause_ns, TimerEvent::ReclaimMemory);
        self.timer.get_or_insert_with(arm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_looks_at_each_connection_once_and_at_few_in_a_turn() {
        let mut reclaimer =
            MemoryReclaimer { large: (0..200).map(Token::special).collect(), ..MemoryReclaimer::default() };
        let mut turns = Vec::new();
        let mut seen = Vec::new();
        loop {
            let batch = reclaimer.next_batch();
            turns.push(batch.len());
            // Every other one is still busy, and more come meanwhile.
            reclaimer.large.extend(batch.iter().copied().step_by(2));
            reclaimer.large.push_back(Token::special(1000));
            seen.extend(batch);
            if reclaimer.left == 0 {
                break;
            }
        }
        assert_eq!((turns, seen.len()), (vec![BATCH, BATCH, BATCH, 8], 200));
        assert_eq!(seen, (0..200).map(Token::special).collect::<Vec<_>>());
        assert_eq!(reclaimer.large.len(), 104, "for the next round");
    }
}
