//! How the clients are divided among the threads of the load generator: every connection belongs to one of them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};

/// One of several threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// Which one, from 0.
    pub(super) index: u32,
    /// How many there are, at least 1.
    pub(super) of: u32,
}

/// What a thread drives of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Connections.
    pub(super) count: u32,
    /// Which one it is of the threads that drive connections of the group.
    pub(super) index: u32,
    /// How many such threads there are, at least 1.
    pub(super) of: u32,
}

impl Share {
    /// The part of a group of `count` connections, with so many of other groups before it. Connections go round over
    /// all groups, so that groups of one do not meet on one thread.
    pub(super) fn part(self, before: u64, count: u32) -> Part {
        let first = (before % u64::from(self.of)) as u32;
        let index = (self.index + self.of - first) % self.of;
        let more = u32::from(index < count % self.of);
        Part { count: count / self.of + more, index, of: self.of.min(count).max(1) }
    }

    /// The same of a group whose connections act together: one thread has them all.
    pub(super) fn whole(self, before: u64, count: u32) -> Part {
        let mine = before % u64::from(self.of) == u64::from(self.index);
        Part { count: if mine { count } else { 0 }, index: 0, of: 1 }
    }

    /// The number, over all threads, of the connection that is the `own`th of this one.
    pub(super) const fn number(self, own: u32) -> u32 {
        own.wrapping_mul(self.of).wrapping_add(self.index)
    }
}

/// What the threads that drive a group share: when its open loop starts, which is with the last of its first connections,
/// on whichever thread that comes about; when the last answer came; and whether its last connection has ended.
#[derive(Debug)]
pub(super) struct Start {
    /// Connections that have neither come about nor failed to.
    to_settle: AtomicU32,
    /// 0: not yet.
    at_ns: AtomicU64,
    /// Connections that have not ended for good.
    to_end: AtomicU32,
    /// None is left, and the last one ended by the clients' doing.
    has_ended: AtomicBool,
    /// Time that the other threads have to notice, in nanoseconds.
    notice_ns: u64,
    /// When the last answer came, in nanoseconds.
    pub(super) last_answer_ns: Arc<AtomicU64>,
}

impl Start {
    /// How often a thread looks whether the loop has started, in nanoseconds.
    pub(super) const LOOK_UP_NS: u64 = 1_000_000;

    pub(super) fn new(count: u32, threads: u32, window_start_ns: u64) -> Self {
        let notice_ns = if threads > 1 { 2 * Self::LOOK_UP_NS } else { 0 };
        let last_answer_ns = Arc::new(AtomicU64::new(window_start_ns));
        let [to_settle, to_end] = [count, count].map(AtomicU32::new);
        let (at_ns, has_ended) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { to_settle, at_ns, to_end, has_ended, notice_ns, last_answer_ns }
    }

    /// Of a group of which this process drives so many connections, while others drive the rest: its open loop starts at that
    /// time, whatever has come about.
    pub(super) fn fixed(count: u32, at_ns: u64, window_start_ns: u64) -> Self {
        // The count of those that are to settle never comes to its end.
        let (to_settle, at_ns) = (AtomicU32::new(u32::MAX), AtomicU64::new(at_ns.max(1)));
        Self { to_settle, at_ns, ..Self::new(count, 1, window_start_ns) }
    }

    /// One of the first connections has come about, or failed to.
    pub(super) fn settled_one(&self, now_ns: u64) {
        if self.to_settle.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.at_ns.store((now_ns + self.notice_ns).max(1), Ordering::Release);
        }
    }

    /// A connection has ended and does not come back; whether it was the last, and ended by the clients' doing. What a server
    /// has ended goes on to wait for answers.
    pub(super) fn ended_one(&self, by_us: bool) -> bool {
        let has_ended = self.to_end.fetch_sub(1, Ordering::AcqRel) == 1 && by_us;
        if has_ended {
            self.has_ended.store(true, Ordering::Release);
        }
        has_ended
    }

    /// Whether the clients themselves have stopped making requests.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// When it starts, as soon as that is known.
    pub(super) fn at_ns(&self) -> Option<u64> {
        Some(self.at_ns.load(Ordering::Acquire)).filter(|at_ns| *at_ns > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(of: u32, before: u64, count: u32) -> Vec<(u32, u32, u32)> {
        let part = |index| Share { index, of }.part(before, count);
        (0..of).map(part).map(|part| (part.count, part.index, part.of)).collect()
    }

    #[test]
    fn one_thread_drives_all_connections() {
        assert_eq!(parts(1, 7, 5), [(5, 0, 1)]);
    }

    #[test]
    fn connections_are_dealt_out_over_all_groups() {
        assert_eq!(parts(3, 0, 7), [(3, 0, 3), (2, 1, 3), (2, 2, 3)]);
        assert_eq!(parts(3, 7, 2), [(0, 2, 2), (1, 0, 2), (1, 1, 2)]);
        let whole = |index| Share { index, of: 3 }.whole(7, 5).count;
        assert_eq!([whole(0), whole(1), whole(2)], [0, 5, 0]);
        assert_eq!(parts(3, 9, 1), [(1, 0, 1), (0, 1, 1), (0, 2, 1)]);
    }

    #[test]
    fn every_connection_belongs_to_exactly_one_thread() {
        for (of, before, count) in [(1, 0, 1), (2, 5, 64), (7, 3, 3), (8, 1000, 1001), (5, 2, 0)] {
            assert_eq!(parts(of, before, count).iter().map(|part| part.0).sum::<u32>(), count);
        }
        let mut numbers: Vec<u32> =
            (0..3).flat_map(|index| (0..4).map(move |own| Share { index, of: 3 }.number(own))).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..12).collect::<Vec<_>>());
    }

    #[test]
    fn in_a_shard_the_open_loop_starts_at_its_time() {
        let start = Start::fixed(2, 70, 0);
        (0..2).for_each(|_| start.settled_one(100));
        assert_eq!(start.at_ns(), Some(70));
        assert!(!start.ended_one(true) && start.ended_one(true), "its own connections have ended");
    }

    #[test]
    fn the_open_loop_starts_with_the_last_connection_after_a_notice() {
        let start = Start::new(2, 2, 0);
        start.settled_one(10);
        assert_eq!(start.at_ns(), None);
        start.settled_one(20);
        assert_eq!(start.at_ns(), Some(20 + 2 * Start::LOOK_UP_NS));
        let alone = Start::new(1, 1, 0);
        alone.settled_one(20);
        assert_eq!(alone.at_ns(), Some(20));
    }
}
